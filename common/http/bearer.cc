#include "common/http/bearer.h"

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/obs/log.h"

namespace gofarm::http {
namespace {

absl::StatusOr<std::string> ReadToken(const std::string& file) {
  absl::StatusOr<std::string> token = io::ReadFile(file, kTokenFileMax);
  if (!token.ok()) return token;
  absl::StripAsciiWhitespace(&*token);
  if (token->size() < kTokenMin) {
    return absl::FailedPreconditionError(Cat("the token file ", file, " has less than ", kTokenMin, " characters"));
  }
  return token;
}

}  // namespace

absl::Status CheckTokenFile(const std::string& file) { return ReadToken(file).status(); }

absl::Status CheckBearer(const std::string& file, const std::string& bearer) {
  const absl::StatusOr<std::string> token = ReadToken(file);
  if (!token.ok()) {
    static obs::RateLimit& told = *new obs::RateLimit(absl::Minutes(1));
    if (told.Pass()) obs::Warn("token_file_not_read", {{"error", std::string(token.status().message())}});
    return absl::UnavailableError("this listener cannot read its token file now; its log says why");
  }
  // Digests take the same time to compare however much of the word is right.
  if (digest::Sha256Hex(bearer) == digest::Sha256Hex(*token)) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "this listener takes \"Authorization: Bearer TOKEN\" with the word of its token file");
}

}  // namespace gofarm::http
