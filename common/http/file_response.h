// A file as the answer to a request: whole or a part, or "not modified". What may change is served by a name of its own
// (an ETag per content), so that a part is never joined to one of another content.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/http/router.h"
#include "common/io/fd.h"

namespace gofarm::http {

// What "Range: bytes=..." asks of a body of `size` bytes. Null: the whole is the answer, which is also right for a unit
// or a form that is not known here, several parts included. OUT_OF_RANGE: nothing of it is there (416).
struct Part {
  int64_t first = 0;
  int64_t last = 0;
};
absl::StatusOr<std::optional<Part>> PartOf(std::string_view range, int64_t size);

struct FileToServe {
  io::Fd fd;
  int64_t size = 0;
  std::string content_type;
  std::string etag;  // with its quotes; strong
  bool immutable = false;
};
// Honours If-None-Match, Range and If-Range.
Response FileResponse(const Request& request, FileToServe file);

}  // namespace gofarm::http
