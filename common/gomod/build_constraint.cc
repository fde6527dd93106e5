#include "common/gomod/build_constraint.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/gomod/go_text.h"
#include "common/gomod/version.h"

namespace gofarm::gomod {
namespace {

constexpr int kExpressionSizeMax = 1000;  // terms of a //go:build line
constexpr int kPlusBuildSizeMax = 100;    // operators of a +build line

// internal/syslist of Go 1.26. Names of the past stay in it, since file names are read by it.
constexpr std::array<std::string_view, 18> kKnownSystems = {
    "aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios",     "js",
    "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "wasip1",  "windows", "zos"};
constexpr std::array<std::string_view, 24> kKnownArchitectures = {
    "386",     "amd64",  "amd64p32", "arm",      "armbe",     "arm64",       "arm64be", "loong64",
    "mips",    "mipsle", "mips64",   "mips64le", "mips64p32", "mips64p32le", "ppc",     "ppc64",
    "ppc64le", "riscv",  "riscv64",  "s390",     "s390x",     "sparc",       "sparc64", "wasm"};

bool IsSystem(std::string_view word) {
  return std::find(kKnownSystems.begin(), kKnownSystems.end(), word) != kKnownSystems.end();
}
bool IsArchitecture(std::string_view word) {
  return std::find(kKnownArchitectures.begin(), kKnownArchitectures.end(), word) != kKnownArchitectures.end();
}

// Bytes of the tag at the front of `text`: letters, digits, "_" and ".".
size_t TagLength(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint32_t rune = 0;
    const size_t length = Utf8Length(text, i, rune);
    if (length == 0 || !(IsGoLetter(rune) || IsGoDigit(rune) || rune == '.')) break;
    i += length;
  }
  return i;
}

// The expression of a //go:build line is read and evaluated in one pass.
class Expression {
 public:
  Expression(std::string_view text, const BuildTags& tags) : text_(text), tags_(tags) {}

  absl::StatusOr<bool> Evaluate() {
    const bool value = Or();
    if (error_.empty() && !token_.empty()) Fail(Cat("unexpected ", token_));
    if (!error_.empty()) return absl::InvalidArgumentError(Cat("//go:build: ", EscapeForPrint(error_)));
    return value;
  }

 private:
  void Fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    token_ = {};
    is_tag_ = false;
    text_ = {};
  }

  bool Or() {
    bool value = And();
    while (error_.empty() && token_ == "||") {
      const bool right = And();
      value = value || right;
    }
    return value;
  }
  bool And() {
    bool value = Not();
    while (error_.empty() && token_ == "&&") {
      const bool right = Not();
      value = value && right;
    }
    return value;
  }
  bool Not() {
    // Also bounds the nesting, since every parenthesis holds a term.
    if (++size_ > kExpressionSizeMax) Fail("too large");
    if (!error_.empty()) return false;
    Next();
    if (token_ != "!") return Atom();
    Next();
    if (token_ == "!") Fail("double negation");
    return !Atom();
  }
  bool Atom() {
    if (!error_.empty()) return false;
    if (token_ == "(") {
      const bool value = Or();
      if (token_ != ")") Fail("missing close paren");
      Next();
      return value;
    }
    if (!is_tag_) {
      Fail(token_.empty() ? "unexpected end" : Cat("unexpected ", token_));
      return false;
    }
    const bool value = tags_.Has(token_);
    Next();
    return value;
  }

  void Next() {
    is_tag_ = false;
    token_ = {};
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\t')) text_.remove_prefix(1);
    if (text_.empty()) return;
    size_t length = 0;
    if (text_[0] == '(' || text_[0] == ')' || text_[0] == '!') {
      length = 1;
    } else if (text_[0] == '&' || text_[0] == '|') {
      if (text_.size() < 2 || text_[1] != text_[0]) return Fail("invalid syntax");
      length = 2;
    } else {
      length = TagLength(text_);
      if (length == 0) return Fail("invalid syntax");
      is_tag_ = true;
    }
    token_ = text_.substr(0, length);
    text_.remove_prefix(length);
  }

  std::string_view text_;
  const BuildTags& tags_;
  std::string_view token_;
  bool is_tag_ = false;
  int size_ = 0;
  std::string error_;
};

bool IsGoBuildLine(std::string_view line) {
  static constexpr std::string_view kMark = "//go:build";
  if (line.substr(0, kMark.size()) != kMark) return false;
  const std::string_view rest = line.substr(kMark.size());
  return rest.empty() || TrimGoSpace(rest).size() < rest.size();
}

// What stands behind "// +build"; nothing when the line is none.
std::optional<std::string_view> PlusBuildText(std::string_view line) {
  static constexpr std::string_view kMark = "+build";
  if (line.substr(0, 2) != "//") return std::nullopt;
  line = TrimGoSpace(line.substr(2));
  if (line.substr(0, kMark.size()) != kMark) return std::nullopt;
  line.remove_prefix(kMark.size());
  const std::string_view trimmed = TrimGoSpace(line);
  if (trimmed.size() == line.size() && !line.empty()) return std::nullopt;
  return trimmed;
}

bool LiteralHolds(std::string_view literal, const BuildTags& tags) {
  // "ignore" is a tag like others: nobody sets it.
  if (literal.substr(0, 2) == "!!" || literal == "!") return tags.Has("ignore");
  const bool negated = !literal.empty() && literal[0] == '!';
  if (negated) literal.remove_prefix(1);
  const bool valid = !literal.empty() && TagLength(literal) == literal.size();
  return tags.Has(valid ? literal : "ignore") != negated;
}

// Nothing when it is too large to be one.
std::optional<bool> PlusBuildHolds(std::string_view text, const BuildTags& tags) {
  int size = 0;
  bool any = false;
  bool holds = false;
  for (const std::string_view clause : GoFields(text)) {
    bool all = true;
    bool first = true;
    for (const absl::string_view literal : absl::StrSplit(Av(clause), ',')) {
      if (!first && ++size > kPlusBuildSizeMax) return std::nullopt;
      first = false;
      all = LiteralHolds(Sv(literal), tags) && all;
    }
    if (any && ++size > kPlusBuildSizeMax) return std::nullopt;
    any = true;
    holds = holds || all;
  }
  return any ? holds : tags.Has("ignore");
}

}  // namespace

BuildTags::BuildTags(std::string_view goarch, std::string_view go_version, const std::vector<std::string>& extra,
                     const std::vector<std::string>& experiments) {
  tags_ = {"linux", "unix", "gc", "cgo", std::string(goarch)};
  if (goarch == "amd64") tags_.insert("amd64.v1");
  if (goarch == "arm64") tags_.insert("arm64.v8.0");
  if (goarch == "riscv64") tags_.insert("riscv64.rva20u64");
  const std::string language = GoLanguageVersion(go_version);
  int minor = 0;
  if (absl::StartsWith(language, "1.") && absl::SimpleAtoi(language.substr(2), &minor)) {
    for (int i = 1; i <= std::min(minor, 1000); ++i) tags_.insert(Cat("go1.", i));
  }
  tags_.insert(extra.begin(), extra.end());
  for (const std::string& experiment : experiments) tags_.insert(Cat("goexperiment.", experiment));
}

bool BuildTags::Has(std::string_view tag) const {
  if (tag == "boringcrypto") tag = "goexperiment.boringcrypto";  // its old name
  return tags_.contains(Av(tag));
}

const std::vector<std::string>& DefaultExperiments() {
  static const auto& all =
      *new std::vector<std::string>{"regabiwrappers", "regabiargs", "dwarf5", "greenteagc", "randomizedheapbase64"};
  return all;
}

const std::vector<std::string>& RecipeTags() {
  static const auto& all = *new std::vector<std::string>{"netgo", "osusergo"};
  return all;
}

bool FileNameFits(std::string_view name, const BuildTags& tags) {
  name = name.substr(0, name.find('.'));
  const size_t underscore = name.find('_');
  if (underscore == std::string_view::npos) return true;
  std::vector<absl::string_view> words = absl::StrSplit(Av(name.substr(underscore)), '_');
  if (words.back() == "test") words.pop_back();
  const size_t n = words.size();
  const auto word = [&](size_t from_end) { return Sv(words[n - from_end]); };
  if (n >= 2 && IsSystem(word(2)) && IsArchitecture(word(1))) return tags.Has(word(1)) && tags.Has(word(2));
  if (n >= 1 && (IsSystem(word(1)) || IsArchitecture(word(1)))) return tags.Has(word(1));
  return true;
}

absl::StatusOr<ConstraintLines> FindConstraints(std::string_view header) {
  ConstraintLines found;
  std::vector<std::string_view> lines;  // those that count for +build: up to the last blank one
  size_t up_to_blank = 0;
  bool ended = false;
  bool in_block = false;
  bool has_go_build = false;
  for (std::string_view rest = header; !rest.empty();) {
    const size_t newline = rest.find('\n');
    std::string_view line = TrimGoSpace(rest.substr(0, newline));
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    if (line.empty() && !ended) {
      up_to_blank = lines.size();
      continue;
    }
    if (line.substr(0, 2) != "//") ended = true;
    if (!in_block && IsGoBuildLine(line)) {
      if (has_go_build) return absl::InvalidArgumentError("multiple //go:build comments");
      has_go_build = true;
      found.go_build = std::string(line);
    }
    if (!ended) lines.push_back(line);
    bool next_line = false;
    while (!line.empty() && !next_line) {
      if (in_block) {
        const size_t close = line.find("*/");
        if (close == std::string_view::npos) {
          next_line = true;
        } else {
          in_block = false;
          line = TrimGoSpace(line.substr(close + 2));
        }
      } else if (line.substr(0, 2) == "//") {
        next_line = true;
      } else if (line.substr(0, 2) == "/*") {
        in_block = true;
        line = TrimGoSpace(line.substr(2));
      } else {
        rest = {};  // the first line of code
        break;
      }
    }
  }
  if (has_go_build) return found;
  lines.resize(up_to_blank);
  for (const std::string_view line : lines) {
    if (PlusBuildText(line)) found.plus_build.emplace_back(line);
  }
  return found;
}

absl::StatusOr<bool> ConstraintsHold(const ConstraintLines& lines, const BuildTags& tags) {
  if (!lines.go_build.empty()) {
    static constexpr size_t kMark = std::string_view("//go:build").size();
    return Expression(TrimGoSpace(std::string_view(lines.go_build).substr(kMark)), tags).Evaluate();
  }
  bool hold = true;
  for (const std::string& line : lines.plus_build) {
    const std::optional<std::string_view> text = PlusBuildText(line);
    if (text) hold = PlusBuildHolds(*text, tags).value_or(true) && hold;
  }
  return hold;
}

bool CgoConditionHolds(std::string_view condition, const BuildTags& tags) {
  if (condition.find_first_of("&|()") == std::string_view::npos) {
    return PlusBuildHolds(condition, tags).value_or(false);
  }
  const absl::StatusOr<bool> holds = Expression(condition, tags).Evaluate();
  return holds.ok() && *holds;
}

}  // namespace gofarm::gomod
