#include "worker/build/classify.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/text.h"
#include "worker/build/rules.h"

namespace gofarm::build {
namespace {

constexpr size_t kDetailLineMax = 400;
constexpr size_t kDetailLinesMax = 24;

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <typename... Parts>
bool HasAny(std::string_view text, Parts... parts) {
  return (Has(text, parts) || ...);
}

// The name between the first pair of single quotes.
std::string_view Quoted(std::string_view line) {
  const size_t from = line.find('\'');
  if (from == std::string_view::npos) return {};
  const size_t to = line.find('\'', from + 1);
  return to == std::string_view::npos ? std::string_view() : line.substr(from + 1, to - from - 1);
}

bool SaysOutOfMemory(std::string_view line) {
  return HasAny(line, "signal: killed", "cannot allocate memory", "Cannot allocate memory", "runtime: out of memory",
                "error: OutOfMemory", "std::bad_alloc", "LLVM ERROR: out of memory");
}

// The sandbox bounds the size of a single file by a signal.
bool SaysFileTooLarge(std::string_view line) {
  return HasAny(line, "file size limit exceeded", "File size limit exceeded", ": file too large", "FileTooBig");
}

// A header, a library or a helper program that a build needs from the system it stands on: the farm has none.
bool SaysSystemLibraryMissing(std::string_view line, std::string_view package, const HasHeader& has_header) {
  if (Has(line, "fatal error: ") && Has(line, "file not found")) {
    const std::string_view name = Quoted(line);
    return !name.empty() && !(has_header && has_header(package, name));
  }
  return (Has(line, "exec: \"") && Has(line, "executable file not found in $PATH")) ||
         Has(line, "was not found in the pkg-config search path") ||
         Has(line, "unable to find dynamic system library") || Has(line, "unable to find static system library") ||
         Has(line, "unable to find framework") || Has(line, "unable to find library -l") || Has(line, "cannot find -l");
}

bool SaysTargetUnsupported(std::string_view line) {
  return Has(line, "build constraints exclude all Go files") ||
         (Has(line, "found packages ") && Has(line, ".go) and ")) || (Has(line, "-buildmode=pie not supported")) ||
         Has(line, "unsupported GOOS/GOARCH pair");
}

bool SaysGoTooOld(std::string_view line) {
  if (Has(line, "-lang was set to")) return false;  // the module's go line is too low, not the farm's Go
  return Has(line, "requires go >= ") || Has(line, "requires go1.") || Has(line, "requires newer Go version") ||
         Has(line, "cannot compile Go 1.") || Has(line, "note: module requires Go ");
}

bool SaysSourceUnavailable(std::string_view line) {
  return HasAny(line, "403 Forbidden", "404 Not Found", "410 Gone", "module lookup disabled by GOPROXY=off",
                "unknown revision ", "no matching versions for query", "This module version is not available");
}

// Files that are made by a generator and were not committed.
bool SaysSourceIncomplete(std::string_view line) {
  return Has(line, ": no matching files found") || Has(line, "contains no embeddable files");
}

bool SaysSourceInvalid(std::string_view line) {
  return HasAny(line, "module declares its path as", "cannot find module providing package",
                "no required module provides package", " is not in std", "import cycle not allowed",
                "use of internal package ", "checksum mismatch", "SECURITY ERROR", "malformed module path",
                "malformed import path", "invalid import path", "no Go files in", "no non-test Go files in",
                "errors parsing go.mod", "ambiguous import: ", "found in multiple modules",
                "is a program, not an importable package", "does not contain package ", "replacement directory ",
                "invalid version:", "no buildable Go source files", "source files not allowed when not using cgo",
                "go.mod has post-");
}

bool SaysLinkError(std::string_view line) {
  return HasAny(line, "/link: running ", "ld.lld: error", "error: undefined symbol", "undefined reference to",
                "function main is undeclared in the main package", "relocation target ",
                "duplicated definition of symbol", "duplicate symbol", "link: invalid reference to ",
                "unsupported linker arg", "unknown linker arg", "failed to open object ",
                "/link: ", "link: ", "missing section for relocation");
}

// clang, zig, cgo, asm and Go's compiler all print a position first: "file.go:12:3: ".
bool SaysCompileError(std::string_view line) {
  if (Has(line, "error: ") || Has(line, "invalid flag in #cgo") || Has(line, "/compile: ") || Has(line, "/cgo: ") ||
      Has(line, "/asm: ")) {
    return true;
  }
  for (const std::string_view extension : {".go:", ".s:", ".c:", ".cc:", ".cpp:", ".h:"}) {
    const size_t at = line.find(extension);
    if (at == std::string_view::npos) continue;
    const size_t digit = at + extension.size();
    if (digit < line.size() && line[digit] >= '0' && line[digit] <= '9') return true;
  }
  return false;
}

// Rows in order of weight: troubles of the machine explain everything after them; then what the system or the target
// lacks, which explains compile errors in its wake.
constexpr std::array<FailureClass, 12> kByWeight = {
    FailureClass::kDiskFull,          FailureClass::kOutputLimit,
    FailureClass::kOutOfMemory,       FailureClass::kToolchainBroken,
    FailureClass::kGoTooOld,          FailureClass::kSourceUnavailable,
    FailureClass::kSourceIncomplete,  FailureClass::kSourceInvalid,
    FailureClass::kTargetUnsupported, FailureClass::kSystemLibraryMissing,
    FailureClass::kLinkError,         FailureClass::kCompileError};

// What a module's own text may be guilty of. Std is the toolchain's: that it does not compile says nothing of a module.
bool IsOfSource(FailureClass failure) {
  return failure == FailureClass::kCompileError || failure == FailureClass::kLinkError ||
         failure == FailureClass::kSystemLibraryMissing || failure == FailureClass::kSourceInvalid ||
         failure == FailureClass::kSourceIncomplete;
}

size_t WeightOf(FailureClass failure) {
  return static_cast<size_t>(std::find(kByWeight.begin(), kByWeight.end(), failure) - kByWeight.begin());
}

std::optional<FailureClass> ClassOfLine(std::string_view line, std::string_view package, const HasHeader& has_header) {
  if (line.empty() || IsQuotedSource(line)) return std::nullopt;
  if (!BlamesSource(line)) {
    if (SaysDiskFull(line)) return FailureClass::kDiskFull;
    if (SaysFileTooLarge(line)) return FailureClass::kOutputLimit;
    if (SaysOutOfMemory(line)) return FailureClass::kOutOfMemory;
    if (SaysToolchainBroken(line)) return FailureClass::kToolchainBroken;
  }
  if (SaysGoTooOld(line)) return FailureClass::kGoTooOld;
  if (SaysSourceUnavailable(line)) return FailureClass::kSourceUnavailable;
  if (SaysTargetUnsupported(line)) return FailureClass::kTargetUnsupported;
  if (SaysSourceIncomplete(line)) return FailureClass::kSourceIncomplete;
  if (SaysSourceInvalid(line)) return FailureClass::kSourceInvalid;
  if (SaysSystemLibraryMissing(line, package, has_header)) return FailureClass::kSystemLibraryMissing;
  if (SaysLinkError(line)) return FailureClass::kLinkError;
  if (SaysCompileError(line)) return FailureClass::kCompileError;
  return std::nullopt;
}

// What the linker was called with: thousands of bytes that say nothing to a reader.
bool IsCommandLine(std::string_view line) {
  return line.size() > 200 && (Has(line, " cc -target ") || Has(line, " c++ -target "));
}

// "/go/pkg/tool/linux_amd64/link: running /zig/zig failed: exit status 1".
bool IsLinkerEnd(std::string_view line) { return Has(line, "link: running ") && Has(line, " failed: "); }

// The header of the section and the lines from just before the decisive one on.
std::string Decisive(const LogSection& section, size_t decisive) {
  std::string text = section.package.empty() ? "" : Cat("# ", Clip(section.package, kDetailLineMax), "\n");
  size_t lines = 0;
  size_t from = decisive > 1 ? decisive - 1 : 0;
  if (from < decisive && IsLinkerEnd(section.lines[from])) from = decisive;
  for (size_t i = from; i < section.lines.size() && lines < kDetailLinesMax; ++i) {
    const std::string_view line = section.lines[i];
    if (line.empty() || IsCommandLine(line)) continue;
    text += Clip(line, kDetailLineMax);
    text += '\n';
    ++lines;
  }
  return DetailOf(text);
}

bool IsEmpty(const LogSection& section) {
  return std::all_of(section.lines.begin(), section.lines.end(), [](std::string_view line) { return line.empty(); });
}

// "# import/path" and "# import/path [variant]", but not "# [pkg-config --cflags -- libfoo]", which stands inside one.
std::string_view HeaderPackage(std::string_view line) {
  if (!line.starts_with("# ")) return {};
  const std::string_view name = line.substr(2, line.find(' ', 2) - 2);
  const std::string_view rest = line.substr(2 + name.size());
  if (name.empty() || name.front() == '[' || !(rest.empty() || rest.starts_with(" ["))) return {};
  return name;
}

}  // namespace

ParsedLog::ParsedLog(std::string_view text, const absl::flat_hash_set<std::string>& packages) {
  sections_.push_back({});
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (const std::string_view package = HeaderPackage(line); !package.empty()) {
      sections_.push_back({std::string(package), !packages.contains(std::string(package)), {}});
      continue;
    }
    const size_t colon = line.find(": ");
    if (colon != std::string_view::npos && packages.contains(std::string(line.substr(0, colon)))) {
      sections_.push_back({std::string(line.substr(0, colon)), false, {line.substr(colon + 2)}});
      continue;
    }
    // `go -v` names each package as it is compiled: that ends what was said about the one before.
    if (packages.contains(std::string(line))) {
      sections_.push_back({});
      continue;
    }
    sections_.back().lines.push_back(line);
  }
}

LogVerdicts::Verdict LogVerdicts::Judge(const LogSection& section, const HasHeader& has_header,
                                        FailureClass otherwise) {
  Verdict verdict{otherwise, WeightOf(otherwise), &section, 0};
  bool found = false;
  for (size_t i = 0; i < section.lines.size(); ++i) {
    std::optional<FailureClass> failure = ClassOfLine(section.lines[i], section.package, has_header);
    if (!failure) continue;
    if (section.outside && IsOfSource(*failure)) failure = FailureClass::kToolchainBroken;
    // Go says that the linker failed before it shows what the linker said.
    const bool says_more = found && verdict.failure == FailureClass::kLinkError && *failure == verdict.failure &&
                           IsLinkerEnd(section.lines[verdict.line]) && !IsLinkerEnd(section.lines[i]);
    if (found && !says_more && WeightOf(*failure) >= verdict.weight) continue;
    verdict.failure = *failure;
    verdict.weight = WeightOf(*failure);
    verdict.line = i;
    found = true;
  }
  return verdict;
}

// The order in which packages compile differs from run to run; weight and name decide, so that the verdict does not.
bool LogVerdicts::Decides(const Verdict& verdict, const Verdict& over) {
  if (verdict.section == nullptr || over.section == nullptr)
    return over.section == nullptr && verdict.section != nullptr;
  if (verdict.weight != over.weight) return verdict.weight < over.weight;
  return verdict.section->package < over.section->package;
}

LogVerdicts::LogVerdicts(const ParsedLog& log, const HasHeader& has_header) : log_(log) {
  for (const LogSection& section : log.sections()) {
    if (IsEmpty(section)) continue;
    const FailureClass otherwise = section.package.empty() ? FailureClass::kInternal
                                   : section.outside       ? FailureClass::kToolchainBroken
                                                           : FailureClass::kCompileError;
    const Verdict verdict = Judge(section, has_header, otherwise);
    // What go said about no package counts by line and only with a known pattern.
    if (section.package.empty() && verdict.failure == FailureClass::kInternal) continue;
    Verdict& best = section.package.empty() ? nobody_ : section.outside ? outside_ : of_packages_[section.package];
    if (Decides(verdict, best)) best = verdict;
  }
}

Classified LogVerdicts::OfProgram(const absl::flat_hash_set<std::string>& dependencies) const {
  Verdict best = outside_;
  for (const auto& [package, verdict] : of_packages_) {
    if (dependencies.contains(Av(package)) && Decides(verdict, best)) best = verdict;
  }
  if (best.section == nullptr) best = nobody_;
  if (best.section != nullptr) return {best.failure, Decisive(*best.section, best.line)};

  std::string tail;
  for (const LogSection& section : log_.sections()) {
    if (!section.package.empty() || IsEmpty(section)) continue;
    tail = Decisive(section, section.lines.size() > kDetailLinesMax ? section.lines.size() - kDetailLinesMax : 0);
  }
  return {FailureClass::kInternal, tail.empty() ? "go ended with an error and said nothing about this program" : tail};
}

bool SaysDiskFull(std::string_view text) {
  return HasAny(text, "no space left on device", "No space left on device", "NoSpaceLeft", "disk quota exceeded",
                "Disk quota exceeded");
}

std::string DetailOf(std::string_view text) {
  std::string detail = Clip(EscapeForPrint(text, /*keep_newlines=*/true), kDetailMax);
  while (!detail.empty() && detail.back() == '\n') detail.pop_back();
  return detail;
}

bool ConcernsWorker(FailureClass failure) {
  switch (failure) {
    case FailureClass::kTimeout:
    case FailureClass::kSilence:
    case FailureClass::kOutputLimit:
    case FailureClass::kProxyError:
    case FailureClass::kDiskFull:
    case FailureClass::kToolchainBroken:
    case FailureClass::kWorkerLost:
      return true;
    default:
      return false;
  }
}

}  // namespace gofarm::build
