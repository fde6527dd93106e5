// A farm of four hosts, each a network namespace of its own: coordinator c, workers w1 and w2, operator o.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/process/spawn.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/network_hosts.h"

namespace gofarm::testing {

inline std::string FileText(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A gofarm-worker on one of the hosts, as a person would start it there.
class JoinedWorker {
 public:
  JoinedWorker(const NetworkHosts& hosts, const std::string& host, std::vector<std::string> arguments,
               const process::Variables& environment, const std::string& folder)
      : log_(folder + ".log") {
    std::vector<std::string> argv = {BinDir() + "/gofarm-worker", "--dir", folder};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto started = process::SpawnDaemon(
        {.argv = hosts.On(host, argv), .environment = environment, .log_file = log_, .death_signal = SIGKILL});
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

class HostsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    hosts_.emplace();
    for (const char* name : {"c", "w1", "w2", "o"}) hosts_->Add(name);
    environment_ = proxy_.Environment("example.com/hosts");
    farm_.emplace(0, environment_, hosts_->On("c", {}),
                  std::vector<std::string>{"--listen", Cat(hosts_->AddressOf("c"), ":7443")});
  }

  std::string JoinString(const std::string& role, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"token", "create", "--role", role};
    words.insert(words.end(), more.begin(), more.end());
    return Text(farm_->GofarmJson(words).root(), "join");
  }
  // `join` empty: among `more`.
  std::unique_ptr<JoinedWorker> Start(const std::string& host, const std::string& join, const std::string& name,
                                      const process::Variables& more = {}) {
    process::Variables variables = {{"NO_COLOR", "1"}};
    variables.insert(variables.end(), more.begin(), more.end());
    for (const std::string& entry : environment_) {
      const size_t equals = entry.find('=');
      variables.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
    }
    const char* const cache = std::getenv("GOFARM_CACHE_DIR");
    std::vector<std::string> words = {
        "--name", name,          "--slots",
        "1",      "--cache-dir", cache == nullptr ? Cat(std::getenv("HOME"), "/.cache/gofarm") : cache};
    if (!join.empty()) words.insert(words.end(), {"--join", join});
    return std::make_unique<JoinedWorker>(*hosts_, host, words, process::InheritedWith(variables),
                                          Cat(farm_->scratch(), "/", name));
  }
  bool Connected(const std::string& name) {
    const Json workers = farm_->GofarmJson({"worker", "list"});
    for (const simdjson::dom::element worker : Items(workers.root())) {
      if (Text(worker, "name") == name) return Text(worker, "state") == "connected";
    }
    return false;
  }
  bool WaitConnected(const std::string& name) {
    return farm_->WaitUntil([&] { return Connected(name); }, absl::Minutes(2));
  }
  // As the user of the operator's host.
  CommandResult AtOperator(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinDir() + "/gofarm");
    return RunCommand(hosts_->On("o", arguments), {Cat("HOME=", farm_->scratch(), "/home"),
                                                   Cat("XDG_CONFIG_HOME=", farm_->scratch(), "/home/.config"),
                                                   "GOFARM_SERVER=", "GOFARM_DIR=", "NO_COLOR=1"});
  }
  static std::vector<std::string> Attempts(const simdjson::dom::element job, std::string_view field) {
    std::vector<std::string> all;
    for (const simdjson::dom::element a : Items(At(job, "attempts"))) all.push_back(Text(a, field));
    return all;
  }

  LocalProxy proxy_;
  std::vector<std::string> environment_;
  std::optional<NetworkHosts> hosts_;
  std::optional<Farm> farm_;
};

}  // namespace gofarm::testing
