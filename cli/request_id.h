// Names of requests that change something: a repeated request gets the first answer.
#pragma once

#include <string>

namespace gofarm::cli {

// 32 of [0-9a-f], never the same twice.
std::string NewRequestId();

}  // namespace gofarm::cli
