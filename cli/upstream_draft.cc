#include "cli/upstream_draft.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/vocab/target.h"

namespace gofarm::cli {
namespace {

struct Reason {
  std::string_view failure_class;
  std::string_view title;  // "MODULE VERSION ..."
  std::string_view text;
};
constexpr Reason kReasons[] = {
    {"source_invalid", "cannot be built from the module proxy",
     "The module that the Go module proxy serves is not one that the go command builds."},
    {"source_incomplete", "lacks files in its module zip",
     "The module zip lacks files that the build needs: generated files that are not committed, or folders that Go "
     "leaves "
     "out of module zips (another go.mod below, vendor, submodules)."},
    {"go_too_old", "asks for a Go that is not released",
     "go.mod asks for a newer Go than the newest release that was tried."},
    {"system_library_missing", "needs a C library of the system",
     "The build needs a C library or header of the system. A build tag, or a pure Go fallback, would let it be built "
     "without."},
    {"target_unsupported", "has no program for some Linux architectures",
     "Build constraints leave no files for this architecture, or code assumes another one."},
    {"compile_error", "does not compile", "The compiler refuses it."},
    {"link_error", "does not link", "Every package compiles, and the linker refuses the program."},
    {"not_static_pie", "cannot be linked statically",
     "The program cannot be linked as a static, position independent executable."},
    {"crashes_at_start", "ends with a crash when it starts", "The program is built, and crashes when it is started."},
    {"timeout", "takes very long to build", "The build did not end within its time."},
    {"silence", "hangs while it is built", "The build said nothing for very long."},
    {"out_of_memory", "takes very much memory to build", "The build was ended for lack of memory."},
    {"output_limit", "writes very much while it is built", "The build wrote more than it may."}};

const Reason* ReasonOf(std::string_view failure_class) {
  const auto* const found = std::find_if(std::begin(kReasons), std::end(kReasons),
                                         [&](const Reason& reason) { return reason.failure_class == failure_class; });
  return found == std::end(kReasons) ? nullptr : found;
}

std::string Decisive(std::string_view detail) {
  std::vector<std::string> lines = absl::StrSplit(EscapeForPrint(detail.substr(0, 4 * kDraftBytesMax), true), '\n');
  const bool cut = lines.size() > kDraftLinesMax;
  if (cut) lines.resize(kDraftLinesMax);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return Clip(Cat(absl::StrJoin(lines, "\n"), cut ? "\n..." : ""), kDraftBytesMax);
}

// A block that nothing within can end.
std::string Fenced(std::string_view text, std::string_view language) {
  size_t longest = 2;
  size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return Cat(fence, language, "\n", text, "\n", fence, "\n");
}

std::string Quoted(std::string_view text) {
  if (!text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                              "@%+=:,./-_") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "'";
  for (const char c : text) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

std::optional<std::string> ValueOf(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& variable : environment) {
    if (absl::StartsWith(variable, Cat(name, "="))) return variable.substr(name.size() + 1);
  }
  return std::nullopt;
}

// The build tags of a command.
std::string TagsOf(const std::vector<std::string>& argv) {
  for (size_t i = 0; i < argv.size(); ++i) {
    if (argv[i] == "-tags" && i + 1 < argv.size()) return argv[i + 1];
    if (absl::StartsWith(argv[i], "-tags=")) return argv[i].substr(6);
  }
  return "";
}

std::string GoArch(const std::string& target) {
  const std::optional<Target> known = ParseTarget(target);
  return known ? std::string(InfoOf(*known).goarch) : target;
}

}  // namespace

bool IsUpstreams(std::string_view failure_class) { return ReasonOf(failure_class) != nullptr; }

std::string ReproduceCommands(const std::string& module, const UpstreamFailure& failure) {
  const std::string at = Quoted(Cat(module, "@", failure.version));
  const std::string tags = TagsOf(failure.argv);
  const std::string go = failure.go_version.empty() ? "" : Cat("GOTOOLCHAIN=go", Quoted(failure.go_version), " ");
  const std::string cgo = ValueOf(failure.environment, "CGO_ENABLED").value_or("0") == "1" ? "1" : "0";
  return Cat("dir=$(go mod download -json ", at, " | sed -n 's/^[[:space:]]*\"Dir\": \"\\(.*\\)\",*$/\\1/p')\n",
             "cp -r \"$dir\" reproduce && chmod -R u+w reproduce && cd reproduce\n", go, "CGO_ENABLED=", cgo,
             " GOOS=linux GOARCH=", GoArch(failure.target), " go build ",
             tags.empty() ? "" : Cat("-tags ", Quoted(tags), " "), "./...");
}

std::string UpstreamDraft(const std::string& module, const std::vector<UpstreamFailure>& failures) {
  const UpstreamFailure& first = failures.front();
  const Reason* const reason = ReasonOf(first.failure_class);
  const std::string shown = EscapeForPrint(Cat(module, " ", first.version));
  std::string text = Cat("Title: ", shown, " ", reason == nullptr ? "could not be built" : reason->title, "\n\n",
                         "Hello,\n\na build farm for Go programs tried to build ", shown,
                         " as static executables for Linux, and did not succeed.\n");
  // By what was said, in the order of the jobs.
  std::vector<std::pair<const UpstreamFailure*, std::vector<std::string>>> told;
  for (const UpstreamFailure& failure : failures) {
    const auto same = std::find_if(told.begin(), told.end(), [&](const auto& each) {
      return each.first->failure_class == failure.failure_class && each.first->detail == failure.detail;
    });
    if (same == told.end()) {
      told.push_back({&failure, {failure.target}});
    } else {
      same->second.push_back(failure.target);
    }
  }
  for (const auto& [failure, targets] : told) {
    const Reason* const why = ReasonOf(failure->failure_class);
    text += Cat("\n### ", absl::StrJoin(targets, ", "), "\n\n", why == nullptr ? "" : Cat(why->text, "\n\n"));
    if (!failure->programs.empty()) {
      text += "Programs:";
      for (const std::string& program : failure->programs) text += Cat(" `", EscapeForPrint(program), "`");
      text += "\n\n";
    }
    text += Fenced(Decisive(failure->detail), "");
    text += Cat("\nTo see it", failure->go_version.empty() ? "" : Cat(" with Go ", EscapeForPrint(failure->go_version)),
                ":\n\n", Fenced(ReproduceCommands(module, *failure), "sh"));
  }
  return Cat(text, "\nThank you for the module.\n");
}

}  // namespace gofarm::cli
