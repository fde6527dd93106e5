// Characters as Go sources and the go command tell them apart. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gofarm::gomod {

// Beyond ASCII without Go's tables: spaces, punctuation, symbols of the common blocks and private use are no letters,
// all else is. What differs from Go is then a name that no program has.
bool IsGoLetter(uint32_t rune);  // also "_"
bool IsGoDigit(uint32_t rune);
bool IsGoSpace(uint32_t rune);

// bytes.TrimSpace and strings.Fields: also by spaces beyond ASCII.
std::string_view TrimGoSpace(std::string_view text);
std::vector<std::string_view> GoFields(std::string_view text);

}  // namespace gofarm::gomod
