// The webhooks of the coordinator's configuration: webhook_discord_url_file, webhook_url_file, webhook_secret_file, or
// GOFARM_WEBHOOK_... of the environment (docs/webhooks.md). Whoever knows a webhook's URL can write there, so URLs
// stand in files that nobody else may read, and no message of this folder holds one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/config/table.h"

namespace gofarm::webhook {

enum class Kind { kDiscord, kJson };
std::string_view KindName(Kind kind);  // "discord", "json"

struct Destination {
  Kind kind = Kind::kJson;
  std::string url;     // a secret
  std::string secret;  // with which bodies are signed; empty: they are not

  // 64 hex digits, others for another kind or URL; tells nothing of either.
  std::string Id() const;
  // Scheme, host and port, for people.
  std::string Shown() const;
};

struct Config {
  std::vector<Destination> destinations;  // one of a kind at most
};

// OK, or what is wrong with the URL, without it: it is http or https, has no user and no fragment, and is https unless
// it names this machine.
absl::Status CheckUrl(std::string_view url);

// Reads the files, and notes every fault in `table`.
Config LoadConfig(config::Table& table);

}  // namespace gofarm::webhook
