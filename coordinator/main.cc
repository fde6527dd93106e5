// gofarm-coordinator: the command line. Everything else is in app.cc.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "common/base/text.h"
#include "common/godetect/parser_child.h"
#include "common/sync/signals.h"
#include "coordinator/app.h"
#include "coordinator/app_config.h"

namespace {

constexpr char kAbout[] =
    "The coordinator of a gofarm: keeps batches, jobs and the queue in PostgreSQL, offers jobs to workers, stores logs "
    "and\n"
    "artifacts, answers operators.\n"
    "\n"
    "On one machine `gofarm up` starts it, with a database and workers. To run it by hand, write a file such as\n"
    "\n"
    "  database_url = \"postgresql:///gofarm\"\n"
    "  data_dir = \"/var/lib/gofarm\"\n"
    "  listen = \"127.0.0.1:7070\"        # or \"unix:/run/gofarm/coordinator.sock\"\n"
    "  http = \"127.0.0.1:7071\"          # /metrics, /healthz, /readyz; \"\" for none\n"
    "  [publish]\n"
    "  public_url = \"https://bins.example.org\"   # and a listener that serves everybody what is published:\n"
    "  public_listen = \"127.0.0.1:8080\"          # plain, for a proxy; with a certificate: docs/publishing.md\n"
    "\n"
    "and give it with --config. A flag counts more than the environment (GOFARM_COORDINATOR_LISTEN, ..._HTTP,\n"
    "..._DATABASE_URL, ..._DATA_DIR, ..._GOPROXY, ..._LOG_LEVEL), and that more than the file.";

constexpr char kFooter[] =
    "Exit codes: 0 stopped by SIGTERM or SIGINT; 2 wrong usage or configuration, or something that a person has to "
    "resolve\n"
    "(the message says what); 3 the database did not answer for a minute; 4 internal error. "
    "A coordinator of a farm that another one leads stands by and takes over when that one ends.";

int Main(int argc, char** argv) {
  using namespace gofarm;
  coordinator::Flags flags;
  CLI::App app(kAbout, "gofarm-coordinator");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("gofarm-coordinator ") + coordinator::kVersion);
  app.add_option("--config", flags.config, "the configuration file (TOML)")->type_name("FILE");
  app.add_option("--listen", flags.listen,
                 "where workers and operators connect: ADDR:PORT of this machine, or unix:PATH")
      ->type_name("ADDRESS");
  app.add_option("--http", flags.http, "where /metrics, /healthz and /readyz are served")->type_name("ADDR:PORT");
  app.add_option("--dir", flags.dir, "the folder of an embedded farm; data_dir is DIR/data when the file names none")
      ->type_name("DIR");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")->type_name("LEVEL");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? coordinator::kExitOk : coordinator::kExitWrong;
  }
  const absl::StatusOr<coordinator::AppConfig> config = coordinator::LoadAppConfig(flags);
  if (!config.ok()) {
    std::cerr << "gofarm-coordinator: the configuration is wrong, nothing was started:\n"
              << EscapeForPrint(Sv(config.status().message()), /*keep_newlines=*/true) << "\n";
    return coordinator::kExitWrong;
  }
  sync::StopSignals signals;
  return coordinator::RunCoordinator(*config, signals);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (gofarm::godetect::IsParserChild(argc, argv)) return gofarm::godetect::RunParserChild(argc, argv);
    return Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "gofarm-coordinator: %s\n", e.what());
    return gofarm::coordinator::kExitInternal;
  }
}
