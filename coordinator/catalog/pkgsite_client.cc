#include "coordinator/catalog/pkgsite_client.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"
#include "coordinator/catalog/clean_text.h"
#include "coordinator/catalog/repository_name.h"

namespace gofarm::catalog {

// The answers as pkg.go.dev writes them.
namespace pkgsite {

struct License {
  std::vector<std::string> types;
};
template <typename Form, json::Is<License> L>
void Fields(Form& form, L& l) {
  form.Field("types", l.types);
}

struct Module {
  std::string version;
  bool latest = false;
  bool redistributable = false;
  bool has_go_mod = false;
  std::string repository_url;
  std::vector<License> licenses;
};
template <typename Form, json::Is<Module> M>
void Fields(Form& form, M& m) {
  form.Field("version", m.version);
  form.Field("isLatest", m.latest);
  form.Field("isRedistributable", m.redistributable);
  form.Field("hasGoMod", m.has_go_mod);
  form.Field("repoUrl", m.repository_url);
  form.Field("licenses", m.licenses);
}

struct Package {
  std::string path;
  std::string name;
  std::string synopsis;
};
template <typename Form, json::Is<Package> P>
void Fields(Form& form, P& p) {
  form.Field("path", p.path);
  form.Field("name", p.name);
  form.Field("synopsis", p.synopsis);
}

struct Version {
  std::string module;
  std::string version;
  bool deprecated = false;
  std::string deprecation;
  bool retracted = false;
  std::string retraction;
};
template <typename Form, json::Is<Version> V>
void Fields(Form& form, V& v) {
  form.Field("modulePath", v.module);
  form.Field("version", v.version);
  form.Field("deprecated", v.deprecated);
  form.Field("deprecationReason", v.deprecation);
  form.Field("retracted", v.retracted);
  form.Field("retractionReason", v.retraction);
}

template <typename Item>
struct List {
  std::vector<Item> items;
  std::optional<int64_t> total;
  std::string next_page_token;
};
template <typename Form, typename L>
requires json::Is<L, List<Package>> || json::Is<L, List<Version>> || json::Is<L, List<std::string>>
void Fields(Form& form, L& l) {
  form.Field("items", l.items);
  form.Field("total", l.total);
  form.Field("nextPageToken", l.next_page_token);
}

struct Packages {
  List<Package> list;
};
template <typename Form, json::Is<Packages> P>
void Fields(Form& form, P& p) {
  form.Field("packages", p.list);
}

struct ImportedBy {
  List<std::string> list;
};
template <typename Form, json::Is<ImportedBy> I>
void Fields(Form& form, I& i) {
  form.Field("importedBy", i.list);
}

// Of /v1/versions the list is the document.
struct Versions {
  List<Version> list;
};
template <typename Form, json::Is<Versions> V>
void Fields(Form& form, V& v) {
  Fields(form, v.list);
}

}  // namespace pkgsite

namespace {

constexpr size_t kPageTokenMax = 4096;
constexpr size_t kPathMax = 2048;
constexpr size_t kVersionShownMax = 256;

std::string ModuleRoute(std::string_view kind, std::string_view module) {
  return Cat("/v1/", kind, "/", io::PercentEncode(module, "/"));
}

}  // namespace

// False: not known, which may also be a path that names several modules (400).
template <typename Document>
absl::StatusOr<bool> PkgsiteClient::Read(const Scope& scope, const std::string& route, Document& document) {
  const JudgeBody judge = [&document](const io::HttpResponse& response) -> std::optional<BodyFault> {
    if (response.status != 200) return std::nullopt;
    document = Document();
    const absl::Status read = json::Read(response.body, json::Rule::kLenient, document);
    if (read.ok()) return std::nullopt;
    return BodyFault{.error = ErrorClass::kBadAnswer, .why = Cat("which is not its JSON: ", Sv(read.message()))};
  };
  GOFARM_ASSIGN_OR_RETURN(
      const io::HttpResponse response,
      gate_.Ask(scope, {.url = Cat(gate_.url(), route)}, {.body_bytes = kPkgsitePageBytesMax, .judge = judge}));
  if (response.status == 200) return true;
  if (response.status == 404 || response.status == 410 || response.status == 400 || response.status == 451)
    return false;
  return absl::FailedPreconditionError(Cat("pkg.go.dev answers ", response.status, " to ", route, ": ",
                                           CleanText(response.body, 200), "; is its address right?"));
}

// `take` is given each page's items, and says whether it wants more.
template <typename Document, typename Take>
absl::StatusOr<bool> PkgsiteClient::ReadPages(const Scope& scope, const std::string& route, const Take& take) {
  std::string token;
  const char* const joint = route.find('?') == std::string::npos ? "?" : "&";
  while (true) {
    Document document;
    std::string page = Cat(route, joint, "limit=", kPkgsitePageItems);
    if (!token.empty()) page += Cat("&token=", io::PercentEncode(token));
    GOFARM_ASSIGN_OR_RETURN(const bool known, Read(scope, page, document));
    if (!known) return false;
    std::string next = std::move(document.list.next_page_token);
    // An empty page that announces another one would have no end.
    const bool more = !next.empty() && next.size() <= kPageTokenMax && next != token && !document.list.items.empty();
    if (!take(document.list) || !more) return true;
    token = std::move(next);
  }
}

absl::StatusOr<std::optional<PkgsiteModule>> PkgsiteClient::Module(const Scope& scope, const std::string& module,
                                                                   const std::string& version) {
  std::string route = Cat(ModuleRoute("module", module), "?licenses=true");
  if (!version.empty()) route += Cat("&version=", io::PercentEncode(version));
  pkgsite::Module document;
  GOFARM_ASSIGN_OR_RETURN(const bool known, Read(scope, route, document));
  if (!known) return std::optional<PkgsiteModule>();
  PkgsiteModule out{.version = CleanText(document.version, kVersionShownMax),
                    .latest = document.latest,
                    .redistributable = document.redistributable,
                    .has_go_mod = document.has_go_mod,
                    .repository = RepositoryOfUrl(document.repository_url).value_or("")};
  for (const pkgsite::License& license : document.licenses) {
    for (const std::string& type : license.types) {
      std::string clean = CleanText(type, kLicenseMax);
      const bool news = std::find(out.licenses.begin(), out.licenses.end(), clean) == out.licenses.end();
      if (!clean.empty() && news && out.licenses.size() < kTopicsMax) out.licenses.push_back(std::move(clean));
    }
  }
  return std::optional<PkgsiteModule>(std::move(out));
}

absl::StatusOr<std::optional<std::vector<PkgsitePackage>>> PkgsiteClient::Programs(const Scope& scope,
                                                                                   const std::string& module,
                                                                                   const std::string& version) {
  std::string route = Cat(ModuleRoute("packages", module), "?filter=", io::PercentEncode("name==\"main\""));
  if (!version.empty()) route += Cat("&version=", io::PercentEncode(version));
  std::vector<PkgsitePackage> programs;
  size_t seen = 0;
  GOFARM_ASSIGN_OR_RETURN(
      const bool known, ReadPages<pkgsite::Packages>(scope, route, [&](const pkgsite::List<pkgsite::Package>& page) {
        for (const pkgsite::Package& package : page.items) {
          // A server that knows no filter lists them all.
          if (package.name != "main" || package.path.size() > kPathMax) continue;
          programs.push_back(
              {.path = CleanText(package.path, kPathMax), .synopsis = CleanText(package.synopsis, kDescriptionMax)});
        }
        seen += page.items.size();
        return seen < kPkgsiteItemsMax;
      }));
  if (!known) return std::optional<std::vector<PkgsitePackage>>();
  return std::optional(std::move(programs));
}

absl::StatusOr<std::optional<int64_t>> PkgsiteClient::Importers(const Scope& scope, const std::string& module) {
  // The path may be a package of several modules: it is named.
  const std::string route = Cat(ModuleRoute("imported-by", module), "?limit=1&module=", io::PercentEncode(module));
  pkgsite::ImportedBy document;
  GOFARM_ASSIGN_OR_RETURN(const bool known, Read(scope, route, document));
  if (!known || !document.list.total) return std::optional<int64_t>();
  return std::optional<int64_t>(std::max<int64_t>(*document.list.total, 0));
}

absl::StatusOr<std::optional<std::vector<PkgsiteVersion>>> PkgsiteClient::Versions(const Scope& scope,
                                                                                   const std::string& module) {
  std::vector<PkgsiteVersion> versions;
  size_t seen = 0;
  GOFARM_ASSIGN_OR_RETURN(const bool known,
                          ReadPages<pkgsite::Versions>(
                              scope, ModuleRoute("versions", module), [&](const pkgsite::List<pkgsite::Version>& page) {
                                for (const pkgsite::Version& version : page.items) {
                                  if (version.module != module) continue;
                                  versions.push_back({.version = CleanText(version.version, kVersionShownMax),
                                                      .deprecated = version.deprecated,
                                                      .deprecation = CleanText(version.deprecation, kDescriptionMax),
                                                      .retracted = version.retracted,
                                                      .retraction = CleanText(version.retraction, kDescriptionMax)});
                                }
                                seen += page.items.size();
                                return seen < kPkgsiteItemsMax;
                              }));
  if (!known) return std::optional<std::vector<PkgsiteVersion>>();
  return std::optional(std::move(versions));
}

}  // namespace gofarm::catalog
