// Who belongs to the farm: token, identity, ca, whoami, audit.
#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/identity_client.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/print.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"
#include "common/sync/signals.h"
#include "common/vocab/peer.h"
#include "gofarm/v1/identity.pb.h"

namespace gofarm::cli {
namespace {

std::string RoleName(v1::Role role) { return std::string(Name(static_cast<Role>(role))); }

absl::StatusOr<v1::Role> RoleOf(const std::string& text) {
  for (const Role role : {Role::kWorker, Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (text == Name(role)) return static_cast<v1::Role>(role);
  }
  return absl::InvalidArgumentError(
      Cat("--role: \"", EscapeForPrint(text), "\" is none of worker, viewer, operator, admin"));
}

std::string Stamp(const v1::Timestamp& time) { return MinuteStamp(TimeOf(time)); }

void WriteToken(JsonWriter& json, const v1::JoinToken& token, bool with_join) {
  json.BeginObject().Field("id", token.id()).Field("role", RoleName(token.role())).Field("name", token.name());
  if (with_join) json.Field("join", token.join());
  json.Field("expires_at", TimeOf(token.expires_at()))
      .Field("uses", static_cast<int64_t>(token.uses()))
      .Field("used", static_cast<int64_t>(token.used()));
  if (!with_join) json.Field("created_by", token.created_by()).Field("state", token.state());
  json.EndObject();
}

void WriteIdentity(JsonWriter& json, const v1::IdentityRow& row) {
  json.BeginObject()
      .Field("name", row.name())
      .Field("role", RoleName(row.role()))
      .Field("state", row.state())
      .Field("expires_at", TimeOf(row.expires_at()))
      .Field("last_seen_at", TimeOf(row.last_seen_at()))
      .EndObject();
}

void WriteAudit(JsonWriter& json, const v1::AuditRow& row) {
  json.BeginObject()
      .Field("at", TimeOf(row.at()))
      .Field("who", row.who())
      .Field("role", RoleName(row.role()))
      .Field("from", row.from())
      .Field("action", row.action())
      .Field("detail", row.detail())
      .EndObject();
}

int PrintAuthorities(const Globals& globals, const v1::AuthorityState& state) {
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("rotating", state.rotating()).Key("authorities").BeginArray();
    for (const v1::AuthorityRow& row : state.authorities()) {
      json.BeginObject()
          .Field("sha256", row.sha256())
          .Field("expires_at", TimeOf(row.expires_at()))
          .Field("signs_identities", row.signs_identities())
          .Field("signs_server", row.signs_server())
          .EndObject();
    }
    json.EndArray().Field("behind", static_cast<int64_t>(state.behind())).Key("behind_names").BeginArray();
    for (const std::string& name : state.behind_names()) json.String(name);
    json.EndArray().EndObject();
    PrintOut(json.Take());
    return 0;
  }
  TableText table({{"SHA-256"}, {"EXPIRES"}, {"SIGNS FOR", false, true}});
  for (const v1::AuthorityRow& row : state.authorities()) {
    const char* const both = row.signs_server() ? "identities, server" : "identities";
    table.Add(
        {row.sha256(), Stamp(row.expires_at()), row.signs_identities() ? both : (row.signs_server() ? "server" : "")});
  }
  std::string text = table.Render(OutTerminal());
  if (state.rotating() && state.behind() == 0) {
    text += "everybody knows the new authority; gofarm ca rotate --finish makes it the only one\n";
  } else if (state.rotating()) {
    text += Cat(state.behind(), state.behind() == 1 ? " identity has" : " identities have",
                " yet to learn of the new authority, when they renew:");
    for (const std::string& name : state.behind_names()) text += Cat(" ", EscapeForPrint(name));
    text += state.behind() > state.behind_names_size() ? " ...\n" : "\n";
  }
  PrintOut(text);
  return 0;
}

std::string UserName() {
  const passwd* const user = getpwuid(geteuid());
  return user == nullptr ? Cat(geteuid()) : user->pw_name;
}

}  // namespace

Exit TokenCreate(const Globals& globals, const TokenArgs& args) {
  v1::CreateTokenRequest request;
  GOFARM_ASSIGN_OR_RETURN(const v1::Role role, RoleOf(args.role));
  GOFARM_ASSIGN_OR_RETURN(const absl::Duration life, DurationOf("--ttl", args.ttl));
  request.set_role(role);
  request.set_name(args.name);
  request.set_life_seconds(absl::ToDoubleSeconds(life));
  request.set_uses(args.uses);
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::JoinToken token;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).CreateToken(request, token));
  if (globals.json) {
    JsonWriter json;
    WriteToken(json, token, /*with_join=*/true);
    PrintOut(json.Take());
    return 0;
  }
  // One line alone, to be copied or read by a script; what to do with it goes where it is in no way.
  PrintOut(Cat(token.join(), "\n"));
  PrintErr(Cat("token ", token.id(), ": lets ", token.uses(), " ", RoleName(token.role()), token.uses() == 1 ? "" : "s",
               " in until ", Stamp(token.expires_at()), "; on the other host: ",
               token.role() == v1::ROLE_WORKER ? "gofarm-worker --join -" : "gofarm login -", "\n"));
  return 0;
}

Exit TokenList(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::JoinTokenPage all;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).ListTokens(all));
  if (globals.json) {
    JsonWriter json;
    json.BeginArray();
    for (const v1::JoinToken& token : all.tokens()) WriteToken(json, token, /*with_join=*/false);
    json.EndArray();
    PrintOut(json.Take());
    return 0;
  }
  TableText table({{"ID", true}, {"ROLE"}, {"NAME"}, {"STATE"}, {"USED", true}, {"EXPIRES"}, {"BY", false, true}});
  for (const v1::JoinToken& token : all.tokens()) {
    table.Add({Cat(token.id()), RoleName(token.role()), token.name(), token.state(),
               Cat(token.used(), " of ", token.uses()), Stamp(token.expires_at()), token.created_by()});
  }
  PrintOut(table.empty() ? "no tokens\n" : table.Render(OutTerminal()));
  return 0;
}

Exit TokenRevoke(const Globals& globals, int64_t id, bool with_identities) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::RevokeTokenReply reply;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).RevokeToken(id, with_identities, reply));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("id", id).Key("identities").BeginArray();
    for (const std::string& name : reply.identities()) json.String(name);
    json.EndArray().EndObject();
    PrintOut(json.Take());
    return 0;
  }
  std::string text = Cat("token ", id, " is revoked");
  for (const std::string& name : reply.identities()) text += Cat("; so is ", EscapeForPrint(name));
  PrintOut(Cat(text, "\n"));
  return 0;
}

Exit IdentityList(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::IdentityPage all;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).ListIdentities(all));
  if (globals.json) {
    JsonWriter json;
    json.BeginArray();
    for (const v1::IdentityRow& row : all.identities()) WriteIdentity(json, row);
    json.EndArray();
    PrintOut(json.Take());
    return 0;
  }
  TableText table({{"NAME"}, {"ROLE"}, {"STATE"}, {"EXPIRES"}, {"LAST SEEN"}});
  for (const v1::IdentityRow& row : all.identities()) {
    table.Add({row.name(), RoleName(row.role()), row.state(), Stamp(row.expires_at()), Stamp(row.last_seen_at())});
  }
  PrintOut(table.empty() ? "no identities\n" : table.Render(OutTerminal()));
  return 0;
}

Exit IdentityShow(const Globals& globals, const std::string& name, bool revoke) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  IdentityClient identities(*client);
  v1::IdentityRow row;
  GOFARM_RETURN_IF_ERROR(revoke ? identities.RevokeIdentity(name, row) : identities.GetIdentity(name, row));
  if (globals.json) {
    JsonWriter json;
    WriteIdentity(json, row);
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat(EscapeForPrint(row.name()), ": ", RoleName(row.role()), ", ", row.state(), "\n  certificate until ",
               Stamp(row.expires_at()), "\n  made with token ", row.token_id(), " at ", Stamp(row.created_at()), "\n",
               row.has_revoked_at() ? Cat("  revoked at ", Stamp(row.revoked_at()), "\n") : ""));
  return 0;
}

Exit CaShow(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::AuthorityState state;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).GetAuthorityState(state));
  return PrintAuthorities(globals, state);
}

Exit CaRotate(const Globals& globals, bool finish, bool force) {
  if (force && !finish) return absl::InvalidArgumentError("--force goes with --finish");
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::AuthorityState state;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).RotateAuthority(finish, force, state));
  return PrintAuthorities(globals, state);
}

Exit WhoAmI(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::Self self;
  GOFARM_RETURN_IF_ERROR(IdentityClient(*client).WhoAmI(self));
  const FarmChoice& choice = client->choice();
  const std::string server = choice.server.empty() ? choice.dir : choice.server;
  // By the socket the farm knows no name; who may open it is this machine's matter.
  const bool by_socket = !self.has_expires_at();
  const std::string name = by_socket ? UserName() : self.name();
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field("name", name)
        .Field("role", RoleName(self.role()))
        .Field("farm", self.farm_id())
        .Field("server", server)
        .Field("expires_at", TimeOf(self.expires_at()))
        .EndObject();
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat(EscapeForPrint(name), ", ", RoleName(self.role()),
               self.farm_id().empty() ? "" : Cat(" of farm ", self.farm_id()), "\n  ", EscapeForPrint(server), "\n  ",
               by_socket ? "by the socket" : Cat("certificate until ", Stamp(self.expires_at())), "\n"));
  return 0;
}

Exit Audit(const Globals& globals, const AuditArgs& args) {
  absl::Time since = absl::InfinitePast();
  if (!args.since.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const absl::Duration ago, DurationOf("--since", args.since));
    since = WallNow() - ago;
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  sync::StopSignals signals;
  const Scope scope =
      args.follow ? Scope{absl::InfiniteFuture(), signals.token()} : Scope::For(kListDeadline, signals.token());
  JsonWriter json;
  TableText table({{"AT"}, {"WHO"}, {"ROLE"}, {"FROM"}, {"ACTION"}, {"DETAIL", false, true}});
  if (globals.json && !args.follow) json.BeginArray();
  const absl::Status read =
      IdentityClient(*client).ReadAudit(scope, since, args.limit, args.follow, [&](const v1::AuditPage& page) {
        for (const v1::AuditRow& row : page.rows()) {
          if (!args.follow && globals.json) {
            WriteAudit(json, row);
          } else if (globals.json) {
            JsonWriter line;
            WriteAudit(line, row);
            PrintOut(line.Take());
          } else if (args.follow) {
            PrintOut(Cat(Stamp(row.at()), "  ", EscapeForPrint(row.who()), "  ", RoleName(row.role()), "  ",
                         EscapeForPrint(row.from()), "  ", EscapeForPrint(row.action()), "  ",
                         EscapeForPrint(row.detail()), "\n"));
          } else {
            table.Add({Stamp(row.at()), row.who(), RoleName(row.role()), row.from(), row.action(), row.detail()});
          }
        }
      });
  if (args.follow && signals.token().stop_requested()) return kExitInterrupted;
  GOFARM_RETURN_IF_ERROR(read);
  if (args.follow) return 0;
  if (globals.json) {
    json.EndArray();
    PrintOut(json.Take());
  } else {
    PrintOut(table.empty() ? "nothing\n" : table.Render(OutTerminal()));
  }
  return 0;
}

}  // namespace gofarm::cli
