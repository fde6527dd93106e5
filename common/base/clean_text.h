// Text that somebody else gave, made fit to be stored and published. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gofarm {

// Control characters and broken bytes become a blank, runs of blanks one, at most `limit` bytes.
std::string CleanText(std::string_view text, size_t limit);

}  // namespace gofarm
