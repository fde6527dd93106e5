#include "common/licences/words.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace gofarm::licences {
namespace {

// A tag or placeholder, an entity, and a copyright notice are no longer than this.
constexpr size_t kTagMax = 200;
constexpr size_t kEntityMax = 10;
// Longer words are none of a licence: cut here.
constexpr size_t kWordMax = 64;
constexpr int kNoticeWordsMax = 30;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

// The copyright sign in one of its forms.
bool HasSign(std::string_view text) {
  for (const absl::string_view sign : {"\xc2\xa9", "(c)", "(C)", "&copy;"}) {
    if (absl::StrContains(Av(text), sign)) return true;
  }
  return false;
}

// Spellings of one word (guideline "varietal word spelling"): each stands for the one behind it.
const absl::flat_hash_map<WordKey, WordKey>& Spellings() {
  static const auto& kTable = *new absl::flat_hash_map<WordKey, WordKey>{
      {KeyOf("acknowledgment"), KeyOf("acknowledgement")},
      {KeyOf("acknowledgments"), KeyOf("acknowledgements")},
      {KeyOf("analogue"), KeyOf("analog")},
      {KeyOf("analyse"), KeyOf("analyze")},
      {KeyOf("artefact"), KeyOf("artifact")},
      {KeyOf("authorisation"), KeyOf("authorization")},
      {KeyOf("authorised"), KeyOf("authorized")},
      {KeyOf("calibre"), KeyOf("caliber")},
      {KeyOf("cancelled"), KeyOf("canceled")},
      {KeyOf("capitalisations"), KeyOf("capitalizations")},
      {KeyOf("catalogue"), KeyOf("catalog")},
      {KeyOf("categorise"), KeyOf("categorize")},
      {KeyOf("centre"), KeyOf("center")},
      {KeyOf("emphasised"), KeyOf("emphasized")},
      {KeyOf("favour"), KeyOf("favor")},
      {KeyOf("favourite"), KeyOf("favorite")},
      {KeyOf("fulfil"), KeyOf("fulfill")},
      {KeyOf("fulfilment"), KeyOf("fulfillment")},
      {KeyOf("initialise"), KeyOf("initialize")},
      {KeyOf("judgement"), KeyOf("judgment")},
      {KeyOf("labelling"), KeyOf("labeling")},
      {KeyOf("labour"), KeyOf("labor")},
      {KeyOf("licence"), KeyOf("license")},
      {KeyOf("licences"), KeyOf("licenses")},
      {KeyOf("licenced"), KeyOf("licensed")},
      {KeyOf("maximise"), KeyOf("maximize")},
      {KeyOf("modelled"), KeyOf("modeled")},
      {KeyOf("modelling"), KeyOf("modeling")},
      {KeyOf("offence"), KeyOf("offense")},
      {KeyOf("optimise"), KeyOf("optimize")},
      {KeyOf("organisation"), KeyOf("organization")},
      {KeyOf("organise"), KeyOf("organize")},
      {KeyOf("practise"), KeyOf("practice")},
      {KeyOf("programme"), KeyOf("program")},
      {KeyOf("realise"), KeyOf("realize")},
      {KeyOf("recognise"), KeyOf("recognize")},
      {KeyOf("signalling"), KeyOf("signaling")},
      {KeyOf("utilisation"), KeyOf("utilization")},
      {KeyOf("whilst"), KeyOf("while")},
      {KeyOf("wilful"), KeyOf("willful")},
      {KeyOf("wilfull"), KeyOf("willful")},
      {KeyOf("https"), KeyOf("http")},
      {KeyOf("holders"), KeyOf("holder")},
      {KeyOf("owners"), KeyOf("holder")},
      {KeyOf("owner"), KeyOf("holder")},
  };
  return kTable;
}

// Words that are also written as two ("non-infringement"): the key of the second after the first, and that of both.
const absl::flat_hash_map<std::pair<WordKey, WordKey>, WordKey>& Joined() {
  static const auto& kTable = *new absl::flat_hash_map<std::pair<WordKey, WordKey>, WordKey>{
      {{KeyOf("non"), KeyOf("infringement")}, KeyOf("noninfringement")},
      {{KeyOf("non"), KeyOf("commercial")}, KeyOf("noncommercial")},
      {{KeyOf("non"), KeyOf("exclusive")}, KeyOf("nonexclusive")},
      {{KeyOf("non"), KeyOf("transferable")}, KeyOf("nontransferable")},
      {{KeyOf("sub"), KeyOf("license")}, KeyOf("sublicense")},
      {{KeyOf("sub"), KeyOf("licenses")}, KeyOf("sublicenses")},
      {{KeyOf("sub"), KeyOf("licensed")}, KeyOf("sublicensed")},
      {{KeyOf("per"), KeyOf("cent")}, KeyOf("percent")},
  };
  return kTable;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { words_.reserve(text.size() / 7); }

  std::vector<Word> Run() {
    size_t line = 0;
    while (line < text_.size()) {
      size_t end = text_.find('\n', line);
      if (end == std::string_view::npos) end = text_.size();
      Line(line, end);
      line = end + 1;
    }
    return std::move(words_);
  }

 private:
  // A tag or placeholder that begins at `i` (a '<'): where it ends, else 0. It may go over lines.
  size_t TagEnd(size_t i) const {
    if (i + 1 >= text_.size() || !(IsLetter(text_[i + 1]) || text_[i + 1] == '/' || text_[i + 1] == '!')) return 0;
    const std::string_view rest = text_.substr(i + 1, kTagMax);
    const size_t end = rest.find_first_of("<>");
    return end == std::string_view::npos || rest[end] == '<' ? 0 : i + 1 + end + 1;
  }
  size_t EntityEnd(size_t i) const {
    const std::string_view rest = text_.substr(i + 1, kEntityMax);
    const size_t end = rest.find(';');
    if (end == std::string_view::npos || end == 0) return 0;
    const bool plain = std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(end),
                                   [](char c) { return IsLetter(c) || IsDigit(c) || c == '#'; });
    return plain ? i + 1 + end + 1 : 0;
  }

  void Line(size_t begin, size_t end) {
    const size_t first = words_.size();
    size_t i = std::max(begin, tag_end_);
    while (i < end) {
      const char c = text_[i];
      if (c == '<') {
        if (const size_t tag = TagEnd(i); tag != 0) {
          tag_end_ = tag;
          i = tag;
          continue;
        }
      } else if (c == '&') {
        if (const size_t entity = EntityEnd(i); entity != 0) {
          i = entity;
          continue;
        }
      }
      const size_t length = WordLength(i);
      if (length == 0) {
        ++i;
        continue;
      }
      size_t last = i + length;
      while (last < end) {
        const size_t more = WordLength(last);
        if (more == 0) break;
        last += more;
      }
      Add(i, last, first);
      i = last;
    }
    DropNotice(first, begin, end);
  }

  // Bytes of the character at `i` when words are made of it, else 0.
  size_t WordLength(size_t i) const {
    const char c = text_[i];
    if (IsLetter(c) || IsDigit(c)) return 1;
    if (static_cast<unsigned char>(c) < 0x80) return 0;
    uint32_t rune = 0;
    const size_t n = Utf8Length(text_, i, rune);
    // Latin-1 signs (no-break space, quotes, the copyright sign), general punctuation, bullets and CJK punctuation.
    const bool separates = n == 0 || rune < 0xC0 || (rune >= 0x2000 && rune < 0x2070) ||
                           (rune >= 0x2190 && rune < 0x2C00) || (rune >= 0x3000 && rune < 0x3040) ||
                           (rune >= 0xFF00 && rune < 0xFF10) || IsControlRune(rune);
    return separates ? 0 : n;
  }

  // Numbers of paragraphs: "1.", "2)", "(a)", "(iv)", and "a." where a line begins.
  bool IsNumbering(size_t begin, size_t end, size_t first) const {
    if (end - begin > 4 || end >= text_.size()) return false;
    const char after = text_[end];
    if (after != '.' && after != ')' && after != ']' && after != ':') return false;
    if (end + 1 < text_.size() && !IsBlank(text_[end + 1])) return false;
    // "2.0" is a version, wherever a sentence ends behind it.
    if (begin > 0 && text_[begin - 1] == '.') return false;
    const std::string_view word = text_.substr(begin, end - begin);
    const bool digits = std::all_of(word.begin(), word.end(), IsDigit);
    const bool roman = word.find_first_not_of("ivxIVX") == std::string_view::npos;
    const bool letter = word.size() == 1 && IsLetter(word[0]);
    const bool opened = begin > 0 && (text_[begin - 1] == '(' || text_[begin - 1] == '[');
    const bool leads = words_.size() == first;
    if (digits) {
      if (word.size() > 2) return false;
      if (words_.empty() || leads || opened) return true;
      const WordKey before = words_.back().key;
      return after != ':' && before != KeyOf("version") && before != KeyOf("section") && before != KeyOf("v") &&
             before != KeyOf("clause") && before != KeyOf("paragraph") && before != KeyOf("article");
    }
    if (opened && after == ')') return letter || roman;
    return leads && (letter || roman) && after != ':';
  }

  void Add(size_t begin, size_t end, size_t first) {
    if (IsNumbering(begin, end, first)) return;
    Word word{KeyOf(text_.substr(begin, std::min(end - begin, kWordMax))), static_cast<uint32_t>(begin),
              static_cast<uint32_t>(end)};
    if (const auto found = Spellings().find(word.key); found != Spellings().end()) word.key = found->second;
    if (!words_.empty()) {
      if (const auto both = Joined().find({words_.back().key, word.key}); both != Joined().end()) {
        words_.back().key = both->second;
        words_.back().end = word.end;
        return;
      }
    }
    words_.push_back(word);
  }

  // "Copyright (c) 2024 Somebody. All rights reserved." is not compared. A text may stand on the same line behind it,
  // and a sentence about "the above copyright notice" may break before that word.
  void DropNotice(size_t first, size_t begin, size_t end) {
    if (first >= words_.size()) return;
    size_t at = first;
    const auto is = [&](size_t i, std::initializer_list<std::string_view> names) {
      return i < words_.size() && std::any_of(names.begin(), names.end(),
                                              [&](std::string_view name) { return KeyOf(name) == words_[i].key; });
    };
    if (is(at, {"all"}) && is(at + 1, {"rights"}) && is(at + 2, {"reserved"})) {
      words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(at),
                   words_.begin() + static_cast<std::ptrdiff_t>(at + 3));
      return;
    }
    if (is(at, {"portions", "parts", "portion"})) ++at;
    const size_t line_begin = words_[first].begin;
    const auto year_at = [&](size_t i) {
      return i < words_.size() && words_[i].end - words_[i].begin == 4 && IsDigit(text_[words_[i].begin]);
    };
    // "(c)" alone may also be the number of a paragraph.
    const bool sign = HasSign(text_.substr(begin, line_begin - begin)) && year_at(at);
    if (!sign) {
      if (!is(at, {"copyright", "copyrights", "copyrighted"})) return;
      // What follows the word: a year, a sign, a placeholder, or a name that begins with a capital letter.
      const std::string_view rest = text_.substr(words_[at].end, end - words_[at].end);
      const bool marked = HasSign(rest) || rest.find_first_of("<[{") != std::string_view::npos;
      const size_t next = at + 1;
      const bool about =
          is(next, {"notice",     "notices",   "holder",   "license",   "law",    "laws",   "or",         "and",
                    "in",         "statement", "interest", "interests", "is",     "rights", "this",       "to",
                    "protection", "as",        "of",       "on",        "treaty", "status", "information"});
      const bool name =
          next < words_.size() && !about && text_[words_[next].begin] >= 'A' && text_[words_[next].begin] <= 'Z';
      if (about || !(marked || year_at(next) || name || is(next, {"by"}))) return;
    }
    size_t last = at;
    while (last < words_.size() && last - first < static_cast<size_t>(kNoticeWordsMax)) {
      if (last > at && is(last, {"permission", "redistribution", "redistributions", "licensed", "this", "everyone",
                                 "distributed", "unless", "please"})) {
        break;
      }
      ++last;
    }
    words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(first),
                 words_.begin() + static_cast<std::ptrdiff_t>(last));
  }

  const std::string_view text_;
  std::vector<Word> words_;
  size_t tag_end_ = 0;
};

}  // namespace

std::vector<Word> WordsOf(std::string_view text) { return Scanner(text).Run(); }

std::vector<WordKey> KeysOf(std::string_view text) {
  std::vector<WordKey> keys;
  for (const Word& word : WordsOf(text)) keys.push_back(word.key);
  return keys;
}

}  // namespace gofarm::licences
