#include "coordinator/store/identity_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::Actor;
using domain::AuditEntry;
using domain::Identity;
using domain::IdentityId;
using domain::JoinToken;
using domain::TokenId;

constexpr int kRowsMax = 20'000;  // of tokens, of identities: more are not listed
constexpr size_t kDetailMax = 2'000;

JoinToken TokenOf(const pqxx::row& row) {
  return {.id = TokenId{row["id"].as<int64_t>()},
          .role = static_cast<Role>(row["role"].as<int>()),
          .name = row["name"].as<std::string>(),
          .created_by = row["created_by"].as<std::string>(),
          .created_at = TimeOf(row["created_us"]),
          .expires_at = TimeOf(row["expires_us"]),
          .uses = row["uses"].as<int>(),
          .used = row["used"].as<int>(),
          .revoked = row["revoked"].as<bool>()};
}

Identity IdentityOf(const pqxx::row& row) {
  Identity identity{.id = IdentityId{row["id"].as<int64_t>()},
                    .role = static_cast<Role>(row["role"].as<int>()),
                    .name = row["name"].as<std::string>(),
                    .key_sha256 = row["key_sha256"].as<std::string>(),
                    .token = TokenId{row["token_id"].as<int64_t>()},
                    .created_at = TimeOf(row["created_us"]),
                    .expires_at = TimeOf(row["expires_us"]),
                    .last_seen_at = TimeOf(row["seen_us"])};
  if (!row["revoked_us"].is_null()) identity.revoked_at = TimeOf(row["revoked_us"]);
  return identity;
}

FarmIdentity FarmOf(const pqxx::row& row) {
  return {row["farm_id"].as<std::string>(), row["authority_sha256"].as<std::string>(),
          row["outgoing_sha256"].as<std::string>("")};
}

Behind BehindOf(Txn& txn, const std::string& authority_sha256) {
  Behind behind;
  for (const pqxx::row& row : txn.Run("identities_behind", authority_sha256,
                                      absl::ToDoubleSeconds(domain::kRenewableAfterEnd), kBehindShown)) {
    behind.count = row["behind"].as<int>();
    behind.names.push_back(row["name"].as<std::string>());
  }
  return behind;
}

std::optional<Identity> OnlyIdentity(const pqxx::result& rows) {
  return rows.empty() ? std::nullopt : std::optional(IdentityOf(rows[0]));
}

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

absl::Time Now(Txn& txn) { return TimeOf(txn.Run("store_now")[0]["now_us"]); }

void Note(Txn& txn, const Actor& actor, std::string_view action, std::string_view detail) {
  txn.Run("append_audit", actor.who, static_cast<int>(actor.role), actor.origin, std::string(action),
          EscapeAndClip(detail, kDetailMax));
}

// As whoever now is in.
Actor As(const Identity& identity, const Actor& actor) {
  return {.who = identity.name, .role = identity.role, .origin = actor.origin};
}

}  // namespace

absl::StatusOr<std::optional<FarmIdentity>> IdentityStore::Farm(const Scope& scope) {
  using Result = std::optional<FarmIdentity>;
  return RunTransaction(pool_, scope, "find the farm", [&](Txn& txn) -> absl::StatusOr<Result> {
    const pqxx::result rows = txn.Run("find_farm");
    if (rows.empty()) return Result{};
    return FarmOf(rows[0]);
  });
}

absl::StatusOr<FarmIdentity> IdentityStore::Found(const Scope& scope, const FarmIdentity& wanted) {
  return RunTransaction(pool_, scope, "found the farm", [&](Txn& txn) -> absl::StatusOr<FarmIdentity> {
    txn.Run("found_farm", wanted.farm_id, wanted.authority_sha256);
    return FarmOf(txn.Run("find_farm")[0]);
  });
}

absl::Status IdentityStore::BeginRotation(const Scope& scope, const FarmIdentity& next, const Actor& actor) {
  return RunTransaction(pool_, scope, "begin a rotation", [&](Txn& txn) -> absl::Status {
    if (txn.Run("begin_rotation", next.outgoing_sha256, next.authority_sha256).empty()) {
      return absl::FailedPreconditionError("another coordinator of this farm has rotated its authority meanwhile");
    }
    Note(txn, actor, "ca rotate", Cat("from ", next.outgoing_sha256, " to ", next.authority_sha256));
    return absl::OkStatus();
  });
}

absl::Status IdentityStore::EndRotation(const Scope& scope, const FarmIdentity& rotating, bool force,
                                        const Actor& actor) {
  return RunTransaction(pool_, scope, "finish a rotation", [&](Txn& txn) -> absl::Status {
    const Behind behind = store::BehindOf(txn, rotating.authority_sha256);
    if (behind.count > 0 && !force) {
      return absl::FailedPreconditionError(Cat(
          behind.count, behind.count == 1 ? " identity knows" : " identities know", " only the outgoing authority: ",
          absl::StrJoin(behind.names, ", "), static_cast<size_t>(behind.count) > behind.names.size() ? " ..." : "",
          "; they learn of the new one when they renew. With --force they have to join again"));
    }
    if (txn.Run("end_rotation", rotating.authority_sha256, rotating.outgoing_sha256).empty()) {
      return absl::FailedPreconditionError("another coordinator of this farm has finished the rotation meanwhile");
    }
    Note(txn, actor, "ca rotate",
         Cat("finished, without ", rotating.outgoing_sha256, ", ", behind.count, " left behind"));
    return absl::OkStatus();
  });
}

absl::StatusOr<Behind> IdentityStore::BehindOf(const Scope& scope, std::string_view authority_sha256) {
  const std::string authority(authority_sha256);
  return RunTransaction(pool_, scope, "look who is behind",
                        [&](Txn& txn) -> absl::StatusOr<Behind> { return store::BehindOf(txn, authority); });
}

absl::StatusOr<JoinToken> IdentityStore::CreateToken(const Scope& scope, const domain::TokenRequest& request,
                                                     std::string_view secret_sha256, const Actor& actor) {
  GOFARM_RETURN_IF_ERROR(domain::CheckTokenRequest(request));
  const std::string secret(secret_sha256);
  return RunTransaction(pool_, scope, "create a token", [&](Txn& txn) -> absl::StatusOr<JoinToken> {
    txn.Run("insert_join_token", secret, static_cast<int>(request.role), request.name, actor.who,
            absl::ToDoubleSeconds(request.life), request.uses);
    JoinToken token = TokenOf(txn.Run("lock_join_token", secret)[0]);
    Note(txn, actor, "token create",
         Cat("token ", token.id.value, " for a ", Name(token.role), token.name.empty() ? "" : " named ", token.name,
             ", ", token.uses, token.uses == 1 ? " use" : " uses"));
    return token;
  });
}

absl::StatusOr<std::vector<std::string>> IdentityStore::RevokeToken(const Scope& scope, TokenId id,
                                                                    bool with_identities, const Actor& actor) {
  using Names = std::vector<std::string>;
  return RunTransaction(pool_, scope, "revoke a token", [&](Txn& txn) -> absl::StatusOr<Names> {
    if (txn.Run("revoke_join_token", id.value).empty()) return absl::NotFoundError(Cat("no token ", id.value));
    Names names;
    if (with_identities) {
      for (const pqxx::row& row : txn.Run("revoke_identities_of_token", id.value)) {
        names.push_back(row["name"].as<std::string>());
      }
    }
    Note(txn, actor, "token revoke",
         Cat("token ", id.value, names.empty() ? "" : " with the identities ", absl::StrJoin(names, ", ")));
    return names;
  });
}

absl::StatusOr<std::vector<JoinToken>> IdentityStore::Tokens(const Scope& scope) {
  using Tokens = std::vector<JoinToken>;
  return RunTransaction(pool_, scope, "list the tokens", [&](Txn& txn) -> absl::StatusOr<Tokens> {
    Tokens tokens;
    for (const pqxx::row& row : txn.Run("join_tokens_page", 0, kRowsMax)) tokens.push_back(TokenOf(row));
    return tokens;
  });
}

absl::StatusOr<Joined> IdentityStore::Join(const Scope& scope, std::string_view secret_sha256,
                                           const domain::JoinRequest& request, const Actor& actor, const Sign& sign) {
  const std::string secret(secret_sha256);
  return RunTransaction(pool_, scope, "join", [&](Txn& txn) -> absl::StatusOr<Joined> {
    domain::JoinFacts facts;
    const pqxx::result tokens = txn.Run("lock_join_token", secret);
    if (!tokens.empty()) facts.token = TokenOf(tokens[0]);
    facts.of_this_key = OnlyIdentity(txn.Run("identity_of_key", request.key_sha256));
    if (const std::string name = domain::WantedName(facts.token, request); facts.token && !name.empty()) {
      txn.Run("lock_identity_name", name);
      facts.newest_named = OnlyIdentity(txn.Run("identity_of_name", name));
    }
    GOFARM_ASSIGN_OR_RETURN(const domain::JoinDecision decision, domain::DecideJoin(facts, request, Now(txn)));
    Identity identity;
    if (decision.again) {
      identity = *decision.again;
    } else {
      if (txn.Run("count_token_use", facts.token->id.value).empty()) {
        return absl::AbortedError("the token was used up at this moment");
      }
      identity = {.role = decision.role,
                  .name = decision.name,
                  .key_sha256 = request.key_sha256,
                  .token = facts.token->id,
                  .created_at = Now(txn)};
      // Its number stands in the certificate, whose end stands in its row.
      identity.id = IdentityId{txn.Run("insert_identity", static_cast<int>(identity.role), identity.name,
                                       identity.key_sha256, identity.token.value, Seconds(identity.created_at))[0][0]
                                   .as<int64_t>()};
    }
    absl::StatusOr<Signed> issued = sign(identity);
    if (!issued.ok()) return issued.status();
    identity.expires_at = issued->expires_at;
    txn.Run("renew_identity", identity.id.value, Seconds(identity.expires_at), issued->authority_sha256);
    Note(txn, As(identity, actor), "join", Cat("with token ", identity.token.value, decision.again ? ", again" : ""));
    return Joined{std::move(identity), std::move(issued->certificate)};
  });
}

absl::StatusOr<Joined> IdentityStore::Renew(const Scope& scope, std::string_view key_sha256, const Actor& actor,
                                            const Sign& sign) {
  const std::string key(key_sha256);
  return RunTransaction(pool_, scope, "renew a certificate", [&](Txn& txn) -> absl::StatusOr<Joined> {
    std::optional<Identity> identity = OnlyIdentity(txn.Run("identity_of_key", key));
    GOFARM_RETURN_IF_ERROR(domain::CheckRenewal(identity, key, Now(txn)));
    absl::StatusOr<Signed> issued = sign(*identity);
    if (!issued.ok()) return issued.status();
    identity->expires_at = issued->expires_at;
    if (txn.Run("renew_identity", identity->id.value, Seconds(identity->expires_at), issued->authority_sha256)
            .empty()) {
      return absl::AbortedError("the identity was revoked at this moment");
    }
    Note(txn, As(*identity, actor), "renew",
         Cat("until ", absl::FormatTime(identity->expires_at, absl::UTCTimeZone())));
    return Joined{*std::move(identity), std::move(issued->certificate)};
  });
}

absl::StatusOr<std::optional<Identity>> IdentityStore::OfKey(const Scope& scope, std::string_view key_sha256) {
  using Result = std::optional<Identity>;
  return RunTransaction(pool_, scope, "find an identity", [&](Txn& txn) -> absl::StatusOr<Result> {
    return OnlyIdentity(txn.Run("identity_of_key", std::string(key_sha256)));
  });
}

absl::StatusOr<Identity> IdentityStore::OfName(const Scope& scope, std::string_view name) {
  return RunTransaction(pool_, scope, "find an identity", [&](Txn& txn) -> absl::StatusOr<Identity> {
    const std::optional<Identity> identity = OnlyIdentity(txn.Run("identity_of_name", std::string(name)));
    if (!identity) return absl::NotFoundError(Cat("no identity ", EscapeAndClip(name, 80)));
    return *identity;
  });
}

absl::StatusOr<std::vector<Identity>> IdentityStore::Identities(const Scope& scope) {
  using All = std::vector<Identity>;
  return RunTransaction(pool_, scope, "list the identities", [&](Txn& txn) -> absl::StatusOr<All> {
    All all;
    for (const pqxx::row& row : txn.Run("identities_page", 0, kRowsMax)) all.push_back(IdentityOf(row));
    return all;
  });
}

absl::StatusOr<Identity> IdentityStore::Revoke(const Scope& scope, std::string_view name, const Actor& actor) {
  return RunTransaction(pool_, scope, "revoke an identity", [&](Txn& txn) -> absl::StatusOr<Identity> {
    std::optional<Identity> identity = OnlyIdentity(txn.Run("identity_of_name", std::string(name)));
    if (!identity) return absl::NotFoundError(Cat("no identity ", EscapeAndClip(name, 80)));
    if (txn.Run("revoke_identity", identity->id.value).empty()) {
      return absl::FailedPreconditionError(Cat("the identity ", identity->name, " was revoked before"));
    }
    identity->revoked_at = Now(txn);
    Note(txn, actor, "identity revoke", Cat(Name(identity->role), " ", identity->name));
    return *std::move(identity);
  });
}

absl::Status IdentityStore::See(const Scope& scope, const std::vector<IdentityId>& ids) {
  if (ids.empty()) return absl::OkStatus();
  return RunTransaction(pool_, scope, "note who was seen", [&](Txn& txn) -> absl::Status {
    txn.Run("see_identities", Array(ids));
    return absl::OkStatus();
  });
}

absl::Status IdentityStore::Append(const Scope& scope, const Actor& actor, std::string_view action,
                                   std::string_view detail) {
  return RunTransaction(pool_, scope, "write the audit", [&](Txn& txn) -> absl::Status {
    Note(txn, actor, action, detail);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<AuditEntry>> IdentityStore::Audit(const Scope& scope, int64_t after, absl::Time since,
                                                             int limit) {
  using Entries = std::vector<AuditEntry>;
  const double from = Seconds(std::max(since, absl::UnixEpoch()));
  return RunTransaction(pool_, scope, "read the audit", [&](Txn& txn) -> absl::StatusOr<Entries> {
    Entries entries;
    const pqxx::result rows =
        after == 0 ? txn.Run("audit_newest", from, limit) : txn.Run("audit_page", after, from, limit);
    for (const pqxx::row& row : rows) {
      entries.push_back({.id = row["id"].as<int64_t>(),
                         .at = TimeOf(row["at_us"]),
                         .actor = {.who = row["who"].as<std::string>(),
                                   .role = static_cast<Role>(row["role"].as<int>()),
                                   .origin = row["origin"].as<std::string>()},
                         .action = row["action"].as<std::string>(),
                         .detail = row["detail"].as<std::string>()});
    }
    return entries;
  });
}

}  // namespace gofarm::store
