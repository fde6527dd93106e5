#include "common/gomod/go_header.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/gomod/go_text.h"

namespace gofarm::gomod {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr uint32_t kByteOrderRune = 0xFEFF;

bool IsIdentifierByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// Finds where the header ends, by the rules of readGoInfo, which knows only words, strings, comments and one character
// of look-ahead. Everything after its first error is read by the parser alone.
class ExtentReader {
 public:
  explicit ExtentReader(std::string_view text) : text_(text) {}

  struct Extent {
    size_t end = 0;  // of the header
    bool nul = false;
    bool syntax_error = false;
    bool at_end = false;  // of the text
  };

  Extent Read() {
    Keyword("package");
    Identifier();
    while (Peek(true) == 'i') {
      Keyword("import");
      if (Peek(true) == '(') {
        Advance();
        while (Peek(true) != ')' && Good()) Import();
        if (Good()) Advance();
      } else {
        Import();
      }
    }
    return {.end = syntax_error_ ? text_.size() : at_, .nul = nul_, .syntax_error = syntax_error_, .at_end = at_end_};
  }

 private:
  bool Good() const { return !nul_ && !syntax_error_; }

  // 0 at the end of the text, and after an error.
  char Current() {
    if (!Good()) return 0;
    if (at_ >= text_.size()) {
      at_end_ = true;
      return 0;
    }
    if (text_[at_] == '\0') {
      nul_ = true;
      return 0;
    }
    return text_[at_];
  }
  void Advance() {
    if (at_ < text_.size()) ++at_;
  }
  void SyntaxError() {
    if (Good()) syntax_error_ = true;
  }

  char Peek(bool skip_space) {
    char c = Current();
    while (skip_space && c != 0) {
      if (c == ' ' || c == '\f' || c == '\t' || c == '\r' || c == '\n' || c == ';') {
        Advance();
      } else if (c == '/') {
        Advance();
        Comment();
      } else {
        break;
      }
      c = Current();
    }
    return c;
  }

  void Comment() {
    const char kind = Current();
    if (kind == '/') {
      while (Good() && Current() != '\n' && !at_end_) Advance();
      return;
    }
    if (kind != '*') return SyntaxError();
    Advance();
    // readGoInfo takes "/*/" for the beginning only.
    char before = 0;
    while (Good()) {
      const char c = Current();
      if (at_end_) return SyntaxError();
      if (!Good()) return;
      Advance();
      if (before == '*' && c == '/') return;
      before = c;
    }
  }

  void Keyword(std::string_view word) {
    Peek(true);
    for (const char expected : word) {
      if (Current() != expected) return SyntaxError();
      Advance();
    }
    if (const char next = Current(); next != 0 && IsIdentifierByte(next)) SyntaxError();
  }

  void Identifier() {
    const char c = Peek(true);
    if (c == 0 || !IsIdentifierByte(c)) return SyntaxError();
    while (true) {
      const char next = Current();
      if (next == 0 || !IsIdentifierByte(next)) return;
      Advance();
    }
  }

  void Import() {
    if (++imports_ > kImportsMax) return SyntaxError();
    const char c = Peek(true);
    if (c == '.') {
      Advance();
    } else if (c != 0 && IsIdentifierByte(c)) {
      Identifier();
    }
    String();
  }

  void String() {
    const char quote = Peek(true);
    if (quote != '`' && quote != '"') return SyntaxError();
    Advance();
    while (Good()) {
      const char c = Current();
      if (at_end_) return SyntaxError();
      if (!Good()) return;
      Advance();
      if (c == quote) return;
      if (quote == '"' && c == '\n') return SyntaxError();
      if (quote == '"' && c == '\\') {
        Current();
        if (Good()) Advance();
      }
    }
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t imports_ = 0;
  bool at_end_ = false;
  bool nul_ = false;
  bool syntax_error_ = false;
};

// Tokens of go/scanner, as far as a header has them. What the scanner calls an error is one here.
class Lexer {
 public:
  enum class Kind { kEnd, kWord, kString, kSemicolon, kOpen, kClose, kDot, kOther, kError };
  struct Token {
    Kind kind = Kind::kEnd;
    std::string_view text;
    int line = 0;
    // Comments that end on the line above the token and touch each other: what a cgo preamble is.
    std::string doc;
  };

  // A byte order mark in front is passed over, also a second one: readGoInfo took the first.
  explicit Lexer(std::string_view text) : text_(text), at_(absl::StartsWith(Av(text), Av(kByteOrderMark)) ? 3 : 0) {}
  bool failed() const { return failed_; }

  Token Next() {
    Token token;
    std::string group;
    int group_end = -2;  // line of the group's last character
    const int previous_line = line_;
    bool on_previous_line = true;
    while (true) {
      const bool newline = SkipSpace(semicolon_pending_);
      if (newline) return Semicolon();
      if (at_ >= text_.size()) {
        if (semicolon_pending_) return Semicolon();
        token.kind = Kind::kEnd;
        break;
      }
      if (!StartsComment()) break;
      // A comment that holds a newline ends the line for Go.
      if (semicolon_pending_ && CommentEndsLine()) return Semicolon();
      const int start_line = line_;
      const std::string_view comment = TakeComment();
      if (failed_) break;
      // Behind the token before it on the same line: a comment of that one.
      on_previous_line = on_previous_line && start_line == previous_line && has_token_;
      if (start_line > group_end + 1 || on_previous_line) group.clear();
      if (!on_previous_line) AppendComment(comment, group);
      group_end = line_;
    }
    if (failed_) return {.kind = Kind::kError, .line = line_};
    token.line = line_;
    if (group_end + 1 == line_) token.doc = std::move(group);
    has_token_ = true;
    if (at_ < text_.size()) TakeToken(token);
    return token;
  }

 private:
  Token Semicolon() {
    semicolon_pending_ = false;
    return {.kind = Kind::kSemicolon, .text = "\n", .line = line_};
  }

  // True when a newline was met that ends the line for Go (it stays to be read).
  bool SkipSpace(bool stop_at_newline) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        if (stop_at_newline) return true;
        ++line_;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        break;
      }
      ++at_;
    }
    return false;
  }

  bool StartsComment() const { return text_.substr(at_, 2) == "//" || text_.substr(at_, 2) == "/*"; }
  bool CommentEndsLine() {
    if (at_ < no_newline_before_) return false;  // each line is looked through once
    if (text_.substr(at_, 2) == "//") return true;
    const size_t close = text_.find("*/", at_ + 2);
    const std::string_view inside = text_.substr(at_, close == std::string_view::npos ? close : close - at_);
    if (inside.find('\n') != std::string_view::npos || close == std::string_view::npos) return true;
    // Nothing but blanks and comments up to the end of the line.
    size_t i = close + 2;
    while (i < text_.size()) {
      const char c = text_[i];
      if (c == '\n') return true;
      if (c == ' ' || c == '\t' || c == '\r') {
        ++i;
      } else if (text_.substr(i, 2) == "//") {
        return true;
      } else if (text_.substr(i, 2) == "/*") {
        const size_t end = text_.find("*/", i + 2);
        if (end == std::string_view::npos || text_.substr(i, end - i).find('\n') != std::string_view::npos) return true;
        i = end + 2;
      } else {
        no_newline_before_ = i;
        return false;
      }
    }
    return true;
  }

  std::string_view TakeComment() {
    const size_t start = at_;
    const bool line_comment = text_[at_ + 1] == '/';
    const bool at_line_start = start == 0 || text_[start - 1] == '\n';
    size_t end = line_comment ? text_.find('\n', at_) : text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) {
      if (!line_comment) failed_ = true;
      end = text_.size();
    } else if (!line_comment) {
      end += 2;
    }
    const std::string_view comment = text_.substr(start, end - start);
    CheckCharacters(start, std::min(end + 1, text_.size()));
    if (!failed_ && (at_line_start || !line_comment)) CheckLineDirective(comment, line_comment);
    line_ += static_cast<int>(std::count(comment.begin(), comment.end(), '\n'));
    at_ = end;
    return comment;
  }

  // Bytes [begin, end), and a character that begins there, are UTF-8 without NUL and without a byte order mark.
  void CheckCharacters(size_t begin, size_t end) {
    for (size_t i = begin; i < end && !failed_;) {
      if (static_cast<unsigned char>(text_[i]) < 0x80) {
        failed_ = text_[i] == '\0';
        ++i;
        continue;
      }
      uint32_t rune = 0;
      const size_t length = Utf8Length(text_, i, rune);
      failed_ = length == 0 || rune == kByteOrderRune;
      i += std::max<size_t>(length, 1);
    }
  }

  // "//line file:0" is an error to the scanner.
  void CheckLineDirective(std::string_view comment, bool line_comment) {
    if (comment.substr(2, 5) != "line ") return;
    if (!line_comment) comment.remove_suffix(2);
    if (line_comment && !comment.empty() && comment.back() == '\r') comment.remove_suffix(1);
    std::string_view text = comment.substr(std::min<size_t>(7, comment.size()));
    bool has_last = false, has_first = false;
    int64_t last = 0, first = 0;
    const size_t colon = Number(text, has_last, last);
    if (colon == std::string_view::npos) return;
    if (!has_last) {
      failed_ = true;
      return;
    }
    Number(text.substr(0, colon), has_first, first);
    constexpr int64_t kLineMax = 1 << 30;
    if (last <= 0 || last > kLineMax) failed_ = true;
    if (has_first && (first <= 0 || first > kLineMax)) failed_ = true;
  }
  // The number behind the last colon, and where the colon is.
  static size_t Number(std::string_view text, bool& ok, int64_t& value) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return colon;
    const std::string_view digits = text.substr(colon + 1);
    ok = !digits.empty() && digits.size() < 20 && digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (ok && !absl::SimpleAtoi(Av(digits), &value)) value = -1;
    return colon;
  }

  static void AppendComment(std::string_view comment, std::string& group) {
    if (group.size() + comment.size() > kPreambleBytesMax) return;
    comment.remove_prefix(2);
    if (absl::EndsWith(Av(comment), "*/")) comment.remove_suffix(2);
    group.append(comment);
    group += '\n';
  }

  void TakeToken(Token& token) {
    const size_t start = at_;
    const char c = text_[at_];
    semicolon_pending_ = false;
    if (c == '"' || c == '`') {
      token.kind = Kind::kString;
      semicolon_pending_ = true;
      TakeString(c);
    } else if (IsIdentifierByte(c) && !absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      token.kind = Kind::kWord;
      while (at_ < text_.size() && IsIdentifierByte(text_[at_])) {
        uint32_t rune = 0;
        const size_t length = Utf8Length(text_, at_, rune);
        if (length == 0 || rune == kByteOrderRune || !(IsGoLetter(rune) || IsGoDigit(rune))) {
          // The first character of something else; when it is the word's own first one, it is an illegal one.
          failed_ = failed_ || length == 0 || rune == kByteOrderRune || at_ == start;
          break;
        }
        at_ += length;
      }
      const std::string_view word = text_.substr(start, at_ - start);
      semicolon_pending_ = word != "package" && word != "import";
    } else {
      ++at_;
      token.kind = c == ';'   ? Kind::kSemicolon
                   : c == '(' ? Kind::kOpen
                   : c == ')' ? Kind::kClose
                   : c == '.' ? Kind::kDot
                              : Kind::kOther;
      semicolon_pending_ = c == ')' || c == ']' || c == '}';
      if (c == '#' || c == '@' || c == '$' || c == '?' || c == '\\' || static_cast<unsigned char>(c) < 0x20)
        failed_ = true;
    }
    // The scanner has always read the character behind the token.
    if (at_ < text_.size()) CheckCharacters(at_, at_ + 1);
    token.text = text_.substr(start, at_ - start);
    if (failed_) token.kind = Kind::kError;
  }

  void TakeString(char quote) {
    const size_t start = at_++;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == quote) {
        CheckCharacters(start, at_);
        return;
      }
      if (quote == '"' && c == '\n') break;
      if (quote == '`' && c == '\n') ++line_;
      if (quote == '"' && c == '\\' && at_ < text_.size() && text_[at_] != '\n') ++at_;
    }
    failed_ = true;  // it does not end
  }

  const std::string_view text_;
  size_t at_;
  size_t no_newline_before_ = 0;
  int line_ = 1;
  bool semicolon_pending_ = false;
  bool has_token_ = false;
  bool failed_ = false;
};

constexpr std::string_view kKeywords[] = {"break",  "case",        "chan", "const",   "continue", "default", "defer",
                                          "else",   "fallthrough", "for",  "func",    "go",       "goto",    "if",
                                          "import", "interface",   "map",  "package", "range",    "return",  "select",
                                          "struct", "switch",      "type", "var"};
bool IsKeyword(std::string_view word) {
  return std::find(std::begin(kKeywords), std::end(kKeywords), word) != std::end(kKeywords);
}

// The value of a string literal. False for escapes other than those of ASCII characters, which no import path needs.
bool Unquote(std::string_view literal, std::string& out) {
  const std::string_view inside = literal.substr(1, literal.size() - 2);
  if (literal[0] == '`') {
    // Go drops carriage returns from raw strings.
    for (const char c : inside) {
      if (c != '\r') out += c;
    }
    return true;
  }
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\') {
      out += inside[i];
      continue;
    }
    int value = 0;
    if (i + 3 < inside.size() && inside[i + 1] == 'x') {
      if (!absl::SimpleHexAtoi(Av(inside.substr(i + 2, 2)), &value) || value >= 0x80) return false;
      out += static_cast<char>(value);
      i += 3;
    } else if (i + 5 < inside.size() && inside[i + 1] == 'u') {
      if (!absl::SimpleHexAtoi(Av(inside.substr(i + 2, 4)), &value) || value >= 0x80) return false;
      out += static_cast<char>(value);
      i += 5;
    } else {
      return false;
    }
  }
  return true;
}

bool IsValidImport(std::string_view path) {
  if (path.empty() || path.find_first_of("!\"#$%&'()*,:;<=>?[\\]^{|}`") != std::string_view::npos) return false;
  for (size_t i = 0; i < path.size();) {
    uint32_t rune = 0;
    const size_t length = Utf8Length(path, i, rune);
    if (length == 0 || rune == 0xFFFD || IsGoSpace(rune) || IsControlRune(rune)) return false;
    i += length;
  }
  return true;
}

class ImportParser {
 public:
  ImportParser(std::string_view text, GoHeader& header) : lexer_(text), header_(header) {}

  void Parse() {
    if (!PackageClause()) return;
    header_.imports_readable = Imports();
    if (header_.imports_readable) return;
    header_.imports.clear();
    header_.cgo = false;
    header_.preamble.clear();
  }

 private:
  using Kind = Lexer::Kind;
  void Next() { token_ = lexer_.Next(); }
  bool IsWord(std::string_view word) const { return token_.kind == Kind::kWord && token_.text == word; }

  // Go's parser gives a file no name when anything up to the token behind the clause is wrong.
  bool PackageClause() {
    Next();
    if (!IsWord("package")) return false;
    Next();
    if (token_.kind != Kind::kWord || IsKeyword(token_.text)) return false;
    const std::string name(token_.text);
    Next();
    if (token_.kind == Kind::kSemicolon) {
      Next();
    } else if (token_.kind != Kind::kClose && token_.text != "}") {
      return false;
    }
    if (lexer_.failed()) return false;
    header_.package = name;
    return true;
  }

  // A semicolon, or a closing bracket in its place.
  bool EndOfSpec() {
    if (token_.kind == Kind::kSemicolon) {
      Next();
      return true;
    }
    return token_.kind == Kind::kClose;
  }

  bool Imports() {
    while (IsWord("import")) {
      const std::string declaration_doc = std::move(token_.doc);
      Next();
      if (token_.kind != Kind::kOpen) {
        if (!Spec(declaration_doc)) return false;
        continue;
      }
      Next();
      const size_t before = header_.imports.size();
      std::string only_doc;
      bool only_is_c = false;
      while (token_.kind != Kind::kClose && token_.kind != Kind::kEnd) {
        const bool first = header_.imports.size() == before;
        const std::string doc = std::move(token_.doc);
        if (!Spec(doc)) return false;
        only_is_c = first && header_.imports.back().path == "C" && doc.empty();
      }
      if (token_.kind != Kind::kClose) return false;
      // The comment above `import (` belongs to its only line, when that has none.
      if (only_is_c && header_.imports.size() == before + 1) AddPreamble(declaration_doc);
      Next();
      if (!EndOfSpec() && token_.text != "}") return false;
    }
    return !lexer_.failed();
  }

  bool Spec(const std::string& doc) {
    GoImport import;
    if (token_.kind == Kind::kWord && !IsKeyword(token_.text)) {
      import.blank = token_.text == "_";
      Next();
    } else if (token_.kind == Kind::kDot) {
      Next();
    }
    if (token_.kind != Kind::kString) return false;
    const bool ok = Unquote(token_.text, import.path) && IsValidImport(import.path);
    Next();
    if (!EndOfSpec() || !ok) return false;
    if (import.path == "C") {
      header_.cgo = true;
      AddPreamble(doc);
    }
    header_.imports.push_back(std::move(import));
    return true;
  }

  void AddPreamble(const std::string& doc) {
    if (header_.preamble.size() + doc.size() <= kPreambleBytesMax) header_.preamble += doc;
  }

  Lexer lexer_;
  Lexer::Token token_;
  GoHeader& header_;
};

}  // namespace

GoHeader ReadGoHeader(std::string_view text, bool whole) {
  GoHeader header;
  if (absl::StartsWith(Av(text), Av(kByteOrderMark))) text.remove_prefix(kByteOrderMark.size());
  const ExtentReader::Extent extent = ExtentReader(text).Read();
  // After a syntax error Go reads on to the end of the file.
  header.truncated = !whole && (extent.at_end || extent.syntax_error);
  if (extent.nul || header.truncated) return header;
  const std::string_view head = text.substr(0, extent.end);
  absl::StatusOr<ConstraintLines> constraints = FindConstraints(head);
  if (!constraints.ok()) return header;
  header.readable = true;
  header.constraints = *std::move(constraints);
  ImportParser(head, header).Parse();
  return header;
}

}  // namespace gofarm::gomod
