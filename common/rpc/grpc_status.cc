#include "common/rpc/grpc_status.h"

#include <string>

#include "common/base/text.h"

namespace gofarm::rpc {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      Clip(EscapeForPrint(Sv(status.message()), /*keep_newlines=*/true), kStatusMessageMax));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace gofarm::rpc
