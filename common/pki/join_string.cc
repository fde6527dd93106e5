#include "common/pki/join_string.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/hex.h"
#include "common/base/text.h"

namespace gofarm::pki {
namespace {

constexpr std::string_view kPrefix = "gofarm1";
constexpr size_t kSecretMin = 22;  // 128 bits in base64url
constexpr size_t kSecretMax = 128;
constexpr std::string_view kBase64Url = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

absl::Status Wrong(std::string_view why) {
  return absl::InvalidArgumentError(
      Cat("this is no join string: ", why, "; copy the whole line that gofarm token create printed"));
}

}  // namespace

std::string Encode(const JoinString& join) {
  return Cat(kPrefix, ".", absl::WebSafeBase64Escape(absl::StrJoin(join.addresses, ",")), ".", join.authority_sha256,
             ".", join.secret);
}

absl::StatusOr<JoinString> DecodeJoin(std::string_view text) {
  const std::string_view line = Sv(absl::StripAsciiWhitespace(Av(text)));
  if (line.size() > kJoinStringMax) return Wrong(Cat("it has ", line.size(), " bytes"));
  const std::vector<std::string> parts = absl::StrSplit(Av(line), '.');
  if (parts.size() != 4) return Wrong(Cat("it has ", parts.size(), " parts, not 4"));
  if (parts[0] != kPrefix) return Wrong("it does not begin with gofarm1");
  JoinString join;
  std::string addresses;
  if (!absl::WebSafeBase64Unescape(parts[1], &addresses)) return Wrong("its addresses are damaged");
  join.addresses = absl::StrSplit(addresses, ',', absl::SkipEmpty());
  if (join.addresses.empty() || join.addresses.size() > kJoinAddressesMax) {
    return Wrong(Cat("it names ", join.addresses.size(), " addresses"));
  }
  for (const std::string& address : join.addresses) {
    for (const char c : address) {
      if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return Wrong("its addresses are damaged");
    }
  }
  join.authority_sha256 = parts[2];
  if (!IsLowerHex(join.authority_sha256)) return Wrong("its digest of the farm's authority is damaged");
  join.secret = parts[3];
  if (join.secret.size() < kSecretMin || join.secret.size() > kSecretMax ||
      join.secret.find_first_not_of(kBase64Url) != std::string::npos) {
    return Wrong("its secret is damaged");
  }
  return join;
}

}  // namespace gofarm::pki
