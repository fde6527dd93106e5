// How the two ends of a connection prove who they are: one value that servers and channels are made with. Today there
// is plaintext only, hence no address beyond this machine.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace gofarm::rpc {

class Credentials {
 public:
  static Credentials Plaintext() { return {}; }

  // INVALID_ARGUMENT for what is no address; FAILED_PRECONDITION, naming TLS, where these credentials do not protect
  // it.
  absl::Status CheckAddress(std::string_view address) const;
  std::shared_ptr<grpc::ServerCredentials> OfServer() const;
  std::shared_ptr<grpc::ChannelCredentials> OfChannel() const;

 private:
  Credentials() = default;
};

}  // namespace gofarm::rpc
