// Text of others as HTML shows it. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gofarm {

// & < > " ' become references; broken UTF-8, control characters but newline and tab, characters that reorder or hide
// text, and noncharacters become U+FFFD, so that they are seen and do nothing.
std::string EscapeHtml(std::string_view text);
// What EscapeHtml shows, without references: for what a script makes a text node of.
std::string VisibleText(std::string_view text);

}  // namespace gofarm
