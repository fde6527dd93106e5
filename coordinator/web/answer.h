// What the functions of this folder give back: an answer to a GET as a value. The listener's routes copy it field by
// field, so nothing here knows of sockets. Plain data.
#pragma once

#include <string>

#include "common/io/http_headers.h"

namespace gofarm::web {

struct Answer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  io::HttpHeaders headers;  // more of them; neither Content-Type nor Content-Length
};

}  // namespace gofarm::web
