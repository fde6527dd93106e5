// Hosts of their own for end-to-end tests: network namespaces on one bridge, which the first of them holds. They reach
// each other and nothing else. Needs root, ip (iproute2) and nft (nftables). Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace gofarm::testing {

class NetworkHosts {
 public:
  NetworkHosts();
  ~NetworkHosts();  // kills what runs in them
  NetworkHosts(const NetworkHosts&) = delete;
  NetworkHosts& operator=(const NetworkHosts&) = delete;

  // The first one holds the bridge.
  void Add(const std::string& name);
  std::string AddressOf(const std::string& name) const;
  // The command that runs `argv` on that host, under the same pid.
  std::vector<std::string> On(const std::string& name, std::vector<std::string> argv) const;
  std::vector<int> Processes(const std::string& name) const;
  // What leaves the host, or what reaches it, is lost with this probability: 0 none, 1 all.
  enum class Way { kOut, kIn };
  void Lose(const std::string& name, Way way, double probability) const;
  // Another address in place of the one it has; connections to the old one end as they do when a host moves.
  void Move(const std::string& name);
  // Takes the cable out and puts it in again; of all but the first host.
  void SetLink(const std::string& name, bool up) const;

 private:
  struct Host {
    int number = 0;
    int address = 0;  // N
  };
  std::string NamespaceOf(const std::string& name) const;
  std::string CableOf(const std::string& name) const;

  std::string net_;    // begins all names
  int octet_ = 0;      // 10.88.octet_.N
  std::string first_;  // holds the bridge
  std::map<std::string, Host> hosts_;
};

}  // namespace gofarm::testing
