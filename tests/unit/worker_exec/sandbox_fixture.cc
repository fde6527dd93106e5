#include "tests/unit/worker_exec/sandbox_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>

#include "common/base/text.h"
#include "common/process/pipes.h"
#include "common/process/proc_fs.h"
#include "common/process/program.h"
#include "common/process/run.h"
#include "common/process/spawn.h"
#include "worker/exec/run.h"
#include "worker/exec/sampler.h"
#include "worker/exec/tree.h"

namespace gofarm::exec {
namespace {

constexpr int kOrdinaryUid = 65534;
constexpr const char* kBaseVariable = "GOFARM_TEST_BASE";  // where main has put attacker and set-uid attacker

std::string MakeFolder() {
  std::string name = std::string(getenv(kBaseVariable)) + "/t-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) abort();
  for (const char* sub : {"/out", "/src", "/scratch", "/seed"}) mkdir((name + sub).c_str(), 0755);
  return name;
}

SandboxOptions Options() {
  SandboxOptions options;
  options.self_exe = SelfExe();
  return options;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  if (!seen.result.ok()) return out << seen.result.status() << "; output: " << seen.output;
  return out << "ended by " << static_cast<int>(seen.result->ended_by) << ", exit code " << seen.result->exit_code
             << ", signal " << seen.result->signal << "; output: " << seen.output;
}

std::string SelfExe() { return std::filesystem::read_symlink("/proc/self/exe").string(); }
std::string AttackerExe() { return std::string(getenv(kBaseVariable)) + "/attacker"; }
std::string SetUidAttacker() {
  const std::string path = std::string(getenv(kBaseVariable)) + "/set-uid-attacker";
  return access(path.c_str(), F_OK) == 0 ? path : "";
}
bool SuiteRunsAsRoot() { return geteuid() == 0; }

SandboxTest::SandboxTest() : folder_(MakeFolder()), sandbox_(Options()) {
  EXPECT_TRUE(sandbox_.GiveToBuilds(Path("out"), 0).ok());
}

SandboxTest::~SandboxTest() {
  const absl::Status removed = RemoveTree(folder_);
  EXPECT_TRUE(removed.ok()) << removed;
}

SandboxSpec SandboxTest::Spec(std::vector<std::string> arguments) const {
  SandboxSpec spec;
  spec.argv = {"/probe"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.environment = {{"PATH", "/go/bin"}, {"HOME", "/job/home"}};
  spec.binds = {{AttackerExe(), "/probe", false}, {Path("src"), "/src", false}, {Path("out"), "/out", true}};
  spec.limits.wall = absl::Seconds(40);
  return spec;
}

Seen SandboxTest::Run(const SandboxSpec& spec, const Scope& scope) const {
  Seen seen;
  seen.result = sandbox_.Run(scope, spec, [&seen](std::string_view data) { seen.output.append(data); });
  return seen;
}

Seen SandboxTest::RunWeakened(const SandboxSpec& spec, const Defences& defences) const {
  Seen seen;
  InitSpec init;
  init.sandbox = spec;
  init.defences = defences;
  init.bwrap = *process::FindProgram("bwrap");
  init.uid = SuiteRunsAsRoot() ? sandbox_.BuildUid(spec.slot) : -1;
  seen.result = RunInSandbox(Scope::For(absl::Minutes(1)), SelfExe(), init,
                             [&seen](std::string_view data) { seen.output.append(data); });
  return seen;
}

SandboxTest::Bare SandboxTest::RunBare(const std::vector<std::string>& arguments) const {
  process::Command spec;
  spec.argv = {AttackerExe()};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.environment = process::InheritedEnvironment({});
  const absl::StatusOr<process::CommandResult> result = process::Run(Scope::For(absl::Minutes(1)), spec);
  if (!result.ok()) return {-1, result.status().ToString()};
  return {result->exit_code, result->out + result->err};
}

void SandboxTest::Write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
  std::ofstream(Path(name)) << text;
}

std::string SandboxTest::Read(const std::string& name) const {
  std::ostringstream all;
  all << std::ifstream(Path(name)).rdbuf();
  return all.str();
}

std::vector<int> ProcessesWith(const std::string& marker) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == getpid()) continue;
    if (process::ReadProcFile(Cat("/proc/", pid, "/cmdline")).find(marker) == std::string::npos) continue;
    const std::optional<process::ProcStat> stat = process::ReadProcStat(pid);
    if (stat && stat->state != 'Z') found.push_back(pid);
  }
  return found;
}

bool EventuallyAtLeast(const std::string& marker, size_t count, absl::Duration within) {
  const absl::Time give_up = absl::Now() + within;
  while (ProcessesWith(marker).size() < count) {
    if (absl::Now() >= give_up) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

bool EventuallyNone(const std::string& marker, absl::Duration within) {
  const absl::Time give_up = absl::Now() + within;
  while (!ProcessesWith(marker).empty()) {
    if (absl::Now() >= give_up) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

namespace {

// A worker that lives until it is killed: `drive sandbox MARKER` runs the attacker in a sandbox, `drive bare MARKER` as
// a plain child.
int Drive(const std::string& how, const std::string& marker) {
  if (how == "bare") {
    process::ChildSpec child;
    child.path = AttackerExe();
    child.argv = {child.path, "hold", "600", Cat(marker, "-held")};
    const absl::StatusOr<io::Fd> null = process::MakeMemoryFile("");
    child.fds = {{null->get(), 0}, {null->get(), 1}, {null->get(), 2}};
    if (!process::SpawnChild(child).ok()) return 1;
    pause();
    return 0;
  }
  const Sandbox sandbox(Options());
  SandboxSpec spec;
  spec.binds = {{AttackerExe(), "/probe", false}};
  spec.argv = {"/probe", "forks", "5", "600", marker};
  return sandbox.Run(Scope{}, spec, nullptr).ok() ? 0 : 1;
}

void CopyTo(const std::string& from, const std::string& to, mode_t mode) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  if (chmod(to.c_str(), mode) != 0) abort();
}

// Everything lies below one folder: closed to others as root, as a worker's folders are.
std::string MakeBase(bool as_user) {
  const char* tmp = getenv("TMPDIR");
  std::string base = std::string(tmp != nullptr ? tmp : "/tmp") + "/gofarm-sandbox-XXXXXX";
  if (mkdtemp(base.data()) == nullptr) abort();
  CopyTo(SANDBOX_ATTACKER, base + "/attacker", 0755);
  CopyTo(SelfExe(), base + "/suite", 0755);
  if (geteuid() == 0) {
    // Reached by the ordinary user of the control, too.
    chmod(base.c_str(), as_user ? 0700 : 0711);
    CopyTo(SANDBOX_ATTACKER, base + "/set-uid-attacker", 04755);
  }
  if (as_user && geteuid() == 0 && chown(base.c_str(), kOrdinaryUid, kOrdinaryUid) != 0) abort();
  setenv(kBaseVariable, base.c_str(), 1);
  return base;
}

void BecomeOrdinaryUser() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setresgid(kOrdinaryUid, kOrdinaryUid, kOrdinaryUid) != 0 ||
      setresuid(kOrdinaryUid, kOrdinaryUid, kOrdinaryUid) != 0) {
    abort();
  }
}

}  // namespace

int SuiteMain(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "sandbox-init") == 0) return SandboxInitMain();
  if (argc == 4 && strcmp(argv[1], "drive") == 0) return Drive(argv[2], argv[3]);
  if (getenv(kBaseVariable) != nullptr) {
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
  }
  // A copy of itself below the folder, run as whoever the suite is for: a closed home above the build folder is no
  // hindrance then, and what is left is removed by the one who made it.
  bool as_user = false;
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--as-user") == 0) {
      as_user = true;
    } else {
      arguments.push_back(argv[i]);
    }
  }
  const std::string base = MakeBase(as_user);
  const std::string suite = base + "/suite";
  const pid_t pid = fork();
  if (pid == 0) {
    if (as_user) BecomeOrdinaryUser();
    std::vector<char*> child_argv = {const_cast<char*>(suite.c_str())};
    for (std::string& argument : arguments) child_argv.push_back(argument.data());
    child_argv.push_back(nullptr);
    execv(suite.c_str(), child_argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  const absl::Status removed = RemoveTree(base);
  if (!removed.ok()) std::cerr << removed << "\n";
  return removed.ok() && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace gofarm::exec

int main(int argc, char** argv) { return gofarm::exec::SuiteMain(argc, argv); }
