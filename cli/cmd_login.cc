// login, logout: the farms beyond this machine that this user belongs to.
#include <pwd.h>
#include <unistd.h>

#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/profiles.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"
#include "common/pki/join_source.h"
#include "common/rpc/membership.h"
#include "common/sync/signals.h"
#include "common/vocab/name_rule.h"
#include "common/vocab/peer.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kLoginMax = absl::Minutes(1);

// USER-HOST, as far as names in a farm may be like that.
std::string UsualName() {
  const passwd* const user = getpwuid(geteuid());
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return AsName(Cat(user == nullptr ? Cat("uid", geteuid()) : user->pw_name, "-", host));
}

}  // namespace

Exit Login(const Globals& globals, const LoginArgs& args) {
  if (!globals.farm.server.empty() || !globals.farm.dir.empty() || !globals.farm.farm.empty()) {
    return absl::InvalidArgumentError(
        "the join string says which farm it is for; leave --server, --dir and --farm out (--name NAME names it here)");
  }
  const std::string name = args.profile.empty() ? kDefaultProfile : args.profile;
  GOFARM_RETURN_IF_ERROR_CTX(CheckName(name), "--name");
  GOFARM_ASSIGN_OR_RETURN(const pki::JoinString join, pki::ReadJoin(args.join));
  GOFARM_ASSIGN_OR_RETURN(const std::string config_folder, FindConfigFolder());
  const std::string folder = ProfileFolder(config_folder, name);
  const absl::StatusOr<rpc::Membership> former = rpc::ReadMembership(folder);
  sync::StopSignals signals;
  GOFARM_ASSIGN_OR_RETURN_CTX(
      const rpc::Membership member,
      rpc::JoinInto(Scope::For(kLoginMax, signals.token()), folder, join, {.usual = UsualName()}), "log in");
  if (member.role == Role::kWorker) {
    // Nobody else may use what a host was let in with.
    GOFARM_RETURN_IF_ERROR(RemoveProfile(config_folder, name));
    return absl::InvalidArgumentError(
        "this join string was for a worker, and is used now; hosts join with gofarm-worker --join");
  }
  GOFARM_RETURN_IF_ERROR(SetDefaultProfile(config_folder, name));
  if (former.ok()) {
    PrintErr(Cat("gofarm: this takes the place of ", former->name, " of farm ", former->farm_id, " under the name ",
                 name, "; --name NAME keeps several farms\n"));
  }
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field("name", member.name)
        .Field("role", Name(member.role))
        .Field("farm", member.farm_id)
        .Field("server", member.addresses.front())
        .Field("profile", name)
        .Field("expires_at", member.expires_at)
        .EndObject();
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat("you are ", member.name, ", ", Name(member.role), " of farm ", member.farm_id, " at ",
               EscapeForPrint(member.addresses.front()), "; commands mean this farm from now on\n", "  until ",
               MinuteStamp(member.expires_at), ", renewed by use; see: gofarm whoami\n"));
  return 0;
}

Exit Logout(const Globals& globals, const std::string& profile) {
  GOFARM_ASSIGN_OR_RETURN(const std::string config_folder, FindConfigFolder());
  std::string name = !profile.empty() ? profile : globals.farm.farm;
  if (name.empty()) name = DefaultProfileOf(config_folder);
  if (name.empty()) {
    return absl::InvalidArgumentError("nobody is logged in to a farm that is the default; --name NAME says which one");
  }
  const absl::Status removed = RemoveProfile(config_folder, name);
  if (absl::IsNotFound(removed)) return absl::InvalidArgumentError(removed.message());
  GOFARM_RETURN_IF_ERROR(removed);
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("profile", name).EndObject();
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat("logged out of ", name, ": the key is gone from this machine\n"));
  return 0;
}

}  // namespace gofarm::cli
