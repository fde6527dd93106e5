#include "common/gomod/version.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/text.h"
#include "common/gomod/path.h"

namespace gofarm::gomod {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsIdentifierChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-'; }

bool AllDigits(std::string_view s) { return std::all_of(s.begin(), s.end(), IsDigit); }

bool TakeChar(std::string_view& rest, char c) {
  if (rest.empty() || rest[0] != c) return false;
  rest.remove_prefix(1);
  return true;
}

// A decimal number without a leading zero.
bool TakeNumber(std::string_view& rest, std::string_view& number) {
  size_t n = 0;
  while (n < rest.size() && IsDigit(rest[n])) ++n;
  if (n == 0 || (rest[0] == '0' && n > 1)) return false;
  number = rest.substr(0, n);
  rest.remove_prefix(n);
  return true;
}

// Dot-separated identifiers after '-' or '+'. Numeric ones of a pre-release have no leading zero.
bool TakeIdentifiers(std::string_view& rest, char opener, bool refuse_leading_zero, std::string_view& taken) {
  if (rest.empty() || rest[0] != opener) return true;
  size_t end = 1;
  while (end < rest.size() && (IsIdentifierChar(rest[end]) || rest[end] == '.')) ++end;
  taken = rest.substr(0, end);
  std::string_view list = taken.substr(1);
  while (true) {
    const size_t dot = list.find('.');
    const std::string_view identifier = list.substr(0, dot);
    if (identifier.empty()) return false;
    if (refuse_leading_zero && identifier.size() > 1 && identifier[0] == '0' && AllDigits(identifier)) return false;
    if (dot == std::string_view::npos) break;
    list.remove_prefix(dot + 1);
  }
  rest.remove_prefix(end);
  return true;
}

struct Semver {
  std::string_view major, minor = "0", patch = "0", prerelease, build;
  std::string_view major_text;  // "v1"
  bool complete = false;        // all three numbers were written
};

// Decimal strings of any length, without leading zeros.
int CompareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b) < 0 ? -1 : (a == b ? 0 : 1);
}

bool ParseSemver(std::string_view version, Semver& parsed) {
  std::string_view rest = version;
  if (version.size() > kVersionMax || !TakeChar(rest, 'v') || !TakeNumber(rest, parsed.major)) return false;
  parsed.major_text = version.substr(0, 1 + parsed.major.size());
  if (rest.empty()) return true;
  if (!TakeChar(rest, '.') || !TakeNumber(rest, parsed.minor)) return false;
  if (rest.empty()) return true;
  if (!TakeChar(rest, '.') || !TakeNumber(rest, parsed.patch)) return false;
  parsed.complete = true;
  return TakeIdentifiers(rest, '-', true, parsed.prerelease) && TakeIdentifiers(rest, '+', false, parsed.build) &&
         rest.empty();
}

std::string_view NextIdentifier(std::string_view& list) {
  const size_t end = list.find('.');
  const std::string_view identifier = list.substr(0, end);
  list.remove_prefix(end == std::string_view::npos ? list.size() : end);
  return identifier;
}

int ComparePrereleases(std::string_view a, std::string_view b) {
  if (a == b) return 0;
  if (a.empty()) return 1;
  if (b.empty()) return -1;
  while (!a.empty() && !b.empty()) {
    a.remove_prefix(1);  // '-' or '.'
    b.remove_prefix(1);
    const std::string_view x = NextIdentifier(a);
    const std::string_view y = NextIdentifier(b);
    if (x == y) continue;
    const bool x_number = AllDigits(x);
    if (x_number != AllDigits(y)) return x_number ? -1 : 1;
    return x_number ? CompareNumbers(x, y) : (x < y ? -1 : 1);
  }
  return a.empty() ? -1 : 1;
}

// Go's own versions; numbers stay text, for they have no bound.
struct GoVersion {
  std::string_view major, minor, patch, kind, pre;
};

bool ParseGoVersion(std::string_view version, GoVersion& parsed) {
  std::string_view rest = version;
  if (version.size() > kVersionMax || !TakeNumber(rest, parsed.major)) return false;
  if (rest.empty()) {
    parsed.minor = "0";
    parsed.patch = "0";
    return true;
  }
  if (!TakeChar(rest, '.') || !TakeNumber(rest, parsed.minor)) return false;
  if (rest.empty()) {
    // Since 1.21 "1.N" is the language and "1.N.0" its first release.
    if (CompareNumbers(parsed.minor, "21") < 0) parsed.patch = "0";
    return true;
  }
  if (TakeChar(rest, '.')) return TakeNumber(rest, parsed.patch) && rest.empty();
  size_t letters = 0;
  while (letters < rest.size() && absl::ascii_islower(static_cast<unsigned char>(rest[letters]))) ++letters;
  if (letters == 0) return false;
  parsed.kind = rest.substr(0, letters);
  rest.remove_prefix(letters);
  return rest.empty() || (TakeNumber(rest, parsed.pre) && rest.empty());
}

}  // namespace

bool IsSemver(std::string_view version) {
  Semver parsed;
  return ParseSemver(version, parsed);
}

absl::Status CheckVersion(std::string_view version) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(Cat("version \"", Clip(EscapeForPrint(version), 120), "\": ", why));
  };
  if (version.empty()) return wrong("is empty");
  if (version.size() > kVersionMax) return wrong(Cat("is longer than ", kVersionMax, " bytes"));
  for (const char c : version) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return wrong("contains a control character");
  }
  Semver parsed;
  if (!ParseSemver(version, parsed)) {
    return wrong("is not a canonical version such as v1.2.3, v1.2.3-rc.1 or a pseudo-version");
  }
  if (!parsed.complete) return wrong("needs all three numbers, as in v1.2.3");
  if (!parsed.build.empty() && parsed.build != "+incompatible") {
    return wrong("has build metadata; only +incompatible is allowed");
  }
  return absl::OkStatus();
}

int CompareSemver(std::string_view a, std::string_view b) {
  Semver x, y;
  const bool x_ok = ParseSemver(a, x);
  const bool y_ok = ParseSemver(b, y);
  if (!x_ok || !y_ok) return x_ok == y_ok ? 0 : (x_ok ? 1 : -1);
  if (const int c = CompareNumbers(x.major, y.major)) return c;
  if (const int c = CompareNumbers(x.minor, y.minor)) return c;
  if (const int c = CompareNumbers(x.patch, y.patch)) return c;
  return ComparePrereleases(x.prerelease, y.prerelease);
}

std::string_view Major(std::string_view version) {
  Semver parsed;
  return ParseSemver(version, parsed) ? parsed.major_text : std::string_view();
}

bool IsPrerelease(std::string_view version) {
  Semver parsed;
  return ParseSemver(version, parsed) && !parsed.prerelease.empty();
}

bool IsIncompatible(std::string_view version) {
  Semver parsed;
  return ParseSemver(version, parsed) && parsed.build == "+incompatible";
}

bool IsPseudo(std::string_view version) {
  Semver parsed;
  if (!ParseSemver(version, parsed) || !parsed.complete || parsed.prerelease.empty()) return false;
  // The revision after the last '-', the time of 14 digits before it, and before that "v0.0.0-", "-0." or "...0.".
  const std::string_view pre = parsed.prerelease.substr(1);
  const size_t dash = pre.rfind('-');
  if (dash == std::string_view::npos || dash < 14) return false;
  const std::string_view revision = pre.substr(dash + 1);
  if (revision.empty() || revision.find('.') != std::string_view::npos) return false;
  if (!AllDigits(pre.substr(dash - 14, 14))) return false;
  const std::string_view base = pre.substr(0, dash - 14);
  if (base.empty()) return parsed.minor == "0" && parsed.patch == "0";
  return base == "0." || (base.size() > 3 && base.substr(base.size() - 3) == ".0.");
}

bool IsInAny(absl::Span<const VersionRange> ranges, std::string_view version) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const VersionRange& range) {
    return CompareSemver(range.low, version) <= 0 && CompareSemver(version, range.high) <= 0;
  });
}

std::string ChooseLatest(std::string_view module_path, absl::Span<const std::string> versions,
                         absl::Span<const VersionRange> retracted, bool newest_has_go_mod) {
  // Per kind the highest; a compatible version of either kind comes before every +incompatible one when the module
  // has a go.mod.
  std::string_view release, prerelease, incompatible_release, incompatible_prerelease;
  const auto raise = [](std::string_view& best, std::string_view version) {
    if (best.empty() || CompareSemver(best, version) < 0) best = version;
  };
  for (const std::string& version : versions) {
    if (!CheckVersion(version).ok() || IsPseudo(version) || !CheckPathMajor(module_path, version).ok()) continue;
    if (IsInAny(retracted, version)) continue;
    if (IsIncompatible(version)) {
      raise(IsPrerelease(version) ? incompatible_prerelease : incompatible_release, version);
    } else {
      raise(IsPrerelease(version) ? prerelease : release, version);
    }
  }
  const bool compatible = !release.empty() || !prerelease.empty();
  if (!(compatible && newest_has_go_mod)) {
    if (!incompatible_release.empty()) raise(release, incompatible_release);
    if (!incompatible_prerelease.empty()) raise(prerelease, incompatible_prerelease);
  }
  return std::string(release.empty() ? prerelease : release);
}

std::string NewestOf(std::string_view module_path, absl::Span<const std::string> versions) {
  return ChooseLatest(module_path, versions, {});
}

bool IsGoVersion(std::string_view version) {
  GoVersion parsed;
  return ParseGoVersion(version, parsed);
}

int CompareGoVersion(std::string_view a, std::string_view b) {
  GoVersion x, y;
  const bool x_ok = ParseGoVersion(a, x);
  const bool y_ok = ParseGoVersion(b, y);
  if (!x_ok || !y_ok) return x_ok == y_ok ? 0 : (x_ok ? 1 : -1);
  if (const int c = CompareNumbers(x.major, y.major)) return c;
  if (const int c = CompareNumbers(x.minor, y.minor)) return c;
  if (const int c = CompareNumbers(x.patch, y.patch)) return c;
  if (x.kind != y.kind) return x.kind < y.kind ? -1 : 1;  // "" < "alpha" < "beta" < "rc"
  return CompareNumbers(x.pre, y.pre);
}

std::string GoLanguageVersion(std::string_view version) {
  GoVersion parsed;
  if (!ParseGoVersion(version, parsed)) return "";
  if (parsed.major == "1" && parsed.minor == "0") return "1";
  return Cat(parsed.major, ".", parsed.minor);
}

}  // namespace gofarm::gomod
