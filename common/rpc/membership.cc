#include "common/rpc/membership.h"

#include <gofarm/v1/identity.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"

namespace gofarm::rpc {

// What stands beside key and certificates.
struct FarmFile {
  std::vector<std::string> addresses;
  bool server_by_address = false;
  std::string joined_by;
};
template <typename Form, json::Is<FarmFile> F>
void Fields(Form& form, F& file) {
  form.Field("addresses", file.addresses);
  form.Field("server_by_address", file.server_by_address);
  form.Field("joined_by", file.joined_by);
}

namespace {

constexpr char kFarmFile[] = "farm.json";
// One address of several: the next is tried.
constexpr absl::Duration kOneAddressMax = absl::Seconds(15);

using Stub = std::unique_ptr<v1::Identity::Stub>;

// Asks `call` at each address until one answers; a refusal is an answer.
template <typename Reply>
absl::StatusOr<Reply> AskInTurn(
    const Scope& scope, const std::vector<std::string>& addresses, const Credentials& credentials,
    const std::function<grpc::Status(v1::Identity::Stub&, grpc::ClientContext&, Reply&)>& call) {
  absl::Status last = absl::UnavailableError("no address");
  for (const std::string& address : addresses) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    if (absl::Status good = credentials.CheckAddress(address); !good.ok()) {
      last = good;
      continue;
    }
    const Stub stub = v1::Identity::NewStub(MakeFreshChannel(address, credentials));
    grpc::ClientContext context;
    const CallDeadline deadline(context, scope.Within(kOneAddressMax).deadline);
    const std::stop_callback stopped(scope.stop, [&context] { context.TryCancel(); });
    Reply reply;
    last = FromGrpc(call(*stub, context, reply));
    if (last.ok()) return reply;
    last = Annotate(last, address);
    if (!absl::IsUnavailable(last) && !absl::IsDeadlineExceeded(last)) return last;
  }
  return last;
}

// `member` with what the farm answered.
absl::StatusOr<Membership> With(Membership member, const v1::Membership& reply) {
  member.farm_id = reply.farm_id();
  member.certificate = reply.certificate();
  member.authorities = reply.authorities();
  // What came is untrusted until it is what was asked for.
  GOFARM_RETURN_IF_ERROR_CTX(pki::SplitCertificates(member.authorities).status(), "the authorities that came");
  GOFARM_ASSIGN_OR_RETURN_CTX(
      const pki::Certificate seen,
      pki::Verify(member.certificate, reply.identity_authorities(), pki::Use::kClient, WallNow()),
      "the certificate that came");
  GOFARM_ASSIGN_OR_RETURN(const std::string digest, pki::KeyDigest(member.key));
  if (seen.key_digest != digest || seen.subject.farm != member.farm_id) {
    return absl::UnauthenticatedError("the farm answered with a certificate for another key or farm");
  }
  member.name = seen.subject.name;
  member.role = seen.subject.role;
  member.begins_at = seen.not_before;
  member.expires_at = seen.not_after;
  return member;
}

// The key that stands in the folder, else a new one, which then stands there.
absl::StatusOr<std::string> KeyOf(const std::string& folder) {
  absl::StatusOr<std::string> key = pki::ReadKeyFile(folder, pki::kKeyFile);
  if (!absl::IsNotFound(key.status())) return key;
  GOFARM_ASSIGN_OR_RETURN(key, pki::NewKey());
  GOFARM_RETURN_IF_ERROR(pki::ReplaceFiles(folder, {{pki::kKeyFile, *key}}));
  return key;
}

absl::Status CheckClocks(absl::Time server) {
  const absl::Duration apart = absl::AbsDuration(WallNow() - server);
  if (apart <= pki::kSkewMax) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("this host's clock and the farm's are ", absl::FormatDuration(apart),
                                           " apart, at most ", absl::FormatDuration(pki::kSkewMax),
                                           " are borne: set them"));
}

}  // namespace

std::string Membership::ServerName() const { return server_by_address ? "" : pki::ServerName(farm_id); }

Credentials Membership::AsCredentials() const {
  return Credentials::Tls(
      {.authorities = authorities, .server_name = ServerName(), .key = key, .certificate = certificate});
}

absl::Time Membership::RenewAt() const { return begins_at + (expires_at - begins_at) * 2 / 3; }

absl::StatusOr<Membership> JoinFarm(const Scope& scope, const pki::JoinString& join, const JoinNames& names,
                                    const std::string& key) {
  GOFARM_ASSIGN_OR_RETURN(const std::string request, pki::NewRequest(key));
  GOFARM_ASSIGN_OR_RETURN_CTX(
      const v1::Authority authority,
      AskInTurn<v1::Authority>(scope, join.addresses, Credentials::AnyServer(),
                               [](v1::Identity::Stub& stub, grpc::ClientContext& context, v1::Authority& reply) {
                                 return stub.GetAuthority(&context, v1::GetAuthorityRequest(), &reply);
                               }),
      "ask the farm who it is");
  // Of what came only the certificate that the join string names is trusted.
  const absl::StatusOr<std::string> trusted = pki::CertificateWith(join.authority_sha256, authority.authorities());
  if (!trusted.ok()) {
    return absl::UnauthenticatedError(
        "another farm answers at this address than the one the join string is for; nothing secret was sent. "
        "If the farm was set up anew, ask for a new join string (gofarm token create)");
  }
  GOFARM_RETURN_IF_ERROR(CheckClocks(absl::FromUnixMicros(authority.now().unix_micros())));
  // An authority that is none of gofarm's making signs for addresses; a farm's own signs for the farm's name.
  const absl::StatusOr<std::string> farm_id = pki::FarmOfAuthority(*trusted);
  Membership member{.farm_id = farm_id.value_or(""),
                    .addresses = join.addresses,
                    .key = key,
                    .authorities = *trusted,
                    .server_by_address = !farm_id.ok(),
                    .joined_by = join.authority_sha256};
  v1::JoinRequest wanted;
  wanted.set_secret(join.secret);
  wanted.set_certificate_request(request);
  wanted.set_name(names.wanted);
  wanted.set_usual_name(names.usual);
  GOFARM_ASSIGN_OR_RETURN(
      const v1::Membership reply,
      AskInTurn<v1::Membership>(scope, join.addresses,
                                Credentials::Tls({.authorities = *trusted, .server_name = member.ServerName()}),
                                [&wanted](v1::Identity::Stub& stub, grpc::ClientContext& context,
                                          v1::Membership& answer) { return stub.Join(&context, wanted, &answer); }));
  return With(std::move(member), reply);
}

absl::StatusOr<Membership> JoinInto(const Scope& scope, const std::string& folder, const pki::JoinString& join,
                                    const JoinNames& names) {
  const std::string joining = folder + ".joining";
  GOFARM_ASSIGN_OR_RETURN(const std::string key, KeyOf(joining));
  const absl::StatusOr<Membership> member = JoinFarm(scope, join, names, key);
  if (!member.ok()) {
    // A refusal is final for this key; another join string gets a fresh one.
    if (!AnswerMayBeLost(member.status())) GOFARM_RETURN_IF_ERROR(pki::RemoveKeyFolder(joining));
    return member;
  }
  GOFARM_RETURN_IF_ERROR(WriteMembership(folder, *member));
  GOFARM_RETURN_IF_ERROR(pki::RemoveKeyFolder(joining));
  return member;
}

absl::StatusOr<Membership> RenewMembership(const Scope& scope, const Membership& member) {
  v1::RenewRequest wanted;
  GOFARM_ASSIGN_OR_RETURN(*wanted.mutable_certificate_request(), pki::NewRequest(member.key));
  GOFARM_ASSIGN_OR_RETURN(
      const v1::Membership reply,
      AskInTurn<v1::Membership>(scope, member.addresses, member.AsCredentials(),
                                [&wanted](v1::Identity::Stub& stub, grpc::ClientContext& context,
                                          v1::Membership& answer) { return stub.Renew(&context, wanted, &answer); }));
  return With(member, reply);
}

absl::StatusOr<Membership> ReadMembership(const std::string& folder) {
  Membership member;
  GOFARM_ASSIGN_OR_RETURN(member.certificate, pki::ReadKeyFile(folder, pki::kCertificateFile));
  GOFARM_ASSIGN_OR_RETURN(member.key, pki::ReadKeyFile(folder, pki::kKeyFile));
  GOFARM_ASSIGN_OR_RETURN(member.authorities, pki::ReadKeyFile(folder, pki::kAuthorityFile));
  GOFARM_ASSIGN_OR_RETURN(const std::string farm, pki::ReadKeyFile(folder, kFarmFile));
  FarmFile file;
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(farm, json::Rule::kLenient, file), Cat(folder, "/current/", kFarmFile));
  member.addresses = std::move(file.addresses);
  member.server_by_address = file.server_by_address;
  member.joined_by = std::move(file.joined_by);
  GOFARM_ASSIGN_OR_RETURN_CTX(const pki::Certificate seen, pki::ReadCertificate(member.certificate), folder);
  member.farm_id = seen.subject.farm;
  member.name = seen.subject.name;
  member.role = seen.subject.role;
  member.begins_at = seen.not_before;
  member.expires_at = seen.not_after;
  return member;
}

absl::Status WriteMembership(const std::string& folder, const Membership& member) {
  return pki::ReplaceFiles(
      folder, {{pki::kKeyFile, member.key},
               {pki::kCertificateFile, member.certificate},
               {pki::kAuthorityFile, member.authorities},
               {kFarmFile, json::Write(FarmFile{member.addresses, member.server_by_address, member.joined_by})}});
}

}  // namespace gofarm::rpc
