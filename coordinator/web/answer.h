// What the functions of this folder give back: an answer to a GET as a value. The listener's routes copy it field by
// field, so nothing here knows of sockets.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/io/http_headers.h"

namespace gofarm::web {

struct Answer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  io::HttpHeaders headers;  // more of them; neither Content-Type nor Content-Length
};

// With what an error is answered over HTTP; FAILED_PRECONDITION: what was asked for was there and is withdrawn, 410.
int StatusCodeOf(const absl::Status& status);

}  // namespace gofarm::web
