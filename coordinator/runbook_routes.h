// /runbooks and /runbooks/NAME on the operators' listeners: alerts of deploy/prometheus link there.
#pragma once

#include "common/http/router.h"

namespace gofarm::coordinator {

void AddRunbooks(http::Router& router);

}  // namespace gofarm::coordinator
