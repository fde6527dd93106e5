// gofarm: the words of the command line. What the verbs do stands in cmd_*.cc.
#include <CLI/CLI.hpp>

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/embedded/settings.h"
#include "cli/output.h"

namespace gofarm::cli {
namespace {

using Action = std::function<Exit()>;

struct Parser {
  CLI::App app{"gofarm builds Go programs as static PIE executables for four Linux architectures"};
  Globals globals;
  std::string output = "table";
  Action action;

  // Options of the whole program may stand after the verb.
  CLI::App* Group(CLI::App* parent, const char* name, const char* help) {
    CLI::App* group = parent->add_subcommand(name, help);
    group->fallthrough();
    group->require_subcommand(1);
    return group;
  }
  CLI::App* Verb(CLI::App* parent, const char* name, const char* help, Action run) {
    CLI::App* verb = parent->add_subcommand(name, help);
    verb->fallthrough();
    verb->callback([this, run = std::move(run)] { action = run; });
    return verb;
  }
};

// A list option takes one value each time, or it would swallow the positionals behind it.
void OneAtATime(CLI::Option* option) { option->allow_extra_args(false); }

void AddFarm(Parser& p, UpArgs& up) {
  CLI::App* verb = p.Verb(&p.app, "up", "start a farm in a folder of this machine, or repair it",
                          [&] { return Up(p.globals, up); });
  verb->add_option("--cache-dir", up.cache_dir, "toolchains, seeds and modules (GOFARM_CACHE_DIR, else DIR/cache)");
  verb->add_option("--workers", up.workers, "number of workers")->check(CLI::Range(1, embedded::kWorkersMax));
  verb->add_flag("--foreground", up.foreground, "stay in the foreground until Ctrl-C");
  verb->add_flag("--supervise", up.supervise)->group("");
  p.Verb(&p.app, "down", "stop the farm; its data stays", [&] { return Down(p.globals); });
  p.Verb(&p.app, "status", "what runs where", [&] { return Status(p.globals); });
  p.Verb(&p.app, "version", "the version of this program", [&] { return Version(p.globals); });
}

void AddSubmit(Parser& p, SubmitArgs& submit) {
  CLI::App* verb = p.Verb(&p.app, "submit", "build modules", [&] { return Submit(p.globals, submit); });
  verb->add_option("modules", submit.modules, "MODULE[@VERSION]; latest when no version is given")->type_name("MODULE[@VERSION]");
  verb->add_option("--file", submit.file, "a list, one MODULE[@VERSION] a line; - for standard input");
  OneAtATime(verb->add_option("--target", submit.targets, "x86_64, aarch64, riscv64 or loongarch64; all four when left out"));
  verb->add_option("--name", submit.name, "a name for the batch");
  verb->add_option("--as", submit.submitter, "who submits it (USER)");
  verb->add_flag("--force", submit.force, "build again what is built already");
  verb->add_flag("--wait", submit.wait, "show progress and wait until all jobs ended");
}

void AddBatch(Parser& p, int64_t& id, int64_t& limit, bool& failed) {
  CLI::App* batch = p.Group(&p.app, "batch", "what was submitted");
  p.Verb(batch, "list", "all batches, newest first", [&] { return BatchList(p.globals, limit); })
      ->add_option("--limit", limit, "at most so many")
      ->check(CLI::NonNegativeNumber);
  const auto verb = [&](const char* name, const char* help, Action run) {
    CLI::App* v = p.Verb(batch, name, help, std::move(run));
    v->add_option("id", id, "id of the batch")->required()->type_name("ID");
    return v;
  };
  verb("show", "one batch", [&] { return BatchShow(p.globals, id); });
  verb("watch", "show progress until all jobs ended", [&] { return BatchWatch(p.globals, id); });
  verb("cancel", "cancel its jobs that no other batch wants", [&] { return BatchCancel(p.globals, id); });
  verb("retry", "build its failed and partial jobs again", [&] { return BatchRetry(p.globals, id); })
      ->add_flag("--failed", failed, "which jobs: the failed and partial ones")
      ->required();
}

struct JobArgs {
  JobListArgs list;
  int64_t id = 0;
  int attempt = 0;
  bool command = false;
  bool follow = false;
};
void AddJob(Parser& p, JobArgs& args) {
  CLI::App* job = p.Group(&p.app, "job", "one module for one target");
  CLI::App* list = p.Verb(job, "list", "jobs, of a batch or all", [&] { return JobList(p.globals, args.list); });
  list->add_option("--batch", args.list.batch, "of this batch")->check(CLI::PositiveNumber);
  list->add_option("--state", args.list.state, "queued, running, built, partial, nothing_to_build, failed or cancelled");
  list->add_option("--limit", args.list.limit, "at most so many")->check(CLI::NonNegativeNumber);
  const auto verb = [&](const char* name, const char* help, Action run) {
    CLI::App* v = p.Verb(job, name, help, std::move(run));
    v->add_option("id", args.id, "id of the job")->required()->type_name("ID");
    return v;
  };
  verb("show", "one job with its attempts and programs", [&] { return JobShow(p.globals, args.id, args.command); })
      ->add_flag("--command", args.command, "what to paste into a shell to repeat the build");
  CLI::App* log = verb("log", "what its build printed", [&] { return JobLog(p.globals, args.id, args.attempt, args.follow); });
  log->add_option("--attempt", args.attempt, "which attempt, from 1; the last when left out")->check(CLI::PositiveNumber);
  log->add_flag("--follow", args.follow, "go on until the attempt ends");
  verb("cancel", "cancel it", [&] { return JobCancel(p.globals, args.id); });
  verb("retry", "build it again", [&] { return JobRetry(p.globals, args.id); });
}

struct ArtifactArgs {
  ArtifactListArgs list;
  std::string sha256;
  std::string file;
  int64_t batch = 0;
  std::string folder;
};
void AddArtifact(Parser& p, ArtifactArgs& args) {
  CLI::App* artifact = p.Group(&p.app, "artifact", "built programs");
  CLI::App* list = p.Verb(artifact, "list", "programs with size and digest", [&] { return ArtifactList(p.globals, args.list); });
  list->add_option("--batch", args.list.batch, "of this batch")->check(CLI::PositiveNumber);
  list->add_option("--module", args.list.module, "of this module");
  list->add_option("--target", args.list.target, "for this target");
  list->add_option("--limit", args.list.limit, "at most so many")->check(CLI::NonNegativeNumber);
  CLI::App* get = p.Verb(artifact, "get", "one program by its digest", [&] { return ArtifactGet(p.globals, args.sha256, args.file); });
  get->add_option("sha256", args.sha256, "its SHA-256")->required()->type_name("SHA256");
  get->add_option("-o,--out", args.file, "where to write it")->required()->type_name("FILE");
  CLI::App* all = p.Verb(artifact, "export", "all programs of a batch into a folder, with SHA256SUMS",
                         [&] { return ArtifactExport(p.globals, args.batch, args.folder); });
  all->add_option("--batch", args.batch, "of this batch")->required()->check(CLI::PositiveNumber);
  all->add_option("folder", args.folder, "where to")->required()->type_name("DIR");
}

struct WorkerArgs {
  std::string name;
  std::string cache_dir;
  std::vector<std::string> rest;
};
void AddWorker(Parser& p, WorkerArgs& args) {
  CLI::App* worker = p.Group(&p.app, "worker", "who builds");
  p.Verb(worker, "list", "workers with their targets and toolchains", [&] { return WorkerList(p.globals); });
  p.Verb(worker, "show", "one worker", [&] { return WorkerShow(p.globals, args.name); })
      ->add_option("name", args.name, "name of the worker")
      ->required()
      ->type_name("NAME");
  CLI::App* cache = p.Group(worker, "cache", "the cache folder of this machine");
  for (const char* name : {"show", "prune"}) {
    const std::string verb = name;
    CLI::App* v = p.Verb(cache, name, verb == "show" ? "what stands in it" : "remove what is not in use",
                         [&p, &args, verb] { return WorkerCache(p.globals, verb, args.cache_dir, args.rest); });
    v->add_option("--cache-dir", args.cache_dir, "which folder (GOFARM_CACHE_DIR, else the farm's)");
    if (verb != "prune") continue;
    for (const char* budget : {"--mod-bytes", "--gocache-bytes"}) {
      const std::string option = budget;
      v->add_option_function<std::string>(
           budget, [&args, option](const std::string& bytes) { args.rest.insert(args.rest.end(), {option, bytes}); },
           option == "--mod-bytes" ? "budget of the module cache, such as 20GiB" : "budget of the shared Go caches")
          ->type_name("BYTES");
    }
  }
}

void AddLogs(Parser& p, std::string& part, bool& follow) {
  CLI::App* logs = p.Verb(&p.app, "logs", "what the daemons of an embedded farm wrote", [&] { return Logs(p.globals, part, follow); });
  logs->add_option("part", part, "coordinator, worker, postgres or supervisor")
      ->required()
      ->check(CLI::IsMember({"coordinator", "worker", "postgres", "supervisor"}));
  logs->add_flag("--follow", follow, "go on until Ctrl-C");
}

int Main(int argc, char** argv) {
  Parser p;
  UpArgs up;
  SubmitArgs submit;
  int64_t batch = 0, limit = 0;
  bool failed = false, follow = false;
  JobArgs job;
  ArtifactArgs artifact;
  WorkerArgs worker;
  std::string part;
  p.app.require_subcommand(1);
  p.app.add_option("--output", p.output, "table, or json: one document on standard output")
      ->check(CLI::IsMember({"table", "json"}));
  p.app.add_option("--server", p.globals.server, "address of a coordinator (GOFARM_SERVER)");
  p.app.add_option("--dir", p.globals.dir, "folder of an embedded farm (GOFARM_DIR)");
  AddFarm(p, up);
  AddSubmit(p, submit);
  AddBatch(p, batch, limit, failed);
  AddJob(p, job);
  AddArtifact(p, artifact);
  AddWorker(p, worker);
  AddLogs(p, part, follow);
  try {
    p.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return p.app.exit(error);  // --help
    PrintError(absl::InvalidArgumentError(error.what()));
    PrintErr("see: gofarm --help, or gofarm VERB --help\n");
    return kExitInput;
  }
  p.globals.json = p.output == "json";
  const Exit exit = p.action();
  if (exit.ok()) return *exit;
  PrintError(exit.status());
  return ExitCodeOf(exit.status());
}

}  // namespace
}  // namespace gofarm::cli

int main(int argc, char** argv) {
  try {
    return gofarm::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    gofarm::cli::PrintError(absl::InternalError(error.what()));
    return gofarm::cli::kExitInternal;
  }
}
