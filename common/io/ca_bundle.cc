#include "common/io/ca_bundle.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/text.h"

namespace gofarm::io {

std::string ChooseCaBundle(std::string_view ssl_cert_file, const std::function<bool(const std::string& path)>& exists) {
  if (std::string chosen(ssl_cert_file); !chosen.empty() && exists(chosen)) return chosen;
  for (const std::string_view place : kCaBundlePlaces) {
    if (std::string path(place); exists(path)) return path;
  }
  return "";
}

std::string FindCaBundle() {
  const char* const chosen = std::getenv("SSL_CERT_FILE");
  return ChooseCaBundle(chosen == nullptr ? "" : chosen, [](const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), R_OK) == 0;
  });
}

std::string NoCaBundle() {
  std::string places;
  for (const std::string_view place : kCaBundlePlaces) places += Cat(", ", place);
  return Cat("this host has no certificates to know servers by: none in SSL_CERT_FILE", places,
             "; install the package ca-certificates, or name a file of them in SSL_CERT_FILE");
}

}  // namespace gofarm::io
