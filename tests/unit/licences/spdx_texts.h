// The texts of the SPDX list as they stand in the data, and edits that people make to them.
#pragma once

#include <string>
#include <string_view>

namespace gofarm::licences {

// The test ends when there is none of that id.
std::string SpdxText(std::string_view id);
// All blanks and line ends are one blank, and lines break at `width`.
std::string Rewrapped(std::string_view text, size_t width);
std::string Replaced(std::string_view text, std::string_view what, std::string_view with);
std::string HtmlEscaped(std::string_view text);
// Each line behind `mark`, as in the head of a source file.
std::string Commented(std::string_view text, std::string_view mark);

}  // namespace gofarm::licences
