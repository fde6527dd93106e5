// Runs one command over untrusted source in a sandbox: own user, mount, pid, network, ipc and uts namespaces, an empty
// root with only the mounts given, no capability, no nested user namespace, never kernel uid 0, limits enforced over the
// whole process tree. Built on bubblewrap; started as root or as an ordinary user. See docs/sandbox.md.
//
// Thread-safe. Run blocks its calling thread until the last process of the tree is gone; that thread must live as long
// as the call, since the kernel ends the tree when it dies (PR_SET_PDEATHSIG).
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

struct BindMount {
  std::string source;  // on the host; file or folder
  std::string dest;    // inside, absolute
  bool writable = false;
};

// A throw-away writable view of a read-only folder. `scratch` is a host folder of this run; upper and work folders are
// made inside it and die with it.
struct OverlayMount {
  std::string lower;
  std::string scratch;
  std::string dest;
};

struct SandboxLimits {
  absl::Duration wall = absl::Minutes(30);
  absl::Duration silence = absl::Minutes(10);  // neither a byte of output nor CPU time used
  int64_t memory_bytes = int64_t{6} << 30;     // resident memory of the whole tree, sampled every 100 ms
  int64_t output_bytes = int64_t{8} << 30;     // under `watched`, sampled every second
  int processes = 1024;
};

struct SandboxSpec {
  std::vector<std::string> argv;                                 // argv[0] is a path inside
  std::vector<std::pair<std::string, std::string>> environment;  // all there is; nothing is inherited
  std::string working_directory = "/";
  std::vector<BindMount> binds;
  std::vector<OverlayMount> overlays;
  bool network = false;  // true only for steps that run no code of a module
  SandboxLimits limits;
  std::vector<std::string> watched;  // host folders whose size counts against output_bytes
  int slot = 0;                      // as root each slot has a uid of its own
};

enum class EndedBy { kExit, kSignal, kWall, kSilence, kMemory, kOutput, kStopped };

struct SandboxResult {
  EndedBy ended_by = EndedBy::kExit;
  int exit_code = 0;  // kExit
  int signal = 0;     // kSignal
  double seconds = 0;
  double cpu_seconds = 0;
  int64_t peak_memory_bytes = 0;
};

// Receives stdout and stderr as they come, from the thread that called Run.
using OutputSink = std::function<void(std::string_view)>;

struct SandboxOptions {
  std::string self_exe;       // program that serves the `sandbox-init` verb (the worker itself): see SandboxInitMain
  std::string bwrap = "bwrap";
  std::string staging;        // an existing empty folder of this worker; sandbox-init mounts over it in its own namespace
  int first_uid = 210000;     // root: slot n builds as first_uid + n
};

class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options);

  // Tries every defence for real (overlay, uid, capabilities, nested namespace, network). FAILED_PRECONDITION says what is
  // missing and what to do; a worker that gets it refuses to build.
  absl::Status Probe(const Scope& scope) const;

  // The error is for what kept the command from starting; how it ended is in the result. Stop and deadline of `scope` end
  // the tree (kStopped, kWall).
  absl::StatusOr<SandboxResult> Run(const Scope& scope, const SandboxSpec& spec, const OutputSink& output) const;

  // Makes a host folder (and all below it) usable for the builds of any slot, and by them only (chown and chmod when root).
  absl::Status GiveToBuilds(const std::string& folder, int slot) const;

 private:
  SandboxOptions options_;
};

// What `gofarm-worker sandbox-init` runs: reads its spec from file descriptor 3, makes the mounts in a namespace of its
// own, drops to the build's uid and becomes bubblewrap. Never returns normally; the value is the exit code of a failure.
int SandboxInitMain();

}  // namespace gofarm::exec
