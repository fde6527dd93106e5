// User and token for a registry, from a file that the operator names. Never printed: no message holds any of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/oci/reference.h"

namespace gofarm::oci {

inline constexpr int64_t kCredentialsFileMax = 1 << 20;
inline constexpr size_t kCredentialBytesMax = 16 << 10;

struct Credentials {
  std::string user;
  std::string secret;
};

// The value of an Authorization header.
std::string BasicHeader(const Credentials& credentials);

// Either one line "USER:TOKEN", or a docker or podman configuration (`auths` with `auth`, or with `username` and
// `password`; of several entries the one with the longest path that `destination` stands below). Null: a configuration
// without an entry for it. INVALID_ARGUMENT: neither of both, or an entry that holds no user and token.
// FAILED_PRECONDITION: the entry is with a credential helper, or is an identity token; both are not asked here.
absl::StatusOr<std::optional<Credentials>> ParseCredentials(std::string_view text, const Destination& destination);
// The same of a file; every message names it.
absl::StatusOr<std::optional<Credentials>> ReadCredentials(const std::string& path, const Destination& destination);

}  // namespace gofarm::oci
