#include "worker/verbs.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/config/toolsets.h"
#include "common/goproxy/list.h"
#include "common/io/files.h"
#include "common/json/writer.h"
#include "common/process/run.h"
#include "worker/fetch/make_go.h"
#include "worker/fetch/module_cache.h"

namespace gofarm::worker {
namespace {

constexpr absl::Duration kGoEnvMax = absl::Seconds(30);
constexpr absl::Duration kNewsInterval = absl::Seconds(5);  // where stderr is no terminal

void PrintOut(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void PrintErr(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

absl::StatusOr<fetch::CacheLayout> CacheOf(const CacheArgs& args) {
  std::string folder = args.cache_dir;
  if (folder.empty()) {
    const char* const value = std::getenv("GOFARM_CACHE_DIR");
    folder = value == nullptr ? "" : value;
  }
  if (folder.empty()) {
    return absl::InvalidArgumentError("which cache folder? Give --cache-dir DIR, or set GOFARM_CACHE_DIR");
  }
  if (folder[0] != '/') {
    char here[4096];
    if (::getcwd(here, sizeof here) == nullptr) return ErrnoStatus(errno, "find the current folder");
    folder = Cat(here, "/", folder);
  }
  return fetch::CacheLayout(folder);
}

absl::StatusOr<config::ToolsetFile> ToolsetsOf(const CacheArgs& args) {
  absl::StatusOr<config::ToolsetFile> file =
      args.toolsets.empty() ? config::BuiltInToolsets() : config::LoadToolsets(args.toolsets);
  if (!file.ok() || args.toolset.empty()) return file;
  std::erase_if(file->toolsets, [&](const Toolset& t) { return t.name != args.toolset; });
  if (file->toolsets.empty())
    return absl::NotFoundError(Cat("there is no toolset \"", EscapeForPrint(args.toolset), "\""));
  return file;
}

std::string Mib(int64_t bytes) { return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20)); }

// One line that is rewritten on a terminal, else a line for each step and every few seconds.
class ProgressLine {
 public:
  fetch::FetchProgress Sink() {
    return [this](std::string_view step, int64_t done, int64_t total) { Show(step, done, total); };
  }
  ~ProgressLine() {
    if (terminal_ && !step_.empty()) PrintErr("\r\033[K");
  }

 private:
  void Show(std::string_view step, int64_t done, int64_t total) {
    const absl::Time now = SteadyNow();
    const bool news = step != step_;
    if (news) {
      step_ = std::string(step);
      since_ = now;
    }
    if (!news && now - shown_ < (terminal_ ? absl::Milliseconds(200) : kNewsInterval)) return;
    shown_ = now;
    std::string line = step_;
    if (total > 0) {
      line += Cat(": ", Mib(done), " of ", Mib(total));
      const absl::Duration spent = now - since_;
      if (done > 0 && done < total && spent > absl::Seconds(2)) {
        const double left =
            absl::ToDoubleSeconds(spent) * static_cast<double>(total - done) / static_cast<double>(done);
        line += Cat(", ", static_cast<int64_t>(left) + 1, " s left");
      }
    } else if (done > 0) {
      line += Cat(": ", Mib(done));
    }
    line = EscapeForPrint(line);
    PrintErr(terminal_ ? Cat("\r\033[K", line) : Cat(line, "\n"));
  }

  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::string step_;
  absl::Time since_, shown_ = absl::InfinitePast();
};

// An empty answer may be a misspelt folder.
void SayWhereNothingIs(const fetch::CacheLayout& cache) {
  PrintErr(Cat("gofarm-worker: no toolchain in ", EscapeForPrint(cache.Toolchains()), "\n"));
}

void PrintToolchains(const std::vector<fetch::InstalledToolchain>& toolchains, bool json) {
  if (!json) {
    for (const fetch::InstalledToolchain& t : toolchains) {
      PrintOut(Cat(t.kind, " ", t.version, "  ", EscapeForPrint(t.path), "  sha256 ", t.sha256, "\n"));
    }
    return;
  }
  JsonWriter writer;
  writer.BeginArray();
  for (const fetch::InstalledToolchain& t : toolchains) {
    writer.BeginObject()
        .Field("kind", t.kind)
        .Field("version", t.version)
        .Field("path", t.path)
        .Field("sha256", t.sha256)
        .EndObject();
  }
  PrintOut(writer.EndArray().Take());
}

}  // namespace

absl::StatusOr<fetch::ProxyEnvironment> ProxyOfGo(const Scope& scope, fetch::ToolchainStore& store) {
  GOFARM_ASSIGN_OR_RETURN(const std::string go, store.BootstrapGo(scope));
  process::Command spec;
  spec.argv = {go, "env", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"};
  spec.environment = process::InheritedEnvironment({"GOTOOLCHAIN", "GOWORK", "GO111MODULE", "GOFLAGS"});
  spec.environment.emplace_back("GOTOOLCHAIN", "local");
  spec.environment.emplace_back("GOWORK", "off");
  spec.working_directory = "/";
  GOFARM_ASSIGN_OR_RETURN_CTX(const process::CommandResult result, process::Run(scope.Within(kGoEnvMax), spec),
                              "go env");
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  if (result.exit_code != 0 || lines.size() < 4) {
    return absl::FailedPreconditionError(Cat("ask ", go, " env for GOPROXY: ", Clip(EscapeForPrint(result.err), 500),
                                             "; write goproxy into the configuration"));
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(goproxy::List proxies, goproxy::Parse(lines[0]), Cat(go, " env GOPROXY"));
  return fetch::ProxyEnvironment{std::move(proxies), lines[1], lines[2], lines[3]};
}

absl::Status ToolchainInstall(const Scope& scope, const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  GOFARM_ASSIGN_OR_RETURN(const config::ToolsetFile file, ToolsetsOf(args));
  GOFARM_RETURN_IF_ERROR(io::MakePrivateFolder(cache.root(), {"toolchains"}).status());
  std::vector<fetch::InstalledToolchain> all;
  {
    ProgressLine progress;
    fetch::ToolchainStore first(cache, {}, file.bootstrap);
    GOFARM_ASSIGN_OR_RETURN(fetch::ProxyEnvironment proxy, ProxyOfGo(scope, first));
    fetch::ToolchainStore store(cache, std::move(proxy), file.bootstrap);
    for (const Toolset& toolset : file.toolsets) {
      GOFARM_ASSIGN_OR_RETURN_CTX(fetch::ToolchainStore::Installed installed,
                                  store.InstallToolset(scope, toolset, progress.Sink()), Cat("toolset ", toolset.name));
      for (fetch::InstalledToolchain& go : installed.gos) all.push_back(std::move(go));
      all.push_back(std::move(installed.zig));
    }
  }
  PrintToolchains(all, args.json);
  return absl::OkStatus();
}

absl::Status ToolchainMakeGo(const Scope& scope, const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  GOFARM_ASSIGN_OR_RETURN(const config::ToolsetFile file, ToolsetsOf(args));
  GOFARM_RETURN_IF_ERROR(io::MakePrivateFolder(cache.root(), {"toolchains"}).status());
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(args.out, 0755));
  std::error_code error;
  const std::string out = std::filesystem::canonical(args.out, error).string();
  if (error) return ErrnoStatus(error.value(), Cat("find ", args.out));
  std::string rows;
  std::set<std::string> made;  // toolsets share versions
  {
    ProgressLine progress;
    fetch::ToolchainStore first(cache, {}, file.bootstrap);
    GOFARM_ASSIGN_OR_RETURN(fetch::ProxyEnvironment proxy, ProxyOfGo(scope, first));
    fetch::ToolchainStore store(cache, std::move(proxy), file.bootstrap);
    const std::string host = fetch::ToolchainStore::HostArch();
    for (const Toolset& toolset : file.toolsets) {
      for (const Archive& archive : toolset.archives) {
        if (archive.kind != "go" || archive.host_arch != host || !made.insert(archive.version).second) continue;
        GOFARM_ASSIGN_OR_RETURN(const fetch::InstalledToolchain go, store.Install(scope, archive, progress.Sink()));
        progress.Sink()(Cat("making Go ", go.version, " for ", args.host_arch, ", some minutes"), 0, 0);
        GOFARM_ASSIGN_OR_RETURN(
            const fetch::MadeGo one,
            fetch::MakeGo(scope, {.go = go, .host_arch = args.host_arch, .scratch = cache.root(), .out = out}));
        rows +=
            Cat("[[toolset.archive]]\nkind = \"go\"\nversion = \"", go.version, "\"\nhost_arch = \"", args.host_arch,
                "\"\nsource = \"folder\"\nlocator = \"", one.file, "\"\nsha256 = \"", one.sha256, "\"\n\n");
      }
    }
  }
  if (made.empty())
    return absl::NotFoundError("no toolset names a Go for this host, from whose source another one is made");
  PrintOut(rows);
  return absl::OkStatus();
}

absl::Status ToolchainList(const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  const std::vector<fetch::InstalledToolchain> all = fetch::ToolchainStore(cache, {}).List();
  if (all.empty()) SayWhereNothingIs(cache);
  PrintToolchains(all, args.json);
  return absl::OkStatus();
}

absl::Status ToolchainVerify(const Scope& scope, const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  const fetch::ToolchainStore store(cache, {});
  absl::Status worst;
  JsonWriter writer;
  writer.BeginArray();
  const std::vector<fetch::InstalledToolchain> whole = store.List();
  const std::vector<fetch::ToolchainStore::Damaged> damaged = store.ListDamaged();
  if (whole.empty() && damaged.empty()) SayWhereNothingIs(cache);
  for (const fetch::ToolchainStore::Damaged& d : damaged) {
    const std::string why = EscapeForPrint(d.why);
    worst = absl::DataLossError(Cat(why, "; `gofarm-worker toolchain install` makes it anew"));
    if (!args.json) PrintOut(Cat(EscapeForPrint(d.folder), "  ", why, "\n"));
    writer.BeginObject().Field("kind", "").Field("version", "").Field("path", d.folder);
    writer.Field("good", false).Field("detail", why).EndObject();
  }
  for (const fetch::InstalledToolchain& t : whole) {
    const absl::Status status = store.Verify(scope, t);
    if (!status.ok() && worst.ok()) worst = status;
    const std::string result = status.ok() ? "good" : EscapeForPrint(Sv(status.message()));
    if (!args.json) PrintOut(Cat(t.kind, " ", t.version, "  ", result, "\n"));
    writer.BeginObject().Field("kind", t.kind).Field("version", t.version).Field("path", t.path);
    writer.Field("good", status.ok()).Field("detail", status.ok() ? std::string() : result).EndObject();
  }
  writer.EndArray();
  if (args.json) PrintOut(writer.Take());
  return worst;
}

absl::Status ToolchainBootstrap(const Scope& scope, const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  GOFARM_ASSIGN_OR_RETURN(const config::ToolsetFile file, ToolsetsOf(args));
  std::string go;
  {
    ProgressLine progress;
    fetch::ToolchainStore store(cache, {}, file.bootstrap);
    GOFARM_ASSIGN_OR_RETURN(go, store.BootstrapGo(scope, progress.Sink()));
  }
  PrintOut(go + "\n");
  return absl::OkStatus();
}

absl::Status CacheShow(const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  const fetch::CacheSizes sizes = fetch::MeasureCache(cache);
  const std::vector<std::pair<std::string_view, int64_t>> rows = {
      {"toolchains", sizes.toolchains}, {"seeds", sizes.seeds},  {"gocache", sizes.gocache}, {"mod", sizes.mod},
      {"listings", sizes.listings},     {"total", sizes.Total()}};
  if (!args.json) {
    PrintOut(Cat(EscapeForPrint(cache.root()), "\n"));
    for (const auto& [name, bytes] : rows) PrintOut(absl::StrFormat("  %-10s %12s\n", Av(name), Mib(bytes)));
    return absl::OkStatus();
  }
  JsonWriter writer;
  writer.BeginObject().Field("cache_dir", cache.root());
  for (const auto& [name, bytes] : rows) writer.Field(name, bytes);
  PrintOut(writer.EndObject().Take());
  return absl::OkStatus();
}

absl::Status CachePrune(const Scope& scope, const CacheArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const fetch::CacheLayout cache, CacheOf(args));
  fetch::PruneLimits limits;
  if (!args.module_bytes.empty()) {
    GOFARM_ASSIGN_OR_RETURN_CTX(limits.mod_bytes, config::ParseBytes(args.module_bytes), "--mod-bytes");
  }
  if (!args.shared_bytes.empty()) {
    GOFARM_ASSIGN_OR_RETURN_CTX(limits.gocache_bytes, config::ParseBytes(args.shared_bytes), "--gocache-bytes");
  }
  GOFARM_ASSIGN_OR_RETURN(const fetch::Pruned pruned, fetch::PruneCache(scope, cache, limits));
  if (!args.json) {
    PrintOut(Cat("removed ", Mib(pruned.bytes), ": ", pruned.modules, " modules, ", pruned.gocache_entries,
                 " entries of Go caches, ", pruned.listings, " listings\n"));
    return absl::OkStatus();
  }
  JsonWriter writer;
  writer.BeginObject().Field("cache_dir", cache.root()).Field("bytes", pruned.bytes).Field("modules", pruned.modules);
  writer.Field("gocache_entries", pruned.gocache_entries).Field("listings", pruned.listings);
  PrintOut(writer.EndObject().Take());
  return absl::OkStatus();
}

}  // namespace gofarm::worker
