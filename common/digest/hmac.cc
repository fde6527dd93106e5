#include "common/digest/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/check.h"
#include "common/digest/digest.h"

namespace gofarm::digest {

std::string HmacSha256Hex(std::string_view key, std::string_view bytes) {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  GOFARM_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), raw, &size) != nullptr);
  return Hex(std::string_view(reinterpret_cast<const char*>(raw), size));
}

}  // namespace gofarm::digest
