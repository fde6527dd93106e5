// What coordinator/web gives back, as the listener sends it.
#pragma once

#include <utility>

#include "common/http/router.h"
#include "coordinator/web/answer.h"

namespace gofarm::coordinator {

inline http::Response ResponseOf(web::Answer answer) {
  http::Response response{
      .status = answer.status, .body = std::move(answer.body), .content_type = std::move(answer.content_type)};
  response.headers = std::move(answer.headers);
  return response;
}

}  // namespace gofarm::coordinator
