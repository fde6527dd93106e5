#include "coordinator/runbook_routes.h"

#include "coordinator/answer_response.h"
#include "coordinator/web/runbook.h"

namespace gofarm::coordinator {

void AddRunbooks(http::Router& router) {
  using Kind = http::Router::Kind;
  router.Get("/runbooks", Kind::kQuick, [](const http::Request&) { return ResponseOf(web::RunbookList()); });
  router.Get("/runbooks/{name}", Kind::kQuick,
             [](const http::Request& request) { return ResponseOf(web::RunbookPage(request.Parameter("name"))); });
}

}  // namespace gofarm::coordinator
