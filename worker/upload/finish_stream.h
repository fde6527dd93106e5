// How a stream ends on which a Read or Write failed. Internal to worker/upload; no state.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/base/text.h"
#include "common/rpc/grpc_status.h"

namespace gofarm::upload {

// The peer's status; UNAVAILABLE when it ended the stream (`what` for people: "log") as if all were well.
template <typename Answer, typename Stream>
absl::Status FinishBroken(Stream& stream, std::string_view what) {
  // The status stands behind what was not read yet; without this Finish waits for ever.
  for (Answer unread; stream.Read(&unread);) {
  }
  const absl::Status status = rpc::FromGrpc(stream.Finish());
  return status.ok() ? absl::UnavailableError(Cat("the coordinator closed the stream of the ", what)) : status;
}

}  // namespace gofarm::upload
