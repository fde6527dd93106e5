#include "coordinator/http_auth.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/bearer.h"
#include "coordinator/rpc/authorization.h"
#include "coordinator/rpc/gate.h"

namespace gofarm::coordinator {
namespace {

// What whoever reads the farm's state may read here.
constexpr char kLikeMethod[] = "/gofarm.v1.Farm/GetFarmStatus";
constexpr std::string_view kTokenPrefix = "token:";

absl::Status ByCertificate(service::IdentityService& identities, const http::Caller& caller) {
  if (caller.certificate.empty()) {
    return absl::UnauthenticatedError(
        "this listener takes a certificate of the farm (gofarm login, and the files in its "
        "folder), and none was shown");
  }
  GOFARM_ASSIGN_OR_RETURN(const service::Caller known, identities.Known(Scope::For(rpc::kKnowMax), caller.certificate));
  return rpc::Allow(kLikeMethod, rpc::PeerOf(known), {});
}

}  // namespace

absl::StatusOr<HttpAuth> ParseHttpAuth(std::string_view text) {
  if (text == "certificate") return HttpAuth{};
  if (text == "none") return HttpAuth{.kind = HttpAuth::Kind::kNone};
  if (text.substr(0, kTokenPrefix.size()) == kTokenPrefix && text.size() > kTokenPrefix.size() &&
      text[kTokenPrefix.size()] == '/') {
    return HttpAuth{.kind = HttpAuth::Kind::kToken, .token_file = std::string(text.substr(kTokenPrefix.size()))};
  }
  return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(text), "\" is none of certificate, token:/PATH and none"));
}

http::Authorize MakeAuthorize(const HttpAuth& auth, service::IdentityService* identities) {
  switch (auth.kind) {
    case HttpAuth::Kind::kCertificate:
      return [identities](const http::Caller& caller) { return ByCertificate(*identities, caller); };
    case HttpAuth::Kind::kToken:
      return [file = auth.token_file](const http::Caller& caller) { return http::CheckBearer(file, caller.bearer); };
    case HttpAuth::Kind::kNone:
      break;
  }
  return nullptr;
}

}  // namespace gofarm::coordinator
