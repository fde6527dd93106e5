#include "tests/support/soar_check.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/decompress.h"

namespace gofarm::testing {
namespace {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;

enum class Shape { kText, kList, kBool, kSize, kFiles };
struct Field {
  std::string_view name, alias;
  Shape shape;
};
constexpr Field kFields[] = {
    {"pkg_name", "", Shape::kText},
    {"description", "", Shape::kText},
    {"version", "", Shape::kText},
    {"download_url", "", Shape::kText},
    {"pkg_id", "", Shape::kText},
    {"disabled", "_disabled", Shape::kBool},
    {"pkg_family", "", Shape::kText},
    {"pkg_type", "", Shape::kText},
    {"ghcr_pkg", "", Shape::kText},
    {"ghcr_blob", "", Shape::kText},
    {"ghcr_url", "", Shape::kText},
    {"bsum", "", Shape::kText},
    {"build_id", "", Shape::kText},
    {"build_date", "date", Shape::kText},
    {"build_action", "build_gha", Shape::kText},
    {"build_script", "", Shape::kText},
    {"build_log", "", Shape::kText},
    {"icon", "", Shape::kText},
    {"desktop", "", Shape::kText},
    {"appstream", "", Shape::kText},
    {"app_id", "", Shape::kText},
    {"size_raw", "", Shape::kSize},
    {"size", "", Shape::kSize},
    {"ghcr_size_raw", "", Shape::kSize},
    {"src_urls", "src_url", Shape::kList},
    {"homepages", "homepage", Shape::kList},
    {"licenses", "license", Shape::kList},
    {"maintainers", "maintainer", Shape::kList},
    {"notes", "note", Shape::kList},
    {"categories", "category", Shape::kList},
    {"provides", "", Shape::kList},
    {"snapshots", "", Shape::kList},
    {"replaces", "", Shape::kList},
    {"repology", "", Shape::kList},
    {"ghcr_files", "", Shape::kList},
    {"soar_syms", "", Shape::kBool},
    {"deprecated", "", Shape::kBool},
    {"desktop_integration", "", Shape::kBool},
    {"portable", "", Shape::kBool},
    {"files", "", Shape::kFiles},
    {"extra", "", Shape::kFiles},
};

const Field* FindField(std::string_view key) {
  for (const Field& field : kFields) {
    if (field.name == key || (!field.alias.empty() && field.alias == key)) return &field;
  }
  return nullptr;
}

struct Raw {
  std::map<std::string_view, std::string> texts;
  std::map<std::string_view, std::vector<std::string>> lists;
  std::map<std::string_view, uint64_t> sizes;
  std::set<std::string_view> seen;
};

absl::Status Wrong(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(Cat(field, ": ", why));
}

bool IsFlexibleBool(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(Av(text));
  for (const std::string_view known : {"true", "false", "yes", "no", "1", "0"}) {
    if (lower == known) return true;
  }
  return false;
}

absl::Status TakeField(const Field& field, Element value, Raw& raw) {
  std::string_view text;
  switch (field.shape) {
    case Shape::kText:
      if (value.get(text) != simdjson::SUCCESS) return Wrong(field.name, "no string");
      raw.texts[field.name] = std::string(text);
      return absl::OkStatus();
    case Shape::kBool:
      if (value.is_bool()) return absl::OkStatus();
      if (value.get(text) != simdjson::SUCCESS || !IsFlexibleBool(text)) return Wrong(field.name, "no flexible bool");
      return absl::OkStatus();
    case Shape::kSize: {
      uint64_t number = 0;
      if (value.get(number) == simdjson::SUCCESS) {
        raw.sizes[field.name] = number;
      } else if (value.get(text) != simdjson::SUCCESS) {
        return Wrong(field.name, "no size");
      } else if (absl::SimpleAtoi(Av(text), &number)) {
        raw.sizes[field.name] = number;
      }
      return absl::OkStatus();
    }
    case Shape::kList: {
      simdjson::dom::array items;
      if (value.get(items) != simdjson::SUCCESS) return Wrong(field.name, "no array");
      for (const Element item : items) {
        if (item.get(text) != simdjson::SUCCESS) return Wrong(field.name, "an item that is no string");
        raw.lists[field.name].emplace_back(text);
      }
      return absl::OkStatus();
    }
    case Shape::kFiles: {
      simdjson::dom::array items;
      if (value.get(items) != simdjson::SUCCESS) return Wrong(field.name, "no array");
      for (const Element item : items) {
        if (!item.is_object()) return Wrong(field.name, "an item that is no object");
        raw.lists[field.name].emplace_back();
      }
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SoarPackage> ReadPackage(Element element, SoarClient client) {
  Object object;
  if (element.get(object) != simdjson::SUCCESS) return absl::InvalidArgumentError("a record that is no object");
  Raw raw;
  for (const auto& [key, value] : object) {
    const Field* const field = FindField(key);
    if (field == nullptr) continue;
    if (!raw.seen.insert(field->name).second) return Wrong(field->name, "duplicate field");
    const bool required = field - kFields < (client == SoarClient::kOld ? 6 : 4);
    if (value.is_null() && !required) continue;
    GOFARM_RETURN_IF_ERROR(TakeField(*field, value, raw));
  }
  for (const Field& field : kFields) {
    if (&field - kFields >= (client == SoarClient::kOld ? 6 : 4)) break;
    if (raw.seen.count(field.name) == 0) return Wrong(field.name, "missing");
  }
  SoarPackage out{.pkg_name = raw.texts["pkg_name"],
                  .pkg_id = raw.texts["pkg_id"],
                  .pkg_family = raw.texts["pkg_family"],
                  .version = raw.texts["version"],
                  .description = raw.texts["description"],
                  .download_url = raw.texts["download_url"],
                  .ghcr_pkg = raw.texts["ghcr_pkg"],
                  .ghcr_blob = raw.texts["ghcr_blob"],
                  .bsum = raw.texts["bsum"],
                  .build_log = raw.texts["build_log"],
                  .build_script = raw.texts["build_script"],
                  .size = std::nullopt,
                  .provides = raw.lists["provides"],
                  .has_files = !raw.lists["files"].empty()};
  for (const std::string_view key : {"ghcr_size_raw", "size_raw", "size"}) {
    if (const auto at = raw.sizes.find(key); at != raw.sizes.end() && !out.size) out.size = at->second;
  }
  return out;
}

bool IsPathComponent(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

// Runs of digits as numbers, other runs as text; what goes on behind an equal beginning is newer, but for a build part.
bool IsNewer(std::string_view a, std::string_view b) {
  const auto run = [](std::string_view& rest) {
    const bool digits = std::isdigit(static_cast<unsigned char>(rest[0])) != 0;
    size_t n = 0;
    while (n < rest.size() && (std::isdigit(static_cast<unsigned char>(rest[n])) != 0) == digits) ++n;
    const std::string_view out = rest.substr(0, n);
    rest.remove_prefix(n);
    return out;
  };
  while (!a.empty() && !b.empty()) {
    std::string_view x = run(a), y = run(b);
    if (x == y) continue;
    const bool numbers =
        std::isdigit(static_cast<unsigned char>(x[0])) != 0 && std::isdigit(static_cast<unsigned char>(y[0])) != 0;
    if (numbers && x.size() != y.size()) return x.size() > y.size();
    return x > y;
  }
  const auto is_build = [](std::string_view rest) { return rest == "+incompatible" || rest == "-incompatible"; };
  if (is_build(a) || is_build(b)) return a.empty();
  return !a.empty();
}

struct Provided {
  std::string file;
  std::vector<std::string> links;
};
Provided ReadProvides(std::string_view text) {
  if (text.starts_with('@')) text.remove_prefix(1);
  for (const std::string_view mark : {"==", "=>", ":"}) {
    const size_t at = text.find(mark);
    if (at == std::string_view::npos) continue;
    const std::string name(text.substr(0, at)), other(text.substr(at + mark.size()));
    if (mark == "=>") return {.file = name, .links = {other}};
    return {.file = name, .links = {name, other}};
  }
  return {.file = std::string(text), .links = {std::string(text)}};
}

void Link(const SoarPackage& package, SoarInstall& install) {
  std::vector<std::string> provides = package.provides;
  if (provides.empty()) provides.push_back(package.pkg_name);
  for (const std::string& text : provides) {
    const Provided provided = ReadProvides(text);
    for (const std::string& link : provided.links) {
      auto& to = install.files.count(provided.file) > 0 ? install.links : install.dangling;
      to.emplace_back(link, provided.file);
    }
  }
  for (const auto& [name, bytes] : install.files) {
    if (bytes.starts_with("\x7f"
                          "ELF")) {
      install.executable.push_back(name);
    }
  }
}

}  // namespace

absl::StatusOr<SoarIndex> ReadSoarIndex(std::string_view file, SoarClient client, int64_t bytes_max) {
  if (static_cast<int64_t>(file.size()) > bytes_max) return absl::ResourceExhaustedError("index too large");
  if (file.starts_with("SQLi")) return absl::UnimplementedError("an SQLite index");
  std::string text;
  io::Decompressor expand(
      [&](std::string_view bytes) {
        text += bytes;
        return absl::OkStatus();
      },
      bytes_max);
  if (file.starts_with("\x28\xb5\x2f\xfd")) {
    GOFARM_RETURN_IF_ERROR(expand.Add(file));
    GOFARM_RETURN_IF_ERROR(expand.Finish());
  } else {
    text = std::string(file);
  }
  simdjson::dom::parser parser;
  Element document;
  if (const auto error = parser.parse(text).get(document); error != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(Cat("no JSON: ", simdjson::error_message(error)));
  }
  if (Object object; document.get(object) == simdjson::SUCCESS) {
    uint64_t format = 0;
    if (object["format"].get(format) != simdjson::SUCCESS || format > 1) {
      return absl::InvalidArgumentError("an unknown format");
    }
    if (object["packages"].get(document) != simdjson::SUCCESS) return absl::InvalidArgumentError("no packages");
  }
  simdjson::dom::array records;
  if (document.get(records) != simdjson::SUCCESS) return absl::InvalidArgumentError("no array of records");
  SoarIndex out;
  std::set<std::tuple<std::string, std::string, std::string, std::string>> known;
  for (const Element record : records) {
    GOFARM_ASSIGN_OR_RETURN(SoarPackage package, ReadPackage(record, client));
    const bool safe = IsPathComponent(package.pkg_name) && (package.pkg_id.empty() || IsPathComponent(package.pkg_id));
    if (!safe || !known.emplace(package.pkg_id, package.pkg_family, package.pkg_name, package.version).second) {
      out.skipped.push_back(package.pkg_name);
      continue;
    }
    out.packages.push_back(std::move(package));
  }
  return out;
}

absl::StatusOr<SoarPackage> QuerySoar(const SoarIndex& index, std::string_view query) {
  std::string rest = absl::AsciiStrToLower(Av(query)), family, id, version;
  const auto cut_tail = [&](char mark) {
    const size_t at = rest.rfind(mark);
    if (at == std::string::npos) return std::string();
    std::string tail = rest.substr(at + 1);
    rest.resize(at);
    return tail;
  };
  cut_tail(':');
  version = cut_tail('@');
  if (const size_t at = rest.find('#'); at != std::string::npos) {
    id = rest.substr(at + 1);
    rest.resize(at);
  }
  if (const size_t at = rest.find('/'); at != std::string::npos) {
    family = rest.substr(0, at);
    rest.erase(0, at + 1);
  }
  const SoarPackage* best = nullptr;
  std::set<std::pair<std::string, std::string>> identities;
  for (const SoarPackage& package : index.packages) {
    const auto same = [](const std::string& text, const std::string& wanted) {
      return wanted.empty() || absl::AsciiStrToLower(text) == wanted;
    };
    if (!same(package.pkg_name, rest) || !same(package.pkg_family, family) || !same(package.pkg_id, id)) continue;
    if (!version.empty() && package.version != version) continue;
    identities.emplace(package.pkg_family, package.pkg_id);
    if (best == nullptr || IsNewer(package.version, best->version)) best = &package;
  }
  if (best == nullptr) return absl::NotFoundError(Cat("no package ", query));
  if (identities.size() > 1) return absl::FailedPreconditionError(Cat("several packages are ", query));
  return *best;
}

absl::StatusOr<SoarInstall> InstallSoarDirect(const SoarPackage& package, std::string_view bytes) {
  if (package.bsum.empty()) return absl::FailedPreconditionError("no bsum to verify with");
  if (digest::Blake3Hex(bytes) != package.bsum) return absl::DataLossError("the checksum differs");
  SoarInstall install;
  install.files[package.pkg_name] = std::string(bytes);
  Link(package, install);
  return install;
}

absl::StatusOr<SoarInstall> InstallSoarOci(const SoarPackage& package, std::string_view manifest,
                                           const std::function<std::string(const std::string& digest)>& blob) {
  simdjson::dom::parser parser;
  Element document;
  if (parser.parse(manifest.data(), manifest.size()).get(document) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("a manifest that is no JSON");
  }
  const auto descriptor = [](Element element, std::string& digest) {
    std::string_view type, text;
    uint64_t size = 0;
    const bool good = element["mediaType"].get(type) == simdjson::SUCCESS &&
                      element["digest"].get(text) == simdjson::SUCCESS &&
                      element["size"].get(size) == simdjson::SUCCESS;
    digest = std::string(text);
    return good;
  };
  std::string_view type;
  std::string digest;
  Element config;
  simdjson::dom::array layers;
  if (document["mediaType"].get(type) != simdjson::SUCCESS || document["config"].get(config) != simdjson::SUCCESS ||
      !descriptor(config, digest) || document["layers"].get(layers) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("a manifest without media type, config or layers");
  }
  if (package.has_files) return absl::FailedPreconditionError("files with ghcr_pkg link nothing");
  SoarInstall install;
  for (const Element layer : layers) {
    if (!descriptor(layer, digest)) return absl::InvalidArgumentError("a layer without type, digest or size");
    std::string_view title;
    if (layer["annotations"]["org.opencontainers.image.title"].get(title) != simdjson::SUCCESS) continue;
    std::string bytes = blob(digest);
    if (Cat("sha256:", digest::Sha256Hex(bytes)) != digest)
      return absl::DataLossError(Cat("blob ", digest, " differs"));
    install.files[std::string(title.substr(title.rfind('/') + 1))] = std::move(bytes);
  }
  if (!package.bsum.empty()) {
    std::string checked = package.pkg_name;
    if (!package.provides.empty() && install.files.count(package.provides[0]) > 0) checked = package.provides[0];
    if (install.files.count(checked) == 0) return absl::FailedPreconditionError("no file to verify");
    if (digest::Blake3Hex(install.files[checked]) != package.bsum) return absl::DataLossError("the checksum differs");
  }
  Link(package, install);
  return install;
}

}  // namespace gofarm::testing
