// Runs one command over untrusted source in a sandbox: own user, mount, pid, network, ipc and uts namespaces, an empty
// root with only the mounts given, no capability, no nested user namespace, never kernel uid 0, limits enforced over
// the whole process tree. Built on bubblewrap; started as root or as an ordinary user. See docs/sandbox.md.
//
// Thread-safe; any number of Runs at a time. Run blocks its calling thread until the last process of the tree is gone.
// When the worker dies, however it dies, the tree ends with it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::exec {

// Raised whenever paths, mounts or the environment inside change: it is part of every recipe.
inline constexpr int kSandboxLayout = 1;

// One whose place lies below an earlier one's is mounted inside that: its place must be there already, and it is
// read-only. There may be thousands of those.
struct BindMount {
  std::string source;  // on the host; file or folder
  std::string dest;    // inside, absolute
  bool writable = false;
};

// A throw-away writable view of a folder that stays as it is. `scratch` is an existing host folder of this run, on a
// disk; the upper and work folders are made inside it (they may not be there yet) and are removed when the run ends,
// unless kept.
struct OverlayMount {
  std::string lower;
  std::string scratch;
  std::string dest;
  // The upper folder stays, and the next run with this scratch folder finds what this one wrote: the tries of one job.
  bool keep = false;
};

struct SandboxLimits {
  absl::Duration wall = absl::Minutes(30);
  absl::Duration silence = absl::Minutes(10);  // neither a byte of output nor CPU time used
  int64_t memory_bytes = int64_t{6} << 30;     // resident memory of the whole tree, sampled every 100 ms
  int64_t output_bytes = int64_t{8} << 30;     // under `watched` and in files unlinked but open, sampled every second
  // A run ends when less is left on a disk that it can write to, whatever filled it: database, logs and other slots may
  // stand on the same one. Sampled every 100 ms.
  int64_t disk_free_bytes = int64_t{256} << 20;
  int processes = 1024;
};

struct SandboxSpec {
  std::vector<std::string> argv;                                 // argv[0] is a path inside
  std::vector<std::pair<std::string, std::string>> environment;  // all there is; nothing is inherited
  std::string working_directory = "/";
  std::vector<BindMount> binds;
  std::vector<OverlayMount> overlays;
  bool network = false;  // true only for steps that run no code of a module
  // /dev/zero, full, random and urandom are the devices: for programs that run. To a compiler they are empty files.
  bool endless_devices = false;
  SandboxLimits limits;
  std::vector<std::string> watched;  // host folders whose size counts against output_bytes
  int slot = 0;                      // as root each slot has a uid of its own
};

// For GiveToBuilds: a folder that builds of every slot share.
inline constexpr int kAnySlot = -1;

enum class EndedBy { kExit, kSignal, kWall, kSilence, kMemory, kOutput, kDisk, kStopped };

struct SandboxResult {
  EndedBy ended_by = EndedBy::kExit;
  int exit_code = 0;  // kExit; 1 with "bwrap: execvp ..." in the output when argv[0] cannot be executed
  int signal = 0;     // kSignal: the command itself (not a child of its) died of it, or exited with 128 + signal
  double seconds = 0;
  double cpu_seconds = 0;         // of all processes, exact
  int64_t peak_memory_bytes = 0;  // largest sampled sum over the tree, at least the largest single process
};

// Receives stdout and stderr as they come, from the thread that called Run.
using OutputSink = std::function<void(std::string_view)>;

struct SandboxOptions {
  std::string self_exe;         // program that serves the `sandbox-init` verb (the worker itself): see SandboxInitMain
  std::string bwrap = "bwrap";  // bubblewrap 0.8 or newer: see FindBwrap
  int first_uid = 210000;       // root: slot n builds as first_uid + n
  // An existing folder on the disk that runs will write to, where Probe tries its mounts (an overlay works on one file
  // system and not on another); empty: the system's temporary folder.
  std::string probe_folder;
};

class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options);

  // Tries every defence for real (overlay, uid, capabilities, nested namespace, network). FAILED_PRECONDITION says what
  // is missing and what to do; a worker that gets it refuses to build. RESOURCE_EXHAUSTED: the disk of the probe folder
  // is full, which says nothing about the host.
  absl::Status Probe(const Scope& scope) const;

  // The error is for what kept the command from starting; how it ended is in the result. Stop and deadline of `scope`
  // end the tree (kStopped, kWall).
  absl::StatusOr<SandboxResult> Run(const Scope& scope, const SandboxSpec& spec, const OutputSink& output) const;

  // Makes a host folder and all below it writable for builds. With a slot: owned by that slot's uid, rwX for the owner
  // only (a job's own folders). With kAnySlot: rwX for everybody (seeds, the shared Go cache), so it has to live below
  // a folder that only the worker can enter. Follows no symbolic link; set-id bits go. As an ordinary user only modes
  // change.
  absl::Status GiveToBuilds(const std::string& folder, int slot) const;

  // The kernel uid of a slot's builds: the worker's own when it is an ordinary user.
  int BuildUid(int slot) const;

 private:
  SandboxOptions options_;
};

// What `gofarm-worker sandbox-init` runs, before it starts any thread: reads its spec from file descriptor 3, makes the
// mounts in a namespace of its own, drops to the build's uid, starts bubblewrap and outlives it as reaper of the whole
// tree, under the control of the worker's Run at file descriptor 4. Returns the exit code of the process.
int SandboxInitMain();

}  // namespace gofarm::exec
