#include "common/rpc/grpc_status.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

std::string Fitting(const std::string& message) {
  constexpr size_t kNoteRoom = 40;
  const size_t cut =
      message.size() <= kStatusMessageMax ? std::string::npos : message.rfind('\n', kStatusMessageMax - kNoteRoom);
  if (cut == std::string::npos) return Clip(message, kStatusMessageMax);
  const auto missing = std::count(message.begin() + static_cast<std::ptrdiff_t>(cut), message.end(), '\n');
  return Cat(message.substr(0, cut), "\nand ", missing, " more lines");
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      Fitting(EscapeForPrint(Sv(status.message()), /*keep_newlines=*/true)));
}

bool AnswerMayBeLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) || absl::IsInternal(status) ||
         absl::IsUnknown(status) || absl::IsDeadlineExceeded(status);
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace gofarm::rpc
