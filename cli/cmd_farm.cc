// up, down, status, version: the farm as a whole.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/embedded/farm_control.h"
#include "cli/embedded/log_tail.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/status_shape.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

// A first Go may have to be downloaded before.
constexpr absl::Duration kPreparePatience = absl::Minutes(15);
constexpr absl::Duration kUpPatience = absl::Minutes(2);
constexpr absl::Duration kPoll = absl::Milliseconds(150);
constexpr absl::Duration kStatusDeadline = absl::Seconds(2);
// Started and ended so many times within `up`: it will not get better by waiting.
constexpr int kHopeless = 4;
constexpr char kStandby[] = "standby";  // FarmStatus.state of a coordinator that does not lead

void Say(const std::string& line) { PrintErr(Cat("gofarm: ", EscapeForPrint(line, /*keep_newlines=*/true), "\n")); }

StatusPart ShapeOf(const embedded::PartState& part) {
  return {.pid = part.process.pid, .state = part.state, .restarts = part.restarts, .detail = part.detail};
}

StatusWorker ShapeOf(const v1::WorkerRow& worker) {
  return {.name = worker.name(),
          .pid = worker.pid(),
          .state = std::string(NameOf(worker.state())),
          .detail = worker.detail()};
}

std::string TlsAddressOf(const v1::FarmStatus& status) {
  return status.tls_addresses().empty() ? "" : status.tls_addresses(0);
}

void TakePublishing(const v1::FarmStatus& reply, StatusShape& shape) {
  if (shape.http_url.empty()) shape.http_url = reply.public_url();
  shape.index_url = reply.index_url();
  shape.publishing_off = reply.publishing_off();
}

struct Observed {
  StatusShape shape;
  bool answers = false;  // the coordinator does
  v1::WorkerPage workers;
};

// Who only waits for workers needs no more of them than how they are.
enum class Rows { kBrief, kFull };

absl::Status AskForWorkers(FarmClient& client, Rows rows, Observed& observed) {
  observed.answers = true;
  return client.ListWorkers(kListDeadline, rows == Rows::kBrief, observed.workers);
}

absl::StatusOr<Observed> ObserveServer(const FarmChoice& choice) {
  Observed observed;
  StatusShape& shape = observed.shape;
  shape.grpc_address = choice.server;
  shape.state = "down";
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, FarmClient::Connect(choice));
  v1::FarmStatus reply;
  const absl::Status status = client->GetFarmStatus(kStatusDeadline, reply);
  if (!status.ok()) {
    shape.detail = std::string(NoFarm(choice, Sv(status.message())).message());
    return observed;
  }
  const bool leads = reply.state() != kStandby;
  if (leads) GOFARM_RETURN_IF_ERROR_CTX(AskForWorkers(*client, Rows::kFull, observed), "list the workers");
  observed.answers = true;
  shape.state = reply.state().empty() ? "running" : reply.state();
  shape.detail = reply.detail();
  shape.tls_address = TlsAddressOf(reply);
  TakePublishing(reply, shape);
  shape.coordinator = {.pid = reply.coordinator_pid(), .state = shape.state, .detail = reply.detail()};
  for (const v1::WorkerRow& worker : observed.workers.workers()) {
    shape.workers.push_back(ShapeOf(worker));
  }
  return observed;
}

absl::StatusOr<Observed> ObserveFolder(const std::string& dir, Rows rows) {
  Observed observed;
  StatusShape& shape = observed.shape;
  GOFARM_ASSIGN_OR_RETURN(const embedded::FarmView view, embedded::LookAt(dir));
  shape.dir = dir;
  shape.cache_dir = view.file.cache_dir;
  shape.state = "down";
  shape.coordinator.state = shape.postgres.state = "down";
  if (!view.supervised) {
    shape.detail = view.leftovers
                       ? "its supervisor was killed and left processes behind; gofarm up or gofarm down ends them"
                       : Cat("start it with: gofarm up --dir ", dir);
    return observed;
  }
  shape.state = view.file.state;
  shape.grpc_address = view.file.grpc_address;
  shape.http_url = view.file.http_url;
  shape.coordinator = ShapeOf(view.file.coordinator);
  shape.postgres = ShapeOf(view.file.postgres);
  absl::Status answered = absl::UnavailableError("it is not running");
  if (view.file.coordinator.process.pid != 0) {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client,
                            FarmClient::Connect({.dir = dir, .named_by = "--dir"}));
    v1::FarmStatus reply;
    answered = client->GetFarmStatus(kStatusDeadline, reply);
    shape.tls_address = TlsAddressOf(reply);
    TakePublishing(reply, shape);
    if (answered.ok() && reply.state() == kStandby) {
      shape.coordinator.state = shape.state = kStandby;
      shape.coordinator.detail = reply.detail();
    } else if (answered.ok()) {
      answered = AskForWorkers(*client, rows, observed);
      observed.answers = answered.ok();
    }
  }
  if (shape.coordinator.detail.empty() && !answered.ok()) {
    shape.coordinator.detail = Cat("does not answer: ", Sv(answered.message()));
  }
  std::map<std::string, const v1::WorkerRow*> seen;
  for (const v1::WorkerRow& worker : observed.workers.workers()) seen[worker.name()] = &worker;
  bool all_well = observed.answers;
  bool restarted = shape.coordinator.restarts > 0;
  for (const embedded::PartState& part : view.file.workers) {
    restarted = restarted || part.restarts > 0;
    StatusWorker worker{.name = part.name, .pid = part.process.pid, .state = part.state, .detail = part.detail};
    const auto it = seen.find(part.name);
    if (it == seen.end() || it->second->pid() != part.process.pid) {
      if (worker.detail.empty()) worker.detail = "has not said Hello yet";
      all_well = false;
    } else {
      worker.state = std::string(NameOf(it->second->state()));
      if (!it->second->detail().empty()) worker.detail = it->second->detail();
      all_well = all_well && worker.state == "connected";
    }
    shape.workers.push_back(std::move(worker));
  }
  if (rows == Rows::kFull) {
    for (const v1::WorkerRow& worker : observed.workers.workers()) {
      // Those of other hosts; how they are is no matter of this machine's.
      const bool own = std::any_of(shape.workers.begin(), shape.workers.end(),
                                   [&worker](const StatusWorker& w) { return w.name == worker.name(); });
      if (!own) shape.workers.push_back(ShapeOf(worker));
    }
  }
  // All processes are there and something is still missing: normal on the way up, not later.
  if (shape.state == "running" && !all_well) shape.state = restarted ? "degraded" : "starting";
  return observed;
}

std::string StatusText(const Observed& observed, const Terminal& terminal) {
  const StatusShape& shape = observed.shape;
  std::string out = Cat("farm ", EscapeForPrint(shape.dir.empty() ? shape.grpc_address : shape.dir), ": ",
                        Paint(terminal, ColorOfState(shape.state), shape.state), "\n");
  if (!shape.detail.empty()) out += Cat("  ", EscapeForPrint(shape.detail), "\n");
  if (shape.state == "down") return out;
  out += Cat("  gRPC ", EscapeForPrint(shape.grpc_address), "\n");
  if (!shape.tls_address.empty()) out += Cat("  TLS  ", EscapeForPrint(shape.tls_address), "\n");
  if (!shape.http_url.empty()) out += Cat("  HTTP ", EscapeForPrint(shape.http_url), "\n");
  if (!shape.index_url.empty()) out += Cat("  index ", EscapeForPrint(shape.index_url), "\n");
  if (!shape.publishing_off.empty()) out += Cat("  ", EscapeForPrint(shape.publishing_off), "\n");
  if (!shape.cache_dir.empty()) out += Cat("  cache ", EscapeForPrint(shape.cache_dir), "\n");
  TableText parts({{"PART"}, {"STATE"}, {"PID", true}, {"RESTARTS", true}, {"DETAIL", false, true}});
  const auto add = [&](std::string_view name, const StatusPart& part) {
    parts.Add({name,
               {part.state, ColorOfState(part.state)},
               part.pid == 0 ? "-" : Cat(part.pid),
               Cat(part.restarts),
               part.detail});
  };
  if (!shape.dir.empty()) add("postgres", shape.postgres);
  add("coordinator", shape.coordinator);
  for (const StatusWorker& worker : shape.workers) {
    parts.Add({worker.name,
               {worker.state, ColorOfState(worker.state)},
               worker.pid == 0 ? "-" : Cat(worker.pid),
               "",
               worker.detail});
  }
  out += parts.Render(terminal);
  TableText seeds({{"WORKER"}, {"TARGET"}, {"SEEDS"}, {"TIME", true}, {"STEP", false, true}});
  for (const v1::WorkerRow& worker : observed.workers.workers()) {
    for (const v1::TargetReadiness& ready : worker.readiness()) {
      seeds.Add({worker.name(),
                 NameOf(ready.target()),
                 {std::string(NameOf(ready.state())), ColorOfState(NameOf(ready.state()))},
                 HumanSeconds(ready.seconds()),
                 ready.detail()});
    }
  }
  return seeds.empty() ? out : out + seeds.Render(terminal);
}

void PrintStatus(const Globals& globals, const Observed& observed) {
  if (!globals.json) {
    PrintOut(StatusText(observed, OutTerminal()));
    return;
  }
  JsonWriter json;
  WriteStatus(json, observed.shape, observed.answers ? &observed.workers : nullptr);
  PrintOut(json.Take());
}

// Waits until the coordinator answers and every worker has said Hello.
absl::Status WaitUntilUp(const embedded::FarmPaths& paths, int workers) {
  const Scope scope = Scope::For(kUpPatience);
  std::map<std::string, std::string> said;
  const auto news = [&](const std::string& part, const std::string& line) {
    if (said[part] == line) return;
    said[part] = line;
    Say(line);
  };
  std::string missing;
  while (!scope.Done()) {
    GOFARM_ASSIGN_OR_RETURN(const embedded::FarmView view, embedded::LookAt(paths.dir));
    if (!view.supervised) {
      return absl::InternalError(Cat("the supervisor ended; the end of ", paths.LogOf("supervisor"), ":\n",
                                     embedded::Tail(paths.LogOf("supervisor"), 10)));
    }
    GOFARM_ASSIGN_OR_RETURN(const Observed observed, ObserveFolder(paths.dir, Rows::kBrief));
    const StatusShape& shape = observed.shape;
    if (shape.postgres.state == "running") news("postgres", Cat("PostgreSQL runs (pid ", shape.postgres.pid, ")"));
    if (observed.answers) news("coordinator", Cat("the coordinator answers (pid ", shape.coordinator.pid, ")"));
    missing = shape.postgres.state != "running" ? Cat("PostgreSQL: ", shape.postgres.detail)
              : !observed.answers               ? Cat("coordinator: ", shape.coordinator.detail)
                                                : "";
    for (const StatusWorker& worker : shape.workers) {
      // Any state but these two came from the worker's own Hello.
      const bool greeted =
          observed.answers && worker.state != "running" && worker.state != "restarting" && worker.state != "lost";
      if (!greeted) missing += Cat(missing.empty() ? "" : "\n", worker.name, ": ", worker.detail);
      if (greeted && worker.state == "connected")
        news(worker.name, Cat(worker.name, " has said Hello (pid ", worker.pid, ")"));
      if (greeted && worker.state != "connected")
        news(worker.name, Cat(worker.name, " is ", worker.state, ": ", worker.detail));
    }
    // A supervisor that just got more workers may not have started them yet.
    for (int n = static_cast<int>(shape.workers.size()) + 1; n <= workers; ++n) {
      missing += Cat(missing.empty() ? "" : "\n", embedded::FarmPaths::WorkerName(n), ": not started yet");
    }
    if (missing.empty()) return absl::OkStatus();
    std::vector<embedded::PartState> parts{view.file.postgres, view.file.coordinator};
    parts.insert(parts.end(), view.file.workers.begin(), view.file.workers.end());
    for (const embedded::PartState& part : parts) {
      if (part.restarts >= kHopeless && part.process.pid == 0) {
        return absl::InternalError(Cat(part.name, " keeps ending (", part.detail, "); the end of ",
                                       paths.LogOf(part.name), ":\n", embedded::Tail(paths.LogOf(part.name), 10)));
      }
    }
    absl::SleepFor(kPoll);
  }
  return absl::InternalError(Cat("the farm is not complete after ", HumanSeconds(absl::ToDoubleSeconds(kUpPatience)),
                                 ":\n", missing, "\nlogs are in ", paths.Logs(),
                                 "; it keeps trying: see gofarm status, end it with gofarm down"));
}

}  // namespace

namespace {

Exit BringUp(const Globals& globals, const UpArgs& args) {
  if (!globals.farm.server.empty()) {
    return absl::InvalidArgumentError("up makes a farm in a folder of this machine; leave --server out, or use --dir");
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string dir, FindFarmFolder(globals.farm.dir));
  if (args.supervise) {
    obs::InitLog("gofarm-supervisor", obs::Level::kInfo);
    GOFARM_ASSIGN_OR_RETURN(const embedded::SupervisorOptions options,
                            embedded::LoadFarm(Scope::For(absl::Minutes(1)), dir));
    GOFARM_RETURN_IF_ERROR(embedded::RunSupervisor(options));
    return 0;
  }
  const Scope scope = Scope::For(kPreparePatience);
  const embedded::UpRequest request{.dir = dir,
                                    .cache_dir = args.cache_dir,
                                    .workers = args.workers,
                                    .listen = args.listen,
                                    .public_names = args.public_names,
                                    .public_listen = args.public_listen,
                                    .public_url = args.public_url};
  GOFARM_ASSIGN_OR_RETURN(embedded::Prepared prepared,
                          embedded::PrepareFarm(scope, request, embedded::ProcessEnvironment(), Say));
  const embedded::FarmPaths& paths = prepared.options.paths;
  if (args.foreground) {
    if (prepared.running) {
      return absl::InvalidArgumentError(
          Cat("the farm in ", EscapeForPrint(dir),
              " is up already; take it down first, or leave --foreground out to repair it"));
    }
    prepared.turn.reset();
    obs::InitLog("gofarm-supervisor", obs::Level::kInfo);
    Say(Cat("the farm in ", dir, " runs until Ctrl-C; its logs are in ", paths.Logs()));
    GOFARM_RETURN_IF_ERROR(embedded::RunSupervisor(prepared.options));
    return 0;
  }
  GOFARM_RETURN_IF_ERROR(embedded::StartOrRepair(scope, prepared));
  prepared.turn.reset();
  GOFARM_RETURN_IF_ERROR(WaitUntilUp(paths, prepared.options.settings.workers.value_or(1)));
  GOFARM_ASSIGN_OR_RETURN(const Observed observed, ObserveFolder(dir, globals.json ? Rows::kFull : Rows::kBrief));
  if (globals.json) {
    PrintStatus(globals, observed);
    return 0;
  }
  const StatusShape& shape = observed.shape;
  // Without a flag, GOFARM_SERVER and others may name another farm.
  const absl::StatusOr<FarmChoice> usual = FindFarm(FarmFlags{});
  const std::string with = usual.ok() && usual->dir == dir ? "" : SameFarm({.farm = {.dir = dir}});
  PrintOut(Cat(
      "the farm in ", EscapeForPrint(dir), " is up: ", shape.workers.size(),
      shape.workers.size() == 1 ? " worker" : " workers", "\n", "  gRPC   ", shape.grpc_address, "\n",
      shape.tls_address.empty() ? "" : Cat("  TLS    ", shape.tls_address, " (gofarm token create --role worker)\n"),
      "  HTTP   ", shape.http_url, " (metrics, health)\n", "  cache  ", EscapeForPrint(shape.cache_dir), "\n",
      "  logs   ", EscapeForPrint(paths.Logs()), "\n", "  next   gofarm submit MODULE", with, "; gofarm status", with,
      "; gofarm down", with, "\n"));
  return 0;
}

}  // namespace

Exit Up(const Globals& globals, const UpArgs& args) {
  Exit exit = BringUp(globals, args);
  if (exit.ok() || absl::IsInvalidArgument(exit.status()) || absl::IsPermissionDenied(exit.status())) return exit;
  // A farm that does not come up, whatever is missing: neither wrong input nor a farm out of reach.
  return absl::InternalError(exit.status().message());
}

Exit Down(const Globals& globals) {
  if (!globals.farm.server.empty()) {
    return absl::InvalidArgumentError("down ends a farm in a folder of this machine; leave --server out, or use --dir");
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string dir, FindFarmFolder(globals.farm.dir));
  GOFARM_ASSIGN_OR_RETURN(const bool ended, embedded::TakeDown(dir, Say));
  if (globals.json) {
    GOFARM_ASSIGN_OR_RETURN(const Observed observed, ObserveFolder(dir, Rows::kFull));
    PrintStatus(globals, observed);
  } else {
    PrintOut(ended ? Cat("the farm in ", EscapeForPrint(dir), " is down; its data stays there\n")
                   : Cat("no farm is up in ", EscapeForPrint(dir), "\n"));
  }
  return 0;
}

Exit Status(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(globals.farm));
  Observed observed;
  if (choice.dir.empty()) {
    GOFARM_ASSIGN_OR_RETURN(observed, ObserveServer(choice));
  } else {
    GOFARM_ASSIGN_OR_RETURN(observed, ObserveFolder(choice.dir, Rows::kFull));
  }
  PrintStatus(globals, observed);
  return observed.shape.state == "down" ? kExitUnreachable : 0;
}

std::string VersionLine() { return Cat("gofarm ", GOFARM_VERSION); }

Exit Version(const Globals& globals) {
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("version", GOFARM_VERSION).EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(VersionLine() + "\n");
  }
  return 0;
}

}  // namespace gofarm::cli
