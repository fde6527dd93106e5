#include "coordinator/service/identity_service.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"

namespace gofarm::service {
namespace {

constexpr size_t kFarmIdDigits = 16;
constexpr size_t kSecretMax = 256;

absl::Status OtherAuthority(const std::string& folder, const std::string& known, std::string_view here) {
  return absl::FailedPreconditionError(Cat(
      "this farm's authority has the SHA-256 ", known, ", and ", folder, " ", here,
      "; copy that folder from the data_dir of the coordinator that made it. If it is lost, docs/hosts.md says what ",
      "that means and how every host joins again"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<IdentityService>> IdentityService::Open(const Scope& scope, IdentityOptions options,
                                                                       store::IdentityStore& store,
                                                                       const Clock& clock) {
  const std::string folder = Cat(options.folder, "/authority");
  absl::StatusOr<FarmAuthorities> here = ReadAuthorities(folder);
  if (absl::IsNotFound(here.status())) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<store::FarmIdentity> known, store.Farm(scope));
    if (known) return OtherAuthority(folder, known->authority_sha256, "has none");
    GOFARM_ASSIGN_OR_RETURN(const std::string secret, pki::NewSecret());
    here.emplace();
    GOFARM_ASSIGN_OR_RETURN(here->current,
                            pki::NewAuthority(digest::Sha256Hex(secret).substr(0, kFarmIdDigits), WallNow()));
    // On disk before the database knows it: a crash in between leaves an authority that nobody has heard of.
    GOFARM_RETURN_IF_ERROR(WriteAuthorities(folder, *here));
  }
  if (!here.ok()) return here.status();
  GOFARM_ASSIGN_OR_RETURN(const store::FarmIdentity described, Described(*here));
  GOFARM_ASSIGN_OR_RETURN(
      const store::FarmIdentity known,
      store.Found(scope, {.farm_id = described.farm_id, .authority_sha256 = described.authority_sha256}));
  std::unique_ptr<IdentityService> service(new IdentityService(std::move(options), store, clock, known.farm_id));
  const absl::MutexLock lock(&service->folder_mutex_);
  GOFARM_RETURN_IF_ERROR(service->TakeUp(*here, known));
  return service;
}

absl::Status IdentityService::TakeUp(const FarmAuthorities& here, const store::FarmIdentity& known) {
  GOFARM_ASSIGN_OR_RETURN(const store::FarmIdentity described, Described(here));
  std::optional<FarmAuthorities> own = Reconcile(here, described, known);
  if (!own)
    return OtherAuthority(AuthorityFolder(), known.authority_sha256, Cat("has one with ", described.authority_sha256));
  if (own->outgoing.has_value() != here.outgoing.has_value()) {
    GOFARM_RETURN_IF_ERROR(WriteAuthorities(AuthorityFolder(), *own));
  }
  GOFARM_ASSIGN_OR_RETURN(ServerTrust server, KeepServerCertificate({.folder = Cat(options_.folder, "/server"),
                                                                     .names = options_.public_names,
                                                                     .outside = options_.outside},
                                                                    farm_id_, *own, WallNow()));
  std::string identities = own->Bundle();
  auto trust = std::make_shared<const Trust>(
      Trust{.own = *std::move(own), .identities = std::move(identities), .server = std::move(server)});
  const absl::MutexLock lock(&mutex_);
  trust_ = std::move(trust);
  return absl::OkStatus();
}

std::shared_ptr<const Trust> IdentityService::trust() const {
  const absl::MutexLock lock(&mutex_);
  return trust_;
}

std::string IdentityService::ServerFolder() const { return pki::CurrentOf(Cat(options_.folder, "/server")); }

absl::Status IdentityService::Refresh(const Scope& scope) {
  const absl::MutexLock lock(&folder_mutex_);
  GOFARM_ASSIGN_OR_RETURN(const std::optional<store::FarmIdentity> known, store_.Farm(scope));
  if (!known) return absl::InternalError("the database knows of no farm any more");
  GOFARM_ASSIGN_OR_RETURN(const FarmAuthorities here, ReadAuthorities(AuthorityFolder()));
  return TakeUp(here, *known);
}

absl::StatusOr<AuthorityState> IdentityService::Authorities(const Scope& scope) {
  const std::shared_ptr<const Trust> held = trust();
  AuthorityState state{.rotating = held->own.outgoing.has_value()};
  const auto add = [&](const pki::Authority& authority, bool identities) -> absl::Status {
    AuthorityState::Row row{.signs_identities = identities};
    GOFARM_ASSIGN_OR_RETURN(row.sha256, pki::Fingerprint(authority.certificate));
    GOFARM_ASSIGN_OR_RETURN(const pki::Certificate facts, pki::ReadCertificate(authority.certificate));
    row.expires_at = facts.not_after;
    row.signs_server = options_.outside.empty() && &authority == &held->own.OfServer();
    state.authorities.push_back(std::move(row));
    return absl::OkStatus();
  };
  GOFARM_RETURN_IF_ERROR(add(held->own.current, true));
  if (!held->own.outgoing) return state;
  GOFARM_RETURN_IF_ERROR(add(*held->own.outgoing, false));
  GOFARM_ASSIGN_OR_RETURN(store::Behind behind, store_.BehindOf(scope, state.authorities.front().sha256));
  state.behind = behind.count;
  state.behind_names = std::move(behind.names);
  return state;
}

absl::StatusOr<AuthorityState> IdentityService::BeginRotation(const Scope& scope, const domain::Actor& actor) {
  {
    const absl::MutexLock lock(&folder_mutex_);
    const std::shared_ptr<const Trust> held = trust();
    if (held->own.outgoing) {
      return absl::FailedPreconditionError(
          "a rotation is under way; gofarm ca show says who has yet to learn of it, gofarm ca rotate --finish ends it");
    }
    FarmAuthorities next{.outgoing = held->own.current};
    GOFARM_ASSIGN_OR_RETURN(next.current, pki::NewAuthority(farm_id_, WallNow()));
    GOFARM_ASSIGN_OR_RETURN(const store::FarmIdentity described, Described(next));
    GOFARM_RETURN_IF_ERROR(WriteAuthorities(AuthorityFolder(), next));
    const absl::Status begun = store_.BeginRotation(scope, described, actor);
    // Also after an answer that was lost: what the database says counts, and the folder follows it.
    GOFARM_ASSIGN_OR_RETURN(const std::optional<store::FarmIdentity> known, store_.Farm(scope));
    if (known) GOFARM_RETURN_IF_ERROR(TakeUp(next, *known));
    if (!begun.ok() && (!known || known->authority_sha256 != described.authority_sha256)) return begun;
  }
  return Authorities(scope);
}

absl::StatusOr<AuthorityState> IdentityService::EndRotation(const Scope& scope, bool force,
                                                            const domain::Actor& actor) {
  {
    const absl::MutexLock lock(&folder_mutex_);
    const std::shared_ptr<const Trust> held = trust();
    if (!held->own.outgoing) {
      return absl::FailedPreconditionError("no rotation is under way; gofarm ca rotate begins one");
    }
    GOFARM_ASSIGN_OR_RETURN(const store::FarmIdentity described, Described(held->own));
    GOFARM_RETURN_IF_ERROR(store_.EndRotation(scope, described, force, actor));
    GOFARM_RETURN_IF_ERROR(TakeUp(held->own, {described.farm_id, described.authority_sha256, ""}));
  }
  return Authorities(scope);
}

absl::StatusOr<NewToken> IdentityService::CreateToken(const Scope& scope, const domain::TokenRequest& request,
                                                      const domain::Actor& actor) {
  std::vector<std::string> addresses;
  {
    const absl::MutexLock lock(&mutex_);
    addresses = addresses_;
  }
  if (addresses.empty()) {
    return absl::FailedPreconditionError(
        "this farm listens on no address that another host could reach; start it with --listen ADDR:PORT");
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string secret, pki::NewSecret());
  GOFARM_ASSIGN_OR_RETURN(domain::JoinToken token,
                          store_.CreateToken(scope, request, digest::Sha256Hex(secret), actor));
  return NewToken{
      .token = std::move(token),
      .join = pki::Encode(
          {.addresses = std::move(addresses), .authority_sha256 = trust()->server.authority_sha256, .secret = secret})};
}

absl::StatusOr<store::Signed> IdentityService::SignFor(const Trust& trust, const domain::Identity& identity,
                                                       std::string_view public_key_pem) const {
  const absl::Time now = WallNow();
  const pki::Authority& authority = trust.own.current;
  store::Signed issued{.expires_at = now + pki::LifeOf(identity.role)};
  GOFARM_ASSIGN_OR_RETURN(
      issued.certificate,
      pki::IssueClient(authority, public_key_pem,
                       {.farm = farm_id_, .role = identity.role, .identity = identity.id.value, .name = identity.name},
                       now));
  GOFARM_ASSIGN_OR_RETURN(issued.authority_sha256, pki::Fingerprint(authority.certificate));
  return issued;
}

Membership IdentityService::Member(const Trust& trust, store::Joined joined) const {
  return {.identity = std::move(joined.identity),
          .certificate = std::move(joined.certificate),
          .farm_id = farm_id_,
          .authorities = trust.server.authorities,
          .identity_authorities = trust.identities};
}

absl::StatusOr<Membership> IdentityService::Join(const Scope& scope, std::string_view secret,
                                                 std::string_view request_pem, const JoinNames& names,
                                                 const domain::Actor& actor) {
  if (secret.empty() || secret.size() > kSecretMax) return absl::InvalidArgumentError("a join string without a secret");
  GOFARM_ASSIGN_OR_RETURN(const pki::Request request, pki::ReadRequest(request_pem));
  const std::shared_ptr<const Trust> held = trust();
  const auto sign = [&](const domain::Identity& identity) { return SignFor(*held, identity, request.public_key_pem); };
  GOFARM_ASSIGN_OR_RETURN(store::Joined joined, store_.Join(scope, digest::Sha256Hex(secret),
                                                            {.name = std::string(names.wanted),
                                                             .key_sha256 = request.key_digest,
                                                             .usual_name = std::string(names.usual)},
                                                            actor, sign));
  Forget(request.key_digest);
  return Member(*held, std::move(joined));
}

absl::StatusOr<Membership> IdentityService::Renew(const Scope& scope, std::string_view request_pem,
                                                  const domain::Actor& actor) {
  GOFARM_ASSIGN_OR_RETURN(const pki::Request request, pki::ReadRequest(request_pem));
  const std::shared_ptr<const Trust> held = trust();
  const auto sign = [&](const domain::Identity& identity) { return SignFor(*held, identity, request.public_key_pem); };
  GOFARM_ASSIGN_OR_RETURN(store::Joined renewed, store_.Renew(scope, request.key_digest, actor, sign));
  Forget(request.key_digest);
  return Member(*held, std::move(renewed));
}

absl::StatusOr<domain::Identity> IdentityService::Revoke(const Scope& scope, std::string_view name,
                                                         const domain::Actor& actor) {
  GOFARM_ASSIGN_OR_RETURN(domain::Identity identity, store_.Revoke(scope, name, actor));
  Revoked(identity);
  return identity;
}

absl::StatusOr<std::vector<std::string>> IdentityService::RevokeToken(const Scope& scope, domain::TokenId id,
                                                                      bool with_identities,
                                                                      const domain::Actor& actor) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<std::string> names, store_.RevokeToken(scope, id, with_identities, actor));
  for (const std::string& name : names) {
    // The newest of this name is the one that was just revoked, unless it has come back in the meantime.
    const absl::StatusOr<domain::Identity> identity = store_.OfName(scope, name);
    if (identity.ok() && identity->revoked()) Revoked(*identity);
  }
  return names;
}

absl::StatusOr<Caller> IdentityService::Known(const Scope& scope, std::string_view certificate_pem) {
  GOFARM_ASSIGN_OR_RETURN(const pki::Certificate shown,
                          pki::Verify(certificate_pem, trust()->identities, pki::Use::kClient, WallNow()));
  if (shown.subject.farm != farm_id_) {
    return absl::UnauthenticatedError("a certificate of another farm; join this one with a join string of its own");
  }
  {
    const absl::MutexLock lock(&mutex_);
    const auto it = known_.find(shown.key_digest);
    if (it != known_.end() && it->second.until > clock_.Now()) {
      return Caller{it->second.identity, shown.not_after};
    }
  }
  GOFARM_ASSIGN_OR_RETURN(const std::optional<domain::Identity> identity, store_.OfKey(scope, shown.key_digest));
  if (!identity || identity->id.value != shown.subject.identity) {
    return absl::UnauthenticatedError("a certificate of nobody in this farm; join with a join string");
  }
  if (identity->revoked()) {
    return absl::UnauthenticatedError(Cat("the identity ", identity->name, " was revoked; it takes a new join string"));
  }
  const absl::MutexLock lock(&mutex_);
  if (known_.size() >= kKnownMax) known_.clear();
  known_[shown.key_digest] = {*identity, clock_.Now() + kKnownFor};
  return Caller{*identity, shown.not_after};
}

void IdentityService::SetAddresses(std::vector<std::string> addresses) {
  const absl::MutexLock lock(&mutex_);
  addresses_ = std::move(addresses);
}

std::vector<std::string> IdentityService::addresses() const {
  absl::MutexLock lock(&mutex_);
  return addresses_;
}

void IdentityService::OnRevoked(std::function<void(domain::IdentityId)> listener) {
  const absl::MutexLock lock(&mutex_);
  on_revoked_ = std::move(listener);
}

void IdentityService::Forget(const std::string& key_sha256) {
  const absl::MutexLock lock(&mutex_);
  known_.erase(key_sha256);
}

void IdentityService::Revoked(const domain::Identity& identity) {
  std::function<void(domain::IdentityId)> tell;
  {
    const absl::MutexLock lock(&mutex_);
    known_.erase(identity.key_sha256);
    tell = on_revoked_;
  }
  if (tell) tell(identity.id);
}

}  // namespace gofarm::service
