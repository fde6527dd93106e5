// What one command needs to join a farm, in one line:
//
//   gofarm1.<addresses, base64url of "HOST:PORT,HOST:PORT">.<SHA-256 of the authority's certificate>.<secret>
//
// The digest lets the joiner know the farm before it says anything secret. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::pki {

inline constexpr size_t kJoinAddressesMax = 16;
inline constexpr size_t kJoinStringMax = 4096;

struct JoinString {
  std::vector<std::string> addresses;
  std::string authority_sha256;  // lower hex
  std::string secret;

  bool operator==(const JoinString&) const = default;
};

std::string Encode(const JoinString& join);
// INVALID_ARGUMENT: what is wrong with it, without a word of it.
absl::StatusOr<JoinString> DecodeJoin(std::string_view text);

}  // namespace gofarm::pki
