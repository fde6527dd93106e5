#include "common/attest/module_id.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/attest/base64.h"
#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::attest {
namespace {

constexpr std::string_view kH1 = "h1:";
constexpr size_t kSha256Bytes = 32;

}  // namespace

absl::StatusOr<std::string> DirHash(std::string_view h1) {
  const std::optional<std::string> raw =
      absl::StartsWith(Av(h1), Av(kH1)) ? FromBase64(h1.substr(kH1.size())) : std::nullopt;
  if (!raw || raw->size() != kSha256Bytes) {
    return absl::InvalidArgumentError(Cat("\"", EscapeAndClip(h1, 80), "\" is no h1 digest of a module"));
  }
  return digest::Hex(*raw);
}

std::string PurlEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string GoPurl(std::string_view path, std::string_view version, std::string_view rest) {
  return Cat("pkg:golang/", PurlEncode(path), version.empty() ? "" : "@", PurlEncode(version), rest);
}

absl::StatusOr<std::string> CommandDirectory(std::string_view import_path, std::string_view module) {
  if (import_path == module && !module.empty()) return ".";
  if (!module.empty() && import_path.size() > module.size() + 1 && absl::StartsWith(Av(import_path), Av(module)) &&
      import_path[module.size()] == '/') {
    return std::string(import_path.substr(module.size() + 1));
  }
  return absl::InvalidArgumentError(
      Cat("the package ", EscapeAndClip(import_path, 200), " is not in the module ", EscapeAndClip(module, 200)));
}

}  // namespace gofarm::attest
