#include "coordinator/webhook/answer.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/text.h"
#include "common/json/fields.h"

namespace gofarm::webhook {

// What Discord answers: a message, or an error with its number.
struct DiscordAnswer {
  std::string id;
  double retry_after = 0;  // seconds
  int64_t code = 0;
};

template <typename Form, json::Is<DiscordAnswer> A>
void Fields(Form& form, A& a) {
  form.Field("id", a.id);
  form.Field("retry_after", a.retry_after);
  form.Field("code", a.code);
}

namespace {

absl::Duration Wait(double seconds) {
  if (!std::isfinite(seconds) || seconds <= 0) return absl::ZeroDuration();
  return std::min(absl::Seconds(seconds), io::kRetryAfterMax);
}

DiscordAnswer ReadAnswer(const std::string& body) {
  DiscordAnswer answer;
  // What is no such document is no fault of its own: the status says what it was.
  json::Read(body, json::Rule::kLenient, answer).IgnoreError();
  return answer;
}

// A bucket that is empty now is full again after that time.
absl::Duration BucketWait(const io::HttpHeaders& headers) {
  if (headers.Get("X-RateLimit-Remaining") != "0") return absl::ZeroDuration();
  double seconds = 0;
  return absl::SimpleAtod(Av(headers.Get("X-RateLimit-Reset-After")), &seconds) ? Wait(seconds) : absl::ZeroDuration();
}

bool IsMessageId(std::string_view id) {
  return !id.empty() && id.size() <= kMessageIdMax &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
}

Verdict OfTransfer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return {.result = Result::kUnavailable, .why = "it did not answer in time"};
    case absl::StatusCode::kResourceExhausted:
      return {.result = Result::kUnavailable, .why = "its answer is larger than a webhook's may be", .answered = true};
    case absl::StatusCode::kCancelled:
      return {.result = Result::kUnavailable, .why = "the coordinator stops"};
    case absl::StatusCode::kUnavailable:
      return {.result = Result::kUnavailable, .why = "it cannot be reached, or cut the connection"};
    default:
      return {.result = Result::kUnavailable,
              .why = Cat("it could not be asked (", absl::StatusCodeToString(status.code()), ")")};
  }
}

}  // namespace

std::string_view ResultName(Result result) {
  switch (result) {
    case Result::kSent:
      return "sent";
    case Result::kEdited:
      return "edited";
    case Result::kGone:
      return "gone";
    case Result::kRateLimited:
      return "rate_limited";
    case Result::kUnavailable:
      return "unavailable";
    case Result::kRefused:
      return "refused";
    case Result::kParked:
      return "parked";
  }
  return "";
}

Verdict Judge(Kind kind, bool edit, const absl::StatusOr<io::HttpResponse>& answer) {
  if (!answer.ok()) return OfTransfer(answer.status());
  const int status = answer->status;
  const DiscordAnswer read = ReadAnswer(answer->body);
  const std::string why =
      Cat("it answers HTTP ", status, kind == Kind::kDiscord && read.code != 0 ? Cat(", code ", read.code) : "");
  if (status >= 200 && status < 300) {
    const absl::Duration wait = BucketWait(answer->headers);
    if (edit) return {.result = Result::kEdited, .wait = wait};
    if (kind == Kind::kJson) return {.result = Result::kSent, .wait = wait};
    if (IsMessageId(read.id)) return {.result = Result::kSent, .message_id = read.id, .wait = wait};
    return {.result = Result::kParked, .why = Cat(why, " without a message's id: it does not speak Discord's form")};
  }
  switch (status) {
    case 429:
      return {.result = Result::kRateLimited,
              .wait = std::max({kLimitedLeast, Wait(read.retry_after),
                                answer->retry_after.value_or(absl::ZeroDuration()), BucketWait(answer->headers)}),
              .why = why};
    case 404:
      if (edit) return {.result = Result::kGone, .why = why};
      [[fallthrough]];
    case 401:
    case 403:
    case 410:
      return {.result = Result::kParked, .why = Cat(why, ": the address is not known there, or may not be used")};
    case 408:
    case 425:
      return {.result = Result::kUnavailable, .why = why, .answered = true};
    default:
      break;
  }
  if (status >= 500) {
    return {.result = Result::kUnavailable,
            .wait = answer->retry_after.value_or(absl::ZeroDuration()),
            .why = why,
            .answered = true};
  }
  if (io::IsRedirect(status)) {
    return {.result = Result::kParked,
            .why = Cat(why, ": redirects are not followed; write the address that it means")};
  }
  return {.result = Result::kRefused, .why = why};
}

}  // namespace gofarm::webhook
