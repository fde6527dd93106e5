// What a reply of an outside service means for the next request: an answer, another try, or a pause of the whole
// service. Pure: replies, times and random numbers come in, decisions go out; service_gate.h does the waiting.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/io/http_headers.h"

namespace gofarm::catalog {

// One budget, one pause and one set of counters each, whatever host stands behind it.
enum class Service { kIndex, kProxy, kPkgsite, kDepsdev, kGithub };
inline constexpr std::array kServices = {Service::kIndex, Service::kProxy, Service::kPkgsite, Service::kDepsdev,
                                         Service::kGithub};
std::string_view ServiceName(Service service);

// Why a request has no usable answer. A closed set: labels of metrics.
enum class ErrorClass {
  kTimeout,      // nothing came in the time of one try
  kUnreachable,  // refused, reset, cut, DNS, TLS
  kHttp5xx,
  kRateLimited,
  kRefused,    // its token, the address rule or a redirect rule
  kBadAnswer,  // not what the service is known to say
  kTooLarge,
};
inline constexpr std::array kErrorClasses = {ErrorClass::kTimeout,     ErrorClass::kUnreachable, ErrorClass::kHttp5xx,
                                             ErrorClass::kRateLimited, ErrorClass::kRefused,     ErrorClass::kBadAnswer,
                                             ErrorClass::kTooLarge};
std::string_view ErrorClassName(ErrorClass error);

inline constexpr int kRetries = 3;                                    // after the first try
inline constexpr absl::Duration kWaitInPlaceMax = absl::Seconds(10);  // longer waits pause the service instead
inline constexpr absl::Duration kPauseMax = absl::Hours(24);
inline constexpr int kFailuresInARow = 10;  // then the service is paused
inline constexpr BackoffPolicy kRetryBackoff = {.first = absl::Seconds(1), .longest = absl::Seconds(8)};
// GitHub's advice for a limit that names no end.
inline constexpr BackoffPolicy kLimitBackoff = {.first = absl::Minutes(1), .longest = absl::Minutes(16)};
inline constexpr BackoffPolicy kPauseBackoff = {.first = absl::Seconds(30), .longest = absl::Minutes(30)};

// What came of one try.
struct Reply {
  absl::StatusCode code = absl::StatusCode::kOk;  // of the transfer; with OK the rest counts
  int status = 0;
  std::optional<absl::Duration> retry_after;
  std::optional<absl::Time> limit_resets_at;  // x-ratelimit-reset
  bool limit_used_up = false;                 // x-ratelimit-remaining is 0
  bool says_rate_limit = false;               // in its text
  // What the caller found in an answer that HTTP calls a good one: nothing, or why it is none.
  std::optional<ErrorClass> body_error;
  bool body_may_change = true;  // asking again may help
};

// Retry-After, rate limit fields and the words of a 403 are read; `body` may be clipped.
Reply ReplyOf(int status, const io::HttpHeaders& headers, std::optional<absl::Duration> retry_after,
              std::string_view body);

struct RetryPolicy {
  int retries = kRetries;
  absl::Duration wait_in_place_max = kWaitInPlaceMax;
  // 502 and 504 are the caller's to act on: it asks for less.
  bool gateway_errors_are_answers = false;
};

struct Verdict {
  enum class Kind { kAnswer, kRetry, kGiveUp };
  Kind kind = Kind::kAnswer;
  std::optional<ErrorClass> error;             // an answer may carry one: a gateway error
  absl::Duration wait = absl::ZeroDuration();  // before the next try
  std::optional<absl::Time> hold_until;        // until then every request to the service waits in place
  std::optional<absl::Time> pause_until;       // until then every request to the service is refused here
};

// `tries`: made so far, this one included. `limits_in_a_row`: replies without an end to their limit, this one
// included. `random` in [0, 1).
//
// 404, 410, 451 and the like are answers. 403 is one too, unless it is a rate limit. Only a rate limit concerns the
// requests of others: 503 with Retry-After may be about this one question.
Verdict JudgeReply(const Reply& reply, const RetryPolicy& policy, int tries, int limits_in_a_row, absl::Time now,
                   double random);

// Whether a service is asked at all. Ten failures in a row pause it; after the pause one failure pauses it again, for
// longer, and one success makes it well. A service that names a time itself is paused until then.
class PauseRule {
 public:
  // `why` is shown to operators.
  void OnFailure(absl::Time now, double random, std::string_view why);
  void OnSuccess();
  void PauseUntil(absl::Time until, absl::Time now, std::string_view why);

  bool IsPaused(absl::Time now) const { return now < until_; }
  // InfinitePast: never was.
  absl::Time until() const { return until_; }
  const std::string& reason() const { return reason_; }
  int failures() const { return failures_; }

 private:
  int failures_ = 0;  // in a row
  int pauses_ = 0;    // in a row, made by failures
  bool by_failures_ = false;
  absl::Time until_ = absl::InfinitePast();
  std::string reason_;
};

}  // namespace gofarm::catalog
