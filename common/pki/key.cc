#include "common/pki/key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "common/pki/openssl.h"

namespace gofarm::pki {
namespace {

constexpr int kSecretBytes = 32;

absl::Status NoKey() { return absl::InvalidArgumentError("this is no private key of this farm (PEM, ECDSA on P-256)"); }

absl::StatusOr<OwnedKey> UsableKey(std::string_view key_pem) {
  OwnedKey key = ParseKey(key_pem);
  if (key == nullptr || !IsP256(key.get())) return NoKey();
  return key;
}

}  // namespace

absl::StatusOr<std::string> NewKey() {
  const OwnedKey key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpensslError("make a key");
  const OwnedBio bio = Writer();
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpensslError("write a key");
  }
  return Written(bio);
}

absl::StatusOr<std::string> KeyDigest(std::string_view key_pem) {
  const absl::StatusOr<OwnedKey> key = UsableKey(key_pem);
  if (!key.ok()) return key.status();
  return DigestOfKey(key->get());
}

absl::StatusOr<std::string> NewRequest(std::string_view key_pem) {
  const absl::StatusOr<OwnedKey> key = UsableKey(key_pem);
  if (!key.ok()) return key.status();
  const OwnedRequest request(X509_REQ_new());
  const OwnedBio bio = Writer();
  if (request == nullptr || bio == nullptr || X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      X509_REQ_sign(request.get(), key->get(), EVP_sha256()) <= 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return OpensslError("make a certificate request");
  }
  return Written(bio);
}

absl::StatusOr<Request> ReadRequest(std::string_view request_pem) {
  const OwnedBio bio = Reader(request_pem);
  const OwnedRequest request(bio == nullptr ? nullptr : PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  EVP_PKEY* const key = request == nullptr ? nullptr : X509_REQ_get0_pubkey(request.get());
  const bool good = key != nullptr && IsP256(key) && X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!good) {
    return absl::InvalidArgumentError("this is no certificate request (PKCS#10 in PEM, signed by its own P-256 key)");
  }
  const OwnedBio out = Writer();
  if (out == nullptr || PEM_write_bio_PUBKEY(out.get(), key) != 1) return OpensslError("write a public key");
  return Request{.public_key_pem = Written(out), .key_digest = DigestOfKey(key)};
}

absl::StatusOr<std::string> NewSecret() {
  unsigned char bytes[kSecretBytes];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return OpensslError("read random bytes");
  return absl::WebSafeBase64Escape(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

}  // namespace gofarm::pki
