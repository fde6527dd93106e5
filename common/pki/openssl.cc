#include "common/pki/openssl.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::pki {

absl::Status OpensslError(std::string_view tried) {
  std::string text(tried);
  while (const unsigned long code = ERR_get_error()) {
    char words[256];
    ERR_error_string_n(code, words, sizeof words);
    text += Cat(": ", words);
  }
  return absl::InternalError(text);
}

OwnedBio Reader(std::string_view text) {
  if (text.size() > kPemBytesMax) return nullptr;
  return OwnedBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

OwnedBio Writer() { return OwnedBio(BIO_new(BIO_s_mem())); }

std::string Written(const OwnedBio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size <= 0 ? "" : std::string(data, static_cast<size_t>(size));
}

OwnedKey ParseKey(std::string_view key_pem) {
  const OwnedBio bio = Reader(key_pem);
  if (bio == nullptr) return nullptr;
  // A password is never asked for on a terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  OwnedKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return key;
}

OwnedCertificate ParseCertificate(std::string_view cert_pem) {
  const OwnedBio bio = Reader(cert_pem);
  if (bio == nullptr) return nullptr;
  OwnedCertificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

bool IsIpAddress(const std::string& text) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::string DigestOfKey(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return "";
  std::string digest = digest::Sha256Hex({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

bool IsP256(EVP_PKEY* key) {
  char group[64] = "";
  size_t length = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &length) == 1 &&
         OBJ_sn2nid(group) == NID_X9_62_prime256v1;
}

}  // namespace gofarm::pki
