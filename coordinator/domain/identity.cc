#include "coordinator/domain/identity.h"

#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/vocab/name_rule.h"

namespace gofarm::domain {
namespace {

constexpr absl::Duration kTokenLifeMin = absl::Seconds(1);

std::string Stamp(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone()); }

constexpr std::string_view kAskForToken = "ask for a new one (gofarm token create)";

}  // namespace

std::string_view Name(JoinTokenState state) {
  switch (state) {
    case JoinTokenState::kActive:
      return "active";
    case JoinTokenState::kUsed:
      return "used";
    case JoinTokenState::kExpired:
      return "expired";
    case JoinTokenState::kRevoked:
      break;
  }
  return "revoked";
}

std::string_view Name(IdentityState state) {
  switch (state) {
    case IdentityState::kActive:
      return "active";
    case IdentityState::kExpired:
      return "expired";
    case IdentityState::kRevoked:
      break;
  }
  return "revoked";
}

JoinTokenState StateOf(const JoinToken& token, absl::Time now) {
  if (token.revoked) return JoinTokenState::kRevoked;
  if (token.used >= token.uses) return JoinTokenState::kUsed;
  return now >= token.expires_at ? JoinTokenState::kExpired : JoinTokenState::kActive;
}

IdentityState StateOf(const Identity& identity, absl::Time now) {
  if (identity.revoked()) return IdentityState::kRevoked;
  return now >= identity.expires_at ? IdentityState::kExpired : IdentityState::kActive;
}

absl::Status CheckTokenRequest(const TokenRequest& request) {
  if (request.role == Role::kNone) {
    return absl::InvalidArgumentError("a token needs a role: worker, viewer, operator or admin");
  }
  if (request.life < kTokenLifeMin || request.life > kTokenLifeMax) {
    return absl::InvalidArgumentError(Cat("a token lives 1 second to ", absl::ToInt64Hours(kTokenLifeMax) / 24,
                                          " days, not ", absl::FormatDuration(request.life)));
  }
  if (request.uses < 1 || request.uses > kTokenUsesMax) {
    return absl::InvalidArgumentError(Cat("a token has 1 to ", kTokenUsesMax, " uses, not ", request.uses));
  }
  if (request.name.empty()) return absl::OkStatus();
  if (request.uses != 1) {
    return absl::InvalidArgumentError("a token for one name has one use: names are unique in a farm");
  }
  return CheckName(request.name);
}

std::string WantedName(const std::optional<JoinToken>& token, const JoinRequest& request) {
  if (token && !token->name.empty()) return token->name;
  return request.name.empty() ? request.usual_name : request.name;
}

absl::StatusOr<JoinDecision> DecideJoin(const JoinFacts& facts, const JoinRequest& request, absl::Time now) {
  const std::optional<JoinToken>& token = facts.token;
  if (!token) {
    return absl::UnauthenticatedError(Cat("this farm knows no such join string; ", kAskForToken));
  }
  const JoinTokenState state = StateOf(*token, now);
  // An answer that was lost on the way burns no token: the same key may ask again until the token ends.
  const bool repeats =
      facts.of_this_key && !facts.of_this_key->revoked() &&
      (state == JoinTokenState::kActive || (state == JoinTokenState::kUsed && now < token->expires_at));
  if (repeats) return JoinDecision{.again = facts.of_this_key};
  switch (state) {
    case JoinTokenState::kRevoked:
      return absl::UnauthenticatedError(Cat("this join string was revoked; ", kAskForToken));
    case JoinTokenState::kUsed:
      return absl::UnauthenticatedError(Cat("this join string was already used",
                                            token->uses == 1 ? "" : Cat(" ", token->uses, " times"), "; ",
                                            kAskForToken));
    case JoinTokenState::kExpired:
      return absl::UnauthenticatedError(
          Cat("this join string ran out at ", Stamp(token->expires_at), "; ", kAskForToken));
    case JoinTokenState::kActive:
      break;
  }
  if (facts.of_this_key) {
    return absl::UnauthenticatedError(
        "this key belongs to an identity that was revoked; remove its folder, and join with a new key");
  }
  if (!token->name.empty() && !request.name.empty() && token->name != request.name) {
    return absl::PermissionDeniedError(
        Cat("this join string is for the name ", token->name, ", not for ", EscapeAndClip(request.name, 80)));
  }
  JoinDecision decision{.role = token->role, .name = WantedName(token, request)};
  if (absl::Status name = CheckName(decision.name); !name.ok()) return name;
  const std::optional<Identity>& holder = facts.newest_named;
  if (!holder) return decision;
  if (!holder->revoked()) {
    return absl::AlreadyExistsError(Cat("the name ", decision.name, " belongs to another identity of this farm (",
                                        Name(holder->role), "); choose another one, or, if ",
                                        "that one is gone, gofarm identity revoke ", decision.name,
                                        " and gofarm token create --name ", decision.name));
  }
  // What was revoked comes back only by the will of somebody who knows: a token of many uses is not that.
  if (token->name != decision.name || token->created_at < holder->revoked_at) {
    return absl::AlreadyExistsError(Cat("the name ", decision.name, " was revoked at ", Stamp(holder->revoked_at),
                                        "; it takes a join string made for it: gofarm token create --name ",
                                        decision.name));
  }
  return decision;
}

absl::Status CheckRenewal(const std::optional<Identity>& identity, std::string_view key_sha256, absl::Time now) {
  if (!identity || !EqualInConstantTime(identity->key_sha256, key_sha256)) {
    return absl::UnauthenticatedError("this key belongs to no identity of this farm; join with a join string");
  }
  if (identity->revoked()) {
    return absl::UnauthenticatedError(Cat("the identity ", identity->name, " was revoked at ",
                                          Stamp(identity->revoked_at), "; it takes a new join string"));
  }
  if (now > identity->expires_at + kRenewableAfterEnd) {
    return absl::UnauthenticatedError(
        Cat("the certificate of ", identity->name, " ran out at ", Stamp(identity->expires_at), ", more than ",
            absl::ToInt64Hours(kRenewableAfterEnd) / 24, " days ago; it takes a new join string"));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::domain
