#include "tests/support/docker_registry.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/spawn.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kStartMax = absl::Seconds(30);
constexpr int64_t kLogMax = 64 << 20;
constexpr char kListening[] = "listening on 127.0.0.1:";
// bcrypt of the password, with the cheapest cost: what is tried is not bcrypt.
constexpr char kHtpasswd[] = "farm:$2y$04$abcdefghijklmnopqrstuuNG0Z9xYjgj3pkzN.YpYToaPHOmIUPo.\n";

// In memory where that is to be had: the registry waits for the disk after each of its many small files.
std::string Parent() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

}  // namespace

DockerRegistry::DockerRegistry(const Options& options)
    : folder_(*io::ScratchFolder::Make(Parent(), "docker-registry-")) {
  std::string config =
      Cat("version: 0.1\n"
          "log: {level: info, accesslog: {disabled: false}}\n"
          "storage:\n"
          "  filesystem: {rootdirectory: ",
          folder_.path(), "/data}\n  delete: {enabled: ", options.deletes ? "true" : "false",
          "}\n"
          // It finds the port itself and says which.
          "http: {addr: \"127.0.0.1:0\", secret: test}\n");
  if (options.login) config += Cat("auth: {htpasswd: {realm: test, path: ", folder_.path(), "/htpasswd}}\n");
  EXPECT_TRUE(io::WriteFileAtomic(folder_.path() + "/htpasswd", kHtpasswd).ok());
  EXPECT_TRUE(io::WriteFileAtomic(folder_.path() + "/config.yml", config).ok());
  const absl::StatusOr<process::ProcessId> started =
      process::SpawnDaemon({.argv = {"docker-registry", "serve", folder_.path() + "/config.yml"},
                            .environment = process::InheritedEnvironment(),
                            .log_file = folder_.path() + "/log",
                            .death_signal = SIGKILL});
  if (!started.ok()) {
    ADD_FAILURE() << started.status() << "; deploy/setup/setup.sh test installs docker-registry";
    return;
  }
  process_ = *started;
  for (const absl::Time end = absl::Now() + kStartMax; url_.empty() && absl::Now() < end;) {
    const std::string log = Log();
    const size_t at = log.find(kListening);
    const size_t stop = at == std::string::npos ? at : log.find('"', at);
    if (stop != std::string::npos) {
      url_ = Cat("http://127.0.0.1:", log.substr(at + sizeof kListening - 1, stop - at - (sizeof kListening - 1)));
    } else {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  EXPECT_NE(url_, "") << "docker-registry does not listen: " << Log();
}

DockerRegistry::~DockerRegistry() {
  if (process_.pid == 0) return;
  process::SendSignal(process_, SIGKILL);
  ::waitpid(process_.pid, nullptr, 0);
}

std::string DockerRegistry::Log() const { return io::ReadFile(folder_.path() + "/log", kLogMax).value_or(""); }

std::vector<std::string> DockerRegistry::Writes() const {
  std::vector<std::string> out;
  for (const absl::string_view line : absl::StrSplit(Log(), '\n')) {
    for (const char* const method : {"\"POST /v2/", "\"PUT /v2/", "\"PATCH /v2/", "\"DELETE /v2/"}) {
      if (absl::StrContains(line, method)) out.emplace_back(line);
    }
  }
  return out;
}

std::map<std::string, int> DockerRegistry::Requests() const {
  std::map<std::string, int> counts;
  for (const absl::string_view line : absl::StrSplit(Log(), '\n')) {
    for (const char* const method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
      if (absl::StrContains(line, Cat("\"", method, " /v2/"))) ++counts[method];
    }
  }
  return counts;
}

std::map<std::string, std::string> DockerRegistry::Content() const {
  const std::string root = Cat(folder_.path(), "/data");
  std::map<std::string, std::string> all;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().string().substr(root.size());
    if (!at->is_regular_file() || absl::StrContains(path, "/_uploads/")) continue;
    all[path] = absl::EndsWith(path, "/link") ? io::ReadFile(at->path().string(), kLogMax).value_or("") : "";
  }
  return all;
}

std::string DockerRegistry::FileOf(const std::string& digest) const {
  const std::string hex = digest.substr(digest.find(':') + 1);
  return Cat(folder_.path(), "/data/docker/registry/v2/blobs/sha256/", hex.substr(0, 2), "/", hex, "/data");
}

}  // namespace gofarm::testing
