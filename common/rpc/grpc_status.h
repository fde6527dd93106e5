// absl::Status and grpc::Status are the same 17 codes; messages are escaped and clipped to what an HTTP/2 trailer
// holds: at a line's end, saying how many lines are missing, where there are several (a refusal lists all faults of a
// list).
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace gofarm::rpc {

// On the wire up to three times as long (percent-encoding); kMetadataBytesMax of channel.h leaves room for that.
inline constexpr size_t kStatusMessageMax = 32'000;

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// Whether the other end may have done what was asked although no answer came: it was away, cut off, or the caller gave
// up. A stream that is cut shows as UNAVAILABLE, CANCELLED or INTERNAL (reset), depending on where it was cut.
bool AnswerMayBeLost(const absl::Status& status);

}  // namespace gofarm::rpc
