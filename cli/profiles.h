// The farms that this user has logged in to, one identity each, below the user's config folder:
//
//   CONFIG/farms/NAME/current/...   common/rpc/membership.h
//   CONFIG/default-farm             the name of the one that is meant where nothing else names a farm
//
// Two commands at a time are no danger: files change whole, and renewals take turns.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/rpc/membership.h"

namespace gofarm::cli {

inline constexpr char kDefaultProfile[] = "default";
inline constexpr size_t kProfilesMax = 100;

struct Profile {
  std::string name;
  std::string folder;
  std::vector<std::string> addresses;
  absl::Status broken;  // why it cannot be used
};

std::string ProfileFolder(const std::string& config_folder, std::string_view name);
// In the order of their names; none where there is no such folder.
std::vector<Profile> ReadProfiles(const std::string& config_folder);
// Empty: none is.
std::string DefaultProfileOf(const std::string& config_folder);
absl::Status SetDefaultProfile(const std::string& config_folder, std::string_view name);
// NOT_FOUND: there is none of this name. What was the default is none any more.
absl::Status RemoveProfile(const std::string& config_folder, std::string_view name);

// The identity of a profile, renewed first when it is time for that. UNAUTHENTICATED: it has run out, or the farm no
// longer knows it, and only a new login helps.
absl::StatusOr<rpc::Membership> UseProfile(const Scope& scope, const std::string& folder, absl::Time now);

}  // namespace gofarm::cli
