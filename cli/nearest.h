// "Did you mean": the known words that are near to one that is not known. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

// Words that begin with `word`, or differ from it by a slip or two of the finger (one left out, one too many, one
// wrong, two swapped); the nearest first, at most three.
std::vector<std::string> Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace gofarm::cli
