// Who belongs to the farm, as the coordinator that speaks TLS knows it: its authority, the server's certificate, join
// tokens and identities.
//
//   FOLDER/authority   authority_files.h: whoever has its key can make anybody an admin
//   FOLDER/server      server_certificate.h
//
// A rotation of the authority keeps everybody in: the new one signs for identities at once, the outgoing one for the
// server until each identity has renewed and so has learned of the new one. Then it is finished.
//
// Thread-safe. Calls wait for the database, Known() seldom.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/pki/authority.h"
#include "coordinator/domain/identity.h"
#include "coordinator/service/authority_files.h"
#include "coordinator/service/server_certificate.h"
#include "coordinator/store/identity_store.h"

namespace gofarm::service {

struct Caller {
  domain::Identity identity;
  absl::Time until;  // of the wall clock: the end of the certificate that was shown
};

// See domain::JoinRequest.
struct JoinNames {
  std::string_view wanted;
  std::string_view usual;
};

// How long what the database said of an identity is taken for true without asking again.
inline constexpr absl::Duration kKnownFor = absl::Minutes(1);
inline constexpr size_t kKnownMax = 20'000;

struct IdentityOptions {
  std::string folder;
  std::vector<std::string> public_names;  // host names and addresses of the server's certificate
  OutsideCertificate outside;
};

// Whose word counts; bundles in PEM.
struct Trust {
  FarmAuthorities own;
  std::string identities;  // that certificates of identities are verified by
  ServerTrust server;
};

struct AuthorityState {
  struct Row {
    std::string sha256;
    absl::Time expires_at;
    bool signs_identities = false;
    bool signs_server = false;
  };
  std::vector<Row> authorities;
  bool rotating = false;
  int behind = 0;                         // identities that know only the outgoing one
  std::vector<std::string> behind_names;  // the first store::kBehindShown
};

// What a joiner takes home.
struct Membership {
  domain::Identity identity;
  std::string certificate;  // PEM
  std::string farm_id;
  std::string authorities;           // PEM; by which the server is known
  std::string identity_authorities;  // by which `certificate` is
};

struct NewToken {
  domain::JoinToken token;
  std::string join;  // the only time that its secret is told
};

class IdentityService {
 public:
  // Makes authority and server's certificate if they are missing. FAILED_PRECONDITION: this farm has another authority,
  // or its certificate is there without its key; says what to copy from where.
  static absl::StatusOr<std::unique_ptr<IdentityService>> Open(const Scope& scope, IdentityOptions options,
                                                               store::IdentityStore& store, const Clock& clock);

  const std::string& farm_id() const { return farm_id_; }
  std::shared_ptr<const Trust> trust() const;
  // The folder that rpc::TlsServer watches.
  std::string ServerFolder() const;
  // Looks whether the authority was rotated by another coordinator of this farm, and whether the server's certificate
  // is what it should be. FAILED_PRECONDITION: outside files do not fit, or the farm's authority is no longer here.
  absl::Status Refresh(const Scope& scope);

  absl::StatusOr<AuthorityState> Authorities(const Scope& scope);
  // FAILED_PRECONDITION: a rotation is under way.
  absl::StatusOr<AuthorityState> BeginRotation(const Scope& scope, const domain::Actor& actor);
  // FAILED_PRECONDITION: there is none, or without `force` somebody knows only the outgoing authority.
  absl::StatusOr<AuthorityState> EndRotation(const Scope& scope, bool force, const domain::Actor& actor);

  // HOST:PORT for join strings, once they are known; none: no join strings.
  void SetAddresses(std::vector<std::string> addresses);
  std::vector<std::string> addresses() const;
  absl::StatusOr<NewToken> CreateToken(const Scope& scope, const domain::TokenRequest& request,
                                       const domain::Actor& actor);
  absl::StatusOr<Membership> Join(const Scope& scope, std::string_view secret, std::string_view request_pem,
                                  const JoinNames& names, const domain::Actor& actor);
  // For the key of a certificate of this farm, even one that ran out.
  absl::StatusOr<Membership> Renew(const Scope& scope, std::string_view request_pem, const domain::Actor& actor);
  absl::StatusOr<domain::Identity> Revoke(const Scope& scope, std::string_view name, const domain::Actor& actor);
  absl::StatusOr<std::vector<std::string>> RevokeToken(const Scope& scope, domain::TokenId id, bool with_identities,
                                                       const domain::Actor& actor);

  // Whose certificate this is, if it is one of the farm's, within its dates, and was not revoked. UNAUTHENTICATED with
  // what to do. UNAVAILABLE: the database does not answer, and nothing is known of it.
  absl::StatusOr<Caller> Known(const Scope& scope, std::string_view certificate_pem);

  absl::StatusOr<std::vector<domain::JoinToken>> Tokens(const Scope& scope) { return store_.Tokens(scope); }
  absl::StatusOr<std::vector<domain::Identity>> Identities(const Scope& scope) { return store_.Identities(scope); }
  // NOT_FOUND: nobody had this name ever.
  absl::StatusOr<domain::Identity> OfName(const Scope& scope, std::string_view name) {
    return store_.OfName(scope, name);
  }

  // Called with the number of each identity that was just revoked, to end its connections.
  void OnRevoked(std::function<void(domain::IdentityId)> listener);

 private:
  struct Remembered {
    domain::Identity identity;
    absl::Time until;  // of clock_
  };

  IdentityService(IdentityOptions options, store::IdentityStore& store, const Clock& clock, std::string farm_id)
      : options_(std::move(options)), store_(store), clock_(clock), farm_id_(std::move(farm_id)) {}
  std::string AuthorityFolder() const { return options_.folder + "/authority"; }
  // Takes up what stands in the folder, as far as the database knows it; then the server's certificate.
  absl::Status TakeUp(const FarmAuthorities& here, const store::FarmIdentity& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(folder_mutex_);
  absl::StatusOr<store::Signed> SignFor(const Trust& trust, const domain::Identity& identity,
                                        std::string_view public_key_pem) const;
  Membership Member(const Trust& trust, store::Joined joined) const;
  void Forget(const std::string& key_sha256);
  void Revoked(const domain::Identity& identity);

  const IdentityOptions options_;
  store::IdentityStore& store_;
  const Clock& clock_;
  const std::string farm_id_;
  // Held over the writing of both folders and what the database is told of them.
  absl::Mutex folder_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Trust> trust_ ABSL_GUARDED_BY(mutex_);                  // never null once open
  absl::flat_hash_map<std::string, Remembered> known_ ABSL_GUARDED_BY(mutex_);  // by the digest of the key
  std::vector<std::string> addresses_ ABSL_GUARDED_BY(mutex_);
  std::function<void(domain::IdentityId)> on_revoked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
