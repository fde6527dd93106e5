// Signatures by keys of the farm's own, without certificates: ECDSA on P-256 with SHA-256 (FIPS 186-5), whose key
// NewKey of key.h makes, and Ed25519 (RFC 8032). Private keys are PEM as PKCS#8, public ones PEM as
// SubjectPublicKeyInfo or, for Ed25519, 32 raw bytes.
//
// Errors: INVALID_ARGUMENT: no key of this kind. INTERNAL: OpenSSL fails, which takes a machine without memory or
// entropy. Thread-safe: no shared state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gofarm::pki {

inline constexpr size_t kEd25519KeyBytes = 32;
inline constexpr size_t kEd25519SignatureBytes = 64;

absl::StatusOr<std::string> NewEd25519Key();
absl::StatusOr<std::string> Ed25519PublicKey(std::string_view key_pem);
// The same bytes get the same signature.
absl::StatusOr<std::string> SignEd25519(std::string_view key_pem, std::string_view bytes);
// False for a key or a signature of another length too.
bool VerifyEd25519(std::string_view public_key, std::string_view bytes, std::string_view signature);

absl::StatusOr<std::string> P256PublicKeyPem(std::string_view key_pem);
// ASN.1 in DER. The same bytes get another signature each time.
absl::StatusOr<std::string> SignP256(std::string_view key_pem, std::string_view bytes);
absl::StatusOr<bool> VerifyP256(std::string_view public_key_pem, std::string_view bytes, std::string_view signature);
// SHA-256, lower hex, of a public key's DER: the same as KeyDigest of its private half.
absl::StatusOr<std::string> PublicKeyDigest(std::string_view public_key_pem);

}  // namespace gofarm::pki
