#include "common/attest/sbom.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/attest/module_id.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/elf/build_info.h"
#include "common/json/writer.h"

namespace gofarm::attest {
namespace {

constexpr std::string_view kModuleType = "?type=module";

struct Property {
  std::string name, value;
  auto operator<=>(const Property&) const = default;
};

struct Component {
  std::string name;
  std::string version;  // empty: not known
  std::string sha256;   // of the h1; empty: none
  std::vector<Property> properties;
};

// By bom-ref, which is the purl.
using Components = std::map<std::string, Component>;

struct Parts {
  std::string main_ref;
  std::vector<Property> properties;
  Components libraries;
};

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(Cat("SBOM: ", what)); }

std::string_view WithoutGo(std::string_view version) {
  return absl::StartsWith(Av(version), "go") ? version.substr(2) : version;
}

bool UsesCgo(const elf::BuildInfo& info) {
  return std::find(info.settings.begin(), info.settings.end(),
                   std::pair<std::string, std::string>{"CGO_ENABLED", "1"}) != info.settings.end();
}

// The taxonomy knows environment variables only.
std::string_view PrefixOf(std::string_view setting) {
  if (absl::StartsWith(Av(setting), "-")) return "gofarm:build:flag:";
  const bool is_variable = std::all_of(setting.begin(), setting.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c)) || absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           c == '_';
  });
  return is_variable ? "cdx:gomod:build:env:" : "gofarm:build:setting:";
}

std::vector<Property> PropertiesOf(const SbomInput& input, const elf::BuildInfo& info) {
  std::vector<Property> properties = {
      {"cdx:gomod:binary:hash:SHA-256", input.sha256},
      {"cdx:gomod:binary:name", input.name},
      {"cdx:gomod:build:env:GOVERSION", Cat("go", WithoutGo(input.go_version))},
  };
  for (const auto& [name, value] : info.settings) {
    if (name == "-tags") {
      const std::vector<std::string> tags = absl::StrSplit(value, ',', absl::SkipEmpty());
      for (const std::string& tag : tags) properties.push_back({"cdx:gomod:build:tag", tag});
    } else if (name == "-compiler") {
      properties.push_back({"cdx:gomod:build:compiler", value});
    } else {
      properties.push_back({Cat(PrefixOf(name), name), value});
    }
  }
  std::sort(properties.begin(), properties.end());
  return properties;
}

absl::Status AddModule(const elf::DependencyInfo& dependency, Components& libraries) {
  const bool replaced = !dependency.replacement.path.empty();
  const elf::ModuleInfo& used = replaced ? dependency.replacement : dependency.module;
  Component component{.name = used.path, .version = used.version};
  if (replaced) {
    component.properties.push_back({"gofarm:replaces", Cat(dependency.module.path, "@", dependency.module.version)});
  }
  if (!used.h1.empty()) {
    GOFARM_ASSIGN_OR_RETURN(component.sha256, DirHash(used.h1));
  }
  std::string ref = GoPurl(used.path, used.version, kModuleType);
  libraries.try_emplace(std::move(ref), std::move(component));
  return absl::OkStatus();
}

absl::StatusOr<Parts> PartsOf(const SbomInput& input) {
  if (input.build_info.empty()) {
    return absl::FailedPreconditionError(
        Cat("SBOM of ", EscapeAndClip(input.name, 100), ": the report does not hold its build info; build it again"));
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(const elf::BuildInfo info, elf::ParseBuildInfoText(input.build_info), "SBOM");
  GOFARM_ASSIGN_OR_RETURN_CTX(
      const std::string directory,
      CommandDirectory(info.package_path, input.declared_path.empty() ? input.module : input.declared_path), "SBOM");
  Parts parts;
  parts.main_ref = GoPurl(input.module, input.version,
                          directory == "." ? std::string(kModuleType) : Cat(kModuleType, "#", PurlEncode(directory)));
  parts.properties = PropertiesOf(input, info);
  for (const elf::DependencyInfo& dependency : info.dependencies) {
    GOFARM_RETURN_IF_ERROR_CTX(AddModule(dependency, parts.libraries), "SBOM");
  }
  const std::string go(WithoutGo(input.go_version));
  parts.libraries.emplace(GoPurl("std", go), Component{.name = "std", .version = go});
  if (UsesCgo(info)) {
    const std::string musl(MuslVersion(input.zig_version));
    parts.libraries.emplace(Cat("pkg:generic/musl", musl.empty() ? "" : "@", musl),
                            Component{.name = "musl", .version = musl});
    parts.libraries.emplace(Cat("pkg:generic/compiler-rt@", PurlEncode(input.zig_version)),
                            Component{.name = "compiler-rt",
                                      .version = input.zig_version,
                                      .properties = {{"gofarm:part-of", Cat("zig ", input.zig_version)}}});
  }
  return parts;
}

void WriteProperties(JsonWriter& json, const std::vector<Property>& properties) {
  if (properties.empty()) return;
  json.Key("properties").BeginArray();
  for (const Property& property : properties) {
    json.BeginObject().Field("name", property.name).Field("value", property.value).EndObject();
  }
  json.EndArray();
}

void WriteComponent(JsonWriter& json, const std::string& ref, const Component& component) {
  json.BeginObject();
  json.Field("type", "library").Field("bom-ref", ref).Field("name", component.name);
  if (!component.version.empty()) json.Field("version", component.version);
  json.Field("scope", "required");
  if (!component.sha256.empty()) {
    json.Key("hashes").BeginArray().BeginObject();
    json.Field("alg", "SHA-256").Field("content", component.sha256);
    json.EndObject().EndArray();
  }
  json.Field("purl", ref);
  WriteProperties(json, component.properties);
  json.EndObject();
}

void WriteMetadata(JsonWriter& json, const SbomInput& input, const Parts& parts) {
  json.Key("metadata").BeginObject();
  json.Field("timestamp", input.timestamp);
  json.Key("tools").BeginObject().Key("components").BeginArray().BeginObject();
  json.Field("type", "application").Field("name", "gofarm");
  if (!input.farm_version.empty()) json.Field("version", input.farm_version);
  json.EndObject().EndArray().EndObject();
  json.Key("component").BeginObject();
  json.Field("type", "application").Field("bom-ref", parts.main_ref);
  json.Field("name", input.module).Field("version", input.version).Field("purl", parts.main_ref);
  json.EndObject();
  WriteProperties(json, parts.properties);
  json.EndObject();
}

std::string Document(const SbomInput& input, const Parts& parts, std::string_view serial_number) {
  JsonWriter json;
  json.BeginObject();
  json.Field("$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
  json.Field("bomFormat", "CycloneDX").Field("specVersion", "1.6");
  json.Field("serialNumber", serial_number).Field("version", 1);
  WriteMetadata(json, input, parts);
  json.Key("components").BeginArray();
  for (const auto& [ref, component] : parts.libraries) WriteComponent(json, ref, component);
  json.EndArray();
  json.Key("dependencies").BeginArray().BeginObject();
  json.Field("ref", parts.main_ref).Key("dependsOn").BeginArray();
  for (const auto& [ref, component] : parts.libraries) json.String(ref);
  json.EndArray().EndObject().EndArray();
  json.EndObject();
  return json.Take();
}

// A UUID of version 8 (RFC 9562), whose bits are anybody's choice.
std::string SerialNumber(std::string_view content) {
  std::string hex = digest::Sha256Hex(content).substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[static_cast<size_t>(hex[16]) % 4];
  return Cat("urn:uuid:", hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-",
             hex.substr(20));
}

}  // namespace

std::string_view MuslVersion(std::string_view zig_version) {
  // lib/libc/musl/src/internal/version.h of each release's archive.
  static const std::map<std::string_view, std::string_view> versions = {{"0.15.2", "1.2.5"}};
  const auto found = versions.find(zig_version);
  return found == versions.end() ? std::string_view() : found->second;
}

absl::StatusOr<std::string> SbomJson(const SbomInput& input) {
  if (!IsLowerHex(input.sha256)) return Wrong("the executable has no digest");
  for (const std::string* text : {&input.name, &input.module, &input.version, &input.go_version, &input.zig_version}) {
    if (text->empty()) return Wrong("it names no program, module, version, Go or zig");
  }
  if (input.timestamp == absl::InfinitePast()) return Wrong("the time of the build is missing");
  GOFARM_ASSIGN_OR_RETURN(const Parts parts, PartsOf(input));
  return Document(input, parts, SerialNumber(Document(input, parts, "")));
}

}  // namespace gofarm::attest
