#include "common/publish/key_list.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::publish {

absl::StatusOr<KeyList> ReadKeyList(std::string_view text) {
  if (text.size() > kKeyListBytesMax) {
    return absl::ResourceExhaustedError(Cat(kKeyListFile, " has more than ", kKeyListBytesMax, " bytes"));
  }
  KeyList list{.format = 0};
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(text, json::Rule::kLenient, list), kKeyListFile);
  if (list.format == kKeyListFormat) return list;
  return absl::InvalidArgumentError(
      Cat(kKeyListFile, " has format ", list.format, ", this program reads ", kKeyListFormat, ": get a newer one"));
}

}  // namespace gofarm::publish
