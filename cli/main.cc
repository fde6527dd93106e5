// gofarm: the words of the command line. What the verbs do stands in cmd_*.cc.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/cmd_reports.h"
#include "cli/commands.h"
#include "cli/embedded/settings.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/publish_client.h"
#include "cli/report_dashboards.h"
#include "cli/words.h"
#include "cli/words_publish.h"
#include "cli/words_report.h"
#include "common/base/text.h"
#include "common/godetect/parser_child.h"
#include "common/pki/join_source.h"
#include "common/process/limits.h"

namespace gofarm::cli {
namespace {

constexpr char kFooter[] =
    "First steps:\n"
    "  gofarm up                                        start a farm on this machine\n"
    "  gofarm submit github.com/rakyll/hey --wait       build for all four targets, show progress\n"
    "  gofarm artifact list                             what was built\n"
    "  gofarm down                                      stop it; what was built stays\n"
    "\nThe farm that is meant: --server, --dir, --farm, GOFARM_SERVER, GOFARM_DIR, GOFARM_FARM, the one of the last\n"
    "gofarm login, ~/.config/gofarm/config.toml, ~/.local/share/gofarm, the first of them that is set.\n"
    "\nExit codes: 0 as asked; 1 some job is partial, failed or cancelled; 2 wrong input; 3 no farm, or no index, "
    "answers;\n"
    "4 internal error; 5 not allowed; 6 not what was signed; 130 Ctrl-C.";

void AddFarm(Parser& p, UpArgs& up) {
  CLI::App* verb = p.Verb(&p.app, "up", "start a farm in a folder of this machine, or repair it",
                          "gofarm up\n"
                          "gofarm up --dir ~/farm --cache-dir ~/.cache/gofarm --workers 2\n"
                          "gofarm up --listen 0.0.0.0:7443 --public-name farm.example.org --workers 0\n"
                          "gofarm up --public-listen 127.0.0.1:8080 --public-url https://bins.example.org",
                          [&] { return Up(p.globals, up); });
  verb->add_option("--cache-dir", up.cache_dir, "toolchains, seeds and modules (GOFARM_CACHE_DIR, else DIR/cache)")
      ->check(NotEmpty());
  verb->add_option("--workers", up.workers, "number of workers on this machine; 0: all are on others")
      ->check(CLI::Range(0, embedded::kWorkersMax));
  OneAtATime(verb->add_option("--listen", up.listen,
                              "open the farm to other hosts, over TLS to those who join it; none closes it again")
                 ->type_name("HOST:PORT|none"));
  OneAtATime(verb->add_option("--public-name", up.public_names, "a name or address by which others reach it")
                 ->type_name("NAME"));
  verb->add_option(
          "--public-listen", up.public_listen,
          "serve everybody what is published, and nothing else, over plain HTTP, as a proxy with a certificate "
          "takes it; none ends that")
      ->type_name("ADDR:PORT|none")
      ->check(NotEmpty());
  verb->add_option("--public-url", up.public_url,
                   "the address by which everybody reaches it, as it stands in records, scripts and pages")
      ->type_name("URL|none")
      ->check(NotEmpty());
  verb->add_flag("--foreground", up.foreground, "stay in the foreground until Ctrl-C");
  verb->add_flag("--supervise", up.supervise)->group("");
  p.Verb(&p.app, "down", "stop the farm; its data stays", "gofarm down --dir ~/farm", [&] { return Down(p.globals); });
  p.Verb(&p.app, "status", "what runs where, and how far the seeds are", "gofarm status\ngofarm status --output json",
         [&] { return Status(p.globals); });
  p.Verb(&p.app, "version", "the version of this program", "gofarm version", [&] { return Version(p.globals); });
}

void AddSubmit(Parser& p, SubmitArgs& submit) {
  CLI::App* verb = p.Verb(&p.app, "submit", "build modules",
                          "gofarm submit github.com/rakyll/hey@v0.1.5 --wait\n"
                          "gofarm submit --file modules.txt --target x86_64 --target riscv64 --name nightly",
                          [&] { return Submit(p.globals, submit); });
  verb->add_option("modules", submit.modules, "MODULE[@VERSION]; latest when no version is given")
      ->type_name("MODULE[@VERSION]");
  verb->add_option("--file", submit.file, "a list, one MODULE[@VERSION] a line; - for standard input");
  OneAtATime(
      verb->add_option("--target", submit.targets, "x86_64, aarch64, riscv64 or loongarch64; all four when left out"));
  OneAtATime(verb->add_option("--label", submit.labels,
                              "only on workers with this label; may be given several times: with all of them")
                 ->type_name("K=V"));
  verb->add_option("--name", submit.name, "a name for the batch");
  verb->add_option("--as", submit.submitter, "who submits it (USER)");
  verb->add_flag("--force", submit.force, "build again what is built already");
  verb->add_flag("--wait", submit.wait, "show progress and wait until all jobs ended");
}

void AddBatch(Parser& p, int64_t& id, int64_t& other, int64_t& limit, bool& failed) {
  CLI::App* batch = p.Group(&p.app, "batch", "what was submitted");
  p.Verb(batch, "list", "all batches, newest first", "gofarm batch list --limit 10",
         [&] { return BatchList(p.globals, limit); })
      ->add_option("--limit", limit, "at most so many")
      ->check(AtLeast(0));
  const auto verb = [&](const char* name, const char* help, const char* example, Action run) {
    CLI::App* v = p.Verb(batch, name, help, example, std::move(run));
    v->add_option("id", id, "id of the batch")->required()->type_name("ID")->check(AtLeast(1));
    return v;
  };
  verb("show", "one batch", "gofarm batch show 3", [&] { return BatchShow(p.globals, id); });
  verb("watch", "show progress until all jobs ended", "gofarm batch watch 3",
       [&] { return BatchWatch(p.globals, id); });
  CLI::App* diff = p.Verb(batch, "diff", "two batches side by side: what came out better, worse, bigger, slower",
                          "gofarm batch diff 3 4\ngofarm batch diff 3 4 --output json",
                          [&] { return BatchDiff(p.globals, id, other); });
  diff->add_option("before", id, "id of a batch")->required()->type_name("ID1")->check(AtLeast(1));
  diff->add_option("after", other, "id of a later one")->required()->type_name("ID2")->check(AtLeast(1));
  verb("cancel", "cancel its jobs that no other batch wants", "gofarm batch cancel 3",
       [&] { return BatchCancel(p.globals, id); });
  verb("retry", "build its failed and partial jobs again", "gofarm batch retry 3 --failed",
       [&] { return BatchRetry(p.globals, id); })
      ->add_flag("--failed", failed, "which jobs: the failed and partial ones")
      ->required();
}

void AddTop(Parser& p, bool& once) {
  p.Verb(&p.app, "top", "the farm's jobs, workers and what they run, live; q ends it", "gofarm top\ngofarm top --once",
         [&] { return Top(p.globals, once); })
      ->add_flag("--once", once, "print it once, whole");
}

struct JobArgs {
  JobListArgs list;
  int64_t id = 0;
  int attempt = 0;
  bool command = false;
  bool follow = false;
  int64_t failures_of = 0;
  int64_t failures_limit = 0;
};
void AddJob(Parser& p, JobArgs& args) {
  CLI::App* job = p.Group(&p.app, "job", "one module for one target");
  CLI::App* list = p.Verb(job, "list", "jobs, of a batch or all", "gofarm job list --batch 3 --state failed",
                          [&] { return JobList(p.globals, args.list); });
  list->add_option("--batch", args.list.batch, "of this batch")->check(AtLeast(1));
  list->add_option("--module", args.list.module, "of this module path");
  list->add_option("--state", args.list.state,
                   "queued, running, built, partial, nothing_to_build, failed or cancelled");
  list->add_option("--limit", args.list.limit, "at most so many")->check(AtLeast(0));
  const auto verb = [&](const char* name, const char* help, const char* example, Action run) {
    CLI::App* v = p.Verb(job, name, help, example, std::move(run));
    v->add_option("id", args.id, "id of the job")->required()->type_name("ID")->check(AtLeast(1));
    return v;
  };
  verb("show", "one job with its attempts and programs", "gofarm job show 12\ngofarm job show 12 --command | sh", [&] {
    return JobShow(p.globals, args.id, args.command);
  })->add_flag("--command", args.command, "what to paste into a shell to repeat the build");
  CLI::App* log = verb("log", "what its build printed", "gofarm job log 12 --follow\ngofarm job log 12 --attempt 1",
                       [&] { return JobLog(p.globals, args.id, args.attempt, args.follow); });
  log->add_option("--attempt", args.attempt, "which attempt, from 1; the last when left out")->check(AtLeast(1));
  log->add_flag("--follow", args.follow, "go on until the attempt ends");
  verb("cancel", "cancel it", "gofarm job cancel 12", [&] { return JobCancel(p.globals, args.id); });
  verb("retry", "build it again", "gofarm job retry 12", [&] { return JobRetry(p.globals, args.id); });
  CLI::App* failures =
      p.Verb(&p.app, "failures", "what failed, by what is behind it", "gofarm failures\ngofarm failures --batch 3",
             [&] { return Failures(p.globals, args.failures_of, args.failures_limit); });
  failures->add_option("--batch", args.failures_of, "of this batch")->check(AtLeast(1));
  failures->add_option("--limit", args.failures_limit, "at most so many groups")->check(AtLeast(0));
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
  CLI::App* list =
      p.Verb(artifact, "list", "programs with size and digest",
             "gofarm artifact list --batch 3\ngofarm artifact list --module github.com/rakyll/hey --target aarch64",
             [&] { return ArtifactList(p.globals, args.list); });
  list->add_option("--batch", args.list.batch, "of this batch")->check(AtLeast(1));
  list->add_option("--module", args.list.module, "of this module");
  list->add_option("--target", args.list.target, "for this target");
  list->add_option("--limit", args.list.limit, "at most so many")->check(AtLeast(0));
  CLI::App* get = p.Verb(artifact, "get", "one program by its digest", "gofarm artifact get SHA256 -o ./hey",
                         [&] { return ArtifactGet(p.globals, args.sha256, args.file); });
  get->add_option("sha256", args.sha256, "its SHA-256")->required()->type_name("SHA256");
  get->add_option("-o,--out", args.file, "where to write it")->required()->type_name("FILE")->check(NotEmpty());
  CLI::App* all = p.Verb(artifact, "export", "all programs of a batch into a folder, with SHA256SUMS",
                         "gofarm artifact export --batch 3 ./out && (cd out && sha256sum -c SHA256SUMS)",
                         [&] { return ArtifactExport(p.globals, args.batch, args.folder); });
  all->add_option("--batch", args.batch, "of this batch")->required()->check(AtLeast(1));
  all->add_option("folder", args.folder, "where to")->required()->type_name("DIR")->check(NotEmpty());
}

struct MemberArgs {
  TokenArgs token;
  int64_t id = 0;
  bool with_identities = false;
  bool finish = false;
  bool force = false;
  std::string name;
  LoginArgs login;
  AuditArgs audit;
};
void AddMembers(Parser& p, MemberArgs& args) {
  CLI::App* token = p.Group(&p.app, "token", "what lets others into the farm, once");
  CLI::App* create =
      p.Verb(token, "create", "a join string, in one line",
             "gofarm token create --role worker\ngofarm token create --role operator --name ann --ttl 24h",
             [&] { return TokenCreate(p.globals, args.token); });
  create->add_option("--role", args.token.role, "worker, viewer, operator or admin")->required()->type_name("ROLE");
  create->add_option("--name", args.token.name, "for this name only, also one that was revoked")->type_name("NAME");
  create->add_option("--ttl", args.token.ttl, "how long it may be used; 1h when left out")->type_name("TIME");
  create->add_option("--uses", args.token.uses, "how often it may be used; once when left out")->check(AtLeast(1));
  p.Verb(token, "list", "tokens, without their secrets", "gofarm token list", [&] { return TokenList(p.globals); });
  CLI::App* revoke = p.Verb(token, "revoke", "lets nobody in any more", "gofarm token revoke 3 --with-identities",
                            [&] { return TokenRevoke(p.globals, args.id, args.with_identities); });
  revoke->add_option("id", args.id, "id of the token")->required()->type_name("ID")->check(AtLeast(1));
  revoke->add_flag("--with-identities", args.with_identities, "throw out whoever came in with it, too");
  CLI::App* identity = p.Group(&p.app, "identity", "who belongs to the farm");
  p.Verb(identity, "list", "workers and people with their roles", "gofarm identity list",
         [&] { return IdentityList(p.globals); });
  const auto one = [&](const char* name, const char* help, const char* example, bool revokes) {
    p.Verb(identity, name, help, example, [&args, &p, revokes] { return IdentityShow(p.globals, args.name, revokes); })
        ->add_option("name", args.name, "its name")
        ->required()
        ->type_name("NAME");
  };
  one("show", "one of them", "gofarm identity show worker-7", false);
  one("revoke", "throws it out: its connections end, and it cannot come back", "gofarm identity revoke worker-7", true);
  CLI::App* ca = p.Group(&p.app, "ca", "the farm's own certificate authority");
  p.Verb(ca, "show", "which one signs, and who has yet to learn of a new one", "gofarm ca show",
         [&] { return CaShow(p.globals); });
  CLI::App* rotate = p.Verb(ca, "rotate", "begin with a new authority, while everybody stays in; then finish",
                            "gofarm ca rotate\ngofarm ca rotate --finish",
                            [&] { return CaRotate(p.globals, args.finish, args.force); });
  rotate->add_flag("--finish", args.finish, "the new one only, once everybody has renewed");
  rotate->add_flag("--force", args.force, "with --finish: also when some have not; they join again");
  CLI::App* login = p.Verb(&p.app, "login", "belong to a farm on another machine, from now on the default one",
                           "gofarm login gofarm1.MTAu...\n"
                           "ssh coordinator gofarm token create --role operator | gofarm login - --name work",
                           [&] { return Login(p.globals, args.login); });
  login->add_option("join", args.login.join, "what gofarm token create printed; - for standard input, @FILE for a file")
      ->required()
      ->type_name("JOIN|-|@FILE");
  login->add_option("--name", args.login.profile, "a name for the farm on this machine; \"default\" when left out");
  p.Verb(&p.app, "logout", "forget the identity for a farm", "gofarm logout\ngofarm logout --name work", [&] {
     return Logout(p.globals, args.login.profile);
   })->add_option("--name", args.login.profile, "which farm; the default one when left out");
  p.Verb(&p.app, "whoami", "who this farm takes you for", "gofarm whoami", [&] { return WhoAmI(p.globals); });
  CLI::App* audit = p.Verb(&p.app, "audit", "who did what, who came in, who was refused",
                           "gofarm audit --since 24h\ngofarm audit --follow --output json",
                           [&] { return Audit(p.globals, args.audit); });
  audit->add_option("--since", args.audit.since, "so long ago at most")->type_name("TIME");
  audit->add_option("--limit", args.audit.limit, "the newest so many")->check(AtLeast(1));
  audit->add_flag("--follow", args.audit.follow, "go on until Ctrl-C");
}

struct WorkerArgs {
  std::string name;
  bool prometheus = false;
  DrainArgs drain;
  std::string cache_dir;
  std::vector<std::string> rest;
};
void AddWorker(Parser& p, WorkerArgs& args) {
  CLI::App* worker = p.Group(&p.app, "worker", "who builds");
  p.Verb(worker, "list", "workers with their targets and toolchains", "gofarm worker list",
         [&] { return WorkerList(p.globals); });
  p.Verb(worker, "show", "one worker", "gofarm worker show worker-1", [&] { return WorkerShow(p.globals, args.name); })
      ->add_option("name", args.name, "name of the worker")
      ->required()
      ->type_name("NAME");
  p.Verb(worker, "targets", "the workers that Prometheus can scrape itself, for its file_sd_configs",
         "gofarm worker targets --prometheus > /etc/prometheus/gofarm-workers.json",
         [&] { return WorkerTargets(p.globals); })
      ->add_flag("--prometheus", args.prometheus, "in the form of Prometheus' file-based service discovery")
      ->required();
  const auto drain = [&](const char* name, const char* help, const char* example, bool undo) {
    CLI::App* verb = p.Verb(worker, name, help, example, [&p, &args, undo] {
      args.drain.undo = undo;
      return WorkerDrain(p.globals, args.drain);
    });
    CLI::Option* one =
        verb->add_option("name", args.drain.name, "name of the worker")->type_name("NAME")->check(NotEmpty());
    OneAtATime(verb->add_option("--label", args.drain.labels,
                                "all that are known with this label; may be given several times: with all of them")
                   ->type_name("K=V")
                   ->excludes(one));
    return verb;
  };
  CLI::App* drained =
      drain("drain", "no new jobs for it, until it is undrained, whatever restarts meanwhile",
            "gofarm worker drain worker-7 --wait --timeout 30m\ngofarm worker drain --label zone=b", false);
  CLI::Option* wait = drained->add_flag("--wait", args.drain.wait, "show what still runs there, until nothing does");
  drained->add_option("--timeout", args.drain.timeout, "how long to wait; exit code 1 when something still runs then")
      ->type_name("TIME")
      ->needs(wait);
  drain("undrain", "it gets jobs again", "gofarm worker undrain worker-7", true);
  p.Verb(worker, "remove", "forget a host that never returns; what it ran is built elsewhere at once",
         "gofarm worker remove worker-7", [&] { return WorkerRemove(p.globals, args.name); })
      ->add_option("name", args.name, "name of the worker; not connected, or drained and idle")
      ->required()
      ->type_name("NAME")
      ->check(NotEmpty());
  CLI::App* cache = p.Group(worker, "cache", "the cache folder of this machine");
  for (const char* name : {"show", "prune"}) {
    const std::string verb = name;
    CLI::App* v = p.Verb(cache, name, verb == "show" ? "what stands in it" : "remove what is not in use",
                         verb == "show" ? "gofarm worker cache show" : "gofarm worker cache prune --mod-bytes 5GiB",
                         [&p, &args, verb] { return WorkerCache(p.globals, verb, args.cache_dir, args.rest); });
    v->add_option("--cache-dir", args.cache_dir, "which folder (GOFARM_CACHE_DIR, else the farm's)")->check(NotEmpty());
    if (verb != "prune") continue;
    for (const char* budget : {"--mod-bytes", "--gocache-bytes"}) {
      const std::string option = budget;
      v->add_option_function<std::string>(
           budget,
           [&args, option](const std::string& bytes) {
             args.rest.insert(args.rest.end(), {option, bytes});
           },
           option == "--mod-bytes" ? "budget of the module cache, such as 20GiB" : "budget of the shared Go caches")
          ->type_name("BYTES");
    }
  }
}

struct CatalogArgs {
  std::vector<std::string> stages;
  bool wait = false;
  std::string path;
  CatalogImportArgs import;
  bool check = false;
  std::string module;
  std::vector<std::string> words;
  int limit = 0;
  std::string stage;
  CatalogSelectArgs select;
  std::string detected;
};
void AddCatalog(Parser& p, CatalogArgs& args) {
  CLI::App* catalog = p.Group(&p.app, "catalog", "which modules there are, and which of them become programs");
  const auto stages = [&](CLI::App* verb) {
    verb->add_option("stages", args.stages, "index, enrich, reach, detect or select; all when left out")
        ->type_name("STAGE");
  };
  CLI::App* run =
      p.Verb(catalog, "run", "turn stages on; they stay on", "gofarm catalog run --wait\ngofarm catalog run index",
             [&] { return CatalogRun(p.globals, args.stages, args.wait); });
  stages(run);
  run->add_flag("--wait", args.wait, "show a bar for each until nothing that is due is left");
  stages(p.Verb(catalog, "pause", "turn stages off", "gofarm catalog pause enrich",
                [&] { return CatalogPause(p.globals, args.stages); }));
  p.Verb(catalog, "ingest", "read a file of index lines",
         "gofarm catalog ingest index.jsonl.zst\nzcat day.gz | gofarm catalog ingest -",
         [&] { return CatalogIngest(p.globals, args.path); })
      ->add_option("file", args.path, "JSON lines, plain, gzip or zstd; - for standard input")
      ->required()
      ->type_name("FILE|-");
  CLI::App* import = p.Verb(catalog, "import", "read a list of modules or repositories",
                            "gofarm catalog import README.md --origin awesome-go\n"
                            "gofarm catalog import https://example.org/list.txt\n"
                            "gofarm catalog import --github-topic cli",
                            [&] { return CatalogImport(p.globals, args.import); });
  CLI::Option* source =
      import
          ->add_option("source", args.import.source,
                       "Markdown of the awesome-go kind, or one a line; this program fetches a URL; - for standard "
                       "input")
          ->type_name("FILE|URL|-");
  import->add_option("--origin", args.import.origin, "where it is from; FILE or URL when left out")->needs(source);
  import->add_option("--github-topic", args.import.topic, "what GitHub's search knows of Go repositories of this topic")
      ->type_name("TOPIC")
      ->excludes(source)
      ->check(NotEmpty());
  p.Verb(catalog, "status", "how far each stage is, and what is paused", "gofarm catalog status",
         [&] { return CatalogStatusVerb(p.globals); });
  p.Verb(catalog, "funnel", "how many modules are left at each step", "gofarm catalog funnel",
         [&] { return CatalogFunnel(p.globals); });
  p.Verb(catalog, "stats", "how much the catalog holds", "gofarm catalog stats",
         [&] { return CatalogStatsVerb(p.globals); });
  p.Verb(catalog, "forecast", "how right the forecasts were", "gofarm catalog forecast --check",
         [&] { return CatalogForecast(p.globals); })
      ->add_flag("--check", args.check, "compare them with what the farm built")
      ->required();
  const auto of_module = [&](const char* name, const char* help, const char* example, Action action) {
    CLI::App* verb = p.Verb(catalog, name, help, example, std::move(action));
    verb->add_option("module", args.module, "path of the module")->required()->type_name("MODULE");
    return verb;
  };
  of_module("show", "what is known of one module", "gofarm catalog show github.com/rakyll/hey",
            [&] { return CatalogShow(p.globals, args.module); });
  of_module("versions", "its versions in the index", "gofarm catalog versions github.com/rakyll/hey",
            [&] { return CatalogVersions(p.globals, args.module); });
  of_module("why", "each stage's result, and what kept or dropped it", "gofarm catalog why github.com/rakyll/hey",
            [&] { return CatalogWhy(p.globals, args.module); });
  of_module("refresh", "look at it again now", "gofarm catalog refresh github.com/rakyll/hey --stage reach", [&] {
    return CatalogRefresh(p.globals, args.module, args.stage);
  })->add_option("--stage", args.stage, "enrich, reach or detect; all three when left out");
  CLI::App* search =
      p.Verb(catalog, "search", "modules and programs by name, path, synopsis and topic",
             "gofarm catalog search http load", [&] { return CatalogSearch(p.globals, args.words, args.limit); });
  search->add_option("words", args.words, "what to look for")->required()->type_name("WORD");
  search->add_option("--limit", args.limit, "at most so many")->check(AtLeast(1));
  CLI::App* select = p.Verb(catalog, "select", "decide which modules are built",
                            "gofarm catalog select --dry-run\ngofarm catalog select --submit --name weekly",
                            [&] { return CatalogSelect(p.globals, args.select); });
  select->add_flag("--dry-run", args.select.dry_run, "only show what would be selected, and why the rest is not");
  select->add_flag("--submit", args.select.submit, "make a batch of what was in none yet");
  select->add_option("--name", args.select.name, "a name for the batch");
  p.Verb(catalog, "detect", "which packages of a module are programs, for which targets; needs no farm",
         "gofarm catalog detect github.com/rakyll/hey@v0.1.5\n"
         "gofarm catalog detect ./my-module --output json",
         [&] { return CatalogDetect(p.globals, args.detected); })
      ->add_option("module", args.detected, "a module of the proxy (GOPROXY), a folder, or a module's zip file")
      ->required()
      ->type_name("MODULE[@VERSION]|DIR|ZIP")
      ->check(NotEmpty());
}

void AddLogs(Parser& p, std::string& part, bool& follow) {
  CLI::App* logs = p.Verb(&p.app, "logs", "what the daemons of an embedded farm wrote",
                          "gofarm logs worker --follow\ngofarm logs coordinator | grep level=error",
                          [&] { return Logs(p.globals, part, follow); });
  logs->add_option("part", part, "coordinator, worker, postgres or supervisor")
      ->required()
      ->check(CLI::IsMember({"coordinator", "worker", "postgres", "supervisor"}));
  logs->add_flag("--follow", follow, "go on until Ctrl-C");
}

std::string Joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out += Cat(out.empty() ? "" : between, word);
  return out;
}

// The verbs below `app`, as they are typed after it.
void Verbs(CLI::App* app, const std::string& prefix, std::vector<std::string>& direct,
           std::vector<std::string>& deeper) {
  for (CLI::App* verb : app->get_subcommands([](CLI::App*) { return true; })) {
    (prefix.empty() ? direct : deeper).push_back(prefix + verb->get_name());
    Verbs(verb, Cat(prefix, verb->get_name(), " "), direct, deeper);
  }
}

// What CLI11 says only as "a subcommand is required": which word is none, and which may have been meant. Empty when the
// fault is another one.
std::string WrongVerb(CLI::App& root) {
  CLI::App* group = &root;
  while (!group->get_subcommands().empty()) group = group->get_subcommands().front();
  std::vector<std::string> direct, deeper;
  Verbs(group, "", direct, deeper);
  if (direct.empty()) return "";
  const std::string path = PathOf(*group);
  for (const std::string& word : root.remaining(/*recurse=*/true)) {
    if (word.empty() || word[0] == '-') continue;
    std::vector<std::string> near = Nearest(word, direct);
    for (const std::string& verb : deeper) {
      // "gofarm cancel 3": of which of them?
      if (verb.size() > word.size() && verb.substr(verb.size() - word.size() - 1) == " " + word) near.push_back(verb);
    }
    for (std::string& verb : near) verb = Cat(path, " ", verb);
    return Cat("\"", EscapeForPrint(word), "\" is no verb of ", path,
               near.empty() ? Cat("; its verbs: ", Joined(direct, ", ")) : Cat("; did you mean: ", Joined(near, ", ")));
  }
  return Cat(path, " wants a verb: ", Joined(direct, ", "));
}

std::string WhatIsWrong(CLI::App& root, const CLI::ParseError& error) {
  std::string wrong = WrongVerb(root);
  if (!wrong.empty()) return wrong;
  wrong = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return wrong;
  std::vector<std::string> known;
  for (const CLI::App* app = &root; app != nullptr;
       app = app->get_subcommands().empty() ? nullptr : app->get_subcommands().front()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  }
  for (const std::string& word : root.remaining(/*recurse=*/true)) {
    if (word.compare(0, 2, "--") != 0) continue;
    const std::vector<std::string> near = Nearest(word.substr(0, word.find('=')), known);
    if (!near.empty()) wrong += Cat("; did you mean: ", Joined(near, ", "));
    break;
  }
  return wrong;
}

// A closed one of the first three descriptors would be given to the next file that is opened, and what is printed would
// go into that file.
void OpenStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) open("/dev/null", O_RDWR);
  }
}

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  (void)process::ForbidCoreDumps();  // an identity's key may stand in its memory; the command runs all the same
  Parser p;
  p.globals.farm_index = TellIndex;
  UpArgs up;
  SubmitArgs submit;
  int64_t batch = 0, other_batch = 0, limit = 0;
  bool failed = false, follow = false, once = false;
  JobArgs job;
  ArtifactArgs artifact;
  MemberArgs member;
  WorkerArgs worker;
  std::string part;
  p.app.require_subcommand(1);
  p.app.footer(kFooter);
  p.app.set_version_flag("--version", VersionLine());
  p.app.add_option("--output", p.output, "table, or json: one document on standard output")
      ->check(CLI::IsMember({"table", "json"}));
  p.app.add_option("--server", p.globals.farm.server, "address of a coordinator (GOFARM_SERVER)")->check(NotEmpty());
  p.app.add_option("--farm", p.globals.farm.farm, "a farm that you are logged in to, by its name (GOFARM_FARM)")
      ->check(NotEmpty());
  p.app.add_option("--dir", p.globals.farm.dir, "folder of an embedded farm (GOFARM_DIR)")->check(NotEmpty());
  AddFarm(p, up);
  AddSubmit(p, submit);
  AddBatch(p, batch, other_batch, limit, failed);
  AddTop(p, once);
  AddJob(p, job);
  AddArtifact(p, artifact);
  AddMembers(p, member);
  AddWorker(p, worker);
  CatalogArgs catalog;
  AddCatalog(p, catalog);
  PublishWords publish;
  AddPublish(p, publish);
  AddLogs(p, part, follow);
  ReportWords reports;
  CLI::App* report = p.Group(&p.app, "report", "what a farm does, as pages to keep");
  AddReports(p, report, reports);
  InstallWords install;
  AddInstall(p, install);
  ReportDashboardsArgs report_dashboards;
  AddReportDashboards(p, report, report_dashboards);
  try {
    p.app.parse(argc, argv);
    pki::HideArgument(argc, argv, member.login.join);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return p.app.exit(error);  // --help, --version
    PrintError(absl::InvalidArgumentError(WhatIsWrong(p.app, error)));
    PrintErr("see: gofarm --help, or gofarm VERB --help\n");
    return kExitInput;
  }
  p.globals.json = p.output == "json";
  const Exit exit = p.action();
  if (!exit.ok()) {
    PrintError(exit.status());
    return ExitCodeOf(exit.status());
  }
  if (const absl::Status written = OutputWritten(); !written.ok()) {
    PrintError(written);
    return kExitInternal;
  }
  return *exit;
}

}  // namespace
}  // namespace gofarm::cli

int main(int argc, char** argv) {
  try {
    if (gofarm::godetect::IsParserChild(argc, argv)) return gofarm::godetect::RunParserChild(argc, argv);
    return gofarm::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    gofarm::cli::PrintError(absl::InternalError(error.what()));
    return gofarm::cli::kExitInternal;
  }
}
