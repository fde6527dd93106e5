#include "common/rpc/channel.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::rpc {

absl::Status CheckLocalAddress(std::string_view address) {
  if (address.substr(0, 5) == "unix:") {
    const std::string_view path = address.substr(5);
    if (path.empty() || path[0] != '/') {
      return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(address), "\": a unix socket needs an absolute path"));
    }
    if (path.size() > 107) {
      return absl::InvalidArgumentError(
          Cat("\"", EscapeForPrint(address), "\": the path of a unix socket has at most 107 bytes"));
    }
    return absl::OkStatus();
  }
  GOFARM_RETURN_IF_ERROR(CheckTcpAddress(address));
  const std::string_view host = address.substr(0, address.rfind(':'));
  if (host == "localhost" || host == "[::1]") return absl::OkStatus();
  // All of 127/8 is this machine; a name such as 127.example.org is not.
  if (host.substr(0, 4) == "127." && host.find_first_not_of("0123456789.") == std::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      Cat("\"", EscapeForPrint(address),
          "\" reaches beyond this machine, and TLS is not configured; listen on 127.0.0.1, [::1] or unix:/PATH"));
}

absl::Status CheckTcpAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  const std::string port(colon == std::string_view::npos ? "" : address.substr(colon + 1));
  char* end = nullptr;
  const long number = std::strtol(port.c_str(), &end, 10);
  if (colon == 0 || port.empty() || *end != '\0' || number < 0 || number > 65535 || port[0] == '+' || port[0] == '-') {
    return absl::InvalidArgumentError(
        Cat("\"", EscapeForPrint(address), "\" is no address; write HOST:PORT or unix:/PATH"));
  }
  return absl::OkStatus();
}

namespace {

constexpr int kLocalConnectMillis = 100;
constexpr int kConnectMillis =
    5'000;  // three round trips to a host that is far or busy, and no less than a server waits

grpc::ChannelArguments ArgumentsFor(const std::string& address, const Credentials& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Else gRPC stops pinging after two pings without a message between them, and a host that vanished stays connected.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // gRPC 1.51 takes this for the time that a connection and its handshake may last, too.
  const bool is_local = address.substr(0, 5) == "unix:";
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, is_local ? kLocalConnectMillis : kConnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // The default authority of a unix socket is its percent-encoded path, which some servers refuse.
  if (is_local) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  if (!credentials.server_name().empty()) arguments.SetSslTargetNameOverride(credentials.server_name());
  return arguments;
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Credentials& credentials) {
  return grpc::CreateCustomChannel(address, credentials.OfChannel(), ArgumentsFor(address, credentials));
}

std::shared_ptr<grpc::Channel> MakeFreshChannel(const std::string& address, const Credentials& credentials) {
  grpc::ChannelArguments arguments = ArgumentsFor(address, credentials);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, credentials.OfChannel(), arguments);
}

}  // namespace gofarm::rpc
