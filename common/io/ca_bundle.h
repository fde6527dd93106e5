// Where this host keeps the certificates of the authorities that it trusts: distributions differ, and a static program
// knows none of them.
#pragma once

#include <string>

namespace gofarm::io {

// The file that SSL_CERT_FILE names, else the first of the usual ones that can be read; empty: none. Reads the
// environment and looks each time.
std::string CaBundle();

}  // namespace gofarm::io
