#include "coordinator/catalog/service_rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kWordsReadMax = 4096;  // of the body of a refusal

bool IsGatewayError(int status) { return status == 502 || status == 504; }

// What is wrong with a reply; nothing: it is an answer.
std::optional<ErrorClass> FaultOf(const Reply& reply) {
  switch (reply.code) {
    case absl::StatusCode::kOk:
      break;
    case absl::StatusCode::kDeadlineExceeded:
      return ErrorClass::kTimeout;
    case absl::StatusCode::kResourceExhausted:
      return ErrorClass::kTooLarge;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
      return ErrorClass::kRefused;
    default:
      return ErrorClass::kUnreachable;
  }
  if (reply.status == 429) return ErrorClass::kRateLimited;
  if (reply.status == 403 && (reply.retry_after || reply.limit_used_up || reply.says_rate_limit)) {
    return ErrorClass::kRateLimited;
  }
  if (reply.status == 401 || reply.status == 407) return ErrorClass::kRefused;
  if (reply.status == 408 || reply.status == 425) return ErrorClass::kTimeout;
  // 501 is a server's way to say that it takes no such question, HEAD for one.
  if (reply.status >= 500 && reply.status != 501) return ErrorClass::kHttp5xx;
  return reply.body_error;
}

// When a limit ends by the service's own words.
std::optional<absl::Time> LimitEnd(const Reply& reply, absl::Time now) {
  if (reply.retry_after) return now + *reply.retry_after;
  if (reply.limit_resets_at && *reply.limit_resets_at > now) return reply.limit_resets_at;
  return std::nullopt;
}

}  // namespace

std::string_view ServiceName(Service service) {
  switch (service) {
    case Service::kIndex:
      return "index";
    case Service::kProxy:
      return "proxy";
    case Service::kPkgsite:
      return "pkgsite";
    case Service::kDepsdev:
      return "depsdev";
    case Service::kGithub:
      return "github";
  }
  return "";
}

std::string_view ErrorClassName(ErrorClass error) {
  switch (error) {
    case ErrorClass::kTimeout:
      return "timeout";
    case ErrorClass::kUnreachable:
      return "unreachable";
    case ErrorClass::kHttp5xx:
      return "http_5xx";
    case ErrorClass::kRateLimited:
      return "rate_limited";
    case ErrorClass::kRefused:
      return "refused";
    case ErrorClass::kBadAnswer:
      return "bad_answer";
    case ErrorClass::kTooLarge:
      return "too_large";
  }
  return "";
}

Reply ReplyOf(int status, const io::HttpHeaders& headers, std::optional<absl::Duration> retry_after,
              std::string_view body) {
  Reply reply{.status = status, .retry_after = retry_after};
  int64_t number = 0;
  if (absl::SimpleAtoi(Av(headers.Get("x-ratelimit-reset")), &number) && number > 0) {
    reply.limit_resets_at = absl::FromUnixSeconds(number);
  }
  // The search has a small limit of its own, whose end stops nothing else.
  const bool of_all = headers.Get("x-ratelimit-resource") != "search" || status == 403 || status == 429;
  reply.limit_used_up = absl::SimpleAtoi(Av(headers.Get("x-ratelimit-remaining")), &number) && number <= 0 && of_all;
  reply.says_rate_limit =
      status == 403 && absl::StrContains(absl::AsciiStrToLower(Av(body.substr(0, kWordsReadMax))), "rate limit");
  return reply;
}

Verdict JudgeReply(const Reply& reply, const RetryPolicy& policy, int tries, int limits_in_a_row, absl::Time now,
                   double random) {
  Verdict verdict;
  verdict.error = FaultOf(reply);
  const absl::Time latest = now + kPauseMax;
  // The last one that was allowed: the next would be refused.
  if (reply.code == absl::StatusCode::kOk && reply.limit_used_up && reply.limit_resets_at &&
      *reply.limit_resets_at > now) {
    verdict.pause_until = std::min(*reply.limit_resets_at, latest);
  }
  if (!verdict.error) return verdict;
  if (policy.gateway_errors_are_answers && IsGatewayError(reply.status)) return verdict;
  verdict.kind = Verdict::Kind::kGiveUp;
  switch (*verdict.error) {
    case ErrorClass::kRefused:
    case ErrorClass::kTooLarge:
      return verdict;  // the next try would end in the same way
    case ErrorClass::kBadAnswer:
      if (!reply.body_may_change) return verdict;
      break;
    default:
      break;
  }
  std::optional<absl::Time> again = LimitEnd(reply, now);
  const bool limited = *verdict.error == ErrorClass::kRateLimited;
  if (!again && limited) again = now + BackoffDelay(kLimitBackoff, limits_in_a_row, random);
  if (!again) again = now + BackoffDelay(kRetryBackoff, tries, random);
  if (*again - now <= policy.wait_in_place_max && tries <= policy.retries) {
    verdict.kind = Verdict::Kind::kRetry;
    verdict.wait = *again - now;
    if (limited) {
      verdict.hold_until = again;
      verdict.pause_until = std::nullopt;
    }
  } else if (limited) {
    verdict.pause_until = std::min(std::max(*again, verdict.pause_until.value_or(*again)), latest);
  }
  return verdict;
}

void PauseRule::OnFailure(absl::Time now, double random, std::string_view why) {
  if (IsPaused(now)) return;  // it was under way when the pause began
  ++failures_;
  if (failures_ < kFailuresInARow) return;
  ++pauses_;
  by_failures_ = true;
  until_ = now + BackoffDelay(kPauseBackoff, pauses_, random);
  reason_ = Cat(failures_, " failures in a row, the last: ", why);
}

void PauseRule::OnSuccess() {
  failures_ = 0;
  pauses_ = 0;
  // It was under way when the pause began, and says that the service is well again. A limit is not over by that.
  if (by_failures_) until_ = absl::InfinitePast();
  by_failures_ = false;
  if (until_ == absl::InfinitePast()) reason_.clear();
}

void PauseRule::PauseUntil(absl::Time until, absl::Time now, std::string_view why) {
  until = std::min(until, now + kPauseMax);
  if (until <= until_) return;
  until_ = until;
  by_failures_ = false;
  reason_ = why;
}

}  // namespace gofarm::catalog
