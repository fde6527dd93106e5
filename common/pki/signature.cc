#include "common/pki/signature.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/status_macros.h"
#include "common/pki/openssl.h"

namespace gofarm::pki {
namespace {

using OwnedDigest = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

absl::StatusOr<std::string> PrivatePem(const OwnedKey& key) {
  const OwnedBio bio = Writer();
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpensslError("write a key");
  }
  return Written(bio);
}

absl::StatusOr<OwnedKey> PrivateEd25519(std::string_view key_pem) {
  OwnedKey key = ParseKey(key_pem);
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
    return absl::InvalidArgumentError("this is no private Ed25519 key (PEM, PKCS#8)");
  }
  return key;
}

absl::StatusOr<OwnedKey> PrivateP256(std::string_view key_pem) {
  OwnedKey key = ParseKey(key_pem);
  if (key == nullptr || !IsP256(key.get())) {
    return absl::InvalidArgumentError("this is no private ECDSA key on P-256 (PEM, PKCS#8)");
  }
  return key;
}

absl::StatusOr<OwnedKey> PublicP256(std::string_view public_key_pem) {
  const OwnedBio bio = Reader(public_key_pem);
  OwnedKey key(bio == nullptr ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr || !IsP256(key.get())) {
    return absl::InvalidArgumentError("this is no public ECDSA key on P-256 (PEM)");
  }
  return key;
}

// `hash` null: the algorithm hashes by itself.
absl::StatusOr<std::string> Sign(const OwnedKey& key, const EVP_MD* hash, std::string_view bytes) {
  const OwnedDigest context(EVP_MD_CTX_new());
  size_t size = 0;
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(bytes), bytes.size()) != 1) {
    return OpensslError("sign");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Bytes(bytes),
                     bytes.size()) != 1) {
    return OpensslError("sign");
  }
  signature.resize(size);  // DER is often shorter than announced
  return signature;
}

bool Verify(const OwnedKey& key, const EVP_MD* hash, std::string_view bytes, std::string_view signature) {
  const OwnedDigest context(EVP_MD_CTX_new());
  const bool good =
      context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(bytes), bytes.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

absl::StatusOr<std::string> NewEd25519Key() {
  const OwnedKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return OpensslError("make an Ed25519 key");
  return PrivatePem(key);
}

absl::StatusOr<std::string> Ed25519PublicKey(std::string_view key_pem) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PrivateEd25519(key_pem));
  std::string raw(kEd25519KeyBytes, '\0');
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1 ||
      size != raw.size()) {
    return OpensslError("read a public Ed25519 key");
  }
  return raw;
}

absl::StatusOr<std::string> SignEd25519(std::string_view key_pem, std::string_view bytes) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PrivateEd25519(key_pem));
  return Sign(key, nullptr, bytes);
}

bool VerifyEd25519(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  if (public_key.size() != kEd25519KeyBytes || signature.size() != kEd25519SignatureBytes) return false;
  const OwnedKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size()));
  return key != nullptr && Verify(key, nullptr, bytes, signature);
}

absl::StatusOr<std::string> P256PublicKeyPem(std::string_view key_pem) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PrivateP256(key_pem));
  const OwnedBio bio = Writer();
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) return OpensslError("write a public key");
  return Written(bio);
}

absl::StatusOr<std::string> SignP256(std::string_view key_pem, std::string_view bytes) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PrivateP256(key_pem));
  return Sign(key, EVP_sha256(), bytes);
}

absl::StatusOr<bool> VerifyP256(std::string_view public_key_pem, std::string_view bytes, std::string_view signature) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PublicP256(public_key_pem));
  return Verify(key, EVP_sha256(), bytes, signature);
}

absl::StatusOr<std::string> PublicKeyDigest(std::string_view public_key_pem) {
  GOFARM_ASSIGN_OR_RETURN(const OwnedKey key, PublicP256(public_key_pem));
  return DigestOfKey(key.get());
}

}  // namespace gofarm::pki
