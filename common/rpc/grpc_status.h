// absl::Status and grpc::Status are the same 17 codes; messages are escaped and clipped to what an HTTP/2 trailer holds.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace gofarm::rpc {

inline constexpr size_t kStatusMessageMax = 6000;

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace gofarm::rpc
