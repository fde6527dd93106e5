// What the other end of a TLS connection showed, for those who do not speak to OpenSSL themselves.
#pragma once

#include <string>

struct ssl_st;

namespace gofarm::pki {

// In PEM; empty: it showed no certificate.
std::string ShownBy(ssl_st* connection);

}  // namespace gofarm::pki
