// Apart from url.h, which needs libcurl. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gofarm::io {

// A URL without user, password and query, fit for logs and messages.
std::string RedactUrl(std::string_view url);

}  // namespace gofarm::io
