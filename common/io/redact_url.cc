#include "common/io/redact_url.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::io {

std::string RedactUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return EscapeForPrint(url.substr(0, url.find('?')));
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("?#"));
  const size_t slash = std::min(rest.find('/'), rest.size());
  const size_t at = rest.substr(0, slash).rfind('@');
  if (at != std::string_view::npos) rest.remove_prefix(at + 1);
  return EscapeForPrint(Cat(url.substr(0, scheme + 3), rest));
}

}  // namespace gofarm::io
