// What a webhook's answer means. Pure. Nothing of an answer but numbers is told further: its text may repeat the URL.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/io/http_client.h"
#include "coordinator/webhook/config.h"

namespace gofarm::webhook {

inline constexpr absl::Duration kLimitedLeast = absl::Seconds(1);  // waited where a 429 names no time
inline constexpr size_t kMessageIdMax = 20;                        // digits of a 64-bit number

enum class Result : int {
  kSent,         // a new message is there
  kEdited,       // the old one was edited
  kGone,         // the message to edit is no longer there
  kRateLimited,  // asked to wait
  kUnavailable,  // no answer, 408, 425, 5xx: may pass
  kRefused,      // this message is not taken; others may be
  kParked,       // nothing is taken until somebody changes something
};
inline constexpr Result kLastResult = Result::kParked;
std::string_view ResultName(Result result);  // "sent"; label of metrics

struct Verdict {
  Result result = Result::kUnavailable;
  std::string message_id;                      // of what was sent by Discord's form
  absl::Duration wait = absl::ZeroDuration();  // before the next request, as the server asked
  std::string why;                             // of what is no success: fit for logs, without the URL
  bool answered = false;                       // of kUnavailable: somebody was there, so this message may be to blame
};

// `edit`: it was asked to edit a message.
Verdict Judge(Kind kind, bool edit, const absl::StatusOr<io::HttpResponse>& answer);

}  // namespace gofarm::webhook
