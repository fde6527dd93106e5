// The table [publish] of the coordinator's configuration (docs/publishing.md).
#pragma once

#include <string>
#include <vector>

#include "common/config/table.h"
#include "common/licences/policy.h"
#include "coordinator/domain/rebuild.h"
#include "coordinator/publish/attacher.h"
#include "coordinator/publish/record.h"

namespace gofarm::publish {

inline constexpr size_t kRegistriesMax = 16;

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
  std::string public_url;  // by which everybody reaches what is served; empty: that of the HTTP listener
  std::string builder_id;  // empty: made of the oldest minisign key
  Publisher publisher;
  Rules rules;
  licences::Policy licences;
  std::vector<RegistryConfig> registries;
  double rebuild_share = domain::kRebuildShareDefault;  // of recipes that are built again; 0: none
  std::vector<std::string> folders;                     // the published files as static ones, for any web server
};

// Notes every fault in `table`. GOFARM_PUBLISH_REGISTRY=URL/PREFIX of the environment adds a registry.
Config LoadConfig(config::Table& table);

}  // namespace gofarm::publish
