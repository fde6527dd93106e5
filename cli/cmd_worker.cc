#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "cli/commands.h"
#include "cli/embedded/farm_control.h"
#include "cli/json_shapes.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/scrape_targets.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/process/program.h"
#include "common/vocab/labels.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

std::string Targets(const v1::WorkerRow& worker) {
  std::string out;
  for (const int target : worker.targets()) {
    out += Cat(out.empty() ? "" : ",", NameOf(static_cast<v1::Target>(target)));
  }
  return out;
}

std::string LabelsOf(const v1::WorkerRow& worker) {
  return ToText(Labels(worker.labels().begin(), worker.labels().end()));
}

// "x86_64 ready, riscv64 seeding".
std::string Seeds(const v1::WorkerRow& worker) {
  std::string out;
  for (const v1::TargetReadiness& ready : worker.readiness()) {
    out += Cat(out.empty() ? "" : ", ", NameOf(ready.target()), " ", NameOf(ready.state()));
  }
  return out;
}

std::string WorkerText(const v1::WorkerRow& worker, const Terminal& terminal) {
  const std::string state(NameOf(worker.state()));
  std::string out =
      Cat(EscapeForPrint(worker.name()), ": ", Paint(terminal, ColorOfState(state), state),
          worker.detail().empty() ? "" : Cat(" (", EscapeForPrint(worker.detail()), ")"), "\n", "  pid ", worker.pid(),
          ", ", EscapeForPrint(worker.host_arch()), ", version ", EscapeForPrint(worker.build_version()),
          worker.address().empty() ? "" : Cat(", from ", EscapeForPrint(worker.address())), "\n",
          worker.labels().empty() ? "" : Cat("  labels ", LabelsOf(worker), "\n"), "  ", worker.free_slots(), " of ",
          worker.slots(), " slots free, memory ", HumanBytes(worker.memory_bytes()), "\n", "  cache ",
          HumanBytes(worker.cache_bytes()), ", ", HumanBytes(worker.disk_free_bytes()), " of disk free\n");
  for (const v1::InstalledToolchain& toolchain : worker.toolchains()) {
    out += Cat("  ", EscapeForPrint(toolchain.kind()), " ", EscapeForPrint(toolchain.version()), ": ",
               EscapeForPrint(toolchain.path()), "\n");
  }
  TableText table({{"TARGET"}, {"SEEDS"}, {"TIME", true}, {"STEP", false, true}});
  for (const v1::TargetReadiness& ready : worker.readiness()) {
    table.Add({NameOf(ready.target()),
               {std::string(NameOf(ready.state())), ColorOfState(NameOf(ready.state()))},
               HumanSeconds(ready.seconds()),
               ready.detail()});
  }
  if (!table.empty()) out += table.Render(terminal);
  for (const v1::RunningJob& job : worker.running()) {
    out += Cat("  runs job ", job.job_id(), " ", EscapeForPrint(job.module()), "@", EscapeForPrint(job.version()), " ",
               NameOf(job.target()), ": ", NameOf(job.progress().phase()), ", ", HumanSeconds(job.seconds()), "\n");
  }
  return out;
}

// The cache folder of the farm that is meant, for verbs that work on files.
absl::StatusOr<std::string> CacheFolder(const Globals& globals, const std::string& flag) {
  if (!flag.empty()) return flag;
  if (const char* const set = std::getenv("GOFARM_CACHE_DIR"); set != nullptr && *set != '\0') return set;
  GOFARM_ASSIGN_OR_RETURN(const std::string dir, FindFarmFolder(globals.farm.dir));
  GOFARM_ASSIGN_OR_RETURN(const embedded::FarmView view, embedded::LookAt(dir));
  if (!view.file.cache_dir.empty()) return view.file.cache_dir;
  return dir + "/cache";
}

}  // namespace

Exit WorkerList(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::WorkerPage reply;
  GOFARM_RETURN_IF_ERROR(client->ListWorkers(reply));
  if (globals.json) {
    PrintOut(WorkerListDocument(reply));
    return 0;
  }
  TableText table({{"NAME"},
                   {"STATE"},
                   {"HOST"},
                   {"PID", true},
                   {"SLOTS", true},
                   {"FREE", true},
                   {"LABELS", false, true},
                   {"TARGETS", false, true},
                   {"SEEDS", false, true}});
  std::string notes;  // whole sentences: why one takes no jobs, or that its name is claimed twice
  for (const v1::WorkerRow& worker : reply.workers()) {
    if (!worker.detail().empty()) notes += Cat(worker.name(), ": ", EscapeForPrint(worker.detail()), "\n");
    table.Add({worker.name(),
               {std::string(NameOf(worker.state())), ColorOfState(NameOf(worker.state()))},
               worker.host_arch(),
               Cat(worker.pid()),
               Cat(worker.slots()),
               Cat(worker.free_slots()),
               LabelsOf(worker),
               Targets(worker),
               Seeds(worker)});
  }
  PrintOut(table.empty() ? "no workers\n" : table.Render(OutTerminal()) + notes);
  return 0;
}

Exit WorkerTargets(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::WorkerPage reply;
  GOFARM_RETURN_IF_ERROR(client->ListWorkers(reply));
  PrintOut(ScrapeTargets(reply));
  return 0;
}

Exit WorkerShow(const Globals& globals, const std::string& name) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::WorkerPage reply;
  GOFARM_RETURN_IF_ERROR(client->ListWorkers({name}, reply));
  for (const v1::WorkerRow& worker : reply.workers()) {
    if (worker.name() != name) continue;
    if (globals.json) {
      JsonWriter json;
      WriteWorker(json, worker);
      PrintOut(json.Take());
    } else {
      PrintOut(WorkerText(worker, OutTerminal()));
    }
    return 0;
  }
  return absl::NotFoundError(
      Cat("no worker is called \"", EscapeForPrint(name), "\"; see: gofarm worker list", SameFarm(globals)));
}

Exit WorkerCache(const Globals& globals, const std::string& verb, const std::string& cache_dir,
                 const std::vector<std::string>& arguments) {
  GOFARM_ASSIGN_OR_RETURN(const std::string folder, CacheFolder(globals, cache_dir));
  GOFARM_ASSIGN_OR_RETURN(const std::string program, process::FindSibling("gofarm-worker"));
  std::vector<std::string> words{program, "cache", verb, "--cache-dir", folder};
  if (globals.json) words.insert(words.end(), {"--output", "json"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  return ErrnoStatus(errno, Cat("start ", program));
}

}  // namespace gofarm::cli
