#include "common/pki/shown.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/pki/openssl.h"

namespace gofarm::pki {

std::string ShownBy(ssl_st* connection) {
  const OwnedCertificate shown(SSL_get1_peer_certificate(connection));
  if (shown == nullptr) return "";
  const OwnedBio bio = Writer();
  if (PEM_write_bio_X509(bio.get(), shown.get()) != 1) return "";
  return Written(bio);
}

}  // namespace gofarm::pki
