// HMAC-SHA256 (RFC 2104). Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace gofarm::digest {

// Lower-case hex.
std::string HmacSha256Hex(std::string_view key, std::string_view bytes);

}  // namespace gofarm::digest
