#include "coordinator/catalog/depsdev_client.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"
#include "common/json/writer.h"
#include "coordinator/catalog/clean_text.h"
#include "coordinator/catalog/repository_name.h"

namespace gofarm::catalog {

// The answers as deps.dev writes them.
namespace depsdev {

struct VersionKey {
  std::string name;
  std::string version;
};
template <typename Form, json::Is<VersionKey> K>
void Fields(Form& form, K& k) {
  form.Field("name", k.name);
  form.Field("version", k.version);
}

struct ProjectKey {
  std::string id;
};
template <typename Form, json::Is<ProjectKey> K>
void Fields(Form& form, K& k) {
  form.Field("id", k.id);
}

struct Link {
  std::string label;
  std::string url;
};
template <typename Form, json::Is<Link> L>
void Fields(Form& form, L& l) {
  form.Field("label", l.label);
  form.Field("url", l.url);
}

struct RelatedProject {
  ProjectKey key;
  std::string relation;
};
template <typename Form, json::Is<RelatedProject> P>
void Fields(Form& form, P& p) {
  form.Field("projectKey", p.key);
  form.Field("relationType", p.relation);
}

struct Version {
  std::vector<std::string> licenses;
  std::vector<Link> links;
  std::vector<RelatedProject> projects;
  bool deprecated = false;
  std::string deprecation;
  absl::Time published_at = absl::InfinitePast();
};
template <typename Form, json::Is<Version> V>
void Fields(Form& form, V& v) {
  form.Field("licenses", v.licenses);
  form.Field("links", v.links);
  form.Field("relatedProjects", v.projects);
  form.Field("isDeprecated", v.deprecated);
  form.Field("deprecatedReason", v.deprecation);
  form.Field("publishedAt", v.published_at);
}

struct Project {
  ProjectKey key;
  int64_t stars = 0;
  int64_t forks = 0;
  std::string license;
  std::string description;
  std::string homepage;
};
template <typename Form, json::Is<Project> P>
void Fields(Form& form, P& p) {
  form.Field("projectKey", p.key);
  form.Field("starsCount", p.stars);
  form.Field("forksCount", p.forks);
  form.Field("license", p.license);
  form.Field("description", p.description);
  form.Field("homepage", p.homepage);
}

struct Request {
  VersionKey version_key;
  ProjectKey project_key;
};
template <typename Form, json::Is<Request> R>
void Fields(Form& form, R& r) {
  form.Field("versionKey", r.version_key);
  form.Field("projectKey", r.project_key);
}

template <typename Value>
struct Response {
  Request request;
  std::optional<Value> value;
};
template <typename Form, json::Is<Response<Version>> R>
void Fields(Form& form, R& r) {
  form.Field("request", r.request);
  form.Field("version", r.value);
}
template <typename Form, json::Is<Response<Project>> R>
void Fields(Form& form, R& r) {
  form.Field("request", r.request);
  form.Field("project", r.value);
}

template <typename Value>
struct Page {
  std::vector<Response<Value>> responses;
  std::string next_page_token;
};
template <typename Form, typename P>
requires json::Is<P, Page<Version>> || json::Is<P, Page<Project>>
void Fields(Form& form, P& p) {
  form.Field("responses", p.responses);
  form.Field("nextPageToken", p.next_page_token);
}

}  // namespace depsdev

namespace {

constexpr size_t kPageTokenMax = 16 << 10;
constexpr int64_t kSingleBytesMax = 4 << 20;

DepsdevVersion Clean(const depsdev::Version& from) {
  DepsdevVersion version{.deprecated = from.deprecated,
                         .deprecation = CleanText(from.deprecation, kDescriptionMax),
                         .published_at = from.published_at};
  for (const std::string& license : from.licenses) {
    if (version.licenses.size() < kDepsdevListMax) version.licenses.push_back(CleanText(license, kLicenseMax));
  }
  for (const depsdev::RelatedProject& project : from.projects) {
    if (project.relation != "SOURCE_REPO" || !version.repository.empty()) continue;
    version.repository = RepositoryOfUrl(Cat("https://", project.key.id)).value_or("");
  }
  for (const depsdev::Link& link : from.links) {
    if (link.label == "SOURCE_REPO" && version.repository.empty()) {
      version.repository = RepositoryOfUrl(link.url).value_or("");
    }
    if (link.label == "HOMEPAGE" && version.homepage.empty()) version.homepage = CleanPageUrl(link.url);
  }
  return version;
}

DepsdevProject Clean(const depsdev::Project& from) {
  return {.id = RepositoryOfUrl(Cat("https://", from.key.id)).value_or(""),
          .stars = std::max<int64_t>(from.stars, 0),
          .forks = std::max<int64_t>(from.forks, 0),
          .license = CleanText(from.license, kLicenseMax),
          .description = CleanText(from.description, kDescriptionMax),
          .homepage = CleanPageUrl(from.homepage)};
}

// Parses under the gate, so that an answer that cannot be read is counted and asked for again.
template <typename Document>
JudgeBody IntoDocument(Document& document) {
  return [&document](const io::HttpResponse& response) -> std::optional<BodyFault> {
    if (response.status != 200) return std::nullopt;
    document = Document();
    const absl::Status read = json::Read(response.body, json::Rule::kLenient, document);
    if (read.ok()) return std::nullopt;
    return BodyFault{.error = ErrorClass::kBadAnswer, .why = Cat("which is not its JSON: ", Sv(read.message()))};
  };
}

absl::Status Unexpected(const io::HttpResponse& response) {
  return absl::FailedPreconditionError(
      Cat("deps.dev answers ", response.status, ": ", CleanText(response.body, 200), "; is its address right?"));
}

// `by_name`: where the answer to a name belongs. `write_key` and `read_key`: a name in a question, and in an answer.
template <typename Wire, typename Value, typename WriteKey, typename ReadKey>
Answers<Value> Batch(const Scope& scope, ServiceGate& gate, std::string_view what, size_t count,
                     const std::multimap<std::string, size_t>& by_name, const WriteKey& write_key,
                     const ReadKey& read_key) {
  Answers<Value> out;
  out.answers.resize(count);
  if (count > kDepsdevBatchMax) {
    out.status = absl::InvalidArgumentError(Cat("a batch of ", count, " names, deps.dev takes ", kDepsdevBatchMax));
    return out;
  }
  if (count == 0) return out;
  std::string token;
  while (true) {
    JsonWriter json;
    json.BeginObject().Key("requests").BeginArray();
    for (size_t i = 0; i < count; ++i) {
      json.BeginObject();
      write_key(json, i);
      json.EndObject();
    }
    json.EndArray().Field("pageToken", token).EndObject();
    io::StringBody body(json.Take());
    depsdev::Page<Wire> page;
    const io::HttpRequest request{.method = io::HttpMethod::kPost,
                                  .url = Cat(gate.url(), "/v3alpha/", what),
                                  .headers = {{"Content-Type", "application/json"}},
                                  .body = &body};
    const absl::StatusOr<io::HttpResponse> response =
        gate.Ask(scope, request, {.body_bytes = kDepsdevPageBytesMax, .judge = IntoDocument(page)});
    out.status = response.ok() && response->status != 200 ? Unexpected(*response) : response.status();
    if (!out.status.ok()) return out;

    size_t news = 0;
    for (const depsdev::Response<Wire>& answer : page.responses) {
      const auto [begin, end] = by_name.equal_range(read_key(answer.request));
      for (auto it = begin; it != end; ++it) {
        Answer<Value>& slot = out.answers[it->second];
        if (slot.answered) continue;
        slot.answered = true;
        ++news;
        if (answer.value) slot.value = Clean(*answer.value);
      }
    }
    if (page.next_page_token.empty()) return out;
    // So there are at most as many pages as names.
    if (news == 0 || page.next_page_token.size() > kPageTokenMax) {
      out.status = absl::UnavailableError(Cat("depsdev: ", what, ": a page ",
                                              news == 0 ? "without an answer to what was asked" : "with a huge token",
                                              " announces another one"));
      return out;
    }
    token = std::move(page.next_page_token);
  }
}

template <typename Wire, typename Value>
absl::StatusOr<std::optional<Value>> Single(const Scope& scope, ServiceGate& gate, const std::string& rest) {
  Wire document;
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response,
                          gate.Ask(scope, {.url = Cat(gate.url(), "/v3/", rest)},
                                   {.body_bytes = kSingleBytesMax, .judge = IntoDocument(document)}));
  if (response.status == 404) return std::optional<Value>();
  if (response.status != 200) return Unexpected(response);
  return std::optional<Value>(Clean(document));
}

std::string NameOf(std::string_view module, std::string_view version) { return Cat(module, "@", version); }

}  // namespace

Answers<DepsdevVersion> DepsdevClient::Versions(const Scope& scope, absl::Span<const ModuleAtVersion> names) {
  std::multimap<std::string, size_t> by_name;
  for (size_t i = 0; i < names.size(); ++i) by_name.emplace(NameOf(names[i].module, names[i].version), i);
  return Batch<depsdev::Version, DepsdevVersion>(
      scope, gate_, "versionbatch", names.size(), by_name,
      [&](JsonWriter& json, size_t i) {
        json.Key("versionKey").BeginObject().Field("system", "GO").Field("name", names[i].module);
        json.Field("version", names[i].version).EndObject();
      },
      [](const depsdev::Request& r) { return NameOf(r.version_key.name, r.version_key.version); });
}

Answers<DepsdevProject> DepsdevClient::Projects(const Scope& scope, absl::Span<const std::string> ids) {
  std::multimap<std::string, size_t> by_name;
  for (size_t i = 0; i < ids.size(); ++i) by_name.emplace(ids[i], i);
  return Batch<depsdev::Project, DepsdevProject>(
      scope, gate_, "projectbatch", ids.size(), by_name,
      [&](JsonWriter& json, size_t i) { json.Key("projectKey").BeginObject().Field("id", ids[i]).EndObject(); },
      [](const depsdev::Request& r) { return r.project_key.id; });
}

absl::StatusOr<std::optional<DepsdevVersion>> DepsdevClient::Version(const Scope& scope, const ModuleAtVersion& name) {
  return Single<depsdev::Version, DepsdevVersion>(
      scope, gate_,
      Cat("systems/go/packages/", io::PercentEncode(name.module), "/versions/", io::PercentEncode(name.version)));
}

absl::StatusOr<std::optional<DepsdevProject>> DepsdevClient::Project(const Scope& scope, const std::string& id) {
  return Single<depsdev::Project, DepsdevProject>(scope, gate_, Cat("projects/", io::PercentEncode(id)));
}

}  // namespace gofarm::catalog
