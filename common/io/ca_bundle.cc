#include "common/io/ca_bundle.h"

#include <unistd.h>

#include <cstdlib>

namespace gofarm::io {

std::string CaBundle() {
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0') return named;
  for (const char* path : {
           "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch, Void
           "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora
           "/etc/ssl/ca-bundle.pem",                             // openSUSE
           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL
           "/etc/ssl/cert.pem",                                  // Alpine without the package
       }) {
    if (access(path, R_OK) == 0) return path;
  }
  return "";
}

}  // namespace gofarm::io
