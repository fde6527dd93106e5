#include "worker/build/rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::build {
namespace {

constexpr bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Functions of the large-file interface that glibc always has. musl declares them on request, as other names of its
// plain functions, and has no symbols for them.
constexpr std::array<std::string_view, 60> kLargeFileFunctions = {
    "aio_cancel64",  "aio_error64",  "aio_fsync64", "aio_read64",      "aio_return64",
    "aio_suspend64", "aio_write64",  "alphasort64", "creat64",         "fallocate64",
    "fgetpos64",     "fopen64",      "freopen64",   "fseeko64",        "fsetpos64",
    "fstat64",       "fstatat64",    "fstatfs64",   "fstatvfs64",      "ftello64",
    "ftruncate64",   "ftw64",        "getdents64",  "getrlimit64",     "glob64",
    "globfree64",    "lio_listio64", "lockf64",     "lseek64",         "lstat64",
    "mkostemp64",    "mkostemps64",  "mkstemp64",   "mkstemps64",      "mmap64",
    "nftw64",        "open64",       "openat64",    "posix_fadvise64", "posix_fallocate64",
    "pread64",       "preadv64",     "prlimit64",   "pwrite64",        "pwritev64",
    "readdir64",     "readdir64_r",  "scandir64",   "sendfile64",      "setrlimit64",
    "stat64",        "statfs64",     "statvfs64",   "tmpfile64",       "truncate64",
    "versionsort64", "preadv64v2",   "pwritev64v2", "getdirentries64", "mkdtemp64"};
// Its types and constants.
constexpr std::array<std::string_view, 22> kLargeFileTypes = {
    "off64_t",      "loff64_t",        "ino64_t",          "fpos64_t",        "blkcnt64_t", "rlim64_t",
    "fsblkcnt64_t", "fsfilcnt64_t",    "glob64_t",         "dirent64",        "flock64",    "rlimit64",
    "aiocb64",      "stat64",          "statfs64",         "statvfs64",       "F_GETLK64",  "F_SETLK64",
    "F_SETLKW64",   "RLIM64_INFINITY", "RLIM64_SAVED_CUR", "RLIM64_SAVED_MAX"};

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether the name stands in the line as a word of its own.
bool HasWord(std::string_view line, std::string_view name) {
  for (size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !IsWordChar(line[at - 1])) && (end == line.size() || !IsWordChar(line[end]))) return true;
  }
  return false;
}

template <typename Names>
bool HasWordOf(std::string_view line, const Names& names) {
  return Has(line, "64") &&
         std::any_of(names.begin(), names.end(), [&](std::string_view n) { return HasWord(line, n); });
}

// Compilers name what they miss: "use of undeclared identifier 'pread64'", "unknown type name 'off64_t'", "incomplete
// definition of type 'struct dirent64'"; cgo: "could not determine what C.off64_t refers to"; linkers: "undefined
// symbol: open64". sqlite's own table of system calls falls over as 'struct unix_syscall[]'.
bool SaysLargeFileNames(std::string_view line) {
  if (Has(line, "error: ") && Has(line, "incomplete type") && Has(line, "'struct unix_syscall[]'")) return true;
  bool misses = false;
  for (const std::string_view words :
       {"undeclared", "unknown type name", "incomplete type", "incomplete definition", "could not determine what C.",
        "undefined symbol: ", "undefined reference to", "no member named", "has no known conversion"}) {
    misses |= Has(line, words);
  }
  return misses && (HasWordOf(line, kLargeFileFunctions) || HasWordOf(line, kLargeFileTypes));
}

// The large-file function that a linker did not find; empty: none. Its plain twin has the same name without "64".
std::string_view LargeFileSymbol(std::string_view line) {
  constexpr std::string_view kMark = "undefined symbol: ";
  const size_t at = line.find(kMark);
  if (at == std::string_view::npos) return {};
  const std::string_view name = line.substr(at + kMark.size());
  const auto found = std::find(kLargeFileFunctions.begin(), kLargeFileFunctions.end(), name);
  return found == kLargeFileFunctions.end() ? std::string_view() : *found;
}

// Flags that zig's driver does not know and that change nothing in a static program, or nothing but what the linker
// refuses.
constexpr std::array<std::string_view, 24> kIdleLinkFlags = {"--unresolved-symbols",
                                                             "--warn-unresolved-symbols",
                                                             "--error-unresolved-symbols",
                                                             "--dynamic-list",
                                                             "--dynamic-list-data",
                                                             "--export-dynamic-symbol",
                                                             "--copy-dt-needed-entries",
                                                             "--no-copy-dt-needed-entries",
                                                             "-Map",
                                                             "--Map",
                                                             "--exclude-libs",
                                                             "--no-warn-mismatch",
                                                             "--fatal-warnings",
                                                             "--no-fatal-warnings",
                                                             "--warn-common",
                                                             "--verbose",
                                                             "--trace",
                                                             "-t",
                                                             "--icf",
                                                             "--gdb-index",
                                                             "--no-relax",
                                                             "--allow-multiple-definition",
                                                             "--no-keep-memory",
                                                             "--reduce-memory-overheads"};

// "error: unsupported linker arg: --unresolved-symbols" of zig's driver.
std::string_view UnknownLinkFlag(std::string_view line) {
  for (const std::string_view mark : {"error: unsupported linker arg: ", "error: unknown linker arg: "}) {
    const size_t at = line.find(mark);
    if (at != std::string_view::npos) return line.substr(at + mark.size());
  }
  return {};
}

// "requires go1.22 or later (-lang was set to go1.16; check go.mod)": the version; empty: nothing of that.
std::string_view WantedGoLine(std::string_view line) {
  constexpr std::string_view kMark = "requires go";
  if (!Has(line, "-lang was set to go")) return {};
  const size_t at = line.find(kMark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + kMark.size());
  const std::string_view version = rest.substr(0, rest.find(' '));
  return gomod::IsGoVersion(version) ? version : std::string_view();
}

// Modules that hold prebuilt C for glibc and, behind a tag of their own, for musl. Sources: the module's own README.
struct MuslTag {
  std::string_view module, tag;
};
constexpr std::array<MuslTag, 3> kMuslTags = {{
    {"github.com/confluentinc/confluent-kafka-go", "musl"},
    {"github.com/confluentinc/confluent-kafka-go/v2", "musl"},
    {"github.com/valyala/gozstd", "musl"},
}};

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

// A complaint of a compiler or of the go command about the package's own text.
bool SaysPackageBroken(std::string_view line) {
  return !IsQuotedSource(line) && (AfterPosition(line) != std::string_view::npos || Has(line, "error: "));
}

// A log can name as many as it likes.
constexpr size_t kFindingsMax = 100;

// Keeps the first of each fingerprint and subject.
void Add(std::vector<Finding>& all, Finding finding) {
  if (all.size() < kFindingsMax && std::find(all.begin(), all.end(), finding) == all.end())
    all.push_back(std::move(finding));
}

void LookAtLine(std::string_view line, const PackageOrigin& origin, std::vector<Finding>& all) {
  if (SaysDirectivesRefused(line)) Add(all, {Fingerprint::kDirectivesRefused, ""});
  if (SaysReplacementMissing(line)) Add(all, {Fingerprint::kReplacementMissing, ""});
  if (const std::string_view go = WantedGoLine(line); !go.empty() && origin.kind == PackageOrigin::Kind::kOwn) {
    Add(all, {Fingerprint::kGoLineTooLow, std::string(go)});
  }
  if (Has(line, "link: ") && Has(line, ": invalid reference to ")) Add(all, {Fingerprint::kLinknameRefused, ""});
  if (const std::string_view name = LargeFileSymbol(line); !name.empty()) {
    Add(all, {Fingerprint::kLargeFileSymbols, std::string(name)});
  }
  if (SaysLargeFileNames(line)) Add(all, {Fingerprint::kLargeFileNames, ""});
  const std::string_view flag = UnknownLinkFlag(line);
  if (std::find(kIdleLinkFlags.begin(), kIdleLinkFlags.end(), flag) != kIdleLinkFlags.end()) {
    Add(all, {Fingerprint::kLinkerFlag, std::string(flag)});
  }
  if (SaysToolchainBroken(line)) Add(all, {Fingerprint::kToolchainBroken, ""});
  if (origin.versions_chosen && SaysPackageBroken(line)) Add(all, {Fingerprint::kVersionsTooNew, ""});
  if (origin.kind == PackageOrigin::Kind::kDependency && SaysPackageBroken(line)) {
    Add(all, {Fingerprint::kDependencyBroken, origin.module, origin.lacks_target});
  }
}

// False: it is there already.
template <typename Names>
bool Insert(Names& sorted, const std::string& name) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), name);
  if (at != sorted.end() && *at == name) return false;
  sorted.insert(at, name);
  return true;
}

// Names of one kind, all of which one try may have told.
bool IsOneOfMany(Fingerprint fingerprint) {
  return fingerprint == Fingerprint::kLargeFileSymbols || fingerprint == Fingerprint::kLinkerFlag ||
         fingerprint == Fingerprint::kExperimentWanted || fingerprint == Fingerprint::kTagWanted;
}

bool IsRaised(const fetch::SourceForm& form, const std::string& module) {
  return std::any_of(form.raised.begin(), form.raised.end(),
                     [&](const gomod::ModuleVersion& m) { return m.path == module; });
}

bool MayBeRaised(const std::string& module, const Choices& choices, const Variant& variant) {
  return variant.form.raised.size() < kRaisedMax && !IsRaised(variant.form, module) &&
         !choices.cannot_be_raised.contains(module);
}

bool Raise(const std::string& module, Variant& next) {
  next.form.previous_go = false;  // a newer release may not know the older Go
  next.form.raised.push_back({module, ""});
  std::sort(next.form.raised.begin(), next.form.raised.end());
  return true;
}

// What the finding's rule makes of the variant that failed; false: nothing.
bool Repair(const Finding& finding, const Choices& choices, const std::vector<Variant>& tried, Variant& next) {
  switch (finding.fingerprint) {
    case Fingerprint::kDirectivesRefused:
      next.form.base = fetch::Base::kSource;
      return true;
    case Fingerprint::kReplacementMissing:
      next.form.base = fetch::Base::kNoReplace;
      return true;
    case Fingerprint::kGoLineTooLow:
      // An edited go.mod needs a source of its own.
      if (next.form.base == fetch::Base::kInstall) next.form.base = fetch::Base::kSource;
      if (gomod::CompareGoVersion(finding.about, next.form.go_line) <= 0) return false;
      next.form.go_line = finding.about;
      return true;
    case Fingerprint::kExperimentWanted:
      return Insert(next.form.experiments, finding.about);
    case Fingerprint::kLinknameRefused:
      return !std::exchange(next.linkname, true);
    case Fingerprint::kLargeFileNames:
      return !std::exchange(next.lfs64, true);
    case Fingerprint::kLargeFileSymbols:
      // Sources that were compiled with the declarations want no such symbol: what is left are prebuilt objects.
      next.lfs64 = true;
      return Insert(next.aliases, finding.about);
    case Fingerprint::kLinkerFlag:
      return Insert(next.dropped_link_flags, finding.about);
    case Fingerprint::kTagWanted:
      return Insert(next.form.tags, finding.about);
    case Fingerprint::kVersionsTooNew:
      // An install alone: its versions are the farm's choice.
      if (next.form.base != fetch::Base::kInstall) return false;
      return !std::exchange(next.form.locked, true);
    case Fingerprint::kDependencyBroken: {
      Variant older = next;
      older.form.previous_go = true;
      const bool may_be_older = choices.previous_go && !next.form.previous_go && next.form.raised.empty() &&
                                std::find(tried.begin(), tried.end(), older) == tried.end();
      const bool may_be_raised = MayBeRaised(finding.about, choices, next);
      if (may_be_older && (!finding.lacks_target || !may_be_raised)) {
        next = std::move(older);
        return true;
      }
      return may_be_raised && Raise(finding.about, next);
    }
    case Fingerprint::kCrashesAtStart:
      return !finding.about.empty() && MayBeRaised(finding.about, choices, next) && Raise(finding.about, next);
    case Fingerprint::kNone:
    case Fingerprint::kToolchainBroken:
      return false;
  }
  return false;
}

}  // namespace

std::string VariantName(const Variant& variant) {
  static constexpr std::array<std::string_view, 4> kBases = {"install", "source", "noreplace", "sibling"};
  const fetch::SourceForm& form = variant.form;
  std::string name(kBases[static_cast<size_t>(form.base)]);
  if (form.previous_go) name += "+previous-go";
  if (!form.go_line.empty()) name += Cat("+go-", form.go_line);
  if (!form.raised.empty()) name += form.raised.size() == 1 ? "+raised" : Cat("+raised-", form.raised.size());
  for (const std::string& experiment : form.experiments) name += Cat("+experiment-", experiment);
  for (const std::string& tag : form.tags) name += Cat("+tag-", tag);
  if (form.locked) name += "+locked";
  if (variant.lfs64) name += "+lfs64";
  if (!variant.aliases.empty()) name += Cat("+aliases-", variant.aliases.size());
  if (variant.linkname) name += "+linkname";
  if (variant.portable) name += "+portable";
  if (!variant.dropped_link_flags.empty()) name += Cat("+link-flags-", variant.dropped_link_flags.size());
  return name;
}

std::vector<std::string> EditsOf(const Variant& variant) {
  std::vector<std::string> lines;
  if (variant.lfs64) lines.emplace_back("C is compiled with -D_LARGEFILE64_SOURCE");
  if (!variant.aliases.empty()) {
    lines.push_back(Cat("linked with other names of musl's functions: ", absl::StrJoin(variant.aliases, " ")));
  }
  if (variant.linkname) lines.emplace_back("linked with -checklinkname=0");
  if (variant.portable) lines.emplace_back("left out of #cgo lines: -march=native, -mcpu=native, -mtune=native");
  if (!variant.dropped_link_flags.empty()) {
    lines.push_back(Cat("left out of #cgo LDFLAGS: ", absl::StrJoin(variant.dropped_link_flags, " ")));
  }
  return lines;
}

std::string_view FingerprintName(Fingerprint fingerprint) {
  static constexpr std::array<std::string_view, 14> kNames = {"",
                                                              "directives_refused",
                                                              "replacement_missing",
                                                              "go_line_too_low",
                                                              "experiment_wanted",
                                                              "linkname_refused",
                                                              "large_file_names",
                                                              "large_file_symbols",
                                                              "linker_flag",
                                                              "tag_wanted",
                                                              "versions_too_new",
                                                              "dependency_broken",
                                                              "crashes_at_start",
                                                              "toolchain_broken"};
  return kNames[static_cast<size_t>(fingerprint)];
}

std::vector<Finding> FindingsOf(const std::vector<LogSection>& log,
                                const std::function<PackageOrigin(std::string_view package)>& origin_of,
                                const std::set<std::string>& linked_modules) {
  std::vector<Finding> all;
  // An assembler can be made to print a package's name a hundred thousand times; finding its origin reads files.
  std::map<std::string_view, PackageOrigin> origins;
  for (const LogSection& section : log) {
    PackageOrigin origin;
    if (!section.package.empty() && !section.outside) {
      const auto [known, is_new] = origins.try_emplace(section.package);
      if (is_new) known->second = origin_of(section.package);
      origin = known->second;
    }
    for (const std::string_view line : section.lines) LookAtLine(line, origin, all);
  }
  // A prebuilt library for another libc shows as whatever its objects miss.
  for (const MuslTag& known : kMuslTags) {
    if (linked_modules.contains(std::string(known.module))) Add(all, {Fingerprint::kTagWanted, std::string(known.tag)});
  }
  std::stable_sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) {
    if (a.fingerprint != b.fingerprint) return a.fingerprint < b.fingerprint;
    // The highest go line holds for all.
    if (a.fingerprint == Fingerprint::kGoLineTooLow) return gomod::CompareGoVersion(a.about, b.about) > 0;
    return a.about < b.about;
  });
  return all;
}

bool SaysToolchainBroken(std::string_view line) {
  if (BlamesSource(line)) return false;
  // Go's own tools, and the compiler that they start.
  for (const std::string_view start :
       {"go: error obtaining buildID for go tool ", "go: no such tool ", "cgo: C compiler \""}) {
    if (line.starts_with(start)) return true;
  }
  if (Has(line, "fork/exec /")) {
    for (const std::string_view end :
         {": exec format error", ": no such file or directory", ": permission denied", ": input/output error"}) {
      if (line.ends_with(end)) return true;
    }
  }
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

std::optional<Next> NextVariant(const Variant& failed, const std::vector<Finding>& findings,
                                const std::vector<Variant>& tried, const Choices& choices) {
  if (tried.size() >= kTriesMax) return std::nullopt;
  for (const Finding& finding : findings) {
    Variant next = failed;
    if (!Repair(finding, choices, tried, next)) continue;
    for (const Finding& other : findings) {
      if (other.fingerprint == finding.fingerprint && IsOneOfMany(other.fingerprint))
        Repair(other, choices, tried, next);
    }
    if (next != failed && std::find(tried.begin(), tried.end(), next) == tried.end()) {
      return Next{std::move(next), finding};
    }
  }
  return std::nullopt;
}

}  // namespace gofarm::build
