#include "common/gomod/path.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::gomod {
namespace {

enum class PathKind { kModule, kImport, kFile };

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool IsAllowed(PathKind kind, char c) {
  if (absl::ascii_isalnum(static_cast<unsigned char>(c))) return true;
  switch (kind) {
    case PathKind::kModule:
      return std::string_view("-._~").find(c) != std::string_view::npos;
    case PathKind::kImport:
      return std::string_view("-._~+").find(c) != std::string_view::npos;
    case PathKind::kFile:
      // Letters of other scripts are allowed in file names. Which of the high bytes form letters is left to the file
      // system: they cannot hide a separator or a control character.
      return static_cast<unsigned char>(c) >= 0x80 ||
             std::string_view("!#$%&()+,-.=@[]^_{}~ ").find(c) != std::string_view::npos;
  }
  return false;
}

std::string CharName(char c) {
  if (IsControl(c)) return "control character";
  return Cat("character '", EscapeForPrint(std::string_view(&c, 1)), "'");
}

// What Windows cannot store Go refuses everywhere.
bool IsWindowsName(std::string_view name) {
  static constexpr std::array<std::string_view, 22> kNames = {
      "con",  "prn",  "aux",  "nul",  "com1", "com2", "com3", "com4", "com5", "com6", "com7",
      "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view bad) { return absl::EqualsIgnoreCase(Av(bad), Av(name)); });
}

// The fault in words, or nothing.
std::optional<std::string> ElementFault(std::string_view element, PathKind kind) {
  if (element.empty()) return "empty path element";
  if (element.find_first_not_of('.') == std::string_view::npos)
    return Cat("path element \"", element, "\" is not allowed");
  if (element[0] == '.' && kind == PathKind::kModule) return "leading dot in a path element";
  if (element.back() == '.') return "trailing dot in a path element";
  for (const char c : element) {
    if (!IsAllowed(kind, c)) return Cat(CharName(c), " is not allowed");
  }
  const std::string_view stem = element.substr(0, element.find('.'));
  if (IsWindowsName(stem)) return Cat("\"", stem, "\" is a reserved name on Windows");
  if (kind == PathKind::kFile) return std::nullopt;
  const size_t tilde = stem.rfind('~');
  if (tilde != std::string_view::npos && tilde + 1 < stem.size() &&
      std::all_of(stem.begin() + static_cast<std::ptrdiff_t>(tilde) + 1, stem.end(), IsDigit)) {
    return "tilde and digits at the end of a path element";
  }
  return std::nullopt;
}

std::optional<std::string> PathFault(std::string_view path, PathKind kind) {
  if (path.empty()) return "is empty";
  if (path.size() > kModulePathMax) return Cat("is longer than ", kModulePathMax, " bytes");
  // Said first, before any other fault: this is what an operator must know of a line that looks harmless.
  if (std::any_of(path.begin(), path.end(), IsControl)) return "contains a control character";
  if (path[0] == '-' && kind != PathKind::kFile) return "leading dash";
  if (path[0] == '/') return "leading slash";
  if (path.back() == '/') return "trailing slash";
  if (absl::StrContains(Av(path), "//")) return "double slash";
  while (true) {
    const size_t slash = path.find('/');
    if (auto fault = ElementFault(path.substr(0, slash), kind)) return fault;
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
}

std::optional<std::string> ModulePathFault(std::string_view path) {
  if (auto fault = PathFault(path, PathKind::kModule)) return fault;
  const std::string_view first = path.substr(0, path.find('/'));
  for (const char c : first) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      return Cat("upper case in the first element \"", first, "\"; a host name is written in lower case");
    }
    if (!(IsDigit(c) || absl::ascii_islower(static_cast<unsigned char>(c)) || c == '-' || c == '.')) {
      return Cat(CharName(c), " is not allowed in the first element");
    }
  }
  if (first.find('.') == std::string_view::npos) return Cat("missing dot in the first element \"", first, "\"");
  if (!SplitPathVersion(path).ok) return "the major version at its end is not of the form /vN with N of 2 or more";
  return std::nullopt;
}

absl::Status PathError(std::string_view kind, std::string_view path, const std::string& fault) {
  return absl::InvalidArgumentError(Cat(kind, " path \"", Clip(EscapeForPrint(path), 200), "\": ", fault));
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      out += '!';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

PathVersion SplitGopkgIn(std::string_view path) {
  size_t end = path.size();
  static constexpr std::string_view kUnstable = "-unstable";
  if (path.size() > kUnstable.size() && path.substr(path.size() - kUnstable.size()) == kUnstable)
    end -= kUnstable.size();
  size_t i = end;
  while (i > 0 && IsDigit(path[i - 1])) --i;
  if (i <= 1 || path[i - 1] != 'v' || path[i - 2] != '.') return {path, "", false};
  const std::string_view major = path.substr(i - 2);
  if (major.size() <= 2 || i == end || (major[2] == '0' && major != ".v0")) return {path, "", false};
  return {path.substr(0, i - 2), major, true};
}

// path.Match of Go for one element: '*', '?', '[...]' and '\' escapes; no '/' is ever matched. Bounded by the pattern's
// and the text's length times each other.
bool GlobMatches(std::string_view glob, std::string_view text) {
  while (!glob.empty()) {
    if (glob[0] == '*') {
      glob.remove_prefix(1);
      for (size_t skip = 0;; ++skip) {
        if (GlobMatches(glob, text.substr(skip))) return true;
        if (skip >= text.size() || text[skip] == '/') return false;
      }
    }
    if (text.empty()) return false;
    if (glob[0] == '?') {
      if (text[0] == '/') return false;
    } else if (glob[0] == '[') {
      const size_t close = glob.find(']', 2);
      if (close == std::string_view::npos || text[0] == '/') return false;
      std::string_view set = glob.substr(1, close - 1);
      const bool negated = !set.empty() && set[0] == '^';
      if (negated) set.remove_prefix(1);
      bool found = false;
      for (size_t i = 0; i < set.size(); ++i) {
        if (i + 2 < set.size() && set[i + 1] == '-') {
          found |= set[i] <= text[0] && text[0] <= set[i + 2];
          i += 2;
        } else {
          found |= set[i] == text[0];
        }
      }
      if (found == negated) return false;
      glob.remove_prefix(close);
    } else {
      if (glob[0] == '\\' && glob.size() > 1) glob.remove_prefix(1);
      if (glob[0] != text[0]) return false;
    }
    glob.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty();
}

constexpr size_t kGlobMax = 256;
constexpr ptrdiff_t kGlobStarsMax = 8;  // each star multiplies the work

}  // namespace

absl::Status CheckModulePath(std::string_view path) {
  if (const auto fault = ModulePathFault(path)) return PathError("module", path, *fault);
  return absl::OkStatus();
}

absl::Status CheckImportPath(std::string_view path) {
  if (const auto fault = PathFault(path, PathKind::kImport)) return PathError("import", path, *fault);
  return absl::OkStatus();
}

absl::Status CheckFilePath(std::string_view path) {
  if (const auto fault = PathFault(path, PathKind::kFile)) return PathError("file", path, *fault);
  return absl::OkStatus();
}

PathVersion SplitPathVersion(std::string_view path) {
  if (absl::StartsWith(Av(path), "gopkg.in/")) return SplitGopkgIn(path);
  size_t i = path.size();
  bool dot = false;
  while (i > 0 && (IsDigit(path[i - 1]) || path[i - 1] == '.')) {
    dot |= path[i - 1] == '.';
    --i;
  }
  if (i <= 1 || i == path.size() || path[i - 1] != 'v' || path[i - 2] != '/') return {path, "", true};
  const std::string_view major = path.substr(i - 2);
  if (dot || major.size() <= 2 || major[2] == '0' || major == "/v1") return {path, "", false};
  return {path.substr(0, i - 2), major, true};
}

absl::Status CheckPathMajor(std::string_view path, std::string_view version) {
  std::string_view major = SplitPathVersion(path).major;
  static constexpr std::string_view kUnstable = "-unstable";
  if (major.size() > kUnstable.size() && major.substr(major.size() - kUnstable.size()) == kUnstable) {
    major.remove_suffix(kUnstable.size());
  }
  // Old gopkg.in pseudo-versions of v1 were written v0.0.0-.
  if (major == ".v1" && absl::StartsWith(Av(version), "v0.0.0-")) return absl::OkStatus();
  const std::string_view have = Major(version);
  std::string_view want = "v0 or v1";
  if (major.empty()) {
    if (have == "v0" || have == "v1" || IsIncompatible(version)) return absl::OkStatus();
  } else {
    want = major.substr(1);
    if (have == want && !IsIncompatible(version)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(Cat("version \"", Clip(EscapeForPrint(version), 120), "\" of \"",
                                        Clip(EscapeForPrint(path), 200), "\": should be ", want, ", not ",
                                        have.empty() ? std::string_view("that") : have));
}

absl::StatusOr<std::string> EscapePath(std::string_view path) {
  GOFARM_RETURN_IF_ERROR(CheckModulePath(path));
  return Escape(path);
}

absl::StatusOr<std::string> EscapeVersion(std::string_view version) {
  if (version.size() > kVersionMax || ElementFault(version, PathKind::kFile).has_value() ||
      std::any_of(version.begin(), version.end(),
                  [](char c) { return c == '!' || static_cast<unsigned char>(c) >= 0x80; })) {
    return absl::InvalidArgumentError(
        Cat("version \"", Clip(EscapeForPrint(version), 120), "\" cannot be part of a proxy's URL"));
  }
  return Escape(version);
}

absl::StatusOr<std::string> UnescapePath(std::string_view escaped) {
  std::string path;
  for (size_t i = 0; i < escaped.size(); ++i) {
    char c = escaped[i];
    if (c == '!') {
      if (++i == escaped.size() || !absl::ascii_islower(static_cast<unsigned char>(escaped[i]))) {
        return PathError("escaped", escaped, "\"!\" without a lower-case letter after it");
      }
      c = absl::ascii_toupper(static_cast<unsigned char>(escaped[i]));
    } else if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      return PathError("escaped", escaped, "upper-case letter");
    }
    path += c;
  }
  GOFARM_RETURN_IF_ERROR(CheckModulePath(path));
  return path;
}

std::string UnescapeVersion(std::string_view escaped) {
  std::string version;
  for (size_t i = 0; i < escaped.size(); ++i) {
    const bool upper = escaped[i] == '!' && i + 1 < escaped.size();
    version += upper ? absl::ascii_toupper(static_cast<unsigned char>(escaped[++i])) : escaped[i];
  }
  return version;
}

bool IsInModule(std::string_view import_path, std::string_view module) {
  return import_path == module || (import_path.size() > module.size() && import_path[module.size()] == '/' &&
                                   import_path.substr(0, module.size()) == module);
}

std::string ProgramName(std::string_view import_path) {
  const size_t slash = import_path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? import_path : import_path.substr(slash + 1);
  const bool is_major = slash != std::string_view::npos && last.size() >= 2 && last[0] == 'v' && last[1] >= '1' &&
                        std::all_of(last.begin() + 1, last.end(), IsDigit) && last != "v1";
  if (!is_major) return std::string(last);
  const std::string_view before = import_path.substr(0, slash);
  const size_t previous = before.rfind('/');
  return std::string(previous == std::string_view::npos ? before : before.substr(previous + 1));
}

absl::StatusOr<ModuleSpec> ParseModuleSpec(std::string_view text) {
  const size_t at = text.find('@');
  ModuleSpec spec{std::string(text.substr(0, at)), ""};
  GOFARM_RETURN_IF_ERROR(CheckModulePath(spec.module));
  if (at == std::string_view::npos) return spec;
  const std::string_view version = text.substr(at + 1);
  if (version == "latest") return spec;
  GOFARM_RETURN_IF_ERROR(CheckVersion(version));
  GOFARM_RETURN_IF_ERROR(CheckPathMajor(spec.module, version));
  spec.version = std::string(version);
  return spec;
}

bool MatchPrefixPatterns(std::string_view globs, std::string_view target) {
  while (!globs.empty()) {
    const size_t comma = globs.find(',');
    std::string_view glob = globs.substr(0, comma);
    globs.remove_prefix(comma == std::string_view::npos ? globs.size() : comma + 1);
    if (!glob.empty() && glob.back() == '/') glob.remove_suffix(1);
    if (glob.empty() || glob.size() > kGlobMax || std::count(glob.begin(), glob.end(), '*') > kGlobStarsMax) continue;
    // As many elements of the target as the glob has.
    auto elements = std::count(glob.begin(), glob.end(), '/');
    size_t end = 0;
    for (; end < target.size(); ++end) {
      if (target[end] == '/' && elements-- == 0) break;
    }
    if (end == target.size() && elements > 0) continue;
    if (GlobMatches(glob, target.substr(0, end))) return true;
  }
  return false;
}

}  // namespace gofarm::gomod
