// What a licence file says outside of the licences' own texts: SPDX lines, notices, choices, further terms. A part of
// detection (detect.h); pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/licences/corpus.h"
#include "common/licences/expression.h"
#include "common/licences/words.h"

namespace gofarm::licences {

struct Hit;

struct WordRange {
  size_t begin = 0, end = 0;
};

// A text with its words: which of them licences that were found have too, and which stand between a licence's first and
// last word.
struct Rest {
  std::string_view text;
  const std::vector<Word>& words;
  const std::vector<bool>& known;
  const std::vector<bool>& inside;
};

struct Declared {
  std::vector<Hit> hits;         // by notice, identifier, name
  std::vector<WordRange> terms;  // by place
  std::vector<std::string> restrictions;
  Expression expression;  // of the whole text, `texts` included
  bool complete = true;   // false: more than kHitsMax hits
};

Declared FindDeclarations(const Corpus& corpus, const Rest& rest, const std::vector<Hit>& texts);

}  // namespace gofarm::licences
