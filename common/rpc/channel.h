// Client channels, and the rules for addresses with and without TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/rpc/credentials.h"

namespace grpc {
class Channel;
}

namespace gofarm::rpc {

// Messages are at most this large in both directions (log chunks 256 KiB, blob chunks 1 MiB, pages well below).
inline constexpr int kMessageBytesMax = 4 << 20;

// Headers and trailers of an answer; a trailer holds the message of a failure (kStatusMessageMax). gRPC's own limit, 8
// KiB, would turn a long refusal into "received metadata size exceeds limit".
inline constexpr int kMetadataBytesMax = 128 << 10;

// "unix:/path", "127.0.0.1:7070", "localhost:7070" or "[::1]:7070". INVALID_ARGUMENT for what is no address;
// FAILED_PRECONDITION, naming TLS, for one beyond this machine.
absl::Status CheckLocalAddress(std::string_view address);
// "HOST:PORT", whatever the host. INVALID_ARGUMENT otherwise.
absl::Status CheckTcpAddress(std::string_view address);

// Keepalive on, reconnect backoff between 100 ms and 5 s.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Credentials& credentials);
// The same on a connection of its own, which no other channel of this process shares.
std::shared_ptr<grpc::Channel> MakeFreshChannel(const std::string& address, const Credentials& credentials);

}  // namespace gofarm::rpc
