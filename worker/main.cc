// gofarm-worker: the command line. Everything else is in app.cc and verbs.cc.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <string>

#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/pki/join_source.h"
#include "common/sync/signals.h"
#include "worker/app.h"
#include "worker/app_config.h"
#include "worker/exec/sandbox.h"
#include "worker/verbs.h"

namespace {

constexpr char kAbout[] =
    "A worker of a gofarm: takes jobs from its coordinator, builds each in a sandbox, hands in what came out.\n"
    "\n"
    "On one machine `gofarm up` starts it. On another host one command joins the farm and builds:\n"
    "\n"
    "  gofarm-worker --join JOIN            # JOIN: what `gofarm token create --role worker` printed there\n"
    "\n"
    "From then on `gofarm-worker` is enough: who it is stands in DIR/identity (DIR: --dir, else "
    "/var/lib/gofarm-worker for\n"
    "root, $XDG_STATE_HOME/gofarm-worker for others). A file says the same and more:\n"
    "\n"
    "  join_file = \"/etc/gofarm/join\"      # used once\n"
    "  cache_dir = \"/var/cache/gofarm\"     # toolchains, seeds, modules; several workers may share it\n"
    "  work_dir = \"/var/lib/gofarm/work\"   # running builds; of this worker alone\n"
    "  # coordinators = [\"unix:/run/gofarm/coordinator.sock\"], or HOST:PORT in place of the join string's\n"
    "  # name, slots, drain_timeout, memory_bytes_per_slot, targets, [labels], goproxy, gosumdb, gonosumdb,\n"
    "  # goprivate, smoke (emulator, native or off), module_cache_bytes, shared_cache_bytes, log_level, http "
    "(/metrics),\n"
    "  # http_certificate, http_key, http_token_file, scrape_address (docs/metrics.md)\n"
    "\n"
    "given with --config. A flag counts more than the environment (GOFARM_JOIN, GOFARM_WORKER_NAME, ..._COORDINATORS,\n"
    "..._CACHE_DIR, ..._WORK_DIR, ..._DRAIN_TIMEOUT, ..._LABELS, ..._GOPROXY, ..._HTTP, ..._LOG_LEVEL), and that more "
    "than the "
    "file. It needs bubblewrap 0.8 "
    "and "
    "user\n"
    "namespaces;\n"
    "where it cannot isolate builds it takes none and says what is missing.\n"
    "\n"
    "SIGTERM: no new builds; those that run may end by themselves for drain_timeout (30s), then the worker takes its "
    "leave.\n"
    "What still runs then goes back to the queue, and so it does at once at a second SIGTERM.";

constexpr char kFooter[] =
    "Exit codes: 0 as asked, or stopped by SIGTERM or SIGINT; 1 `toolchain verify` found a damaged toolchain; 2 wrong "
    "usage or\n"
    "configuration, or something that a person has to set right (the message says what); 3 a source of toolchains did "
    "not\n"
    "answer; 4 internal error. 2 also when the farm lets it in no (more): the message says with which command it "
    "comes back.";

constexpr absl::Duration kVerbMax = absl::Hours(2);

int Finish(const absl::Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "gofarm-worker: %s\n",
                 gofarm::EscapeForPrint(gofarm::Sv(status.message()), /*keep_newlines=*/true).c_str());
  }
  return gofarm::worker::ExitCodeOf(status);
}

void AddCacheOptions(CLI::App& verb, gofarm::worker::CacheArgs& args, std::string& output) {
  verb.add_option("--cache-dir", args.cache_dir, "the cache folder; else GOFARM_CACHE_DIR")->type_name("DIR");
  verb.add_option("--output", output, "text or json")->type_name("FORM")->check(CLI::IsMember({"text", "json"}));
}

void AddToolsetOptions(CLI::App& verb, gofarm::worker::CacheArgs& args) {
  verb.add_option("--toolsets", args.toolsets, "the file of pins; else the one this program carries")
      ->type_name("FILE");
}

int Main(int argc, char** argv) {
  using namespace gofarm;
  // Builds run as other uids and read toolchains, seeds and modules of the cache, whatever the user's umask is.
  ::umask(022);
  worker::Flags flags;
  worker::CacheArgs args;
  std::string output = "text";
  std::function<absl::Status(const Scope&)> verb;

  CLI::App app(kAbout, "gofarm-worker");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("gofarm-worker ") + worker::kVersion);
  app.add_option("--config", flags.config, "the configuration file (TOML)")->type_name("FILE");
  app.add_option("--dir", flags.dir, "identity, cache_dir and work_dir default to folders in it")->type_name("DIR");
  app.add_option("--join", flags.join,
                 "the line that `gofarm token create --role worker` printed; - for standard input")
      ->type_name("JOIN|-|@FILE");
  app.add_option("--name", flags.name, "unique in the farm; else the host's name")->type_name("NAME");
  app.add_option("--cache-dir", flags.cache_dir, "toolchains, seeds and modules")->type_name("DIR");
  app.add_option("--work-dir", flags.work_dir, "running builds")->type_name("DIR");
  app.add_option("--slots", flags.slots, "builds at a time; else by cores and memory")
      ->type_name("N")
      ->check(CLI::Range(1, worker::kSlotsMax));
  app.add_option("--drain-timeout", flags.drain_timeout, "how long builds may go on after SIGTERM, such as 30s")
      ->type_name("TIME");
  app.add_option("--label", flags.labels, "a label, such as zone=b; may be given several times")
      ->type_name("K=V")
      ->allow_extra_args(false);
  app.add_option("--http", flags.http, "where its own /metrics is served; else nowhere")->type_name("ADDR:PORT");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")->type_name("LEVEL");
  app.require_subcommand(0, 1);

  bool check = false;
  CLI::App* checks = app.add_subcommand("check", "what this host offers a worker, what it lacks, and the fix");
  checks->add_option("--output", output, "text or json")->type_name("FORM")->check(CLI::IsMember({"text", "json"}));
  checks->fallthrough();  // the worker's own options hold for it, wherever they stand
  checks->callback([&] { check = true; });

  CLI::App* toolchain =
      app.add_subcommand("toolchain", "the pinned Go and zig in a cache folder")->require_subcommand(1);
  CLI::App* install = toolchain->add_subcommand("install", "fetch, check by SHA-256 and unpack what is missing");
  AddCacheOptions(*install, args, output);
  AddToolsetOptions(*install, args);
  install->add_option("--toolset", args.toolset, "one toolset by its name; else all of the file")->type_name("NAME");
  install->callback([&] { verb = [&](const Scope& scope) { return worker::ToolchainInstall(scope, args); }; });
  CLI::App* list = toolchain->add_subcommand("list", "what is installed");
  AddCacheOptions(*list, args, output);
  list->callback([&] { verb = [&](const Scope&) { return worker::ToolchainList(args); }; });
  CLI::App* verify =
      toolchain->add_subcommand("verify", "read every file again and compare; exit code 1 when one differs");
  AddCacheOptions(*verify, args, output);
  verify->callback([&] { verb = [&](const Scope& scope) { return worker::ToolchainVerify(scope, args); }; });
  CLI::App* bootstrap = toolchain->add_subcommand("bootstrap", "print the path of a first go: of PATH, else fetched");
  AddCacheOptions(*bootstrap, args, output);
  AddToolsetOptions(*bootstrap, args);
  bootstrap->callback([&] { verb = [&](const Scope& scope) { return worker::ToolchainBootstrap(scope, args); }; });

  CLI::App* make_go = toolchain->add_subcommand(
      "make-go", "make the toolsets' Go for hosts for which no registry has one; prints their rows for toolsets.toml");
  AddCacheOptions(*make_go, args, output);
  AddToolsetOptions(*make_go, args);
  make_go->add_option("--toolset", args.toolset, "one toolset by its name; else all of the file")->type_name("NAME");
  make_go->add_option("--host", args.host_arch, "riscv64, loongarch64, aarch64 or x86_64")
      ->required()
      ->type_name("ARCH")
      ->check(CLI::IsMember({"aarch64", "loongarch64", "riscv64", "x86_64"}));
  make_go->add_option("--out", args.out, "the folder that the archives go to")->required()->type_name("DIR");
  make_go->callback([&] { verb = [&](const Scope& scope) { return worker::ToolchainMakeGo(scope, args); }; });

  CLI::App* cache = app.add_subcommand("cache", "disk use of a cache folder")->require_subcommand(1);
  CLI::App* show = cache->add_subcommand("show", "bytes by kind");
  AddCacheOptions(*show, args, output);
  show->callback([&] { verb = [&](const Scope&) { return worker::CacheShow(args); }; });
  CLI::App* prune = cache->add_subcommand("prune", "remove what was used longest ago, down to the budgets");
  AddCacheOptions(*prune, args, output);
  prune->add_option("--mod-bytes", args.module_bytes, "budget of the module cache, such as \"20 GiB\"")
      ->type_name("BYTES");
  prune->add_option("--gocache-bytes", args.shared_bytes, "budget of the shared Go caches")->type_name("BYTES");
  prune->callback([&] { verb = [&](const Scope& scope) { return worker::CachePrune(scope, args); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? worker::kExitOk : worker::kExitWrong;
  }
  args.json = output == "json";
  if (verb) {
    obs::InitLog("gofarm-worker", obs::Level::kWarn);
    sync::StopSignals signals;
    return Finish(verb(Scope::For(kVerbMax, signals.token())));
  }
  const absl::StatusOr<worker::AppConfig> config = worker::LoadAppConfig(flags);
  // Nobody may read the secret from what this process was started with, nor what it starts.
  pki::HideArgument(argc, argv, flags.join);
  if (char* const given = std::getenv("GOFARM_JOIN"); given != nullptr) std::memset(given, 'x', std::strlen(given));
  ::unsetenv("GOFARM_JOIN");
  if (!config.ok()) {
    std::fprintf(stderr, "gofarm-worker: the configuration is wrong, nothing was started:\n%s\n",
                 EscapeForPrint(Sv(config.status().message()), /*keep_newlines=*/true).c_str());
    return worker::kExitWrong;
  }
  if (check) return worker::CheckHost(*config, args.json);
  sync::StopSignals signals(sync::StopSignals::Second::kHurries);
  return worker::RunWorker(*config, signals);
}

}  // namespace

int main(int argc, char** argv) {
  // The inner side of the sandbox: before any thread, signal mask or parser.
  if (argc >= 2 && std::strcmp(argv[1], "sandbox-init") == 0) return gofarm::exec::SandboxInitMain();
  try {
    return Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "gofarm-worker: %s\n", e.what());
    return gofarm::worker::kExitInternal;
  }
}
