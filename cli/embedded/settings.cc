#include "cli/embedded/settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/goproxy/list.h"
#include "common/io/files.h"
#include "common/io/url.h"
#include "common/process/program.h"
#include "common/process/run.h"
#include "common/rpc/listen_addresses.h"

namespace gofarm::embedded {
namespace {

constexpr std::string_view kHeader = "# Written by `gofarm up`; what is changed here is lost at the next one.\n";
constexpr char kNone[] = "none";
constexpr int64_t kMemoryPerSlot = int64_t{6} << 30;
constexpr int64_t kLeastMemoryPerSlot = int64_t{256} << 20;
constexpr int kFirstPort = 20000;
constexpr int kPorts = 10000;  // up to 29999: Linux gives outgoing connections 32768 and more

std::string Line(std::string_view key, std::string_view text) { return Cat(key, " = ", TomlString(text), "\n"); }

std::string ListLine(std::string_view key, const std::vector<std::string>& texts) {
  std::string items;
  for (const std::string& text : texts) items += Cat(items.empty() ? "" : ", ", TomlString(text));
  return Cat(key, " = [", items, "]\n");
}

// The keys have the same names in both files.
std::string PublicLines(const Settings& settings) {
  return Cat(settings.public_listen.empty() ? "" : Line("public_listen", settings.public_listen),
             settings.public_url.empty() ? "" : Line("public_url", settings.public_url));
}

constexpr const char* kGoVariables[] = {"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"};

absl::StatusOr<std::string> BootstrapGo(const Scope& scope, const std::string& worker_exe,
                                        const std::string& cache_dir) {
  GOFARM_ASSIGN_OR_RETURN(const process::CommandResult result,
                          process::Run(scope, {.argv = {worker_exe, "toolchain", "bootstrap", "--cache-dir", cache_dir},
                                               .environment = process::InheritedEnvironment(),
                                               .leads = process::Leads::kGroup,
                                               .show_errors = true}));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(Cat("there is no go in PATH, and `", worker_exe,
                                             " toolchain bootstrap` got none (exit code ", result.exit_code,
                                             "); install Go, or set GOPROXY, GOSUMDB, GONOSUMDB and GOPRIVATE"));
  }
  // The path is the last line; the lines before it are progress.
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipWhitespace());
  if (lines.empty()) return absl::InternalError(Cat(worker_exe, " toolchain bootstrap printed no path"));
  return std::string(absl::StripAsciiWhitespace(lines.back()));
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string TomlString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += absl::StrFormat("\\u%04X", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

absl::StatusOr<Settings> ReadSettings(const FarmPaths& paths) {
  if (access(paths.SettingsFile().c_str(), F_OK) != 0) return Settings{};
  config::Table table = config::Table::Load(paths.SettingsFile());
  Settings settings{.workers = static_cast<int>(table.Int("workers", 1, 0, kWorkersMax)),
                    .cache_dir = table.Str("cache_dir", ""),
                    .http_port = static_cast<int>(table.Int("http_port", 0, 0, 65535)),
                    .listen = table.StrList("listen", {}),
                    .public_names = table.StrList("public_names", {}),
                    .public_listen = table.Str("public_listen", ""),
                    .public_url = table.Str("public_url", "")};
  GOFARM_RETURN_IF_ERROR(table.Finish());
  return settings;
}

absl::Status WriteSettings(const FarmPaths& paths, const Settings& settings) {
  return io::WriteFileAtomic(
      paths.SettingsFile(),
      Cat(kHeader, "workers = ", settings.workers.value_or(1), "\n", Line("cache_dir", settings.cache_dir),
          "http_port = ", settings.http_port, "\n", ListLine("listen", settings.listen),
          ListLine("public_names", settings.public_names), PublicLines(settings)),
      0600);
}

absl::Status TakePublic(const std::string& listen, const std::string& url, Settings& settings) {
  const auto take = [](const std::string& asked, std::string& kept) {
    if (!asked.empty()) kept = asked == kNone ? "" : asked;
  };
  take(listen, settings.public_listen);
  take(url, settings.public_url);
  if (listen == kNone && url.empty()) settings.public_url.clear();
  if (!settings.public_url.empty()) {
    const absl::StatusOr<io::Url> read = io::ParseUrl(settings.public_url);
    if (!read.ok() || (read->scheme != "http" && read->scheme != "https")) {
      return absl::InvalidArgumentError(
          Cat("--public-url \"", EscapeForPrint(settings.public_url), "\" is no http or https address"));
    }
  }
  if (settings.public_listen.empty()) return absl::OkStatus();
  if (rpc::IsUnix(settings.public_listen)) {
    return absl::InvalidArgumentError(
        Cat("--public-listen ", EscapeForPrint(settings.public_listen), " is a socket; write ADDR:PORT"));
  }
  // Only its form: who reaches it is what public_url says.
  GOFARM_RETURN_IF_ERROR_CTX(rpc::CheckListen({settings.public_listen}, {"localhost"}), "--public-listen");
  if (!settings.public_url.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--public-listen goes with --public-url: the http or https address by which others reach it, such as "
      "https://bins.example.org");
}

absl::StatusOr<std::string> FarmProxies(std::string_view goproxy) {
  const absl::StatusOr<goproxy::List> list = goproxy::ParseWithoutDirect(goproxy);
  if (list.ok()) return goproxy::ToText(*list);
  // Without the value: it may hold a password.
  return absl::InvalidArgumentError(Cat("GOPROXY: ", Sv(list.status().message()), "; set GOPROXY"));
}

absl::StatusOr<GoSettings> FindGoSettings(const Scope& scope, const Environment& environment,
                                          const std::string& worker_exe, const std::string& cache_dir) {
  std::optional<std::string> values[4];
  bool complete = true;
  for (int i = 0; i < 4; ++i) {
    values[i] = environment(kGoVariables[i]);
    // GOPROXY and GOSUMDB mean something only with a value; Go too takes empty for unset.
    if (values[i] && values[i]->empty() && i < 2) values[i].reset();
    complete = complete && values[i].has_value();
  }
  if (!complete) {
    absl::StatusOr<std::string> found = process::FindProgram("go");
    if (!found.ok()) found = BootstrapGo(scope, worker_exe, cache_dir);
    GOFARM_ASSIGN_OR_RETURN(const std::string go, std::move(found));
    // In a folder without go.mod or go.work, whose toolchain line could start a download.
    GOFARM_ASSIGN_OR_RETURN(
        const process::CommandResult result,
        process::Run(
            scope.Within(absl::Seconds(30)),
            {.argv = {go, "env", kGoVariables[0], kGoVariables[1], kGoVariables[2], kGoVariables[3]},
             .environment = process::InheritedWith({{"GOTOOLCHAIN", "local"}, {"GOWORK", "off"}, {"GO111MODULE", ""}}),
             .leads = process::Leads::kGroup}));
    if (result.exit_code != 0) {
      return absl::FailedPreconditionError(Cat(go, " env: ", Clip(EscapeForPrint(result.err), 1000)));
    }
    const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
    for (size_t i = 0; i < 4; ++i) {
      if (!values[i]) values[i] = i < lines.size() ? lines[i] : "";
    }
  }
  GoSettings go{.gosumdb = *values[1], .gonosumdb = *values[2], .goprivate = *values[3]};
  GOFARM_ASSIGN_OR_RETURN(go.goproxy, FarmProxies(*values[0]));
  return go;
}

absl::StatusOr<GoSettings> KeptGoSettings(const FarmPaths& paths) {
  const std::string file = paths.WorkerConfig(1);
  const absl::StatusOr<std::string> text = io::ReadFile(file, config::kConfigBytesMax);
  if (absl::IsNotFound(text.status())) return GoSettings{};
  const auto refusal = [&file](absl::string_view why) {
    return absl::FailedPreconditionError(
        Cat("read the proxies of the running farm from ", file, ": ", Sv(why),
            "; mend that file, or take the farm down and up again (gofarm down, gofarm up): "
            "that writes it anew from the present environment"));
  };
  if (!text.ok()) return refusal(text.status().message());
  config::Table table = config::Table::Parse(*text, file);
  // `gofarm up` writes all four, so one that is not there as text was lost.
  static constexpr std::string_view kLost("\0", 1);
  const GoSettings kept{.goproxy = table.Str("goproxy", kLost),
                        .gosumdb = table.Str("gosumdb", kLost),
                        .gonosumdb = table.Str("gonosumdb", kLost),
                        .goprivate = table.Str("goprivate", kLost)};
  const std::string* const values[] = {&kept.goproxy, &kept.gosumdb, &kept.gonosumdb, &kept.goprivate};
  const bool lost = std::any_of(std::begin(values), std::end(values), [](const std::string* v) { return *v == kLost; });
  // Only these keys are checked here; the worker checks the others.
  if (!lost && !kept.goproxy.empty()) return kept;
  const absl::Status faults = table.Finish();
  return refusal(faults.ok() ? "goproxy, gosumdb, gonosumdb or goprivate is missing" : faults.message());
}

std::vector<std::string> IgnoredGoSettings(const Environment& environment, const GoSettings& kept) {
  const std::string* const values[] = {&kept.goproxy, &kept.gosumdb, &kept.gonosumdb, &kept.goprivate};
  std::vector<std::string> lines;
  for (size_t i = 0; i < 4; ++i) {
    const std::optional<std::string> set = environment(kGoVariables[i]);
    if (!set || set->empty()) continue;
    const std::string wanted = i == 0 ? FarmProxies(*set).value_or(*set) : *set;
    if (wanted != *values[i]) lines.push_back(Cat("the farm keeps its ", kGoVariables[i], " until gofarm down"));
  }
  return lines;
}

WorkerShare ShareOfWorker(int workers, int cores, int64_t memory_bytes) {
  if (workers <= 1) return {};
  const int64_t alone = std::max<int64_t>(1, std::min<int64_t>(cores, memory_bytes / kMemoryPerSlot));
  const int64_t slots = std::max<int64_t>(1, alone / workers);
  // An eighth stays for the farm itself and the machine.
  const int64_t memory = std::clamp(memory_bytes / 8 * 7 / (slots * workers), kLeastMemoryPerSlot, kMemoryPerSlot);
  return {.slots = static_cast<int>(slots), .memory_bytes_per_slot = memory};
}

std::string WorkerHttp(std::string_view address, int number) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string_view::npos || !absl::SimpleAtoi(Av(address.substr(colon + 1)), &port) || port <= 0) {
    return std::string(address);
  }
  return Cat(address.substr(0, colon + 1), port + number - 1);
}

std::string CoordinatorToml(const FarmPaths& paths, const Settings& settings, const GoSettings& go, bool has_toolsets) {
  std::string host;
  for (const char c : paths.run) {
    // libpq's URI: everything but plain characters as %XX.
    host += absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.'
                ? std::string(1, c)
                : absl::StrFormat("%%%02X", static_cast<unsigned char>(c));
  }
  std::vector<std::string> listen{paths.GrpcAddress()};
  listen.insert(listen.end(), settings.listen.begin(), settings.listen.end());
  return Cat(kHeader, ListLine("listen", listen), ListLine("public_names", settings.public_names),
             Line("http", Cat("127.0.0.1:", settings.http_port)),
             Line("database_url", Cat("postgresql:///gofarm?host=", host, "&user=gofarm")),
             Line("data_dir", paths.Data()), has_toolsets ? Line("toolsets", paths.ToolsetsFile()) : "",
             Line("goproxy", go.goproxy), Line("gosumdb", go.gosumdb), Line("gonosumdb", go.gonosumdb),
             Line("goprivate", go.goprivate), "\n[publish]\nmake_keys = true\n", PublicLines(settings));
}

std::string WorkerToml(const FarmPaths& paths, const Settings& settings, const GoSettings& go, int number,
                       const WorkerShare& share) {
  const std::string name = FarmPaths::WorkerName(number);
  return Cat(kHeader, Line("name", name), "coordinators = [", TomlString(paths.GrpcAddress()), "]\n",
             Line("cache_dir", settings.cache_dir), Line("work_dir", Cat(paths.Work(), "/", name)),
             share.slots > 0
                 ? Cat("slots = ", share.slots, "\nmemory_bytes_per_slot = ", share.memory_bytes_per_slot, "\n")
                 : "",
             Line("goproxy", go.goproxy), Line("gosumdb", go.gosumdb), Line("gonosumdb", go.gonosumdb),
             Line("goprivate", go.goprivate));
}

bool PortIsFree(int port) {
  io::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

absl::StatusOr<int> ChooseHttpPort(const std::string& dir) {
  const int first = static_cast<int>(std::hash<std::string>()(dir) % kPorts);
  for (int i = 0; i < 200; ++i) {
    const int port = kFirstPort + (first + i) % kPorts;
    if (PortIsFree(port)) return port;
  }
  return absl::UnavailableError(Cat("no port from ", kFirstPort + first, " on is free on 127.0.0.1"));
}

}  // namespace gofarm::embedded
