#include "common/gomod/main_function.h"

#include "absl/strings/ascii.h"

namespace gofarm::gomod {
namespace {

bool IsWordChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// Gives words and single punctuation characters; comments, strings and runes are passed over (a literal is one '"').
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Empty at the end.
  std::string_view Next() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '/' && Peek(1) == '/') {
        SkipTo("\n", at_ + 2);
      } else if (c == '/' && Peek(1) == '*') {
        SkipTo("*/", at_ + 2);
      } else if (c == '`') {
        const size_t start = at_;
        SkipTo("`", at_ + 1);
        return text_.substr(start, 1);
      } else if (c == '"' || c == '\'') {
        return Literal(c);
      } else if (IsWordChar(c)) {
        const size_t start = at_;
        while (at_ < text_.size() && IsWordChar(text_[at_])) ++at_;
        return text_.substr(start, at_ - start);
      } else if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
        ++at_;
      } else {
        return text_.substr(at_++, 1);
      }
    }
    return {};
  }

 private:
  char Peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void SkipTo(std::string_view end, size_t from) {
    const size_t found = text_.find(end, from);
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
  }

  // A string or rune ends at its quote, or at the line's end when it is broken.
  std::string_view Literal(char quote) {
    const size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '\n') {
      const char c = text_[at_++];
      if (c == quote) break;
      if (c == '\\' && at_ < text_.size() && text_[at_] != '\n') ++at_;
    }
    return text_.substr(start, 1);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

bool HasMainFunction(std::string_view text) {
  Scanner scanner(text);
  // Inside any bracket nothing is top-level: bodies, struct types, and import or const groups.
  int depth = 0;
  std::string_view token = scanner.Next();
  while (!token.empty()) {
    if (token == "{" || token == "(" || token == "[") ++depth;
    if ((token == "}" || token == ")" || token == "]") && depth > 0) --depth;
    if (depth != 0 || token != "func") {
      token = scanner.Next();
      continue;
    }
    // A function literal at top level ("var f = func() {...}") is followed by "(", a method by its receiver.
    token = scanner.Next();
    if (token != "main") continue;
    token = scanner.Next();
    if (token != "(") continue;
    token = scanner.Next();
    if (token == ")") return true;
    ++depth;  // "func main(x int)" does not compile
  }
  return false;
}

}  // namespace gofarm::gomod
