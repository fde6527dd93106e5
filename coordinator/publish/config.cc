#include "coordinator/publish/config.h"

#include <set>

#include "common/base/text.h"
#include "coordinator/oci/reference.h"

namespace gofarm::publish {
namespace {

constexpr char kRegistryVariable[] = "GOFARM_PUBLISH_REGISTRY";

std::set<std::string> Names(config::Table& table, const char* key, const std::set<std::string>& fallback) {
  const std::vector<std::string> names = table.StrList(key, {fallback.begin(), fallback.end()});
  return {names.begin(), names.end()};
}

licences::Policy ReadPolicy(config::Table& publish) {
  config::Table table = publish.Sub("licences");
  licences::Policy policy;
  policy.publish = Names(table, "publish", policy.publish);
  policy.mark = Names(table, "mark", policy.mark);
  policy.refuse = Names(table, "refuse", policy.refuse);
  config::Table concluded = table.Sub("concluded");
  for (const std::string& module : concluded.Keys()) policy.concluded[module] = concluded.Str(module, "");
  // The policy of the defaults is known to be good, and the list of licences takes a second to be read.
  if (policy == licences::Policy()) return policy;
  if (const absl::Status good = licences::CheckPolicy(licences::Corpus::Spdx(), policy); !good.ok()) {
    table.Fault("licences", Sv(good.message()));
  }
  return policy;
}

void CheckRegistry(const RegistryConfig& registry, const char* name, config::Table& table) {
  const absl::StatusOr<oci::Destination> destination = oci::ParseDestination(registry.url);
  if (!destination.ok()) table.Fault(name, Sv(destination.status().message()));
}

std::vector<RegistryConfig> ReadRegistries(config::Table& publish) {
  std::vector<RegistryConfig> registries;
  for (config::Table& table : publish.Tables("registries")) {
    registries.push_back({.url = table.Str("url", ""),
                          .credentials_file = table.Str("credentials_file", ""),
                          .requests_per_minute = static_cast<int>(table.Int("requests_per_minute", -1, -1, 1'000'000)),
                          .parallel_uploads = static_cast<int>(table.Int("parallel_uploads", -1, -1, 64)),
                          .images = table.Bool("images", true)});
    CheckRegistry(registries.back(), "url", table);
  }
  if (const std::string url = config::Overlay("", kRegistryVariable, ""); !url.empty()) {
    registries.push_back({.url = url, .credentials_file = ""});
    CheckRegistry(registries.back(), kRegistryVariable, publish);
  }
  if (registries.size() > kRegistriesMax) publish.Fault("registries", Cat("are more than ", kRegistriesMax));
  std::set<std::string> urls;
  for (const RegistryConfig& registry : registries) {
    if (!urls.insert(registry.url).second) {
      publish.Fault("registries", Cat("\"", EscapeForPrint(registry.url), "\" stands there twice"));
    }
  }
  return registries;
}

void ReadPublicAddress(config::Table& publish, const CheckListen& check_listen, Config& config) {
  config.public_url = publish.Str("public_url", "");
  while (!config.public_url.empty() && config.public_url.back() == '/') config.public_url.pop_back();
  if (!config.public_url.empty() && CleanUrl(config.public_url).empty()) {
    publish.Fault("public_url", Cat("\"", EscapeForPrint(config.public_url), "\" is no http or https address"));
  }
  config.public_listen = publish.Str("public_listen", "");
  config.public_certificate = publish.Str("public_certificate", "");
  config.public_key = publish.Str("public_key", "");
  config.public_connections =
      static_cast<int>(publish.Int("public_connections", kPublicConnections, 1, kPublicConnectionsMax));
  constexpr int kByAddress = -1;
  const int per_address =
      static_cast<int>(publish.Int("public_connections_per_address", kByAddress, kByAddress, kPublicConnectionsMax));
  if (per_address != kByAddress) config.public_connections_per_address = per_address;
  if (config.public_certificate.empty() != config.public_key.empty()) {
    publish.Fault("public_certificate", "goes with public_key; write both, or none");
  }
  if (config.public_listen.empty()) {
    if (!config.public_certificate.empty())
      publish.Fault("public_certificate", "is of public_listen, which is missing");
    return;
  }
  if (const absl::Status good = check_listen(config.public_listen); !good.ok()) {
    publish.Fault("public_listen", Sv(good.message()));
  }
  if (config.public_url.empty()) {
    publish.Fault("public_url", "is missing; write the http or https address by which others reach public_listen");
  }
}

}  // namespace

Config LoadConfig(config::Table& table, const CheckListen& check_listen) {
  config::Table publish = table.Sub("publish");
  Config config;
  config.keys_dir = publish.Str("keys_dir", "");
  config.make_keys = publish.Bool("make_keys", false);
  ReadPublicAddress(publish, check_listen, config);
  config.builder_id = publish.Str("builder_id", "");
  config.publisher.name = publish.Str("name", config.publisher.name);
  config.publisher.page = publish.Str("page", config.publisher.page);
  config.rules.examples = publish.Bool("examples", false);
  config.rules.test_helpers = publish.Bool("test_helpers", false);
  config.licences = ReadPolicy(publish);
  config.registries = ReadRegistries(publish);
  config.rebuild_share = publish.Number("rebuild_share", config.rebuild_share, 0, 1);
  config.folders = publish.StrList("folders", {});
  return config;
}

}  // namespace gofarm::publish
