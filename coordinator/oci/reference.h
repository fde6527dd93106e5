// Names of the distribution specification (v1.1, "Pulling manifests"): registries, repositories, tags and digests, and
// the destination an operator writes, URL/PREFIX. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::oci {

inline constexpr size_t kTagMax = 128;
// Of host, slash and repository together: what clients of registries take.
inline constexpr size_t kHostAndRepositoryMax = 255;
inline constexpr std::string_view kSha256Prefix = "sha256:";

// Where the API is asked.
struct Registry {
  std::string origin;     // "https://ghcr.io", "http://127.0.0.1:5000"; no slash at its end
  std::string authority;  // as it stands in references: "ghcr.io", "127.0.0.1:5000"
  std::string host;       // lower case, an IPv6 address without brackets
  bool loopback = false;
  bool operator==(const Registry&) const = default;
};

// What is published goes below `prefix`; empty: to the top of the registry.
struct Destination {
  Registry registry;
  std::string prefix;
  bool operator==(const Destination&) const = default;
};

// "https://HOST[:PORT][/PREFIX]", and http:// for loopback hosts. INVALID_ARGUMENT says what is wrong with it and how
// it should look; user, password, query and fragment are refused and not shown.
absl::StatusOr<Destination> ParseDestination(std::string_view text);
// What ParseDestination reads back.
std::string Print(const Destination& destination);

// INVALID_ARGUMENT names the rule that is broken.
absl::Status CheckRepository(const Registry& registry, std::string_view repository);
absl::Status CheckTag(std::string_view tag);
bool IsDigestText(std::string_view digest);  // "sha256:" and 64 lower-case hex digits; no other algorithm is used

// PREFIX/PATH, checked.
absl::StatusOr<std::string> RepositoryBelow(const Destination& destination, std::string_view path);
// A version made a tag: "+", which Go versions may hold and tags may not, becomes "-". What is no tag then is refused
// rather than mended, since two versions must not meet in one tag.
absl::StatusOr<std::string> TagOf(std::string_view version);
// "sha256-HEX": where the referrers of a manifest stand in registries without the referrers API.
std::string ReferrersTag(std::string_view digest);

}  // namespace gofarm::oci
