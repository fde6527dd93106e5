// Text that came from outside, as words of a POSIX shell. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gofarm::web {

// One word that a POSIX shell takes as exactly these bytes, whatever they are; a NUL, which no shell can hold, is left
// out.
std::string ShellQuote(std::string_view text);

// The same for a command that people read and copy: without quotes where none are needed.
std::string ShellWord(std::string_view text);

// Made fit to print on a terminal (one line, no control characters, at most `limit` bytes), then quoted.
std::string ShellQuotePrintable(std::string_view text, size_t limit);

}  // namespace gofarm::web
