#include "common/rpc/credentials.h"

#include <grpcpp/grpcpp.h>

#include "common/rpc/channel.h"

namespace gofarm::rpc {

absl::Status Credentials::CheckAddress(std::string_view address) const { return CheckLocalAddress(address); }

std::shared_ptr<grpc::ServerCredentials> Credentials::OfServer() const { return grpc::InsecureServerCredentials(); }

std::shared_ptr<grpc::ChannelCredentials> Credentials::OfChannel() const { return grpc::InsecureChannelCredentials(); }

}  // namespace gofarm::rpc
