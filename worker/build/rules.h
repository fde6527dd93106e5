// The rule table of build variants: what a failed try printed, and which variant may repair it. Pure. A repair is a row
// here, never an if in the runner.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gofarm::build {

// install: `go install module/...@version`, sources are the verified module cache itself, the version is stamped.
// source: a copy of the module, for go.mod files whose directives `go install` refuses by design.
// noreplace: source, without the replace lines that point to folders (a module zip never holds those folders).
enum class Base { kInstall, kSource, kNoReplace };

struct Variant {
  Base base = Base::kInstall;
  bool lfs64 = false;  // -D_LARGEFILE64_SOURCE: musl 1.2.4 hides off64_t, pread64 and the like without it
  auto operator<=>(const Variant&) const = default;
};

inline constexpr Variant kFirstVariant = {};

// "install", "source", "noreplace", each also with "+lfs64".
std::string VariantName(const Variant& variant);

enum class Fingerprint { kNone, kDirectivesRefused, kReplacementMissing, kLargeFileNames, kToolchainBroken };

// "directives_refused", "replacement_missing", "large_file_names", "toolchain_broken"; kNone is "".
std::string_view FingerprintName(Fingerprint fingerprint);

// Of the first failure in `log` that a rule knows. kToolchainBroken is asked for last: a repair of the source comes
// first.
Fingerprint FingerprintOf(std::string_view log);

// The variant to try after `failed`, never one of `tried` (so a job ends after at most six). nullopt: stop.
std::optional<Variant> NextVariant(const Variant& failed, Fingerprint fingerprint, const std::vector<Variant>& tried);

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
