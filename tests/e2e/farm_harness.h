// A private farm of real binaries, real PostgreSQL, real Go and zig for end-to-end tests, driven through the CLI alone.
// One farm a test program; it is taken down when the object dies. The cache folder (GOFARM_CACHE_DIR) is shared by all
// of them, so that toolchains and seeds are made once. Not thread-safe.
#pragma once

#include <simdjson.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::testing {

struct CommandResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Runs a program with the farm's environment; never a shell. A child that outlives `limit` is killed, exit code 124.
CommandResult RunCommand(const std::vector<std::string>& argv, const std::vector<std::string>& environment_extra = {},
                         absl::Duration limit = absl::Minutes(15));

// The command that runs a program built for `target` on this machine: under qemu-user unless it is this machine's own.
std::vector<std::string> RunOn(const std::string& target, const std::string& program,
                               const std::vector<std::string>& arguments);

// A parsed JSON document that owns its text. An empty or broken document fails the test and reads as null.
class Json {
 public:
  explicit Json(const std::string& text);
  simdjson::dom::element root() const { return root_; }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::element root_;
};

// "executables[0].sha256" style access would hide faults; these two fail loudly and return a default.
std::string Text(simdjson::dom::element object, std::string_view key);
int64_t Number(simdjson::dom::element object, std::string_view key);
size_t Count(simdjson::dom::element object, std::string_view key);
simdjson::dom::element At(simdjson::dom::element object, std::string_view key);
std::vector<simdjson::dom::element> Items(simdjson::dom::element array);

// Modules made by a test, in a folder that serves as a module proxy.
class LocalProxy {
 public:
  LocalProxy();
  ~LocalProxy();
  LocalProxy(const LocalProxy&) = delete;
  LocalProxy& operator=(const LocalProxy&) = delete;

  const std::string& folder() const { return folder_; }
  // For a farm that finds `modules` (a path prefix) here, and everything else (Go itself) where this machine finds it.
  std::vector<std::string> Environment(const std::string& modules) const;
  // Adds a module, described as tests/support/make_module.py wants it; gives MODULE@VERSION. The version was never
  // there before: what a test makes under one version stays in the cache folder, which outlives it.
  std::string Add(const std::string& module, const std::vector<std::string>& files) const;
  // A program with C that keeps the compiler busy while a test looks: some seconds for 1,000 functions.
  std::string AddSlow(const std::string& module, int functions) const;

 private:
  std::string folder_;
};

class Farm {
 public:
  // Starts it; on a failure the test fails with what `gofarm up` printed.
  explicit Farm(int workers = 1, std::vector<std::string> environment = {});
  // The same with every command run by `prefix` (NetworkHosts::On), more words for `gofarm up`, and the programs of
  // another folder than BinDir().
  Farm(int workers, std::vector<std::string> environment, std::vector<std::string> prefix,
       std::vector<std::string> up_words, std::string programs = "");
  ~Farm();
  Farm(const Farm&) = delete;
  Farm& operator=(const Farm&) = delete;

  const std::string& dir() const { return dir_; }      // the farm's
  const std::string& scratch() const { return top_; }  // for files of the test
  CommandResult Gofarm(std::vector<std::string> arguments, absl::Duration limit = absl::Minutes(15)) const;
  // With --output json; the exit code must be `expected_exit`.
  Json GofarmJson(std::vector<std::string> arguments, int expected_exit = 0) const;

  int64_t Submit(std::vector<std::string> arguments) const;  // without waiting: the batch id
  void Watch(int64_t batch) const;                           // until all jobs ended
  Json Jobs(int64_t batch) const;
  // Of a farm that listens for other hosts; `more`: words for `gofarm token create`.
  std::string JoinString(const std::string& role, const std::vector<std::string>& more = {}) const;
  bool Connected(const std::string& worker) const;
  bool WaitConnected(const std::string& worker) const;  // two minutes at most
  int CoordinatorPid() const;
  int PostgresPid() const;
  int WorkerPid() const;
  // True once some attempt of the batch runs in phase build.
  bool WaitUntilBuilding(int64_t batch, absl::Duration limit = absl::Minutes(10)) const;
  bool WaitUntil(const std::function<bool()>& condition, absl::Duration limit) const;
  bool Up();
  bool Down();
  // From now on its commands are those of that folder; what runs goes on.
  void SetPrograms(const std::string& folder) { programs_ = folder; }

 private:
  std::string top_;
  std::string dir_;
  int workers_;
  std::vector<std::string> environment_;
  std::vector<std::string> prefix_;
  std::vector<std::string> up_words_;
  std::string programs_;
};

// Process ids of a process and all below it.
std::vector<int> TreeOf(int pid);
bool IsAlive(int pid);
std::string BinDir();

}  // namespace gofarm::testing
