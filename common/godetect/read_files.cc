#include "common/godetect/read_files.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/gomod/licence_name.h"
#include "common/gomod/path.h"

namespace gofarm::godetect {
namespace {

constexpr size_t kPathElementsOfRepository = 3;  // github.com/owner/repository

constexpr std::array<absl::string_view, 10> kExampleWords = {
    "example", "examples", "demo", "demos", "sample", "samples", "tutorial", "tutorials", "quickstart", "playground"};
constexpr std::array<absl::string_view, 16> kTestWords = {
    "test", "tests",       "testing",  "testdata", "testutil", "testutils", "testhelper", "testhelpers",
    "e2e",  "integration", "fixtures", "mock",     "mocks",    "fuzz",      "bench",      "benchmarks"};

template <size_t kCount>
bool IsOneOf(const std::array<absl::string_view, kCount>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

ProgramKind KindOfElement(absl::string_view element) {
  const std::string lower = absl::AsciiStrToLower(element);
  absl::string_view word = lower;
  while (!word.empty() && (word[0] == '_' || word[0] == '.')) word.remove_prefix(1);
  if (IsOneOf(kExampleWords, word) || absl::StartsWith(word, "example-") || absl::StartsWith(word, "example_") ||
      absl::EndsWith(word, "-example") || absl::EndsWith(word, "_example")) {
    return ProgramKind::kExample;
  }
  if (IsOneOf(kTestWords, word) || absl::StartsWith(word, "test-") || absl::StartsWith(word, "test_") ||
      absl::EndsWith(word, "-test") || absl::EndsWith(word, "_test") || absl::EndsWith(word, "-tests") ||
      absl::EndsWith(word, "_tests")) {
    return ProgramKind::kTestHelper;
  }
  return ProgramKind::kProgram;
}

bool IsYaml(absl::string_view name) { return absl::EndsWith(name, ".yml") || absl::EndsWith(name, ".yaml"); }

// Characters of PATH@VERSION as they are written.
bool IsSpecByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-._~/!+@").find(c) != std::string_view::npos;
}

}  // namespace

FileRole RoleOf(std::string_view path) {
  const std::string lower = absl::AsciiStrToLower(Av(path));
  const absl::string_view name = lower;
  if (absl::StartsWith(name, ".github/workflows/") && IsYaml(name)) return FileRole::kCi;
  if (name == ".circleci/config.yml") return FileRole::kCi;
  if (name == "tools.go" || absl::EndsWith(name, "/tools.go")) return FileRole::kTools;
  if (absl::StrContains(name, "/")) {
    // Images are often built in a folder of their own.
    return absl::EndsWith(name, "/dockerfile") ? FileRole::kDocker : FileRole::kNone;
  }
  if (absl::StartsWith(name, "readme")) return FileRole::kReadme;
  if (name == "makefile" || name == "gnumakefile" || name == "taskfile.yml" || name == "magefile.go")
    return FileRole::kMake;
  if (absl::StartsWith(name, "dockerfile") || absl::StartsWith(name, "containerfile")) return FileRole::kDocker;
  if (IsYaml(name) && (absl::StartsWith(name, ".goreleaser") || absl::StartsWith(name, "goreleaser")))
    return FileRole::kRelease;
  if (name == ".gitlab-ci.yml" || name == ".travis.yml" || name == ".drone.yml" || name == ".cirrus.yml" ||
      name == "azure-pipelines.yml" || name == "jenkinsfile") {
    return FileRole::kCi;
  }
  return gomod::IsLicenceName(path) ? FileRole::kLicence : FileRole::kNone;
}

bool IsSearched(FileRole role) {
  return role == FileRole::kReadme || role == FileRole::kMake || role == FileRole::kDocker || role == FileRole::kCi ||
         role == FileRole::kRelease;
}

void FindInstallLines(std::string_view text, const std::string& file, std::vector<InstallLine>& out) {
  const size_t first = out.size();
  for (const std::string_view verb : {std::string_view("go install"), std::string_view("go run")}) {
    for (size_t at = text.find(verb); at != std::string_view::npos; at = text.find(verb, at + 1)) {
      if (at > 0 && absl::ascii_isalnum(static_cast<unsigned char>(text[at - 1]))) continue;  // "mango install"
      std::string_view rest = text.substr(at + verb.size());
      rest = rest.substr(0, rest.find('\n'));
      // Flags and their values may stand between; the first word with an "@" is what is installed.
      for (const absl::string_view word :
           absl::StrSplit(Av(rest), absl::ByAnyChar(" \t\r`'\"()$<>|&;,"), absl::SkipEmpty())) {
        const size_t sign = word.find('@');
        if (sign == absl::string_view::npos) continue;
        const std::string_view path = Sv(word.substr(0, sign));
        std::string_view version = Sv(word.substr(sign + 1));
        size_t length = 0;
        while (length < version.size() && IsSpecByte(version[length])) ++length;
        version = version.substr(0, length);
        while (!version.empty() && version.back() == '.') version.remove_suffix(1);
        std::string_view clean = path;
        while (absl::EndsWith(Av(clean), "/...")) clean.remove_suffix(4);
        if (version.empty() || version.size() > 128 || !gomod::CheckImportPath(clean).ok() ||
            clean.find('.') == std::string_view::npos) {
          break;
        }
        const bool known =
            std::any_of(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                        [&](const InstallLine& line) { return line.path == clean && line.version == version; });
        if (!known && out.size() < kInstallLinesMax) out.push_back({std::string(clean), std::string(version), file});
        break;
      }
      if (out.size() >= kInstallLinesMax) return;
    }
  }
}

ProgramKind KindOf(std::string_view module, std::string_view dir) {
  const std::vector<absl::string_view> elements = absl::StrSplit(Av(module), '/');
  ProgramKind kind = ProgramKind::kProgram;
  const auto look = [&kind](absl::string_view element) {
    if (kind == ProgramKind::kProgram) kind = KindOfElement(element);
  };
  for (size_t i = kPathElementsOfRepository; i < elements.size(); ++i) look(elements[i]);
  if (dir == ".") return kind;
  for (const absl::string_view element : absl::StrSplit(Av(dir), '/')) look(element);
  return kind;
}

std::string_view FrameworkOf(std::string_view import_path) {
  static constexpr std::array<std::string_view, 10> kFrameworks = {
      "github.com/spf13/cobra",       "github.com/spf13/pflag",        "github.com/urfave/cli",
      "github.com/alecthomas/kong",   "github.com/alecthomas/kingpin", "gopkg.in/alecthomas/kingpin.v2",
      "github.com/jessevdk/go-flags", "github.com/peterbourgon/ff",    "github.com/charmbracelet/bubbletea",
      "gopkg.in/urfave/cli.v1"};
  if (import_path == "flag") return "flag";
  for (const std::string_view framework : kFrameworks) {
    if (gomod::IsInModule(import_path, framework)) return framework;
  }
  return "";
}

}  // namespace gofarm::godetect
