#include "common/publish/generation.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::publish {
namespace {

constexpr size_t kFileMax = 200;
constexpr size_t kCommentMax = 400;
constexpr char kTimeForm[] = "%Y-%m-%dT%H:%M:%SZ";

bool TakeValue(absl::string_view part, absl::string_view key, std::string& value) {
  if (part.substr(0, key.size()) != key) return false;
  value = std::string(part.substr(key.size()));
  return true;
}

}  // namespace

bool IsIndexFile(std::string_view name) {
  if (name.size() > kFileMax) return false;
  const std::vector<absl::string_view> elements = absl::StrSplit(Av(name), '/');
  if (elements.size() > 2) return false;
  for (const absl::string_view element : elements) {
    if (element.empty() || element[0] == '.') return false;
    for (const char c : element) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') return false;
    }
  }
  return true;
}

std::string TrustedComment(const SignedAs& signed_as) {
  GOFARM_CHECK(IsIndexFile(signed_as.file));
  return Cat("gofarm index generation=", signed_as.generation.number,
             " time=", absl::FormatTime(kTimeForm, signed_as.generation.time, absl::UTCTimeZone()),
             " file=", signed_as.file);
}

absl::StatusOr<SignedAs> ParseTrustedComment(std::string_view comment) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        Cat("trusted comment \"", EscapeAndClip(comment, kCommentMax), "\" is not that of a gofarm index"));
  };
  if (comment.size() > kCommentMax) return wrong();
  const std::vector<absl::string_view> parts = absl::StrSplit(Av(comment), ' ');
  SignedAs out;
  std::string number, time;
  if (parts.size() != 5 || parts[0] != "gofarm" || parts[1] != "index" || !TakeValue(parts[2], "generation=", number) ||
      !TakeValue(parts[3], "time=", time) || !TakeValue(parts[4], "file=", out.file)) {
    return wrong();
  }
  std::string why;
  if (!absl::SimpleAtoi(number, &out.generation.number) || out.generation.number < 1 || !IsIndexFile(out.file) ||
      !absl::ParseTime(kTimeForm, time, absl::UTCTimeZone(), &out.generation.time, &why)) {
    return wrong();
  }
  // One way to write each: a signed text has no other form that says the same.
  return TrustedComment(out) == comment ? absl::StatusOr<SignedAs>(out) : wrong();
}

}  // namespace gofarm::publish
