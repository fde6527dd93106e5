#include "cli/profiles.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/vocab/name_rule.h"

namespace gofarm::cli {
namespace {

// A certificate that is still good is worth no long wait.
constexpr absl::Duration kRenewMax = absl::Seconds(3);
constexpr absl::Duration kRenewExpiredMax = absl::Seconds(15);

std::string FarmsFolder(const std::string& config_folder) { return config_folder + "/farms"; }
std::string DefaultFile(const std::string& config_folder) { return config_folder + "/default-farm"; }

absl::Status LogInAgain(absl::string_view why) {
  return absl::UnauthenticatedError(
      Cat(Sv(why), "; ask an admin of the farm for a join string (gofarm token create), then gofarm login JOIN"));
}

}  // namespace

std::string ProfileFolder(const std::string& config_folder, std::string_view name) {
  return Cat(FarmsFolder(config_folder), "/", name);
}

std::vector<Profile> ReadProfiles(const std::string& config_folder) {
  std::vector<Profile> profiles;
  if (config_folder.empty()) return profiles;
  std::error_code error;
  for (std::filesystem::directory_iterator it(FarmsFolder(config_folder), error), end;
       !error && it != end && profiles.size() < kProfilesMax; it.increment(error)) {
    const std::string name = it->path().filename().string();
    // A login that is not done stands beside its farm.
    if (!CheckName(name).ok() || name.ends_with(".joining")) continue;
    Profile profile{.name = name, .folder = it->path().string()};
    absl::StatusOr<rpc::Membership> member = rpc::ReadMembership(profile.folder);
    profile.broken = member.status();
    if (member.ok()) profile.addresses = std::move(member->addresses);
    profiles.push_back(std::move(profile));
  }
  std::sort(profiles.begin(), profiles.end(), [](const Profile& a, const Profile& b) { return a.name < b.name; });
  return profiles;
}

std::string DefaultProfileOf(const std::string& config_folder) {
  if (config_folder.empty()) return "";
  const absl::StatusOr<std::string> text = io::ReadFile(DefaultFile(config_folder), kNameBytesMax + 1);
  if (!text.ok()) return "";
  std::string name(absl::StripAsciiWhitespace(*text));
  return CheckName(name).ok() ? name : "";
}

absl::Status SetDefaultProfile(const std::string& config_folder, std::string_view name) {
  return io::WriteFileAtomic(DefaultFile(config_folder), Cat(name, "\n"), 0600);
}

absl::Status RemoveProfile(const std::string& config_folder, std::string_view name) {
  GOFARM_RETURN_IF_ERROR(CheckName(name));
  const std::string folder = ProfileFolder(config_folder, name);
  if (access(folder.c_str(), F_OK) != 0) {
    return absl::NotFoundError(Cat("nobody is logged in to a farm under the name ", name));
  }
  if (DefaultProfileOf(config_folder) == name && unlink(DefaultFile(config_folder).c_str()) != 0) {
    return ErrnoStatus(errno, Cat("remove ", DefaultFile(config_folder)));
  }
  return io::RemoveTree(folder);
}

absl::StatusOr<rpc::Membership> UseProfile(const Scope& scope, const std::string& folder, absl::Time now) {
  GOFARM_ASSIGN_OR_RETURN(rpc::Membership member, rpc::ReadMembership(folder));
  if (now < member.RenewAt()) return member;
  const bool expired = now >= member.expires_at;
  const absl::StatusOr<io::FileLock> turn = io::FileLock::TryAcquire(folder + "/lock");
  // Another command is at it.
  if (!turn.ok() && !expired) return member;
  const absl::StatusOr<rpc::Membership> renewed =
      rpc::RenewMembership(scope.Within(expired ? kRenewExpiredMax : kRenewMax), member);
  if (renewed.ok()) {
    GOFARM_RETURN_IF_ERROR(rpc::WriteMembership(folder, *renewed));
    return *renewed;
  }
  if (absl::IsUnauthenticated(renewed.status())) return LogInAgain(renewed.status().message());
  if (expired) {
    return absl::Status(renewed.status().code(),
                        Cat("your certificate ran out at ", absl::FormatTime(member.expires_at, absl::LocalTimeZone()),
                            ", and it could not be renewed: ", Sv(renewed.status().message())));
  }
  return member;
}

}  // namespace gofarm::cli
