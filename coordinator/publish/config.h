// The table [publish] of the coordinator's configuration (docs/publishing.md).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/config/table.h"
#include "common/licences/policy.h"
#include "coordinator/domain/rebuild.h"
#include "coordinator/publish/attacher.h"
#include "coordinator/publish/record.h"

namespace gofarm::publish {

inline constexpr size_t kRegistriesMax = 16;
inline constexpr int kPublicConnections = 4096;
inline constexpr int kPublicConnectionsMax = 65536;

struct RegistryConfig {
  std::string url;               // "https://HOST/PREFIX"; of this machine also http
  std::string credentials_file;  // empty: none
  int requests_per_minute = -1;  // -1: as the client's own rule
  int parallel_uploads = -1;
  bool images = true;  // also an image index for container runtimes
};

struct Config {
  std::string keys_dir;    // empty: DATA_DIR/keys
  bool make_keys = false;  // makes the keys that are missing
  // By which everybody reaches what is served: it stands in records, scripts and pages, whatever a request calls this
  // host. Empty: the address of the HTTP listener.
  std::string public_url;
  std::string public_listen;       // HOST:PORT that serves everybody what is published and nothing else; empty: none
  std::string public_certificate;  // of it, PEM; empty: plain, behind a proxy
  std::string public_key;
  int public_connections = kPublicConnections;
  std::optional<int> public_connections_per_address;  // 0: no bound; none: as the address calls for
  std::string builder_id;                             // empty: made of the oldest minisign key
  Publisher publisher;
  Rules rules;
  licences::Policy licences;
  std::vector<RegistryConfig> registries;
  double rebuild_share = domain::kRebuildShareDefault;  // of recipes that are built again; 0: none
  std::vector<std::string> folders;                     // the published files as static ones, for any web server
};

// OK, or why nobody could listen there for everybody.
using CheckListen = std::function<absl::Status(const std::string& address)>;

// Notes every fault in `table`. GOFARM_PUBLISH_REGISTRY=URL/PREFIX of the environment adds a registry.
Config LoadConfig(config::Table& table, const CheckListen& check_listen);

}  // namespace gofarm::publish
