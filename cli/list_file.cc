#include "cli/list_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/io/files.h"

namespace gofarm::cli {
namespace {

// Protobuf takes UTF-8 only. A path or version with other bytes is refused in any case, so it may as well travel
// escaped.
std::string Sendable(std::string_view text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? std::string(text) : EscapeForPrint(text);
}

void Add(int line, std::string_view text, Parsed& parsed) {
  if (const absl::StatusOr<gomod::ModuleSpec> spec = gomod::ParseModuleSpec(text); !spec.ok()) {
    parsed.errors.push_back(Cat("line ", line, ": ", Sv(spec.status().message())));
  }
  const size_t at = text.find('@');
  ListEntry entry{.line = line, .module = Sendable(text.substr(0, at))};
  if (at != std::string_view::npos) {
    entry.version = Sendable(text.substr(at + 1));
    // "module@" means nothing, not "latest".
    if (entry.version.empty()) entry.version = "@";
  }
  parsed.entries.push_back(std::move(entry));
}

}  // namespace

void ParseArguments(const std::vector<std::string>& arguments, Parsed& parsed) {
  int line = 0;
  for (const std::string& argument : arguments) Add(++line, argument, parsed);
}

void ParseList(std::string_view text, Parsed& parsed) {
  int line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // Neither module paths nor versions can hold a '#'.
    content = content.substr(0, content.find('#'));
    // Only blanks are stripped: other control characters are faults, reported with their line.
    while (!content.empty() && (content.back() == ' ' || content.back() == '\t' || content.back() == '\r')) {
      content.remove_suffix(1);
    }
    while (!content.empty() && (content.front() == ' ' || content.front() == '\t')) content.remove_prefix(1);
    if (!content.empty()) Add(line, content, parsed);
  }
}

std::vector<Target> ParseTargets(const std::vector<std::string>& names, std::vector<std::string>& errors) {
  std::vector<Target> targets;
  for (const std::string& list : names) {
    for (const absl::string_view part : absl::StrSplit(list, ',')) {
      const std::string_view name = Sv(absl::StripAsciiWhitespace(part));
      const std::optional<Target> target = ParseTarget(name);
      if (!target) {
        errors.push_back(Cat("unknown target \"", EscapeForPrint(name), "\"; known are ", kTargetNames));
      } else if (std::find(targets.begin(), targets.end(), *target) == targets.end()) {
        targets.push_back(*target);
      }
    }
  }
  return targets;
}

absl::StatusOr<std::string> ReadList(const std::string& path) {
  if (path != "-") {
    absl::StatusOr<std::string> text = io::ReadFile(path, kListBytesMax);
    if (text.ok()) return text;
    return absl::InvalidArgumentError(Cat("the list cannot be read: ", Sv(text.status().message())));
  }
  std::string text;
  char buffer[64 << 10];
  while (true) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read the list from standard input");
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(text.size()) > kListBytesMax) {
      return absl::InvalidArgumentError(Cat("the list on standard input is longer than ", kListBytesMax, " bytes"));
    }
  }
}

}  // namespace gofarm::cli
