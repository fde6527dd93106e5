// A farm of four hosts, each a network namespace of its own: coordinator c, workers w1 and w2, operator o.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/joined_worker.h"
#include "tests/e2e/network_hosts.h"

namespace gofarm::testing {

class HostsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    hosts_.emplace();
    for (const char* name : {"c", "w1", "w2", "o"}) hosts_->Add(name);
    environment_ = proxy_.Environment("example.com/hosts");
    farm_.emplace(0, environment_, hosts_->On("c", {}),
                  std::vector<std::string>{"--listen", Cat(hosts_->AddressOf("c"), ":7443")});
  }

  // `join` empty: among `more`.
  std::unique_ptr<JoinedWorker> Start(const std::string& host, const std::string& join, const std::string& name,
                                      const process::Variables& more = {}) {
    std::vector<std::string> words;
    if (!join.empty()) words.insert(words.end(), {"--join", join});
    return std::make_unique<JoinedWorker>(hosts_->On(host, {BinDir() + "/gofarm-worker"}), name, words,
                                          WorkerEnvironment(environment_, more), Cat(farm_->scratch(), "/", name));
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
