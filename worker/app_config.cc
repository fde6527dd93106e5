#include "worker/app_config.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/goproxy/list.h"
#include "common/http/http_server.h"
#include "common/pki/join_source.h"
#include "common/rpc/channel.h"
#include "common/rpc/listen_addresses.h"
#include "common/vocab/name_rule.h"
#include "common/vocab/worker_report.h"

namespace gofarm::worker {
namespace {

constexpr int64_t kMemoryMin = int64_t{256} << 20;
constexpr int64_t kBytesMax = int64_t{1} << 50;

int64_t PhysicalMemory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<int64_t>(pages) * size : kMemoryPerSlot;
}

std::string HostName() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  const std::string name = AsName(host);
  return name.empty() ? "worker" : name;
}

std::string First(const std::string& flag, const char* variable, const std::string& file_value) {
  return config::Overlay(flag, variable, file_value);
}

void CheckFolder(std::string& folder, std::string_view key, std::string_view what, config::Table& table) {
  if (folder.empty()) {
    table.Fault(key, Cat("is missing; write the folder for ", what));
  } else if (folder[0] != '/') {
    table.Fault(key, Cat("\"", EscapeForPrint(folder), "\" must be an absolute path"));
  }
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
}

// Where a worker of its own keeps what it has: the state folder of the system, or of the user.
std::string DefaultDir() {
  if (::geteuid() == 0) return "/var/lib/gofarm-worker";
  const std::string state = config::Overlay("", "XDG_STATE_HOME", "");
  if (!state.empty() && state[0] == '/') return Cat(state, "/gofarm-worker");
  const std::string home = config::Overlay("", "HOME", "");
  return home.empty() ? "" : Cat(home, "/.local/state/gofarm-worker");
}

// Over a socket without ceremony, or over TLS by an identity; not both.
void ReadCoordinators(const Flags& flags, AppConfig& out, config::Table& table) {
  out.coordinators = table.StrList("coordinators", {});
  if (const std::string list = First("", "GOFARM_WORKER_COORDINATORS", ""); !list.empty()) {
    out.coordinators = absl::StrSplit(list, ',', absl::SkipEmpty());
  }
  size_t sockets = 0;
  for (const std::string& address : out.coordinators) {
    const bool is_socket = rpc::IsUnix(address);
    sockets += is_socket ? 1 : 0;
    const absl::Status s = is_socket ? rpc::CheckLocalAddress(address) : rpc::CheckTcpAddress(address);
    if (!s.ok()) table.Fault("coordinators", Sv(s.message()));
  }
  if (sockets != 0 && sockets != out.coordinators.size()) {
    table.Fault("coordinators", "names sockets and ports; a worker reaches its farm in one of the two ways");
  }
  const std::string join_file = table.Str("join_file", "");
  const std::string named = First(flags.join, "GOFARM_JOIN", "");
  const std::string given = !named.empty() || join_file.empty() ? named : "@" + join_file;
  if (sockets != 0) {
    if (!given.empty()) table.Fault("coordinators", "is a socket of this machine, which needs no join string");
    return;
  }
  if (!given.empty()) {
    absl::StatusOr<pki::JoinString> join = pki::ReadJoin(given);
    if (join.ok()) {
      out.join = *std::move(join);
    } else if (!named.empty() || !absl::IsNotFound(join.status())) {
      table.Fault("join", Sv(join.status().message()));
    }  // else: whoever has joined may remove the file
  }
  const std::string dir = flags.dir.empty() ? DefaultDir() : flags.dir;
  out.identity_dir = dir.empty() ? "" : Cat(dir, "/identity");
  CheckFolder(out.identity_dir, "identity_dir", "this worker's key (--dir)", table);
}

// A bad list is a fault here: go would only report it with the first module, as a failure of that module's job.
goproxy::List ReadGoProxy(const std::string& goproxy, config::Table& table) {
  if (goproxy.empty()) return {};
  absl::StatusOr<goproxy::List> list = goproxy::ParseWithoutDirect(goproxy);
  if (!list.ok()) table.Fault("goproxy", Sv(list.status().message()));
  return list.ok() ? *std::move(list) : goproxy::List{};
}

absl::Duration ReadDrainTimeout(const std::string& flag, absl::Duration fallback, config::Table& table) {
  const absl::Duration of_file = table.Duration("drain_timeout", fallback, absl::ZeroDuration(), kDrainTimeoutMax);
  const std::string text = First(flag, "GOFARM_WORKER_DRAIN_TIMEOUT", "");
  if (text.empty()) return of_file;
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout < absl::ZeroDuration() || timeout > kDrainTimeoutMax) {
    table.Fault("drain_timeout", Cat("\"", EscapeForPrint(text), "\" must be a time between 0s and ",
                                     absl::FormatDuration(kDrainTimeoutMax), ", such as 30s or 10m"));
  }
  return timeout;
}

std::vector<Target> ReadTargets(config::Table& table) {
  std::vector<std::string> all;
  for (const Target target : kAllTargets) all.emplace_back(TargetName(target));
  std::vector<Target> targets;
  for (const std::string& name : table.StrList("targets", all)) {
    const auto target = ParseTarget(name);
    if (!target) {
      table.Fault("targets", Cat("\"", EscapeForPrint(name), "\" is none of ", kTargetNames));
    } else if (std::find(targets.begin(), targets.end(), *target) == targets.end()) {
      targets.push_back(*target);
    }
  }
  if (targets.empty()) table.Fault("targets", "names no target");
  return targets;
}

build::SmokeMode ReadSmokeMode(config::Table& table) {
  const std::string name = table.Str("smoke", std::string(build::SmokeModeName(build::SmokeMode::kEmulator)));
  const std::optional<build::SmokeMode> mode = build::ParseSmokeMode(name);
  if (!mode) table.Fault("smoke", Cat("\"", EscapeForPrint(name), "\" must be native, emulator or off"));
  return mode.value_or(build::SmokeMode::kEmulator);
}

void ReadMetrics(const Flags& flags, AppConfig& out, config::Table& table) {
  watch::ListenerOptions& metrics = out.metrics;
  metrics.address = First(flags.http, "GOFARM_WORKER_HTTP", table.Str("http", ""));
  metrics.certificate = table.Str("http_certificate", "");
  metrics.key = table.Str("http_key", "");
  metrics.token_file = table.Str("http_token_file", "");
  out.scrape_address = table.Str("scrape_address", "");
  if (metrics.certificate.empty() != metrics.key.empty()) {
    table.Fault("http_certificate", "and http_key belong together: name both files, or none");
  }
  if (out.scrape_address.size() > kScrapeAddressMax) {
    table.Fault("scrape_address", Cat("has more than ", kScrapeAddressMax, " bytes"));
  } else if (!out.scrape_address.empty()) {
    if (const absl::Status s = rpc::CheckTcpAddress(out.scrape_address); !s.ok()) {
      table.Fault("scrape_address", Sv(s.message()));
    } else if (metrics.address.empty()) {
      table.Fault("scrape_address", "is where others reach /metrics; set http, where it is served, too");
    }
  }
  if (metrics.address.empty()) return;
  const bool tls = !metrics.certificate.empty();
  if (const absl::Status s = http::CheckAddress(metrics.address, tls); absl::IsFailedPrecondition(s)) {
    table.Fault("http", Cat("\"", EscapeForPrint(metrics.address),
                            "\" reaches beyond this machine; listen on 127.0.0.1 or [::1], or with TLS "
                            "(http_certificate, http_key)"));
  } else if (!s.ok()) {
    table.Fault("http", Sv(s.message()));
  }
}

Labels ReadLabels(const std::vector<std::string>& flags, config::Table& table) {
  Labels labels;
  config::Table of_file = table.Sub("labels");
  for (const std::string& key : of_file.Keys()) labels[key] = of_file.Str(key, "");
  const std::vector<std::string> of_environment =
      absl::StrSplit(First("", "GOFARM_WORKER_LABELS", ""), ',', absl::SkipEmpty());
  for (const std::vector<std::string>* texts : {&of_environment, &flags}) {
    absl::StatusOr<Labels> more = ParseLabels(*texts);
    if (!more.ok()) {
      table.Fault("labels", Sv(more.status().message()));
      continue;
    }
    for (const auto& [key, value] : *more) labels[key] = value;
  }
  if (const absl::Status status = CheckLabels(labels); !status.ok()) table.Fault("labels", Sv(status.message()));
  return labels;
}

}  // namespace

int DefaultSlots(int cores, int64_t memory_bytes) {
  return static_cast<int>(std::clamp<int64_t>(std::min<int64_t>(cores, memory_bytes / kMemoryPerSlot), 1, kSlotsMax));
}

int64_t DefaultMemoryPerSlot(int slots, int64_t memory_bytes) {
  return std::max(kMemoryMin, std::min(kMemoryPerSlot, memory_bytes / 8 * 7 / std::max(1, slots)));
}

absl::StatusOr<AppConfig> LoadAppConfig(const Flags& flags) {
  config::Table table = flags.config.empty() ? config::Table::Empty() : config::Table::Load(flags.config);
  AppConfig out;
  out.name = First(flags.name, "GOFARM_WORKER_NAME", table.Str("name", ""));
  out.named = !out.name.empty();
  if (!out.named) out.name = HostName();
  if (const absl::Status good = CheckName(out.name); !good.ok()) table.Fault("name", Sv(good.message()));
  ReadCoordinators(flags, out, table);

  const std::string dir = flags.dir.empty() && !out.identity_dir.empty() ? DefaultDir() : flags.dir;
  out.cache_dir = First(flags.cache_dir, "GOFARM_WORKER_CACHE_DIR", table.Str("cache_dir", ""));
  if (out.cache_dir.empty() && !dir.empty()) out.cache_dir = Cat(dir, "/cache");
  CheckFolder(out.cache_dir, "cache_dir", "toolchains, seeds and modules", table);
  out.work_dir = First(flags.work_dir, "GOFARM_WORKER_WORK_DIR", table.Str("work_dir", ""));
  if (out.work_dir.empty() && !dir.empty()) out.work_dir = Cat(dir, "/work/", out.name);
  CheckFolder(out.work_dir, "work_dir", "running builds", table);
  if (!out.work_dir.empty() && absl::StartsWith(out.cache_dir + "/", out.work_dir + "/")) {
    table.Fault("cache_dir",
                Cat("\"", EscapeForPrint(out.cache_dir),
                    "\" lies inside work_dir, whose folders are cleared at every start: give it a folder of its own"));
  }

  const int64_t memory = PhysicalMemory();
  out.cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  out.slots = static_cast<int>(table.Int("slots", DefaultSlots(out.cores, memory), 1, kSlotsMax));
  if (flags.slots > 0) out.slots = std::min(flags.slots, kSlotsMax);
  out.memory_bytes_per_slot =
      table.Bytes("memory_bytes_per_slot", DefaultMemoryPerSlot(out.slots, memory), kMemoryMin, kBytesMax);
  out.targets = ReadTargets(table);
  out.labels = ReadLabels(flags.labels, table);
  out.drain_timeout = ReadDrainTimeout(flags.drain_timeout, out.drain_timeout, table);
  out.proxy.goproxy = ReadGoProxy(First("", "GOFARM_WORKER_GOPROXY", table.Str("goproxy", "")), table);
  out.proxy.gosumdb = table.Str("gosumdb", "");
  out.proxy.gonosumdb = table.Str("gonosumdb", "");
  out.proxy.goprivate = table.Str("goprivate", "");
  out.smoke = ReadSmokeMode(table);
  out.module_cache_bytes = table.Bytes("module_cache_bytes", out.module_cache_bytes, 0, kBytesMax);
  out.shared_cache_bytes = table.Bytes("shared_cache_bytes", out.shared_cache_bytes, 0, kBytesMax);
  ReadMetrics(flags, out, table);
  const std::string level = First(flags.log_level, "GOFARM_WORKER_LOG_LEVEL", table.Str("log_level", "info"));
  if (!obs::ParseLevel(level, out.log_level)) table.Fault("log_level", "must be debug, info, warn or error");
  if (const absl::Status status = table.Finish(); !status.ok()) return status;
  return out;
}

}  // namespace gofarm::worker
