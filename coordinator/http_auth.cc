#include "coordinator/http_auth.h"

#include "absl/strings/ascii.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
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

absl::Status ByToken(const std::string& file, const http::Caller& caller) {
  GOFARM_ASSIGN_OR_RETURN(const std::string text, io::ReadFile(file, kTokenFileMax));
  const std::string token(absl::StripAsciiWhitespace(text));
  if (token.size() < kTokenMin) {
    return absl::FailedPreconditionError(Cat("the token file has less than ", kTokenMin, " characters"));
  }
  // Digests take the same time to compare however much of the word is right.
  if (digest::Sha256Hex(caller.bearer) == digest::Sha256Hex(token)) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "this listener takes \"Authorization: Bearer TOKEN\" with the word of its token file");
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
      return [file = auth.token_file](const http::Caller& caller) { return ByToken(file, caller); };
    case HttpAuth::Kind::kNone:
      break;
  }
  return nullptr;
}

}  // namespace gofarm::coordinator
