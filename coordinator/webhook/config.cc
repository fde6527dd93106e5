#include "coordinator/webhook/config.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/attest/key_file.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/url.h"

namespace gofarm::webhook {
namespace {

// What a key names, or the variable of the environment that goes before it.
struct Named {
  std::string file;
  std::string by;
};

Named FileOf(config::Table& table, const char* key, const char* variable) {
  const std::string in_file = table.Str(key, "");
  const std::string file = config::Overlay("", variable, in_file);
  return {file, file == in_file ? key : variable};
}

// Empty: none is named, or what was wrong is noted.
std::string ReadSecret(const Named& named, config::Table& table) {
  if (named.file.empty()) return "";
  // Every message below would tell the address itself.
  if (const absl::Status s = config::CheckNamesFile(named.file); !s.ok()) {
    table.Fault(named.by, Sv(s.message()));
    return "";
  }
  const absl::StatusOr<std::string> text = attest::LoadKeyFile(named.file);
  if (!text.ok()) {
    table.Fault(named.by, Sv(text.status().message()));
    return "";
  }
  absl::string_view line = *text;
  if (absl::ConsumeSuffix(&line, "\n")) absl::ConsumeSuffix(&line, "\r");
  if (line.empty()) table.Fault(named.by, Cat("the file ", EscapeForPrint(named.file), " is empty"));
  return std::string(line);
}

std::string ReadUrl(const Named& named, config::Table& table) {
  const std::string url(absl::StripAsciiWhitespace(ReadSecret(named, table)));
  if (url.empty()) return "";
  const absl::Status good = CheckUrl(url);
  if (good.ok()) return url;
  table.Fault(named.by, Cat("the file ", EscapeForPrint(named.file), " ", Sv(good.message())));
  return "";
}

}  // namespace

std::string_view KindName(Kind kind) { return kind == Kind::kDiscord ? "discord" : "json"; }

std::string Destination::Id() const { return digest::Sha256Hex(Cat("webhook ", KindName(kind), " ", url)); }

std::string Destination::Shown() const {
  const absl::StatusOr<io::Url> parsed = io::ParseUrl(url);
  if (!parsed.ok()) return "?";
  const bool bare = parsed->host.find(':') != std::string::npos;
  return Cat(parsed->scheme, "://", bare ? "[" : "", parsed->host, bare ? "]" : "", ":", parsed->port);
}

absl::Status CheckUrl(std::string_view url) {
  const absl::StatusOr<io::Url> parsed = io::ParseUrl(url);
  if (!parsed.ok() || (parsed->scheme != "http" && parsed->scheme != "https")) {
    return absl::InvalidArgumentError("holds no http or https address");
  }
  if (url.find('#') != std::string_view::npos) return absl::InvalidArgumentError("holds an address with a fragment");
  const std::string_view rest = url.substr(url.find("://") + 3);
  if (rest.substr(0, rest.find_first_of("/?")).find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("holds an address with a user; the address itself is the secret");
  }
  if (parsed->scheme != "https" && !io::IsLoopbackHost(parsed->host)) {
    return absl::InvalidArgumentError("holds an http address of another host; write an https one");
  }
  return absl::OkStatus();
}

Config LoadConfig(config::Table& table) {
  Config config;
  const Named discord = FileOf(table, "webhook_discord_url_file", "GOFARM_WEBHOOK_DISCORD_URL_FILE");
  const Named json = FileOf(table, "webhook_url_file", "GOFARM_WEBHOOK_URL_FILE");
  const Named secret = FileOf(table, "webhook_secret_file", "GOFARM_WEBHOOK_SECRET_FILE");
  if (std::string url = ReadUrl(discord, table); !url.empty()) {
    config.destinations.push_back({.kind = Kind::kDiscord, .url = std::move(url)});
  }
  std::string url = ReadUrl(json, table);
  std::string key = ReadSecret(secret, table);
  if (!secret.file.empty() && json.file.empty()) {
    table.Fault(secret.by, "goes with webhook_url_file, which is missing; Discord's form has no signature");
  }
  if (!url.empty())
    config.destinations.push_back({.kind = Kind::kJson, .url = std::move(url), .secret = std::move(key)});
  return config;
}

}  // namespace gofarm::webhook
