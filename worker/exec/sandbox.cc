#include "worker/exec/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "worker/exec/host_machine.h"
#include "worker/exec/host_probe.h"
#include "worker/exec/init_spec.h"
#include "worker/exec/run.h"
#include "worker/exec/tree.h"

namespace gofarm::exec {
namespace {

constexpr absl::Duration kProbeWait = absl::Seconds(30);

bool IsRoot() { return geteuid() == 0; }

absl::Status CheckBwrapVersion(const Scope& scope, const std::string& bwrap) {
  process::Command spec;
  spec.argv = {bwrap, "--version"};
  spec.stdout_max = 4096;
  GOFARM_ASSIGN_OR_RETURN(const process::CommandResult result, process::Run(scope.Within(kProbeWait), spec));
  const std::vector<absl::string_view> words =
      absl::StrSplit(result.out, absl::ByAnyChar(" .\n"), absl::SkipWhitespace());
  int major = 0, minor = 0;
  if (words.size() < 3 || words[0] != "bubblewrap" || !absl::SimpleAtoi(words[1], &major) ||
      !absl::SimpleAtoi(words[2], &minor)) {
    return absl::FailedPreconditionError(Cat(bwrap, " --version says '", EscapeForPrint(Clip(result.out, 200)), "'"));
  }
  if (major == 0 && minor < 8) {
    return absl::FailedPreconditionError(Cat(bwrap, " is ", major, ".", minor, ", 0.8 is needed (--disable-userns)"));
  }
  return absl::OkStatus();
}

std::string TemporaryFolder() {
  const char* base = getenv("TMPDIR");
  return base != nullptr && base[0] == '/' ? base : "/tmp";
}

// A folder of the probe's own, gone with it.
class ProbeFolder {
 public:
  explicit ProbeFolder(const std::string& parent) {
    std::string name = parent + "/gofarm-probe-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) {
      path_ = name;
    } else {
      made_ = ErrnoStatus(errno, Cat("make a folder in ", parent));
    }
  }
  ~ProbeFolder() {
    if (!path_.empty()) (void)RemoveTree(path_);
  }
  const std::string& path() const { return path_; }
  const absl::Status& made() const { return made_; }

 private:
  std::string path_;
  absl::Status made_;
};

// Whether a few files and folders find room, with the words of the system where they do not.
absl::Status TryRoom(const std::string& base) {
  static constexpr char kSome[65536] = {};
  for (const char* name : {"/room", "/room/inner"}) {
    if (mkdir((base + name).c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(errno, Cat("make ", base, name));
  }
  const std::string path = base + "/room/file";
  const io::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return ErrnoStatus(errno, Cat("make ", path));
  return io::WriteAll(file.get(), std::string_view(kSome, sizeof kSome), path);
}

absl::Status MakeFolders(const std::string& base) {
  for (const char* name : {"/ro", "/rw", "/seed", "/scratch"}) {
    if (mkdir((base + name).c_str(), 0700) != 0) return ErrnoStatus(errno, Cat("make ", base, name));
  }
  FILE* file = fopen((base + "/seed/seed").c_str(), "we");
  if (file == nullptr) return ErrnoStatus(errno, Cat("make a file in ", base));
  fclose(file);
  return absl::OkStatus();
}

// The worker's own binary and the libraries it was linked with, at the places it knows them by.
absl::StatusOr<std::vector<BindMount>> SelfMounts(const std::string& self_exe) {
  char resolved[PATH_MAX];
  if (realpath(self_exe.c_str(), resolved) == nullptr) return ErrnoStatus(errno, Cat("find ", self_exe));
  std::vector<BindMount> binds = {{resolved, "/probe/self", false}};
  for (const char* folder : {"/usr", "/lib", "/lib64"}) {
    struct stat st;
    if (stat(folder, &st) == 0) binds.push_back({folder, folder, false});
  }
  return binds;
}

// RESOURCE_EXHAUSTED only for a disk without room.
absl::Status RunProbe(const Scope& scope, const Sandbox& sandbox, const std::string& self_exe,
                      const std::string& base) {
  GOFARM_RETURN_IF_ERROR(sandbox.GiveToBuilds(base + "/rw", 0));
  GOFARM_RETURN_IF_ERROR(sandbox.GiveToBuilds(base + "/seed", kAnySlot));
  SandboxSpec spec;
  spec.argv = {"/probe/self", "sandbox-init"};
  spec.environment = {{kHostProbeVariable, "/probe"}};
  GOFARM_ASSIGN_OR_RETURN(spec.binds, SelfMounts(self_exe));
  spec.binds.push_back({base + "/ro", "/probe/ro", false});
  spec.binds.push_back({base + "/rw", "/probe/rw", true});
  spec.overlays.push_back({base + "/seed", base + "/scratch", "/probe/ov"});
  spec.limits.wall = kProbeWait;
  spec.limits.disk_free_bytes = 0;  // a full disk is no lack of isolation
  std::string output;
  const absl::StatusOr<SandboxResult> ran = sandbox.Run(scope, spec, [&output](std::string_view data) {
    if (output.size() < 4096) output.append(data.substr(0, 4096));
  });
  if (!ran.ok()) {
    // ENOSPC also means that no further namespace or mount is allowed, which free space does not fix.
    return absl::IsCancelled(ran.status()) ? ran.status() : absl::FailedPreconditionError(ran.status().message());
  }
  const SandboxResult& result = *ran;
  if (result.ended_by == EndedBy::kStopped) return absl::CancelledError("stopped");
  if (result.ended_by == EndedBy::kWall) return absl::FailedPreconditionError("a sandbox gave no answer in time");
  if (result.ended_by == EndedBy::kExit && result.exit_code == kHostProbeDiskFull) {
    return absl::ResourceExhaustedError("inside the sandbox: No space left on device");
  }
  if (result.ended_by != EndedBy::kExit || result.exit_code != 0) {
    const std::string how =
        result.ended_by == EndedBy::kSignal ? Cat("signal ", result.signal) : Cat("exit code ", result.exit_code);
    return absl::FailedPreconditionError(Cat("inside the sandbox: ", output.empty() ? how : EscapeForPrint(output)));
  }
  // Seen from here, a file made inside belongs to whom the kernel takes the build for.
  struct stat st;
  if (stat((base + "/rw/file").c_str(), &st) != 0) return ErrnoStatus(errno, "look at the probe's file");
  if (st.st_uid == 0 || static_cast<int>(st.st_uid) != sandbox.BuildUid(0)) {
    return absl::FailedPreconditionError(Cat("builds run as kernel uid ", st.st_uid));
  }
  return absl::OkStatus();
}

absl::Status ProbeIn(const Scope& scope, const Sandbox& sandbox, const std::string& self_exe,
                     const std::string& parent) {
  const ProbeFolder folder(parent);
  GOFARM_RETURN_IF_ERROR(folder.made());
  GOFARM_RETURN_IF_ERROR(MakeFolders(folder.path()));
  absl::Status status = RunProbe(scope, sandbox, self_exe, folder.path());
  if (status.ok() || absl::IsCancelled(status)) return status;
  // A full disk shows in many ways (an overlay becomes read-only), so what failed is believed only where there is room.
  const absl::Status room = TryRoom(folder.path());
  return absl::IsResourceExhausted(room) ? room : status;
}

}  // namespace

Sandbox::Sandbox(SandboxOptions options) : options_(std::move(options)) {}

int Sandbox::BuildUid(int slot) const { return IsRoot() ? options_.first_uid + slot : static_cast<int>(geteuid()); }

absl::StatusOr<SandboxResult> Sandbox::Run(const Scope& scope, const SandboxSpec& spec,
                                           const OutputSink& output) const {
  GOFARM_RETURN_IF_ERROR(CheckSpec(spec));
  InitSpec init;
  init.sandbox = spec;
  GOFARM_ASSIGN_OR_RETURN_CTX(init.bwrap, FindBwrap(options_.bwrap), "sandbox: install bubblewrap");
  init.uid = IsRoot() ? BuildUid(spec.slot) : -1;
  return RunInSandbox(scope, options_.self_exe, init, output);
}

absl::Status Sandbox::GiveToBuilds(const std::string& folder, int slot) const {
  const int uid = IsRoot() ? BuildUid(slot == kAnySlot ? 0 : slot) : -1;
  return GiveTree(folder, uid, slot == kAnySlot);
}

absl::Status Sandbox::Probe(const Scope& scope) const {
  const absl::StatusOr<std::string> bwrap = FindBwrap(options_.bwrap);
  absl::Status status = bwrap.status();
  if (status.ok()) status = CheckBwrapVersion(scope, *bwrap);
  const bool tools = status.ok();
  const std::string parent = options_.probe_folder.empty() ? TemporaryFolder() : options_.probe_folder;
  if (tools) status = ProbeIn(scope, *this, options_.self_exe, parent);
  if (status.ok() || absl::IsCancelled(status)) return status;
  if (tools && absl::IsResourceExhausted(status)) {
    return absl::ResourceExhaustedError(Cat(
        "the disk under ", parent, " is full, so nobody can see whether this host isolates builds (", status.message(),
        "); make room there (bytes and inodes: df, df -i), then this worker "
        "looks again by itself"));
  }
  return absl::FailedPreconditionError(
      Cat("this host cannot isolate builds, so none will run: ", status.message(), ". See docs/sandbox.md"));
}

}  // namespace gofarm::exec
