// UTF-8, character by character. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gofarm {

// Bytes of the character at `text[i]`, and the character itself; 0 when there is no well-formed one. Overlong forms,
// surrogates and what lies beyond U+10FFFF are none.
size_t Utf8Length(std::string_view text, size_t i, uint32_t& rune);

// Characters that a terminal obeys instead of showing them, that reorder what a reader sees, or that hide: C0 and C1
// controls, DEL, direction overrides, zero-width and tag characters.
bool IsControlRune(uint32_t rune);

// Columns that a terminal gives to a character: 0 for marks that join the one before, 2 for East Asian wide ones and
// emoji.
int RuneColumns(uint32_t rune);

}  // namespace gofarm
