#include "coordinator/runbook_routes.h"

#include <utility>

#include "coordinator/web/runbook.h"

namespace gofarm::coordinator {
namespace {

http::Response Shown(web::Answer answer) {
  http::Response response{
      .status = answer.status, .body = std::move(answer.body), .content_type = std::move(answer.content_type)};
  response.headers = std::move(answer.headers);
  return response;
}

}  // namespace

void AddRunbooks(http::Router& router) {
  using Kind = http::Router::Kind;
  router.Get("/runbooks", Kind::kQuick, [](const http::Request&) { return Shown(web::RunbookList()); });
  router.Get("/runbooks/{name}", Kind::kQuick,
             [](const http::Request& request) { return Shown(web::RunbookPage(request.Parameter("name"))); });
}

}  // namespace gofarm::coordinator
