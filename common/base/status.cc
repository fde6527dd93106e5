#include "common/base/status.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>

#include "common/base/text.h"

namespace gofarm {

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status out(status.code(), Cat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) { out.SetPayload(type, payload); });
  return out;
}

absl::Status ErrnoStatus(int error_number, std::string_view action) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      code = absl::StatusCode::kResourceExhausted;
      break;
    case ENOENT:
      code = absl::StatusCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case EEXIST:
      code = absl::StatusCode::kAlreadyExists;
      break;
    default:
      break;
  }
  char buffer[128] = {};
  // The GNU strerror_r returns a pointer, the POSIX one (musl) an int: both are served by reading `buffer` as a
  // fallback.
  const auto answer = strerror_r(error_number, buffer, sizeof buffer);
  std::string text;
  if constexpr (std::is_pointer_v<decltype(answer)>) {
    text = answer;
  } else {
    text = buffer;
  }
  return absl::Status(code, Cat(action, ": ", text, " (errno ", error_number, ")"));
}

}  // namespace gofarm
