// Where a coordinator listens, as configurations and commands say it: "unix:/PATH" for this machine, "HOST:PORT" for
// everybody who belongs to the farm. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace gofarm::rpc {

inline constexpr int kListenMax = 8;

bool IsUnix(std::string_view address);

// What a configuration says: each address "unix:/PATH" or "HOST:PORT", names that are host names or addresses.
// INVALID_ARGUMENT: one is neither, there are none or too many, or a port for all addresses of this machine without a
// name that others could dial.
absl::Status CheckListen(const std::vector<std::string>& addresses, const std::vector<std::string>& public_names);
// Whether any of them is TCP.
bool ReachesOut(const std::vector<std::string>& addresses);
// For the server's certificate: the public names, and the hosts that are listened on by name or number.
std::vector<std::string> CertificateNames(const std::vector<std::string>& addresses,
                                          const std::vector<std::string>& public_names);
// For join strings: the public names at the port, else the address itself.
std::vector<std::string> JoinAddresses(const std::string& tls_address, const std::vector<std::string>& public_names);

}  // namespace gofarm::rpc
