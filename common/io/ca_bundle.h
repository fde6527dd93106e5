// The certificates by which servers of the world outside are known: one file, which systems keep in different places.
// For everything that speaks HTTPS: libcurl is given it, Go and pip find it in SSL_CERT_FILE. The farm's own
// connections do not use it: they know the farm's authority. Thread-safe: no state.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gofarm::io {

// Debian, Alpine, Arch and Void; Fedora and its kin, older and newer; openSUSE; what others have.
inline constexpr std::string_view kCaBundlePlaces[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

// `ssl_cert_file` when it is there, else the first of the places that is; empty: none. `exists` says which files are
// there. Pure.
std::string ChooseCaBundle(std::string_view ssl_cert_file, const std::function<bool(const std::string& path)>& exists);

// By SSL_CERT_FILE of the environment and the files of this host, as they are now.
std::string FindCaBundle();

// What to say where none was found: where it was looked for, and what to do.
std::string NoCaBundle();

}  // namespace gofarm::io
