// A gofarm-worker of a test that joins a farm by a join string. Not thread-safe.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/process/spawn.h"

namespace gofarm::testing {

inline std::string FileText(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A gofarm-worker that joins a farm, as a person would start it.
class JoinedWorker {
 public:
  // `command`: what runs it on its host. With a slot of its own and the cache folder that all tests share.
  JoinedWorker(std::vector<std::string> command, const std::string& name, const std::vector<std::string>& arguments,
               const process::Variables& environment, const std::string& folder)
      : log_(folder + ".log") {
    const char* const cache = std::getenv("GOFARM_CACHE_DIR");
    const std::string cache_dir = cache == nullptr ? Cat(std::getenv("HOME"), "/.cache/gofarm") : cache;
    command.insert(command.end(),
                   {"--dir", folder, "--name", name, "--slots", "1", "--cache-dir", cache_dir});
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto started = process::SpawnDaemon(
        {.argv = command, .environment = environment, .log_file = log_, .death_signal = SIGKILL});
    EXPECT_TRUE(started.ok()) << started.status();
    pid_ = started.ok() ? started->pid : 0;
  }
  ~JoinedWorker() {
    if (ExitCode(absl::ZeroDuration())) return;
    ::kill(pid_, SIGTERM);
    if (!ExitCode(absl::Seconds(10))) ::kill(pid_, SIGKILL);
  }
  // Of a worker that ends by itself; none: it still runs.
  std::optional<int> ExitCode(absl::Duration within) {
    for (const absl::Time until = absl::Now() + within; !code_;) {
      int status = 0;
      if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) == pid_) code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      if (code_ || absl::Now() >= until) break;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return code_;
  }
  std::string Log() const { return FileText(log_); }

 private:
  const std::string log_;
  int pid_ = 0;
  std::optional<int> code_;
};

// The environment of this process, with `more` set and what the farm was given.
inline process::Variables WorkerEnvironment(const std::vector<std::string>& farm, const process::Variables& more = {}) {
  process::Variables variables = {{"NO_COLOR", "1"}};
  variables.insert(variables.end(), more.begin(), more.end());
  for (const std::string& entry : farm) {
    const size_t equals = entry.find('=');
    variables.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return process::InheritedWith(variables);
}

}  // namespace gofarm::testing
