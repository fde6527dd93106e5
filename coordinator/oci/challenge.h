// What a registry wants to see before it does something: challenges of WWW-Authenticate (RFC 7235) and tokens of the
// registry token protocol (distribution's docs/spec/auth/token.md). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/io/http_headers.h"
#include "coordinator/oci/reference.h"

namespace gofarm::oci {

inline constexpr size_t kChallengeBytesMax = 8 << 10;
inline constexpr size_t kScopesMax = 16;
inline constexpr size_t kTokenBytesMax = 16 << 10;
inline constexpr absl::Duration kTokenLifeDefault = absl::Seconds(60);  // when the answer names none
inline constexpr absl::Duration kTokenLifeMax = absl::Hours(1);         // whatever the answer names

struct Challenge {
  enum class Scheme { kBasic, kBearer };
  Scheme scheme = Scheme::kBasic;
  std::string realm;    // of Bearer: the URL that gives tokens
  std::string service;  // of Bearer; may be empty
  std::vector<std::string> scopes;
};

// The first Bearer challenge of an answer, else the first Basic one; null when it has neither, or none that is
// well-formed.
std::optional<Challenge> ReadChallenge(const io::HttpHeaders& headers);

// Whether credentials may be sent there: https, or http to this machine; and to this machine only for a registry on it,
// since a service of ours is not to be reached by what a foreign registry says. INVALID_ARGUMENT says which.
absl::Status CheckRealm(const Registry& registry, std::string_view realm);

// REALM?service=...&scope=...&scope=...
std::string TokenUrl(const Challenge& challenge, const std::vector<std::string>& scopes);

struct Token {
  std::string value;
  absl::Duration life = kTokenLifeDefault;
};
// INVALID_ARGUMENT when it holds no token, or one that fits no header.
absl::StatusOr<Token> ReadToken(std::string_view body);

}  // namespace gofarm::oci
