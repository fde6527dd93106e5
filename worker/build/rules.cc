#include "worker/build/rules.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace gofarm::build {
namespace {

constexpr bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Names of the large-file interface that glibc always declares and musl only on request.
constexpr std::array<std::string_view, 22> kLargeFileNames = {
    "off64_t",  "loff64_t", "ino64_t", "fpos64_t", "blkcnt64_t", "rlim64_t",   "pread64",  "pwrite64",
    "preadv64", "lseek64",  "open64",  "creat64",  "fopen64",    "freopen64",  "fseeko64", "ftello64",
    "mmap64",   "stat64",   "lstat64", "fstat64",  "statfs64",   "ftruncate64"};

// Compilers name what they miss in an error line: "use of undeclared identifier 'pread64'", "unknown type name
// 'off64_t'", "call to undeclared function 'lseek64'". sqlite's own table of system calls falls over as 'struct
// unix_syscall[]'.
bool SaysLargeFileNames(std::string_view line) {
  if (!Has(line, "error: ")) return false;
  if (Has(line, "undeclared") || Has(line, "unknown type name") || Has(line, "incomplete type")) {
    if (Has(line, "'struct unix_syscall[]'")) return true;
    return std::any_of(kLargeFileNames.begin(), kLargeFileNames.end(), [&](std::string_view name) {
      return Has(line, Cat("'", name, "'")) || Has(line, Cat("struct ", name, "'"));
    });
  }
  return false;
}

// What linkers say before a name that the module chose, whatever it is made of.
constexpr std::array<std::string_view, 9> kSourcesWordsFollow = {"error: undefined symbol: ",
                                                                 "ld.lld: error: undefined symbol: ",
                                                                 "error: duplicate symbol",
                                                                 "ld.lld: error: duplicate symbol",
                                                                 "error: failed to open object ",
                                                                 "error: unable to find dynamic system library ",
                                                                 "error: unable to find static system library ",
                                                                 "error: unable to find framework ",
                                                                 ">>> "};

// Where the message begins in "file.go:12:3: message" or "file.s:12: message"; npos without a position. The number
// before the blank ends the position, be it the line's or the column's.
size_t AfterPosition(std::string_view line) {
  const auto skip_number = [&line](size_t at) {
    while (at < line.size() && line[at] >= '0' && line[at] <= '9') ++at;
    return at;
  };
  for (size_t colon = line.find(':'); colon != std::string_view::npos; colon = line.find(':', colon + 1)) {
    const size_t end = skip_number(colon + 1);
    if (end == colon + 1 || end >= line.size() || line[end] != ':') continue;
    if (end + 1 < line.size() && line[end + 1] == ' ') return end + 2;
  }
  return std::string_view::npos;
}

struct Rule {
  Fingerprint fingerprint;
  bool (*matches)(std::string_view line);
};

// Go wraps its refusal over several lines: "… contains one or\n\tmore replace directives. It must not contain
// directives that would cause\n\tit to be interpreted differently than if it were the main module."
bool SaysDirectivesRefused(std::string_view line) {
  return Has(line, "It must not contain directives") ||
         Has(line, "interpreted differently than if it were the main module");
}

bool SaysReplacementMissing(std::string_view line) {
  return (Has(line, "replacement directory ") && Has(line, " does not exist")) ||
         (Has(line, "(replaced by ") && Has(line, "go.mod: no such file or directory")) ||
         (Has(line, "(replaced by ") && Has(line, "outside of "));
}

// In the order of repair: what keeps everything from loading, then what one package needs.
constexpr std::array<Rule, 4> kRules = {{
    {Fingerprint::kDirectivesRefused, SaysDirectivesRefused},
    {Fingerprint::kReplacementMissing, SaysReplacementMissing},
    {Fingerprint::kLargeFileNames, SaysLargeFileNames},
    {Fingerprint::kToolchainBroken, SaysToolchainBroken},
}};

template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (!visit(text.substr(0, end)) || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string VariantName(const Variant& variant) {
  static constexpr std::array<std::string_view, 3> kNames = {"install", "source", "noreplace"};
  return Cat(kNames[static_cast<size_t>(variant.base)], variant.lfs64 ? "+lfs64" : "");
}

std::string_view FingerprintName(Fingerprint fingerprint) {
  static constexpr std::array<std::string_view, 5> kNames = {"", "directives_refused", "replacement_missing",
                                                             "large_file_names", "toolchain_broken"};
  return kNames[static_cast<size_t>(fingerprint)];
}

bool SaysToolchainBroken(std::string_view line) {
  if (BlamesSource(line)) return false;
  if (Has(line, "error: ") && !Has(line, "failed to open object")) {
    for (const std::string_view sign :
         {"ReadOnlyFileSystem", "FileNotFound", "AccessDenied", "failed to check cache",
          "failed to create output directory", "sub-compilation of", "unable to build musl", "unable to build libc++",
          "unable to build compiler_rt", "unable to build libunwind", "cache manifest",
          "unable to create compilation"}) {
      if (Has(line, sign)) return true;
    }
  }
  for (const std::string_view sign : {"PLEASE submit a bug report", "LLVM ERROR",
                                      "Stack dump:", "Segmentation fault at address", "Bus error at address"}) {
    if (line.starts_with(sign)) return true;
  }
  if (line.starts_with("thread ") && Has(line, " panic: ")) return true;
  for (const std::string_view sign : {"internal compiler error", "signal: segmentation fault", "signal: bus error",
                                      "signal: illegal instruction", "signal: aborted"}) {
    if (Has(line, sign)) return true;
  }
  return false;
}

bool IsQuotedSource(std::string_view line) {
  const size_t at = line.find_first_not_of(" 0123456789");
  return at != std::string_view::npos && at > 0 && line[at] == '|';
}

bool BlamesSource(std::string_view line) {
  if (IsQuotedSource(line)) return true;
  const size_t message = AfterPosition(line);
  if (message != std::string_view::npos) {
    const std::string_view said = line.substr(message);
    const bool of_zig = line.substr(0, message).ends_with(":1:1: ") && said.starts_with("error: ");
    return !of_zig && !said.starts_with("internal compiler error: ");
  }
  for (const std::string_view start : kSourcesWordsFollow) {
    if (line.starts_with(start)) return true;
  }
  return Has(line, "invalid flag in #cgo ") || Has(line, "malformed #cgo ");
}

Fingerprint FingerprintOf(std::string_view log) {
  size_t found = kRules.size();
  ForEachLine(log, [&](std::string_view line) {
    for (size_t i = 0; i < found; ++i) {
      if (kRules[i].matches(line)) found = i;
    }
    return found > 0;
  });
  return found == kRules.size() ? Fingerprint::kNone : kRules[found].fingerprint;
}

std::optional<Variant> NextVariant(const Variant& failed, Fingerprint fingerprint, const std::vector<Variant>& tried) {
  Variant next = failed;
  switch (fingerprint) {
    case Fingerprint::kDirectivesRefused:
      next.base = Base::kSource;
      break;
    case Fingerprint::kReplacementMissing:
      next.base = Base::kNoReplace;
      break;
    case Fingerprint::kLargeFileNames:
      next.lfs64 = true;
      break;
    case Fingerprint::kNone:
    case Fingerprint::kToolchainBroken:
      return std::nullopt;
  }
  if (next == failed || std::find(tried.begin(), tried.end(), next) != tried.end()) return std::nullopt;
  return next;
}

}  // namespace gofarm::build
