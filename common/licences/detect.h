// Which SPDX licences a text holds, where, and how sure that is. A licence is found where the words of the text and
// those of the SPDX text (words.h: by the SPDX matching guidelines) are similar: the Sorensen-Dice coefficient
// 2|A and B| / (|A| + |B|) over pairs of neighbouring words, counted with repetition (L. R. Dice, "Measures of the
// Amount of Ecologic Association Between Species", Ecology 26, 1945). GitHub's licensee decides by the same coefficient
// over single words and asks for 98 %; pairs also see the order, and one foreign word costs two of them: with another
// holder's name BSD-3-Clause comes to 98 %, real files of Go modules with small changes to 95 %. So kScoreMin is 90 %,
// and nine of ten of the licence's own pairs are asked for as well, since the best of all licences at a place wins
// anyway. Candidates come from runs of five words that few licences share, so one text takes milliseconds.
//
// Beside texts it knows SPDX-License-Identifier lines, the short notices of the Apache, Mozilla and GNU licences, and
// wordings that leave the choice ("MIT OR Apache-2.0"). Pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/licences/corpus.h"
#include "common/licences/expression.h"

namespace gofarm::licences {

inline constexpr size_t kTextBytesMax = size_t{16} << 20;
inline constexpr size_t kTextsMax = 16384;
inline constexpr int64_t kTextsBytesMax = int64_t{64} << 20;  // of all together
inline constexpr double kScoreMin = 0.90;
// Of the licence's own pairs of words: a text whose end is missing is none.
inline constexpr double kShareMin = 0.90;
// Of licences of a few sentences, which share most of their words with others.
inline constexpr size_t kShortWords = 48;
inline constexpr double kShortScoreMin = 0.97;
// Places that are looked at; a text with more is made of licences only to cost time.
inline constexpr size_t kCandidatesMax = 200'000;
inline constexpr int64_t kVotesMax = 20'000'000;  // runs of licences that are found, about a second

inline constexpr size_t kHitsMax = 10'000;  // of one text, without licences themselves
inline constexpr size_t kTermsMax = 256;    // parts; the last one goes on to the end of what is left

enum class HitKind {
  kText,        // the licence itself
  kNotice,      // the licence's own words for the head of a file
  kIdentifier,  // an SPDX-License-Identifier line
  kNamed        // named by a wording that leaves a choice
};
std::string_view Name(HitKind kind);  // "text", "notice", "identifier", "named"

struct Hit {
  std::string id;  // SPDX
  HitKind kind = HitKind::kText;
  // 1: word for word. Terms that stand beside or inside the licence and belong to no other lower it.
  double score = 0;
  size_t begin = 0;  // bytes of the text
  size_t end = 0;
  bool operator==(const Hit&) const = default;
};

// A part that belongs to no licence that was found, and that says what must or must not be done.
struct Terms {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Terms&) const = default;
};

struct Detection {
  std::vector<Hit> hits;  // by place
  std::vector<Terms> terms;
  // What takes rights away that free licences give, in words: "Commons Clause".
  std::vector<std::string> restrictions;
  // What the text says as a whole; empty: nothing is known.
  Expression expression;
  // False: the text is over a limit and was not looked at, or not to its end. What it holds is unknown.
  bool complete = true;
};

Detection Detect(const Corpus& corpus, std::string_view text);

// Of many. RESOURCE_EXHAUSTED beyond kTextsMax or kTextsBytesMax, DEADLINE_EXCEEDED and CANCELLED by the scope, which
// is asked between texts.
absl::StatusOr<std::vector<Detection>> DetectAll(const Scope& scope, const Corpus& corpus,
                                                 const std::vector<std::string>& texts);

}  // namespace gofarm::licences
