// For the sources of this folder: OpenSSL's objects with owners, its errors as a status, PEM and DER as text.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gofarm::pki {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <typename T, auto kFree>
using Owned = std::unique_ptr<T, Freer<kFree>>;

using OwnedBio = Owned<BIO, BIO_free_all>;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedCertificate = Owned<X509, X509_free>;
using OwnedRequest = Owned<X509_REQ, X509_REQ_free>;

// INTERNAL with what was tried and OpenSSL's own words; empties its queue of errors.
absl::Status OpensslError(std::string_view tried);

// No PEM file of ours comes near it.
inline constexpr size_t kPemBytesMax = 64 << 10;

// Reads from `text`, which must outlive it. Null when it is longer than kPemBytesMax.
OwnedBio Reader(std::string_view text);
OwnedBio Writer();
std::string Written(const OwnedBio& bio);

OwnedKey ParseKey(std::string_view key_pem);                   // null: no private key in PEM
OwnedCertificate ParseCertificate(std::string_view cert_pem);  // null: no certificate in PEM
bool IsIpAddress(const std::string& text);                     // of version 4 or 6, without brackets
// SHA-256, lower hex, of the SubjectPublicKeyInfo.
std::string DigestOfKey(EVP_PKEY* key);
// ECDSA on P-256 is all that this farm signs with or takes.
bool IsP256(EVP_PKEY* key);

}  // namespace gofarm::pki
