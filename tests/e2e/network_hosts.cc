#include "tests/e2e/network_hosts.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <sstream>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

bool Ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  return RunCommand(arguments, {}, absl::Seconds(20)).exit_code == 0;
}

}  // namespace

NetworkHosts::NetworkHosts() {
  std::random_device random;
  net_ = Cat("gf", 100 + random() % 900);
  octet_ = static_cast<int>(20 + random() % 200);
}

NetworkHosts::~NetworkHosts() {
  for (const auto& [name, host] : hosts_) {
    for (const int pid : Processes(name)) ::kill(pid, SIGKILL);
  }
  for (const auto& [name, host] : hosts_) Ip({"netns", "del", NamespaceOf(name)});
}

std::string NetworkHosts::NamespaceOf(const std::string& name) const { return Cat(net_, "-", name); }
std::string NetworkHosts::CableOf(const std::string& name) const { return Cat(net_, "h", hosts_.at(name).number); }

void NetworkHosts::Add(const std::string& name) {
  const int number = static_cast<int>(hosts_.size()) + 1;
  hosts_[name] = {.number = number, .address = number};
  const std::string ns = NamespaceOf(name);
  ASSERT_TRUE(Ip({"netns", "add", ns})) << ns;
  ASSERT_TRUE(Ip({"-n", ns, "link", "set", "lo", "up"}));
  const std::string address = Cat(AddressOf(name), "/24");
  if (number == 1) {
    first_ = name;
    ASSERT_TRUE(Ip({"-n", ns, "link", "add", "br0", "type", "bridge"}));
    ASSERT_TRUE(Ip({"-n", ns, "addr", "add", address, "dev", "br0"}));
    ASSERT_TRUE(Ip({"-n", ns, "link", "set", "br0", "up"}));
    return;
  }
  const std::string cable = CableOf(name), plug = Cat(net_, "p", number);
  ASSERT_TRUE(Ip({"link", "add", plug, "type", "veth", "peer", "name", cable}));
  ASSERT_TRUE(Ip({"link", "set", plug, "netns", NamespaceOf(first_)}));
  ASSERT_TRUE(Ip({"link", "set", cable, "netns", ns}));
  ASSERT_TRUE(Ip({"-n", NamespaceOf(first_), "link", "set", plug, "master", "br0", "up"}));
  ASSERT_TRUE(Ip({"-n", ns, "addr", "add", address, "dev", cable}));
  ASSERT_TRUE(Ip({"-n", ns, "link", "set", cable, "up"}));
}

std::string NetworkHosts::AddressOf(const std::string& name) const {
  return Cat("10.88.", octet_, ".", hosts_.at(name).address);
}

std::vector<std::string> NetworkHosts::On(const std::string& name, std::vector<std::string> argv) const {
  const std::vector<std::string> before = {"ip", "netns", "exec", NamespaceOf(name)};
  argv.insert(argv.begin(), before.begin(), before.end());
  return argv;
}

std::vector<int> NetworkHosts::Processes(const std::string& name) const {
  std::istringstream text(RunCommand({"ip", "netns", "pids", NamespaceOf(name)}).out);
  std::vector<int> pids;
  for (int pid = 0; text >> pid;) pids.push_back(pid);
  return pids;
}

void NetworkHosts::Lose(const std::string& name, Way way, double probability) const {
  const std::string hook = way == Way::kOut ? "output" : "input", table = "inet loss_" + hook;
  const int of_1000 = static_cast<int>(probability * 1000);
  std::string rules = Cat("table ", table, "\ndelete table ", table, "\n");
  if (of_1000 > 0) {
    rules += Cat("table ", table, " {\n chain c {\n  type filter hook ", hook, " priority 0;\n  oifname lo accept\n",
                 "  iifname lo accept\n",
                 of_1000 >= 1000 ? "  drop\n" : Cat("  numgen random mod 1000 < ", of_1000, " drop\n"), " }\n}\n");
    // A chain sees the interface of its own way only.
    rules.erase(rules.find(way == Way::kOut ? "  iifname lo accept\n" : "  oifname lo accept\n"),
                std::string("  oifname lo accept\n").size());
  }
  const std::string file = Cat("/tmp/", net_, "-", name, ".nft");
  std::ofstream(file) << rules;
  const CommandResult done = RunCommand(On(name, {"nft", "-f", file}), {}, absl::Seconds(20));
  EXPECT_EQ(done.exit_code, 0) << done.err;
  ::unlink(file.c_str());
}

void NetworkHosts::Move(const std::string& name) {
  const std::string ns = NamespaceOf(name), cable = CableOf(name), before = AddressOf(name);
  hosts_[name].address += 100;
  EXPECT_TRUE(Ip({"-n", ns, "addr", "del", Cat(before, "/24"), "dev", cable}));
  EXPECT_TRUE(Ip({"-n", ns, "addr", "add", Cat(AddressOf(name), "/24"), "dev", cable}));
}

void NetworkHosts::SetLink(const std::string& name, bool up) const {
  EXPECT_TRUE(Ip({"-n", NamespaceOf(name), "link", "set", CableOf(name), up ? "up" : "down"}));
}

}  // namespace gofarm::testing
