// Join tokens, identities and the audit over PostgreSQL. What is decided is decided by domain/identity.h, within the
// transaction that writes it; each change leaves its row in the audit in the same transaction.
//
// Tokens live by the database's clock; certificates by the wall clock of whoever signs them.
// Errors: those of domain/identity.h; else as in transaction.h. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/domain/identity.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

struct FarmIdentity {
  std::string farm_id;
  std::string authority_sha256;  // that signs for identities
  std::string outgoing_sha256;   // during a rotation; else empty

  bool operator==(const FarmIdentity&) const = default;
};

// Identities that may come back and whose newest certificate another authority signed than the current one.
inline constexpr int kBehindShown = 20;
struct Behind {
  int count = 0;
  std::vector<std::string> names;  // the first kBehindShown
};

// A certificate for an identity, in PEM, and when it ends.
struct Signed {
  std::string certificate;
  absl::Time expires_at;
  std::string authority_sha256;
};
using Sign = std::function<absl::StatusOr<Signed>(const domain::Identity&)>;

struct Joined {
  domain::Identity identity;
  std::string certificate;
};

class IdentityStore {
 public:
  explicit IdentityStore(Pool& pool) : pool_(pool) {}

  // None: no coordinator of this farm has had an authority yet.
  absl::StatusOr<std::optional<FarmIdentity>> Farm(const Scope& scope);
  // What stands there already, or `wanted`, which then stands there for good.
  absl::StatusOr<FarmIdentity> Found(const Scope& scope, const FarmIdentity& wanted);
  // To `next`, whose outgoing authority is the farm's only one. FAILED_PRECONDITION: it is not.
  absl::Status BeginRotation(const Scope& scope, const FarmIdentity& next, const domain::Actor& actor);
  // Of `rotating`. FAILED_PRECONDITION: it is not that, or without `force` somebody is behind.
  absl::Status EndRotation(const Scope& scope, const FarmIdentity& rotating, bool force, const domain::Actor& actor);
  absl::StatusOr<Behind> BehindOf(const Scope& scope, std::string_view authority_sha256);

  absl::StatusOr<domain::JoinToken> CreateToken(const Scope& scope, const domain::TokenRequest& request,
                                                std::string_view secret_sha256, const domain::Actor& actor);
  // NOT_FOUND: there is no such token. Returns the names of the identities that were revoked with it.
  absl::StatusOr<std::vector<std::string>> RevokeToken(const Scope& scope, domain::TokenId id, bool with_identities,
                                                       const domain::Actor& actor);
  absl::StatusOr<std::vector<domain::JoinToken>> Tokens(const Scope& scope);

  absl::StatusOr<Joined> Join(const Scope& scope, std::string_view secret_sha256, const domain::JoinRequest& request,
                              const domain::Actor& actor, const Sign& sign);
  absl::StatusOr<Joined> Renew(const Scope& scope, std::string_view key_sha256, const domain::Actor& actor,
                               const Sign& sign);

  // By the digest of its key; none: no identity has it.
  absl::StatusOr<std::optional<domain::Identity>> OfKey(const Scope& scope, std::string_view key_sha256);
  // The live one of this name, else the one that was revoked last. NOT_FOUND: there never was one.
  absl::StatusOr<domain::Identity> OfName(const Scope& scope, std::string_view name);
  absl::StatusOr<std::vector<domain::Identity>> Identities(const Scope& scope);
  // NOT_FOUND, or FAILED_PRECONDITION when it was revoked before.
  absl::StatusOr<domain::Identity> Revoke(const Scope& scope, std::string_view name, const domain::Actor& actor);
  absl::Status See(const Scope& scope, const std::vector<domain::IdentityId>& ids);

  absl::Status Append(const Scope& scope, const domain::Actor& actor, std::string_view action, std::string_view detail);
  // After row `after`, oldest first; with `after` 0 the newest `limit`.
  absl::StatusOr<std::vector<domain::AuditEntry>> Audit(const Scope& scope, int64_t after, absl::Time since, int limit);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
