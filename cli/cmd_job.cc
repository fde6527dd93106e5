#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/command_text.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/watch.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/shapes/json_shapes.h"
#include "common/vocab/failure.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kReadAgain = absl::Seconds(1);
// A stream that lasted this long had a coordinator at its other end.
constexpr absl::Duration kStreamLived = absl::Seconds(3);

double SecondsOf(const v1::Job& job) {
  double seconds = 0;
  for (const auto& [phase, spent] :
       job.attempts().empty() ? std::vector<std::pair<v1::Phase, double>>() : PhaseSeconds(*ByToken(job).back())) {
    seconds += spent;
  }
  return seconds;
}

// Why it waits, why it failed, or what it is doing.
std::string Why(const v1::Job& job) {
  if (job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING) {
    if (job.wait_reason() != v1::WAIT_REASON_UNSPECIFIED) {
      return Cat(NameOf(job.wait_reason()), job.wait_detail().empty() ? "" : ": ", job.wait_detail());
    }
    if (job.attempts().empty()) return "";
    return std::string(NameOf(CurrentPhase(*ByToken(job).back())));
  }
  return FailureGist(job.failure_class(), job.failure_detail());
}

std::string Indented(std::string_view text) {
  std::string out;
  const std::string escaped = EscapeForPrint(text, /*keep_newlines=*/true);
  for (size_t begin = 0; begin < escaped.size();) {
    const size_t end = std::min(escaped.find('\n', begin), escaped.size());
    out += Cat("    ", escaped.substr(begin, end - begin), "\n");
    begin = end + 1;
  }
  return out;
}

std::string AttemptText(const v1::Attempt& attempt, const Terminal& terminal) {
  const std::string_view outcome = NameOf(attempt.outcome());
  std::string out = Cat("  attempt ", attempt.token(), " on ", EscapeForPrint(attempt.worker()), ": ",
                        Paint(terminal, ColorOfState(outcome), outcome));
  if (attempt.outcome() == v1::ATTEMPT_OUTCOME_RUNNING) {
    const v1::Progress& progress = attempt.progress();
    out += Cat(" (", NameOf(CurrentPhase(attempt)), progress.variant().empty() ? "" : "/",
               EscapeForPrint(progress.variant()), progress.detail().empty() ? "" : ", ",
               EscapeForPrint(progress.detail()), ")");
  }
  out += "\n";
  std::string phases;
  for (const auto& [phase, seconds] : PhaseSeconds(attempt)) {
    phases += Cat(phases.empty() ? "" : ", ", NameOf(phase), " ", HumanSeconds(seconds));
  }
  if (!phases.empty()) {
    out += Cat("    ", phases, "; cpu ", HumanSeconds(attempt.cpu_seconds()), ", peak memory ",
               HumanBytes(attempt.peak_memory_bytes()), "\n");
  }
  for (const v1::VariantTry& variant : attempt.variants()) {
    out += Cat("    variant ", EscapeForPrint(variant.variant()), ": ", NameOf(variant.outcome()),
               variant.fingerprint().empty() ? "" : Cat(" (", EscapeForPrint(variant.fingerprint()), ")"), ", ",
               HumanSeconds(variant.seconds()), "\n");
    for (const std::string& edit : variant.edits()) out += Cat("      ", EscapeForPrint(edit), "\n");
  }
  if (!attempt.facts().declared_path().empty()) {
    out += Cat("    go.mod calls the module ", EscapeForPrint(attempt.facts().declared_path()), "\n");
  }
  for (const std::string& note : attempt.notes()) out += Cat("    note: ", EscapeForPrint(note), "\n");
  for (const v1::Omission& omission : attempt.omitted()) {
    out += Cat("    the report was too large and leaves out ", NameOf(omission.part()), " of ", omission.items(),
               omission.items() == 1 ? " item\n" : " items\n");
  }
  if (attempt.failure_class() != v1::FAILURE_CLASS_UNSPECIFIED) {
    out += Cat("    ", NameOf(attempt.failure_class()), "\n");
  }
  return out;
}

// "ok", "not_run: disabled".
std::string SmokeText(const v1::ArtifactRow& row) {
  return Cat(NameOf(row.smoke()), row.smoke_detail().empty() ? "" : ": ", row.smoke_detail());
}

std::string JobText(const v1::Job& job, const Terminal& terminal) {
  const std::string_view state = NameOf(job.state());
  std::string out = Cat("job ", job.id(), ": ", EscapeForPrint(job.module()), "@", EscapeForPrint(job.version()),
                        " for ", NameOf(job.target()), "\n", "  ", Paint(terminal, ColorOfState(state), state));
  if (const std::string why = Why(job); !why.empty()) out += Cat(" (", Clip(EscapeForPrint(why), 300), ")");
  out += "\n  batches:";
  for (const int64_t id : job.batch_ids()) out += Cat(" ", id);
  out += Cat("; toolset ", EscapeForPrint(job.toolset()), "; generation ", job.generation(), "\n  recipe ",
             EscapeForPrint(job.recipe_digest()), "\n");
  if (job.rebuild_of() > 0) out += Cat("  builds job ", job.rebuild_of(), " again, with cold caches\n");
  for (const v1::RebuildResult& rebuild : job.rebuilds()) {
    out += Cat("  ", EscapeForPrint(rebuild.import_path()),
               rebuild.reproduced() ? " came out the same" : " came out differently",
               job.rebuild_of() > 0 ? "" : Cat(" in job ", rebuild.job_id()), " on ", EscapeForPrint(rebuild.worker()),
               rebuild.detail().empty() ? "" : Cat(": ", EscapeForPrint(rebuild.detail())), "\n");
  }
  for (const v1::Attempt* attempt : ByToken(job)) out += AttemptText(*attempt, terminal);
  if (!job.failure_detail().empty()) out += Cat("  what decided it:\n", Indented(job.failure_detail()));
  for (const v1::FailedProgram& program : job.failed_programs()) {
    out += Cat("  failed program ", EscapeForPrint(program.import_path()), ": ", NameOf(program.failure_class()), "\n",
               Indented(program.failure_detail()));
  }
  if (job.executables_size() == 0) return out;
  TableText table({{"PROGRAM"},
                   {"PACKAGE", false, true},
                   {"SIZE", true},
                   {"VERSION", false, true},
                   {"SMOKE RUN", false, true},
                   {"SHA-256"}});
  for (const v1::ArtifactRow& row : job.executables()) {
    table.Add(
        {row.name(), row.import_path(), HumanBytes(row.size()), row.main_version(), SmokeText(row), row.sha256()});
  }
  return out + table.Render(terminal);
}

void ShowJob(const Globals& globals, const v1::Job& job) {
  PrintOut(globals.json ? shapes::JobDocument(job) : JobText(job, OutTerminal()));
}

absl::StatusOr<std::string> CommandOf(FarmClient& client, const v1::Job& job) {
  const std::vector<const v1::Attempt*> attempts = ByToken(job);
  for (auto it = attempts.rbegin(); it != attempts.rend(); ++it) {
    const v1::Attempt& attempt = **it;
    if (attempt.variants_size() == 0 || attempt.variants(attempt.variants_size() - 1).argv_size() == 0) continue;
    const v1::VariantTry& variant = attempt.variants(attempt.variants_size() - 1);
    BuildCommand command{.job = job.id(),
                         .token = attempt.token(),
                         .module = job.module(),
                         .version = job.version(),
                         .target = std::string(NameOf(job.target())),
                         .variant = variant.variant(),
                         .argv = {variant.argv().begin(), variant.argv().end()},
                         .environment = {variant.environment().begin(), variant.environment().end()},
                         .working_directory = variant.working_directory(),
                         .go_mod = variant.go_mod(),
                         .edits = {variant.edits().begin(), variant.edits().end()}};
    v1::WorkerPage workers;
    GOFARM_RETURN_IF_ERROR(client.ListWorkers(workers));
    for (const v1::WorkerRow& worker : workers.workers()) {
      for (const v1::InstalledToolchain& toolchain : worker.toolchains()) {
        const bool is_go = toolchain.kind() == "go";
        const std::string& used = is_go ? attempt.facts().go_version() : attempt.facts().zig_version();
        // Facts may say "go1.26.8" where the toolchain says "1.26.8".
        if (!used.empty() && used != toolchain.version() && used != "go" + toolchain.version()) continue;
        std::string& path = is_go ? command.go : command.zig;
        if (path.empty() || worker.name() == attempt.worker()) path = toolchain.path();
      }
    }
    return CommandText(command);
  }
  return absl::FailedPreconditionError(
      Cat("job ", job.id(), " has not run a build command yet (state ", NameOf(job.state()), ")"));
}

}  // namespace

Exit JobList(const Globals& globals, const JobListArgs& args) {
  v1::ListJobsRequest request;
  request.set_batch_id(args.batch);
  request.set_limit(args.limit);
  request.set_module(args.module);
  if (!args.state.empty()) {
    const std::optional<JobState> state = ParseJobState(args.state);
    if (!state) {
      return absl::InvalidArgumentError(
          Cat("unknown state \"", EscapeForPrint(args.state),
              "\"; known are queued, running, built, partial, nothing_to_build, failed, cancelled"));
    }
    request.set_state(static_cast<v1::JobState>(*state));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::JobPage page;
  GOFARM_RETURN_IF_ERROR(client->ListJobs(request, page));
  if (globals.json) {
    PrintOut(shapes::JobListDocument(page));
    return 0;
  }
  TableText table({{"ID", true},
                   {"MODULE", false, true},
                   {"TARGET"},
                   {"STATE"},
                   {"TRIES", true},
                   {"PROGRAMS", true},
                   {"TIME", true},
                   {"WHY", false, true}});
  for (const v1::Job& job : page.jobs()) {
    const std::string_view state = NameOf(job.state());
    table.Add({Cat(job.id()),
               Cat(job.module(), "@", job.version()),
               NameOf(job.target()),
               {state, ColorOfState(state)},
               Cat(job.attempts_size()),
               Cat(job.executables_size()),
               HumanSeconds(SecondsOf(job)),
               Clip(Why(job), 200)});
  }
  PrintOut(table.empty() ? "no jobs\n" : table.Render(OutTerminal()));
  return 0;
}

Exit JobShow(const Globals& globals, int64_t id, bool command) {
  if (!command) return AskAndShow(globals, id, &FarmClient::GetJob, ShowJob);
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::Job job;
  GOFARM_RETURN_IF_ERROR(client->GetJob(id, job));
  GOFARM_ASSIGN_OR_RETURN(const std::string text, CommandOf(*client, job));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("job_id", id).Field("command", text).EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(text);
  }
  return 0;
}

Exit JobLog(const Globals& globals, int64_t id, int attempt, bool follow) {
  if (globals.json && follow) {
    return absl::InvalidArgumentError(
        "--follow never ends, so it cannot print one JSON document; leave one of them out");
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  std::string text;
  LineEscaper lines(PrintOut);
  int64_t offset = 0;
  absl::Time away_since = absl::InfiniteFuture();
  const Scope scope = follow ? Scope{} : Scope::For(kListDeadline);
  while (true) {
    const absl::Time began = SteadyNow();
    const absl::Status status = client->ReadLog(scope, id, attempt, follow, offset, [&](std::string_view data) {
      away_since = absl::InfiniteFuture();
      if (globals.json) {
        text += data;
      } else {
        lines.Add(data);
      }
    });
    if (status.ok()) break;
    // A build may print nothing for minutes: a stream that is cut at once means that nobody is there, one that ends
    // otherwise that somebody does not answer.
    const bool cut = absl::IsUnavailable(status) || absl::IsCancelled(status);
    if (cut && SteadyNow() - began > kStreamLived) away_since = absl::InfiniteFuture();
    away_since = std::min(away_since, SteadyNow());
    if (scope.Done() || !client->MayComeBack(status) ||
        SteadyNow() - away_since > (follow ? kWatchPatience : kRestartPatience)) {
      return absl::IsUnavailable(status) ? NoFarm(client->choice(), Sv(status.message())) : status;
    }
    client->AwaitFarm(Scope::For(kReadAgain));
  }
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("job_id", id).Field("attempt", attempt).Field("log", text).EndObject();
    PrintOut(json.Take());
  } else {
    lines.Finish();
  }
  return 0;
}

Exit JobCancel(const Globals& globals, int64_t id) { return AskAndShow(globals, id, &FarmClient::CancelJob, ShowJob); }

Exit JobRetry(const Globals& globals, int64_t id) { return AskAndShow(globals, id, &FarmClient::RetryJob, ShowJob); }

}  // namespace gofarm::cli
