// Signed statements: the DSSE envelope (https://github.com/secure-systems-lab/dsse, protocol 1.0) with one ECDSA
// signature on P-256 with SHA-256, and the sigstore bundle v0.3 that holds it with a hint at its public key: what
// cosign and sigstore's libraries verify without any network. Keys are PEM; pki/key.h makes private ones (NewKey),
// key_file.h stores them, pki/signature.h gives the public half (P256PublicKeyPem).
//
// A signature says nothing of what a statement claims: provenance.h checks that. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gofarm::attest {

inline constexpr std::string_view kInTotoPayloadType = "application/vnd.in-toto+json";
inline constexpr std::string_view kBundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr size_t kStatementBytesMax = 16 << 20;
inline constexpr size_t kBundleBytesMax = 24 << 20;  // base64 makes four bytes of three
inline constexpr size_t kVerifyKeysMax = 64;

struct Envelope {
  std::string payload_type;
  std::string payload;    // raw
  std::string signature;  // ASN.1 in DER
  std::string key_hint;   // KeyHint of the signer, for choosing among keys; no proof of anything
  bool operator==(const Envelope&) const = default;
};

// What is signed: type and body with their lengths, so that neither can be taken for the other.
std::string PreAuthEncoding(std::string_view payload_type, std::string_view payload);

// Base64 of the SHA-256 of the key's DER, as cosign writes it. INVALID_ARGUMENT: no public P-256 key.
absl::StatusOr<std::string> KeyHint(std::string_view public_key_pem);

// RESOURCE_EXHAUSTED: more than kStatementBytesMax. INVALID_ARGUMENT: no private P-256 key.
absl::StatusOr<Envelope> SignEnvelope(std::string_view key_pem, std::string_view payload_type,
                                      std::string_view payload);

// JSON, compact, with a newline at the end. The key id stays empty: cosign refuses one that it does not know.
std::string EnvelopeJson(const Envelope& envelope);
std::string BundleJson(const Envelope& envelope);

// Checks the form only. INVALID_ARGUMENT says what is missing or of another kind.
absl::StatusOr<Envelope> ParseBundle(std::string_view bundle);

struct VerifiedPayload {
  std::string payload;
  std::string key_hint;  // of the key that verifies it
};

// The in-toto statement of a bundle that one of these public keys signed. INVALID_ARGUMENT: no bundle, another payload
// type, a text among the keys that is none, or more than kVerifyKeysMax of them. NOT_FOUND: it names a key that is not
// among these. DATA_LOSS: it names one of these, and the signature is not of that key or not of this payload.
absl::StatusOr<VerifiedPayload> VerifyBundle(std::string_view bundle, absl::Span<const std::string> public_key_pems);

}  // namespace gofarm::attest
