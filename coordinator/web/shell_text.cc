#include "coordinator/web/shell_text.h"

#include "common/base/text.h"

namespace gofarm::web {

std::string ShellQuote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
    } else if (c != '\0') {
      out += c;
    }
  }
  out += '\'';
  return out;
}

std::string ShellWord(std::string_view text) {
  // No "~" and "=": at the start of a word a shell may expand the one, and take the other for an assignment.
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/@+:%,";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos;
  return plain ? std::string(text) : ShellQuote(text);
}

std::string ShellQuotePrintable(std::string_view text, size_t limit) { return ShellQuote(EscapeAndClip(text, limit)); }

}  // namespace gofarm::web
