#include "coordinator/oci/failure.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/json/fields.h"

namespace gofarm::oci {
namespace {

constexpr absl::string_view kPayload = "gofarm/oci-failure";
constexpr size_t kShownMax = 200;
constexpr size_t kCodeMax = 40;

struct ClassInfo {
  std::string_view name;
  absl::StatusCode code;
  bool retry;
  std::string_view advice;  // what the reader does next; empty: nothing is his to do
};

constexpr std::array<ClassInfo, static_cast<size_t>(kLastFailureClass) + 1> kClasses = {{
    {"unauthorized", absl::StatusCode::kUnauthenticated, false, "check the credentials that are configured for it"},
    {"forbidden", absl::StatusCode::kPermissionDenied, false, "give these credentials the right to write there"},
    {"not_found", absl::StatusCode::kNotFound, false, ""},
    {"blob_missing", absl::StatusCode::kDataLoss, true, "the blobs are pushed again"},
    {"too_large", absl::StatusCode::kResourceExhausted, false, "raise the limit of the registry or of its proxy"},
    {"unsupported", absl::StatusCode::kUnimplemented, false, ""},
    {"rate_limited", absl::StatusCode::kResourceExhausted, true, ""},
    {"unavailable", absl::StatusCode::kUnavailable, true, ""},
    {"digest_mismatch", absl::StatusCode::kDataLoss, true, ""},
    {"refused", absl::StatusCode::kFailedPrecondition, false, ""},
    {"broken_answer", absl::StatusCode::kInternal, true, "see whether a registry answers at this address"},
    {"timed_out", absl::StatusCode::kDeadlineExceeded, true, ""},
    {"stopped", absl::StatusCode::kCancelled, true, ""},
    {"local", absl::StatusCode::kInternal, false, ""},
}};

const ClassInfo& InfoOf(FailureClass why) { return kClasses.at(static_cast<size_t>(why)); }

// The first error of {"errors":[{code,message}]}, distribution specification "Error Codes".
struct Said {
  std::string code;
  std::string message;
};
Said ReadErrors(std::string_view body) {
  Said said;
  json::Parser parser;
  const absl::StatusOr<simdjson::dom::element> document = parser.Document(body);
  if (!document.ok()) return said;
  simdjson::dom::element first;
  if ((*document)["errors"].at(0).get(first) != simdjson::SUCCESS) return said;
  std::string_view text;
  if (first["code"].get(text) == simdjson::SUCCESS && text.size() <= kCodeMax &&
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string_view::npos) {
    said.code = std::string(text);
  }
  if (first["message"].get(text) == simdjson::SUCCESS) said.message = EscapeAndClip(text, kShownMax);
  return said;
}

FailureClass Classify(const io::HttpResponse& response, std::string_view code) {
  const int status = response.status;
  if (code == "TOOMANYREQUESTS" || status == 429) return FailureClass::kRateLimited;
  if (status >= 500) return status == 501 ? FailureClass::kUnsupported : FailureClass::kUnavailable;
  if (status < 400) return FailureClass::kBrokenAnswer;
  if (code == "UNSUPPORTED") return FailureClass::kUnsupported;
  if (code == "DIGEST_INVALID" || code == "SIZE_INVALID") return FailureClass::kDigestMismatch;
  if (code == "MANIFEST_BLOB_UNKNOWN") return FailureClass::kBlobMissing;
  // The session of an upload ended: another one may be begun.
  if (code == "BLOB_UPLOAD_UNKNOWN" || code == "BLOB_UPLOAD_INVALID") return FailureClass::kUnavailable;
  switch (status) {
    case 401:
      return FailureClass::kUnauthorized;
    case 403:
      // A service that limits its users says when to come back; one that forbids does not.
      return response.retry_after ? FailureClass::kRateLimited : FailureClass::kForbidden;
    case 404:
      return FailureClass::kNotFound;
    case 405:
      return FailureClass::kUnsupported;
    case 408:
    case 425:
      return FailureClass::kUnavailable;
    case 413:
      return FailureClass::kTooLarge;
    default:
      return FailureClass::kRefused;
  }
}

}  // namespace

std::string_view FailureClassName(FailureClass why) { return InfoOf(why).name; }

std::optional<FailureClass> ParseFailureClass(std::string_view name) {
  for (size_t i = 0; i < kClasses.size(); ++i) {
    if (kClasses.at(i).name == name) return static_cast<FailureClass>(i);
  }
  return std::nullopt;
}

bool WorthRetry(FailureClass why) { return InfoOf(why).retry; }

absl::Status MakeFailure(Failure failure, std::string_view message) {
  const ClassInfo& info = InfoOf(failure.why);
  absl::Status status(info.code, Cat(message, info.advice.empty() ? "" : "; ", info.advice));
  const int64_t retry_ms = failure.retry_after ? absl::ToInt64Milliseconds(*failure.retry_after) : -1;
  status.SetPayload(kPayload, absl::Cord(Cat(info.name, "|", failure.http_status, "|", failure.code, "|", retry_ms)));
  return status;
}

Failure FailureOf(const absl::Status& status) {
  GOFARM_CHECK(!status.ok());
  Failure failure;
  if (const absl::optional<absl::Cord> payload = status.GetPayload(kPayload)) {
    const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), '|');
    GOFARM_CHECK(parts.size() == 4);
    int64_t retry_ms = 0;
    failure.why = ParseFailureClass(parts[0]).value_or(FailureClass::kLocal);
    (void)absl::SimpleAtoi(parts[1], &failure.http_status);
    failure.code = parts[2];
    if (absl::SimpleAtoi(parts[3], &retry_ms) && retry_ms >= 0) failure.retry_after = absl::Milliseconds(retry_ms);
    return failure;
  }
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      failure.why = FailureClass::kStopped;
      break;
    case absl::StatusCode::kDeadlineExceeded:
      failure.why = FailureClass::kTimedOut;
      break;
    default:
      failure.why = FailureClass::kLocal;
  }
  return failure;
}

absl::Status FailureOfAnswer(const io::HttpResponse& response, std::string_view what) {
  const Said said = ReadErrors(response.body);
  Failure failure{.why = Classify(response, said.code),
                  .http_status = response.status,
                  .code = said.code,
                  .retry_after = response.retry_after};
  std::string message = Cat(what, ": the answer is ", response.status);
  if (!said.code.empty()) message += Cat(" ", said.code);
  if (!said.message.empty()) message += Cat(" \"", said.message, "\"");
  return MakeFailure(std::move(failure), message);
}

absl::Status FailureOfTransfer(const absl::Status& status) {
  FailureClass why = FailureClass::kLocal;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      why = FailureClass::kUnavailable;
      break;
    case absl::StatusCode::kDeadlineExceeded:
      why = FailureClass::kTimedOut;
      break;
    case absl::StatusCode::kCancelled:
      why = FailureClass::kStopped;
      break;
    case absl::StatusCode::kResourceExhausted:  // a limit of the answer
    case absl::StatusCode::kPermissionDenied:   // a redirect that breaks the rule
      why = FailureClass::kBrokenAnswer;
      break;
    default:
      break;
  }
  return MakeFailure({.why = why}, Sv(status.message()));
}

}  // namespace gofarm::oci
