#include "coordinator/oci/authorizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/oci/failure.h"

namespace gofarm::oci {
namespace {

constexpr absl::Duration kTokenAskTime = absl::Seconds(30);
constexpr int kTokenRedirectsMax = 2;
constexpr absl::Duration kRenewBeforeMax = absl::Seconds(10);

std::string KeyOf(const std::vector<std::string>& scopes) { return absl::StrJoin(scopes, " "); }

absl::Status Unauthorized(std::string_view message) {
  return MakeFailure({.why = FailureClass::kUnauthorized, .http_status = 401}, message);
}

}  // namespace

Authorizer::Authorizer(const io::HttpClient& http, Registry registry, std::optional<Credentials> credentials,
                       const Clock& clock)
    : http_(http), registry_(std::move(registry)), credentials_(std::move(credentials)), clock_(clock) {}

std::optional<std::string> Authorizer::Find(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto it = tokens_.find(key);
  if (it == tokens_.end() || it->second.renew_at <= clock_.Now()) return std::nullopt;
  return it->second.header;
}

void Authorizer::Keep(const std::string& key, const Token& token) {
  absl::MutexLock lock(&mutex_);
  if (tokens_.size() >= kTokensMax) {
    for (auto it = tokens_.begin(); it != tokens_.end();) {
      it = it->second.renew_at <= clock_.Now() ? tokens_.erase(it) : std::next(it);
    }
    if (tokens_.size() >= kTokensMax) tokens_.clear();
  }
  // A token that ends on the way is refused, so it is renewed a little before.
  const absl::Duration spare = std::min(token.life / 4, kRenewBeforeMax);
  tokens_[key] = {.header = Cat("Bearer ", token.value), .renew_at = clock_.Now() + token.life - spare};
}

absl::StatusOr<std::string> Authorizer::Header(const Scope& scope, const std::vector<std::string>& scopes) {
  const std::string key = KeyOf(scopes);
  Challenge challenge;
  {
    absl::MutexLock lock(&mutex_);
    if (!challenge_) return "";
    challenge = *challenge_;
  }
  if (challenge.scheme == Challenge::Scheme::kBasic) return credentials_ ? BasicHeader(*credentials_) : "";
  if (const std::optional<std::string> kept = Find(key)) return *kept;
  return Fetch(scope, challenge, key, scopes, "");
}

absl::StatusOr<std::string> Authorizer::Renew(const Scope& scope, const std::vector<std::string>& scopes,
                                              const io::HttpResponse& answer, const std::string& used) {
  const std::optional<Challenge> challenge = ReadChallenge(answer.headers);
  const std::string& who = registry_.authority;
  if (!challenge) {
    return Unauthorized(Cat("registry ", who, " answers 401 and does not say how to log in"));
  }
  if (challenge->scheme == Challenge::Scheme::kBasic) {
    if (!credentials_) return Unauthorized(Cat("registry ", who, " wants a user and a token, and none is configured"));
    if (used == BasicHeader(*credentials_)) return Unauthorized(Cat("registry ", who, " does not accept this user"));
  } else if (const absl::Status allowed = CheckRealm(registry_, challenge->realm); !allowed.ok()) {
    return MakeFailure({.why = FailureClass::kRefused, .http_status = 401}, Sv(allowed.message()));
  }
  {
    absl::MutexLock lock(&mutex_);
    challenge_ = *challenge;
    challenge_->scopes.clear();  // those of one request
  }
  if (challenge->scheme == Challenge::Scheme::kBasic) return BasicHeader(*credentials_);
  std::vector<std::string> all = scopes;
  for (const std::string& more : challenge->scopes) {
    if (std::find(all.begin(), all.end(), more) == all.end()) all.push_back(more);
  }
  return Fetch(scope, *challenge, KeyOf(scopes), all, used);
}

absl::StatusOr<std::string> Authorizer::Fetch(const Scope& scope, const Challenge& challenge, const std::string& key,
                                              const std::vector<std::string>& scopes, const std::string& used) {
  GOFARM_ASSIGN_OR_RETURN(const Slots::Hold hold, fetching_.Take(scope));
  // Somebody else may have fetched it meanwhile.
  if (const std::optional<std::string> kept = Find(key); kept && *kept != used) return *kept;
  const std::string url = TokenUrl(challenge, scopes);
  io::HttpRequest request{.url = url, .compressed = false};
  if (credentials_) request.headers.Add("Authorization", BasicHeader(*credentials_));
  io::HttpLimits limits{.body_bytes = static_cast<int64_t>(4 * kTokenBytesMax)};
  limits.redirects.limit = kTokenRedirectsMax;
  limits.redirects.same_host_only = true;
  const std::string what = Cat("ask ", io::RedactUrl(url), " for a token");
  const absl::StatusOr<io::HttpResponse> answer = http_.Send(scope.Within(kTokenAskTime), request, limits);
  if (!answer.ok()) return Annotate(FailureOfTransfer(answer.status()), what);
  if (answer->status != 200) {
    absl::Status failed = FailureOfAnswer(*answer, what);
    Failure failure = FailureOf(failed);
    // What is missing here is no repository.
    if (failure.why != FailureClass::kNotFound) return failed;
    failure.why = FailureClass::kRefused;
    return MakeFailure(std::move(failure), Sv(failed.message()));
  }
  const absl::StatusOr<Token> token = ReadToken(answer->body);
  if (!token.ok()) {
    return MakeFailure({.why = FailureClass::kBrokenAnswer, .http_status = 200},
                       Cat(what, ": ", token.status().message()));
  }
  Keep(key, *token);
  return Cat("Bearer ", token->value);
}

}  // namespace gofarm::oci
