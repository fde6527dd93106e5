// Who belongs to a farm: join tokens, the identities that were made with them, and the rules by which a joiner gets one
// and keeps it. Pure.
//
// Times are of the wall clock: they stand in certificates, and the other side compares them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/peer.h"

namespace gofarm::domain {

using TokenId = Id<struct JoinTokenTag>;
using IdentityId = Id<struct IdentityTag>;

inline constexpr absl::Duration kTokenLifeDefault = absl::Hours(1);
inline constexpr absl::Duration kTokenLifeMax = absl::Hours(24 * 30);
inline constexpr int kTokenUsesMax = 10'000;
// How long after its certificate ran out an identity may still get a new one: a weekend, or a holiday, loses no worker.
inline constexpr absl::Duration kRenewableAfterEnd = absl::Hours(24 * 30);

// ---- tokens ---------------------------------------------------------------------------------------------------------

enum class JoinTokenState { kActive, kUsed, kExpired, kRevoked };
std::string_view Name(JoinTokenState state);  // "active", "used", "expired", "revoked"

struct JoinToken {
  TokenId id;
  Role role = Role::kNone;
  std::string name;  // of the identity that it makes; empty: the joiner chooses
  std::string created_by;
  absl::Time created_at, expires_at;
  int uses = 1;  // that it has
  int used = 0;
  bool revoked = false;
};
JoinTokenState StateOf(const JoinToken& token, absl::Time now);

struct TokenRequest {
  Role role = Role::kNone;
  std::string name;
  absl::Duration life = kTokenLifeDefault;
  int uses = 1;
};
// INVALID_ARGUMENT: no role, a life or number of uses that is none, a name that is none or has several uses.
absl::Status CheckTokenRequest(const TokenRequest& request);

// ---- identities -----------------------------------------------------------------------------------------------------

enum class IdentityState { kActive, kExpired, kRevoked };
std::string_view Name(IdentityState state);  // "active", "expired", "revoked"

struct Identity {
  IdentityId id;
  Role role = Role::kNone;
  std::string name;
  std::string key_sha256;  // of its public key, lower hex
  TokenId token;           // that it was made with
  absl::Time created_at;
  absl::Time expires_at;  // of its newest certificate
  absl::Time last_seen_at = absl::InfinitePast();
  absl::Time revoked_at = absl::InfiniteFuture();

  bool revoked() const { return revoked_at != absl::InfiniteFuture(); }
};
IdentityState StateOf(const Identity& identity, absl::Time now);

// ---- joining --------------------------------------------------------------------------------------------------------

struct JoinRequest {
  std::string name;        // that it insists on; empty: the token's
  std::string key_sha256;  // of the request that its key signed
  std::string usual_name;  // where neither the token nor `name` says one
};

// What is known of those whom a join may touch.
struct JoinFacts {
  std::optional<JoinToken> token;        // with this secret
  std::optional<Identity> of_this_key;   // made with this token
  std::optional<Identity> newest_named;  // of the wanted name: the live one, else the one that was revoked last
};

struct JoinDecision {
  std::optional<Identity> again;  // the same key repeats its join: this identity, and no use is counted
  Role role = Role::kNone;        // else a new identity
  std::string name;
};

// The name that is wanted; needed to find JoinFacts::newest_named.
std::string WantedName(const std::optional<JoinToken>& token, const JoinRequest& request);

// UNAUTHENTICATED: the token lets nobody in (any more). ALREADY_EXISTS: the name is taken. INVALID_ARGUMENT: the name
// is none. PERMISSION_DENIED: the token is for another name. Each says what to do next, and none says more of a token
// that is not there than of one that is.
absl::StatusOr<JoinDecision> DecideJoin(const JoinFacts& facts, const JoinRequest& request, absl::Time now);

// Whether the holder of this key may have a new certificate. UNAUTHENTICATED: it is no identity, was revoked, or ran
// out too long ago.
absl::Status CheckRenewal(const std::optional<Identity>& identity, std::string_view key_sha256, absl::Time now);

// ---- the audit ------------------------------------------------------------------------------------------------------

// Who does something, and from where; for the audit.
struct Actor {
  std::string who;
  Role role = Role::kNone;
  std::string origin;
};

struct AuditEntry {
  int64_t id = 0;
  absl::Time at;
  Actor actor;
  std::string action;  // "token create", "join", "refused" ...
  std::string detail;
};

}  // namespace gofarm::domain
