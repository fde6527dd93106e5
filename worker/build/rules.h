// The rule table of build variants: what a failed try printed, and which variant may repair it. Pure. A repair is a row
// here, never an if in the runner. docs/repairs.md lists each with a real case.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "worker/fetch/listing.h"

namespace gofarm::build {

// A way of building: the form of the module, and what is changed of the recipe. Each field that is not its default is a
// repair that a failure called for.
struct Variant {
  fetch::SourceForm form;
  bool lfs64 = false;     // -D_LARGEFILE64_SOURCE: musl hides off64_t, pread64 and the like
  bool linkname = false;  // -checklinkname=0: references into the runtime, forbidden since Go 1.23
  bool portable = false;  // -march=native and its kin are taken out of #cgo lines
  std::vector<std::string> dropped_link_flags;  // taken out of #cgo lines ("--unresolved-symbols"), sorted
  std::vector<std::string> aliases;             // large-file names that prebuilt objects want at the link, sorted
  auto operator<=>(const Variant&) const = default;
};

// A job ends after at most so many tries, whatever they print.
inline constexpr size_t kTriesMax = 10;
// Dependencies that are raised for one job.
inline constexpr size_t kRaisedMax = 3;

// "install", "source", "noreplace" or "sibling", and behind it a word for each repair: "install+lfs64".
std::string VariantName(const Variant& variant);
// What the repairs of the recipe change, for people; those of the form stand in its listing.
std::vector<std::string> EditsOf(const Variant& variant);

enum class Fingerprint {
  kNone,
  kDirectivesRefused,
  kReplacementMissing,
  kGoLineTooLow,      // about: the version that the compiler names
  kExperimentWanted,  // about: its name
  kLinknameRefused,
  kLargeFileNames,
  kLargeFileSymbols,  // about: the name, at the link
  kLinkerFlag,        // about: the flag
  kTagWanted,         // about: the tag
  kVersionsTooNew,    // of a module whose own go.mod names none
  kDependencyBroken,  // about: the module's path; by its age: the Go or the target is newer than it knows
  kCrashesAtStart,    // about: the dependency that crashed when it was initialised; empty: nobody knows, or the program
  kToolchainBroken
};

// "directives_refused", ...; kNone is "".
std::string_view FingerprintName(Fingerprint fingerprint);

// One thing that went wrong and that a rule knows.
struct Finding {
  Fingerprint fingerprint = Fingerprint::kNone;
  std::string about;
  // Of kDependencyBroken: it has files for other targets and none for this one, so that an older Go is no help.
  bool lacks_target = false;
  auto operator<=>(const Finding&) const = default;
};

// The lines Go prints for one package: after "# import/path", or "import/path: message". Package "" holds what stands
// before the first of them.
struct LogSection {
  std::string package;
  bool outside = false;  // a package that is none of the job's: std, which every program is made of
  std::vector<std::string_view> lines;
};

// Where a package comes from.
struct PackageOrigin {
  enum class Kind { kOwn, kDependency, kStd } kind = Kind::kStd;
  std::string module;            // of a dependency
  bool lacks_target = false;     // as in Finding
  bool versions_chosen = false;  // by the farm: no go.mod says what it is compiled with
};

// Everything in `log` that a rule knows, in the order of repair: what keeps everything from loading, then what one
// package needs, then what a dependency's other version may bring.
std::vector<Finding> FindingsOf(const std::vector<LogSection>& log,
                                const std::function<PackageOrigin(std::string_view package)>& origin_of,
                                const std::set<std::string>& linked_modules);

// What is known beside the findings.
struct Choices {
  bool previous_go = false;                     // there is one, and the module's go line allows it
  std::set<std::string> cannot_be_raised = {};  // dependencies without a newer release
};

// The variant to try after `failed`, never one of `tried`. nullopt: stop. A dependency that it raises has no version
// yet: the caller finds the newest.
struct Next {
  Variant variant;
  Finding finding;
};
std::optional<Next> NextVariant(const Variant& failed, const std::vector<Finding>& findings,
                                const std::vector<Variant>& tried, const Choices& choices);

// "   12 | text": clang quotes the source below its complaint; that can say anything.
bool IsQuotedSource(std::string_view line);

// A message with a position in a source file ("x.c:12:3: warning: ..."), that source quoted below it, or names out of
// it: its words may be the module's own (#error, a string constant, a symbol), so they say nothing about worker and
// toolchain. The exceptions are a compiler's own crash and zig, which reports its troubles with a C file as an error at
// 1:1; so a module can still have itself tried a bounded number of times.
bool BlamesSource(std::string_view line);

// Whether one line of output says that the toolchain itself broke (zig's cache races, a compiler that crashed), as
// opposed to a complaint about the source. Shared with the classifier.
bool SaysToolchainBroken(std::string_view line);

}  // namespace gofarm::build
