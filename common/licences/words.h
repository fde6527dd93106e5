// The words of a licence text as the SPDX matching guidelines (SPDX 2.3, annex B) compare them: case, whitespace,
// punctuation, quotes, dashes, comment marks, HTML tags and entities do not count; numbering of paragraphs, copyright
// notices and placeholders in angle brackets are left out; words that the guidelines call equal are one word. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gofarm::licences {

// What a word is known by: FNV-1a over its lower-case bytes. A text that was made to collide reads as gibberish.
using WordKey = uint64_t;
constexpr WordKey KeyOf(std::string_view word) {
  uint64_t key = 0xcbf29ce484222325;
  for (const char c : word) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    key = (key ^ static_cast<uint8_t>(lower)) * 0x100000001b3;
  }
  return key;
}

struct Word {
  WordKey key = 0;
  uint32_t begin = 0;  // bytes of the text
  uint32_t end = 0;
};

// Of all of `text`, linear in its size, which is at most 4 GiB. Bytes that are no UTF-8 separate words.
std::vector<Word> WordsOf(std::string_view text);

// The keys alone: for phrases, and for what is compared as a whole.
std::vector<WordKey> KeysOf(std::string_view text);

}  // namespace gofarm::licences
