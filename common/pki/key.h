// Private keys (ECDSA on P-256, in PEM as PKCS#8), requests for certificates (PKCS#10), and secrets that are told once.
//
// Errors: INTERNAL when OpenSSL fails, which takes a machine without memory or entropy. Thread-safe: no shared state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::pki {

absl::StatusOr<std::string> NewKey();

// SHA-256, lower hex, of the public half: what stays the same when a certificate is renewed. INVALID_ARGUMENT: no key.
absl::StatusOr<std::string> KeyDigest(std::string_view key_pem);

// A request in PEM that says nothing but that its sender has this key. INVALID_ARGUMENT: no key.
absl::StatusOr<std::string> NewRequest(std::string_view key_pem);

struct Request {
  std::string public_key_pem;
  std::string key_digest;
};
// INVALID_ARGUMENT: no request, of another kind of key, or not signed by its key.
absl::StatusOr<Request> ReadRequest(std::string_view request_pem);

// 256 random bits in base64url, 43 characters.
absl::StatusOr<std::string> NewSecret();

}  // namespace gofarm::pki
