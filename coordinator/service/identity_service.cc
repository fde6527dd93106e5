#include "coordinator/service/identity_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/obs/log.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"

namespace gofarm::service {
namespace {

constexpr size_t kFarmIdDigits = 16;
constexpr size_t kSecretMax = 256;

std::string AuthorityFolder(const IdentityOptions& options) { return Cat(options.folder, "/authority"); }

// Both files, or NOT_FOUND when neither is there.
absl::StatusOr<pki::Authority> ReadAuthority(const IdentityOptions& options) {
  const std::string folder = AuthorityFolder(options);
  absl::StatusOr<std::string> key = pki::ReadKeyFile(folder, pki::kKeyFile);
  absl::StatusOr<std::string> certificate = pki::ReadKeyFile(folder, pki::kCertificateFile);
  if (absl::IsNotFound(key.status()) && absl::IsNotFound(certificate.status())) {
    return absl::NotFoundError(Cat("no authority in ", folder));
  }
  GOFARM_RETURN_IF_ERROR_CTX(key.status(), "the key of the farm's authority");
  GOFARM_RETURN_IF_ERROR_CTX(certificate.status(), "the certificate of the farm's authority");
  return pki::Authority{.key = *std::move(key), .certificate = *std::move(certificate)};
}

absl::Status OtherAuthority(const IdentityOptions& options, const std::string& known, std::string_view here) {
  return absl::FailedPreconditionError(Cat(
      "this farm's authority has the SHA-256 ", known, ", and ", AuthorityFolder(options), " ", here,
      "; copy that folder from the data_dir of the coordinator that made it. If it is lost, docs/hosts.md says what ",
      "that means and how every host joins again"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<IdentityService>> IdentityService::Open(const Scope& scope, IdentityOptions options,
                                                                       store::IdentityStore& store,
                                                                       const Clock& clock) {
  absl::StatusOr<pki::Authority> authority = ReadAuthority(options);
  std::string farm_id;
  if (absl::IsNotFound(authority.status())) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<store::FarmIdentity> known, store.Farm(scope));
    if (known) return OtherAuthority(options, known->authority_sha256, "has none");
    GOFARM_ASSIGN_OR_RETURN(const std::string secret, pki::NewSecret());
    farm_id = digest::Sha256Hex(secret).substr(0, kFarmIdDigits);
    GOFARM_ASSIGN_OR_RETURN(authority, pki::NewAuthority(farm_id, WallNow()));
    // On disk before the database knows it: a crash in between leaves an authority that nobody has heard of.
    GOFARM_RETURN_IF_ERROR(pki::ReplaceFiles(
        AuthorityFolder(options), {{pki::kKeyFile, authority->key}, {pki::kCertificateFile, authority->certificate}}));
  }
  GOFARM_RETURN_IF_ERROR(authority.status());
  GOFARM_ASSIGN_OR_RETURN(const std::string fingerprint, pki::Fingerprint(authority->certificate));
  if (farm_id.empty()) {
    GOFARM_ASSIGN_OR_RETURN(farm_id, pki::FarmOfAuthority(authority->certificate));
  }
  GOFARM_ASSIGN_OR_RETURN(const store::FarmIdentity farm, store.Found(scope, {farm_id, fingerprint}));
  if (farm.authority_sha256 != fingerprint) {
    return OtherAuthority(options, farm.authority_sha256, Cat("has one with ", fingerprint));
  }
  std::unique_ptr<IdentityService> service(
      new IdentityService(std::move(options), store, clock, farm.farm_id, *std::move(authority)));
  GOFARM_RETURN_IF_ERROR(service->RenewServerCertificate());
  return service;
}

std::string IdentityService::ServerFolder() const { return pki::CurrentOf(Cat(options_.folder, "/server")); }

absl::Status IdentityService::RenewServerCertificate() {
  const std::string folder = Cat(options_.folder, "/server");
  std::vector<std::string> names = {pki::ServerName(farm_id_)};
  names.insert(names.end(), options_.public_names.begin(), options_.public_names.end());
  if (const absl::StatusOr<std::string> pem = pki::ReadKeyFile(folder, pki::kCertificateFile); pem.ok()) {
    const absl::StatusOr<pki::Certificate> seen =
        pki::Verify(*pem, authority_.certificate, pki::Use::kServer, WallNow());
    if (seen.ok() && seen->names == names && seen->not_after - WallNow() > pki::kServerLife / 3) {
      return absl::OkStatus();
    }
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string key, pki::NewKey());
  GOFARM_ASSIGN_OR_RETURN(const std::string certificate,
                          pki::IssueServer(authority_, key, farm_id_, options_.public_names, WallNow()));
  obs::Info("server_certificate_made", {{"names", absl::StrJoin(names, ",")}});
  return pki::ReplaceFiles(folder, {{pki::kKeyFile, key}, {pki::kCertificateFile, certificate}});
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
  GOFARM_ASSIGN_OR_RETURN(const std::string fingerprint, pki::Fingerprint(authority_.certificate));
  GOFARM_ASSIGN_OR_RETURN(domain::JoinToken token,
                          store_.CreateToken(scope, request, digest::Sha256Hex(secret), actor));
  return NewToken{
      .token = std::move(token),
      .join = pki::Encode({.addresses = std::move(addresses), .authority_sha256 = fingerprint, .secret = secret})};
}

absl::StatusOr<store::Signed> IdentityService::SignFor(const domain::Identity& identity,
                                                       std::string_view public_key_pem) const {
  const absl::Time now = WallNow();
  GOFARM_ASSIGN_OR_RETURN(
      std::string certificate,
      pki::IssueClient(authority_, public_key_pem,
                       {.farm = farm_id_, .role = identity.role, .identity = identity.id.value, .name = identity.name},
                       now));
  return store::Signed{.certificate = std::move(certificate), .expires_at = now + pki::LifeOf(identity.role)};
}

absl::StatusOr<Membership> IdentityService::Join(const Scope& scope, std::string_view secret,
                                                 std::string_view request_pem, const JoinNames& names,
                                                 const domain::Actor& actor) {
  if (secret.empty() || secret.size() > kSecretMax) return absl::InvalidArgumentError("a join string without a secret");
  GOFARM_ASSIGN_OR_RETURN(const pki::Request request, pki::ReadRequest(request_pem));
  const auto sign = [&](const domain::Identity& identity) { return SignFor(identity, request.public_key_pem); };
  GOFARM_ASSIGN_OR_RETURN(store::Joined joined, store_.Join(scope, digest::Sha256Hex(secret),
                                                            {.name = std::string(names.wanted),
                                                             .key_sha256 = request.key_digest,
                                                             .usual_name = std::string(names.usual)},
                                                            actor, sign));
  Forget(request.key_digest);
  return Membership{.identity = std::move(joined.identity),
                    .certificate = std::move(joined.certificate),
                    .farm_id = farm_id_,
                    .authorities = authority_.certificate};
}

absl::StatusOr<Membership> IdentityService::Renew(const Scope& scope, std::string_view request_pem,
                                                  const domain::Actor& actor) {
  GOFARM_ASSIGN_OR_RETURN(const pki::Request request, pki::ReadRequest(request_pem));
  const auto sign = [&](const domain::Identity& identity) { return SignFor(identity, request.public_key_pem); };
  GOFARM_ASSIGN_OR_RETURN(store::Joined renewed, store_.Renew(scope, request.key_digest, actor, sign));
  Forget(request.key_digest);
  return Membership{.identity = std::move(renewed.identity),
                    .certificate = std::move(renewed.certificate),
                    .farm_id = farm_id_,
                    .authorities = authority_.certificate};
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
                          pki::Verify(certificate_pem, authority_.certificate, pki::Use::kClient, WallNow()));
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
