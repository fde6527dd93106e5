#include "common/gomod/go_mod_file.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"

namespace gofarm::gomod {
namespace {

struct Line {
  int number = 0;
  std::vector<std::string>
      tokens;               // quoted strings already unquoted; punctuation "(", ")", "[", "]", ",", "=>" on its own
  std::string suffix;       // comment at the end, without "//"
  bool is_comment = false;  // nothing but a comment
  bool is_blank = false;
};

absl::Status Wrong(int line, std::string_view why) {
  return absl::InvalidArgumentError(Cat("go.mod:", line, ": ", why));
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool IsPunctuation(char c) { return std::string_view("()[]{},").find(c) != std::string_view::npos; }

// `rest` begins with a quote.
absl::StatusOr<std::string> TakeString(std::string_view& rest, int line) {
  const char quote = rest[0];
  std::string out;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == quote) {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (quote == '"' && rest[i] == '\\') {
      // Paths and versions need no other escapes.
      if (++i == rest.size() || (rest[i] != '"' && rest[i] != '\\')) return Wrong(line, "unknown escape in a string");
    }
    out += rest[i];
  }
  return Wrong(line, "string without its end");
}

absl::StatusOr<Line> SplitLine(std::string_view rest, int number) {
  Line line;
  line.number = number;
  while (true) {
    while (!rest.empty() && IsSpace(rest[0])) rest.remove_prefix(1);
    if (rest.empty()) {
      line.is_blank = line.tokens.empty();
      return line;
    }
    if (absl::StartsWith(Av(rest), "//")) {
      line.suffix = std::string(Sv(absl::StripAsciiWhitespace(Av(rest.substr(2)))));
      line.is_comment = line.tokens.empty();
      return line;
    }
    if (absl::StartsWith(Av(rest), "/*")) return Wrong(number, "a go.mod has only // comments");
    if (rest[0] == '"' || rest[0] == '`') {
      GOFARM_ASSIGN_OR_RETURN(std::string text, TakeString(rest, number));
      line.tokens.push_back(std::move(text));
    } else if (IsPunctuation(rest[0])) {
      line.tokens.emplace_back(1, rest[0]);
      rest.remove_prefix(1);
    } else if (absl::StartsWith(Av(rest), "=>")) {
      line.tokens.emplace_back("=>");
      rest.remove_prefix(2);
    } else {
      size_t n = 0;
      while (n < rest.size() && !IsSpace(rest[n]) && !IsPunctuation(rest[n]) &&
             !absl::StartsWith(Av(rest.substr(n)), "//")) {
        ++n;
      }
      line.tokens.emplace_back(rest.substr(0, n));
      rest.remove_prefix(n);
    }
  }
}

std::string JoinComments(const std::vector<std::string>& before, const std::string& suffix) {
  std::string text;
  for (const std::string& comment : before) text += comment + "\n";
  if (!suffix.empty()) text += suffix + "\n";
  if (!text.empty()) text.pop_back();
  return text;
}

// The paragraph that begins with "Deprecated:".
bool FindDeprecation(std::string_view comment, std::string& message) {
  static constexpr std::string_view kMark = "Deprecated:";
  for (size_t at = comment.find(kMark); at != std::string_view::npos; at = comment.find(kMark, at + 1)) {
    if (at != 0 && (at < 2 || comment.substr(at - 2, 2) != "\n\n")) continue;
    std::string_view text = comment.substr(at + kMark.size());
    text = text.substr(0, text.find("\n\n"));
    message = std::string(Sv(absl::StripAsciiWhitespace(Av(text))));
    return true;
  }
  return false;
}

class Reader {
 public:
  explicit Reader(GoModRule rule) : rule_(rule) {}
  absl::StatusOr<GoModFile> Read(std::string_view text);

 private:
  absl::Status Take(const Line& line);
  absl::Status Directive(std::string_view verb, const Line& line, size_t first);
  absl::Status Module(const Line& line, size_t first, const std::string& comment);
  absl::Status Require(const Line& line, size_t first);
  absl::Status Replace(const Line& line, size_t first);
  absl::Status Retract(const Line& line, size_t first, const std::string& comment);

  const GoModRule rule_;
  GoModFile file_;
  std::string block_;                        // verb of the open block, empty outside
  std::vector<std::string> block_comments_;  // above the block
  std::vector<std::string> comments_;        // above the next line
  size_t directives_ = 0;
};

absl::Status Reader::Module(const Line& line, size_t first, const std::string& comment) {
  if (!file_.module.empty()) return Wrong(line.number, "a second module line");
  if (line.tokens.size() != first + 1) return Wrong(line.number, "usage: module PATH");
  file_.module = line.tokens[first];
  file_.deprecated = FindDeprecation(comment, file_.deprecation);
  return absl::OkStatus();
}

absl::Status Reader::Require(const Line& line, size_t first) {
  if (line.tokens.size() != first + 2) return Wrong(line.number, "usage: require PATH VERSION");
  const bool indirect = line.suffix == "indirect" || absl::StartsWith(line.suffix, "indirect;");
  file_.requirements.push_back({{line.tokens[first], line.tokens[first + 1]}, indirect});
  return absl::OkStatus();
}

absl::Status Reader::Replace(const Line& line, size_t first) {
  const auto& t = line.tokens;
  const auto arrow = std::find(t.begin() + static_cast<std::ptrdiff_t>(first), t.end(), "=>");
  const auto left = arrow - t.begin() - static_cast<std::ptrdiff_t>(first);
  const auto right = arrow == t.end() ? 0 : t.end() - arrow - 1;
  if (left < 1 || left > 2 || right < 1 || right > 2) {
    return Wrong(line.number, "usage: replace PATH [VERSION] => PATH [VERSION]");
  }
  Replacement replacement;
  replacement.line = line.number;
  replacement.old_module = {t[first], left == 2 ? t[first + 1] : ""};
  replacement.new_module = {arrow[1], right == 2 ? arrow[2] : ""};
  if (replacement.is_folder() && !absl::StartsWith(arrow[1], "./") && !absl::StartsWith(arrow[1], "../") &&
      !absl::StartsWith(arrow[1], "/") && arrow[1] != "." && arrow[1] != "..") {
    return Wrong(line.number, "a replacement without a version must be a folder such as ../m");
  }
  file_.replacements.push_back(std::move(replacement));
  return absl::OkStatus();
}

absl::Status Reader::Retract(const Line& line, size_t first, const std::string& comment) {
  const auto& t = line.tokens;
  Retraction retraction;
  retraction.reason = comment;
  if (t.size() == first + 1 && IsSemver(t[first])) {
    retraction.range = {t[first], t[first]};
  } else if (t.size() == first + 5 && t[first] == "[" && t[first + 2] == "," && t[first + 4] == "]") {
    retraction.range = {t[first + 1], t[first + 3]};
  } else {
    return Wrong(line.number, "usage: retract VERSION or retract [LOW, HIGH]");
  }
  file_.retractions.push_back(std::move(retraction));
  return absl::OkStatus();
}

// Go's own pattern is narrower than what it can compare: a minor version must be there, and a number behind letters.
bool IsOwnGoVersion(std::string_view version) {
  return IsGoVersion(version) && version.find('.') != std::string_view::npos &&
         absl::ascii_isdigit(static_cast<unsigned char>(version.back()));
}

absl::Status Reader::Directive(std::string_view verb, const Line& line, size_t first) {
  if (++directives_ > kGoModDirectivesMax) {
    return Wrong(line.number, Cat("more than ", kGoModDirectivesMax, " directives"));
  }
  std::string comment = JoinComments(comments_, line.suffix);
  if (comment.empty()) comment = JoinComments(block_comments_, "");
  if (verb == "module") return Module(line, first, comment);
  if (verb == "require") return Require(line, first);
  if (verb == "replace") return Replace(line, first);
  if (verb == "retract") return Retract(line, first, comment);
  if (verb == "go" || verb == "toolchain") {
    if (line.tokens.size() != first + 1) return Wrong(line.number, Cat("usage: ", verb, " VERSION"));
    if (verb == "go") {
      if (rule_ == GoModRule::kMain && !file_.go.empty()) return Wrong(line.number, "repeated go line");
      if (rule_ == GoModRule::kMain && !IsOwnGoVersion(line.tokens[first])) {
        return Wrong(line.number, Cat("invalid go version \"", EscapeForPrint(line.tokens[first]), "\""));
      }
      file_.go_line = line.number;
    }
    (verb == "go" ? file_.go : file_.toolchain) = line.tokens[first];
  } else if (verb == "exclude") {
    if (line.tokens.size() != first + 2) return Wrong(line.number, "usage: exclude PATH VERSION");
    file_.exclusions.push_back({line.tokens[first], line.tokens[first + 1]});
  } else if (verb == "tool" || verb == "ignore") {
    if (line.tokens.size() != first + 1) return Wrong(line.number, Cat("usage: ", verb, " PATH"));
    (verb == "tool" ? file_.tools : file_.ignores).push_back(line.tokens[first]);
  } else if (rule_ == GoModRule::kMain && verb != "godebug") {
    return Wrong(line.number, Cat("unknown directive \"", EscapeForPrint(verb), "\""));
  }
  return absl::OkStatus();
}

absl::Status Reader::Take(const Line& line) {
  if (line.is_blank) {
    comments_.clear();
    return absl::OkStatus();
  }
  if (line.is_comment) {
    comments_.push_back(line.suffix);
    return absl::OkStatus();
  }
  absl::Status status;
  const auto& t = line.tokens;
  if (!block_.empty()) {
    if (t[0] == ")") {
      if (t.size() != 1) return Wrong(line.number, "text after \")\"");
      block_.clear();
      block_comments_.clear();
    } else {
      status = Directive(block_, line, 0);
    }
  } else if (t.size() == 2 && t[1] == "(") {
    block_ = t[0];
    block_comments_ = comments_;
  } else if (!(t.size() == 3 && t[1] == "(" && t[2] == ")")) {
    status = Directive(t[0], line, 1);
  }
  comments_.clear();
  return status;
}

absl::StatusOr<GoModFile> Reader::Read(std::string_view text) {
  if (text.size() > kGoModBytesMax) {
    return absl::InvalidArgumentError(Cat("go.mod has ", text.size(), " bytes; the limit is ", kGoModBytesMax));
  }
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    GOFARM_ASSIGN_OR_RETURN(const Line line, SplitLine(text.substr(0, end), ++number));
    GOFARM_RETURN_IF_ERROR(Take(line));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (!block_.empty()) return Wrong(number, Cat("block \"", EscapeForPrint(block_), " (\" without its \")\""));
  return std::move(file_);
}

}  // namespace

std::vector<VersionRange> GoModFile::RetractedRanges() const {
  std::vector<VersionRange> ranges;
  ranges.reserve(retractions.size());
  for (const Retraction& retraction : retractions) ranges.push_back(retraction.range);
  return ranges;
}

absl::StatusOr<GoModFile> ParseGoMod(std::string_view text, GoModRule rule) { return Reader(rule).Read(text); }

absl::StatusOr<GoModFile> ParseOwnGoMod(std::string_view text, std::string_view module) {
  GOFARM_ASSIGN_OR_RETURN(GoModFile file, ParseGoMod(text, GoModRule::kMain));
  if (file.module.empty()) return absl::InvalidArgumentError("go.mod has no module line");
  if (file.module != module) {
    GOFARM_RETURN_IF_ERROR_CTX(CheckImportPath(file.module),
                               Cat("go.mod declares its path as ", EscapeForPrint(file.module)));
  }
  return file;
}

bool IsIgnoredFolder(const GoModFile& file, std::string_view folder) {
  if (folder.empty()) return false;
  const auto framed = [](std::string_view path) {
    return Cat(absl::StartsWith(Av(path), "/") ? "" : "/", path, absl::EndsWith(Av(path), "/") ? "" : "/");
  };
  const std::string here = framed(folder);
  return std::any_of(file.ignores.begin(), file.ignores.end(), [&](const std::string& pattern) {
    if (absl::StartsWith(pattern, "./")) return absl::StartsWith(here, framed(std::string_view(pattern).substr(2)));
    return absl::StrContains(here, framed(pattern));
  });
}

absl::StatusOr<std::string> EditGoMod(std::string_view text, const GoModEdit& edit) {
  GOFARM_ASSIGN_OR_RETURN(const GoModFile file, ParseGoMod(text));
  std::vector<int> dropped;
  for (const Replacement& replacement : file.replacements) {
    if (replacement.is_folder() && edit.drop_folder_replacements) dropped.push_back(replacement.line);
  }
  if (!edit.go.empty() && file.go_line > 0) dropped.push_back(file.go_line);
  std::sort(dropped.begin(), dropped.end());
  std::string out;
  int number = 0;
  auto next = dropped.begin();
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t size = end == std::string_view::npos ? text.size() : end + 1;
    ++number;
    if (next != dropped.end() && *next == number) {
      ++next;
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  const auto add = [&out](const std::string& line) {
    out += Cat(out.empty() || out.back() == '\n' ? "" : "\n", line, "\n");
  };
  if (!edit.go.empty()) add(Cat("go ", edit.go));
  for (const ModuleVersion& required : edit.requirements) add(Cat("require ", required.path, " ", required.version));
  for (const Replacement& replacement : edit.replacements) {
    const ModuleVersion& old = replacement.old_module;
    add(Cat("replace ", old.path, old.version.empty() ? "" : " ", old.version, " => ", replacement.new_module.path, " ",
            replacement.new_module.version));
  }
  return out;
}

}  // namespace gofarm::gomod
