// Why a registry did not do what it was asked: a closed set that travels inside absl::Status as a payload, so that
// callers decide by it and not by the text. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/io/http_client.h"

namespace gofarm::oci {

enum class FailureClass : int {
  kUnauthorized,    // no or wrong credentials
  kForbidden,       // known, but may not do this
  kNotFound,        // the repository, manifest or blob is not there
  kBlobMissing,     // a manifest names a blob that the registry lost or never had: push all blobs again
  kTooLarge,        // 413, or beyond a limit of ours
  kUnsupported,     // the registry does not offer it (deleting, mostly)
  kRateLimited,     // too many requests; see retry_after
  kUnavailable,     // no answer, a cut one, 5xx, a lost upload session
  kDigestMismatch,  // the registry holds or got other bytes than were sent
  kRefused,         // any other 4xx
  kBrokenAnswer,    // what came is no answer of a registry, or one that breaks the specification
  kTimedOut,        // the caller's deadline came first: the registry, or the budget, was too slow
  kStopped,         // the caller's stop was requested: says nothing about the registry
  kLocal,           // a file of this machine cannot be read, or an argument was wrong; nothing was asked then
};
inline constexpr FailureClass kLastFailureClass = FailureClass::kLocal;

// "rate_limited"; for rows, labels and people.
std::string_view FailureClassName(FailureClass why);
std::optional<FailureClass> ParseFailureClass(std::string_view name);

// Whether the same request may succeed later without anybody doing something. Repeats are bounded by the caller: a
// digest mismatch may be damage on the way or a broken store.
bool WorthRetry(FailureClass why);

struct Failure {
  FailureClass why = FailureClass::kLocal;
  int http_status = 0;                        // 0: no answer
  std::string code;                           // of the registry's error, "DENIED"; empty when it gave none
  std::optional<absl::Duration> retry_after;  // as the registry asked for, at most io::kRetryAfterMax
};

// With the status code that fits the class.
absl::Status MakeFailure(Failure failure, std::string_view message);
// Of any status that this library returned, annotated since or not. Of others, by their code. `status` is not OK.
Failure FailureOf(const absl::Status& status);

// What an answer with status >= 300 means, or a success that was not expected. `what`: what was asked, for the message.
absl::Status FailureOfAnswer(const io::HttpResponse& response, std::string_view what);
// What HttpClient::Send failed with.
absl::Status FailureOfTransfer(const absl::Status& status);

}  // namespace gofarm::oci
