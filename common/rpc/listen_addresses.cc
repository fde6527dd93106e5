#include "common/rpc/listen_addresses.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"

namespace gofarm::rpc {
namespace {

std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

bool IsWildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::" || host == "*"; }

bool IsPublicName(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_") ==
             std::string_view::npos;
}

}  // namespace

bool IsUnix(std::string_view address) { return address.substr(0, 5) == "unix:"; }

absl::Status CheckListen(const std::vector<std::string>& addresses, const std::vector<std::string>& public_names) {
  if (addresses.empty() || addresses.size() > kListenMax) {
    return absl::InvalidArgumentError(Cat(addresses.size(), " addresses to listen on, 1 to ", kListenMax));
  }
  for (const std::string& name : public_names) {
    if (!IsPublicName(name) || IsWildcard(name)) {
      return absl::InvalidArgumentError(
          Cat("public name \"", EscapeForPrint(name), "\" is neither a host name nor an address"));
    }
  }
  for (const std::string& address : addresses) {
    GOFARM_RETURN_IF_ERROR(IsUnix(address) ? CheckLocalAddress(address) : CheckTcpAddress(address));
    if (!IsUnix(address) && IsWildcard(HostOf(address)) && public_names.empty()) {
      return absl::InvalidArgumentError(Cat(
          "\"", address,
          "\" is every address of this machine, and TLS is for a name; say by which name or address others reach it ",
          "(public_names, or --public-name)"));
    }
  }
  return absl::OkStatus();
}

bool ReachesOut(const std::vector<std::string>& addresses) {
  return !std::all_of(addresses.begin(), addresses.end(), IsUnix);
}

std::vector<std::string> CertificateNames(const std::vector<std::string>& addresses,
                                          const std::vector<std::string>& public_names) {
  std::vector<std::string> names = public_names;
  for (const std::string& address : addresses) {
    const std::string host = HostOf(address);
    if (IsUnix(address) || IsWildcard(host) || std::find(names.begin(), names.end(), host) != names.end()) continue;
    names.push_back(host);
  }
  return names;
}

std::vector<std::string> JoinAddresses(const std::string& tls_address, const std::vector<std::string>& public_names) {
  if (public_names.empty()) return {tls_address};
  const std::string port = tls_address.substr(tls_address.rfind(':'));
  std::vector<std::string> addresses;
  for (const std::string& name : public_names) {
    addresses.push_back(name.find(':') == std::string::npos ? Cat(name, port) : Cat("[", name, "]", port));
  }
  return addresses;
}

}  // namespace gofarm::rpc
