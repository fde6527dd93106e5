#include "coordinator/app_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/config/toolsets.h"
#include "common/rpc/listen_addresses.h"
#include "coordinator/domain/toolset.h"
#include "coordinator/http/http_server.h"

namespace gofarm::coordinator {
namespace {

constexpr char kListenDefault[] = "unix:/run/gofarm/coordinator.sock";

// A value and where it came from, for messages.
struct Choice {
  std::string value;
  std::string from;  // "listen" of the file, "--listen" or the variable
};

Choice Choose(const std::string& flag, const char* flag_name, const char* variable, const char* key,
              std::string file_value) {
  if (!flag.empty()) return {flag, flag_name};
  const std::string value = config::Overlay("", variable, file_value);
  return {value, value == file_value ? key : variable};
}

config::ToolsetFile ReadToolsets(const std::string& path, config::Table& table) {
  const absl::StatusOr<config::ToolsetFile> built_in = config::BuiltInToolsets();
  absl::StatusOr<config::ToolsetFile> file = path.empty() ? built_in : config::LoadToolsets(path);
  if (!file.ok()) {
    for (const absl::string_view line : absl::StrSplit(std::string(file.status().message()), '\n')) {
      table.Fault("toolsets", Sv(line));
    }
    return {};
  }
  for (Toolset& toolset : file->toolsets) toolset.digest = domain::ToolsetDigest(toolset);
  if (file->toolsets.empty()) table.Fault("toolsets", "the file names no toolset; nothing could be built");
  // Workers know the first Go of the program that they are; a file may name others.
  if (!path.empty() && built_in.ok()) {
    file->bootstrap.insert(file->bootstrap.end(), built_in->bootstrap.begin(), built_in->bootstrap.end());
  }
  return *std::move(file);
}

// `own`: goproxy was configured, so the environment says nothing about the rest either.
goproxy::Settings ReadGoSettings(const AppConfig& config, bool own, config::Table& table) {
  const auto value = [&](const char* key, const char* variable) {
    std::string text = table.Str(key, "");
    return text.empty() && !own ? config::Overlay("", variable, "") : text;
  };
  goproxy::Settings go{.goproxy = "",
                       .gosumdb = value("gosumdb", "GOSUMDB"),
                       .gonosumdb = value("gonosumdb", "GONOSUMDB"),
                       .goprivate = config.goprivate};
  if (go.goprivate.empty() && !own) go.goprivate = config::Overlay("", "GOPRIVATE", "");
  const goproxy::List proxies = goproxy::WithoutDirect(config.goproxy);
  if (!proxies.empty()) go.goproxy = goproxy::ToText(proxies);
  if (const absl::Status good = goproxy::Check(go); !good.ok()) table.Fault("goproxy", Sv(good.message()));
  return go;
}

}  // namespace

absl::StatusOr<AppConfig> LoadAppConfig(const Flags& flags) {
  config::Table table = flags.config.empty() ? config::Table::Empty() : config::Table::Load(flags.config);
  AppConfig out;

  const Choice listen = Choose(flags.listen, "--listen", "GOFARM_COORDINATOR_LISTEN", "listen",
                               absl::StrJoin(table.StrList("listen", {kListenDefault}), ","));
  out.listen = absl::StrSplit(listen.value, ',', absl::SkipEmpty());
  out.public_names = table.StrList("public_names", {});
  if (const absl::Status s = rpc::CheckListen(out.listen, out.public_names); !s.ok()) {
    table.Fault(listen.from, Sv(s.message()));
  }

  const Choice http =
      Choose(flags.http, "--http", "GOFARM_COORDINATOR_HTTP", "http", table.Str("http", "127.0.0.1:7071"));
  out.http = http.value;
  if (!http.value.empty()) {
    if (const absl::Status s = http::CheckAddress(http.value); !s.ok()) table.Fault(http.from, Sv(s.message()));
  }

  out.http_tls = table.Str("http_tls", "");
  if (!out.http_tls.empty()) {
    if (const absl::Status s = http::CheckAddress(out.http_tls, /*anywhere=*/true); !s.ok()) {
      table.Fault("http_tls", Sv(s.message()));
    }
  }
  absl::StatusOr<HttpAuth> auth = ParseHttpAuth(table.Str("http_auth", "certificate"));
  if (auth.ok()) {
    out.http_auth = *std::move(auth);
  } else {
    table.Fault("http_auth", Sv(auth.status().message()));
  }

  out.tls = {.certificate = table.Str("tls_certificate", ""),
             .key = table.Str("tls_key", ""),
             .authorities = table.Str("tls_authorities", "")};
  if (out.tls.certificate.empty() != out.tls.key.empty() || out.tls.key.empty() != out.tls.authorities.empty()) {
    table.Fault("tls_certificate", "goes with tls_key and tls_authorities; write all three, or none");
  } else if (!out.tls.empty() && out.public_names.empty()) {
    table.Fault("public_names", "is missing; write the names that stand in the certificate of tls_certificate");
  }

  out.database_url = config::Overlay("", "GOFARM_COORDINATOR_DATABASE_URL", table.Str("database_url", ""));
  if (out.database_url.empty()) {
    table.Fault(
        "database_url",
        "is missing; write database_url = \"postgresql:///gofarm\", or run `gofarm up`, which brings a database");
  }
  out.data_dir = config::Overlay("", "GOFARM_COORDINATOR_DATA_DIR", table.Str("data_dir", ""));
  if (out.data_dir.empty() && !flags.dir.empty()) out.data_dir = Cat(flags.dir, "/data");
  if (out.data_dir.empty()) table.Fault("data_dir", "is missing; write the folder for artifacts and logs");

  config::ToolsetFile toolsets = ReadToolsets(table.Str("toolsets", ""), table);
  out.toolsets = std::move(toolsets.toolsets);
  out.bootstrap = std::move(toolsets.bootstrap);
  const std::string wanted = table.Str("default_toolset", out.toolsets.empty() ? "" : out.toolsets.front().name);
  const auto found =
      std::find_if(out.toolsets.begin(), out.toolsets.end(), [&](const Toolset& t) { return t.name == wanted; });
  if (found != out.toolsets.end()) {
    out.default_toolset = *found;
  } else if (!out.toolsets.empty()) {
    table.Fault("default_toolset", Cat("there is no toolset \"", EscapeForPrint(wanted), "\""));
  }

  std::string proxies = config::Overlay("", "GOFARM_COORDINATOR_GOPROXY", table.Str("goproxy", ""));
  const bool own_proxies = !proxies.empty();
  if (!own_proxies) proxies = config::Overlay("", "GOPROXY", "");
  if (absl::StatusOr<goproxy::List> list = goproxy::Parse(proxies); list.ok()) {
    out.goproxy = *std::move(list);
  } else {
    table.Fault("goproxy", Sv(list.status().message()));
  }
  out.goprivate = table.Str("goprivate", "");
  out.go = ReadGoSettings(out, own_proxies, table);

  const BuildLimits defaults;
  out.limits.wall = table.Duration("wall_seconds", defaults.wall, absl::Seconds(1), absl::Hours(24));
  out.limits.silence = table.Duration("silence_seconds", defaults.silence, absl::Seconds(1), absl::Hours(24));
  out.limits.memory_bytes = table.Bytes("memory_bytes", defaults.memory_bytes, 0, int64_t{1} << 42);
  out.limits.output_bytes = table.Bytes("output_bytes", defaults.output_bytes, 1 << 20, int64_t{1} << 42);
  out.limits.log_bytes = table.Bytes("log_bytes_max", defaults.log_bytes, 64 << 10, int64_t{1} << 34);
  out.limits.processes = static_cast<int>(table.Int("processes", defaults.processes, 16, 1 << 20));

  out.catalog = catalog::LoadConfig(table);
  out.publish = publish::LoadConfig(
      table, [](const std::string& address) { return http::CheckAddress(address, /*anywhere=*/true); });
  out.webhooks = webhook::LoadConfig(table);
  out.file = flags.config;

  const std::string level =
      flags.log_level.empty() ? config::Overlay("", "GOFARM_COORDINATOR_LOG_LEVEL", "info") : flags.log_level;
  if (!obs::ParseLevel(level, out.log_level)) {
    table.Fault("--log-level", Cat("\"", EscapeForPrint(level), "\" is none of debug, info, warn, error"));
  }
  if (absl::Status faults = table.Finish(); !faults.ok()) return faults;
  return out;
}

}  // namespace gofarm::coordinator
