// A folder for each test, runs of the attacker inside a sandbox and without one, and the main of the suite, which
// serves the sandbox-init verb like the worker and can drop root before it starts (--as-user).
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "worker/exec/init_spec.h"
#include "worker/exec/sandbox.h"

namespace gofarm::exec {

struct Seen {
  absl::StatusOr<SandboxResult> result = absl::UnknownError("not run");
  std::string output;

  bool Exited(int code) const { return result.ok() && result->ended_by == EndedBy::kExit && result->exit_code == code; }
  bool EndedBy(exec::EndedBy why) const { return result.ok() && result->ended_by == why; }
};
std::ostream& operator<<(std::ostream& out, const Seen& seen);

class SandboxTest : public ::testing::Test {
 protected:
  SandboxTest();
  ~SandboxTest() override;

  // Inside the sandbox /probe is the attacker, /out a writable folder, /src a read-only one.
  SandboxSpec Spec(std::vector<std::string> arguments) const;
  Seen Run(const SandboxSpec& spec, const Scope& scope = Scope::For(absl::Minutes(1))) const;
  Seen Run(std::vector<std::string> arguments) const { return Run(Spec(std::move(arguments))); }
  // The same with defences taken away.
  Seen RunWeakened(const SandboxSpec& spec, const Defences& defences) const;
  // The attacker as an ordinary program of this user.
  struct Bare {
    int exit_code = -1;
    std::string output;
  };
  Bare RunBare(const std::vector<std::string>& arguments) const;

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;
  std::string Read(const std::string& name) const;

  const std::string folder_;
  const Sandbox sandbox_;
};

std::string SelfExe();
std::string AttackerExe();
// A copy of the attacker that belongs to root with the set-uid bit; empty when the suite was not started by root.
std::string SetUidAttacker();
bool SuiteRunsAsRoot();

// Pids of the processes whose command line holds `marker`, zombies left out.
std::vector<int> ProcessesWith(const std::string& marker);
bool EventuallyNone(const std::string& marker, absl::Duration within);
bool EventuallyAtLeast(const std::string& marker, size_t count, absl::Duration within);

}  // namespace gofarm::exec
