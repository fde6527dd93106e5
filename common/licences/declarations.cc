#include "common/licences/declarations.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/base/text.h"
#include "common/licences/detect.h"

namespace gofarm::licences {
namespace {

struct Phrase {
  std::string_view words;
  std::string_view meaning;
};

// The head of a file, as the licences that have one word it.
constexpr Phrase kNotices[] = {
    {"licensed under the apache license version 2.0", "Apache-2.0"},
    {"subject to the terms of the mozilla public license v 2.0", "MPL-2.0"},
};

// As people name them where they leave a choice. The longest that fits counts.
constexpr Phrase kNames[] = {
    {"mit", "MIT"},
    {"mit license", "MIT"},
    {"apache 2.0", "Apache-2.0"},
    {"apache license version 2.0", "Apache-2.0"},
    {"apache license 2.0", "Apache-2.0"},
    {"apache license", "Apache-2.0"},
    {"apache", "Apache-2.0"},
    {"bsd 2 clause", "BSD-2-Clause"},
    {"2 clause bsd", "BSD-2-Clause"},
    {"bsd 3 clause", "BSD-3-Clause"},
    {"3 clause bsd", "BSD-3-Clause"},
    {"isc", "ISC"},
    {"isc license", "ISC"},
    {"mpl 2.0", "MPL-2.0"},
    {"mozilla public license 2.0", "MPL-2.0"},
    {"mozilla public license version 2.0", "MPL-2.0"},
    {"gplv2", "GPL-2.0-only"},
    {"gpl 2.0", "GPL-2.0-only"},
    {"gpl version 2", "GPL-2.0-only"},
    {"gnu general public license version 2", "GPL-2.0-only"},
    {"gplv3", "GPL-3.0-only"},
    {"gpl 3.0", "GPL-3.0-only"},
    {"gpl version 3", "GPL-3.0-only"},
    {"gnu general public license version 3", "GPL-3.0-only"},
    {"lgplv3", "LGPL-3.0-only"},
    {"lgpl 3.0", "LGPL-3.0-only"},
    {"unlicense", "Unlicense"},
    {"cc0", "CC0-1.0"},
    {"cc0 1.0", "CC0-1.0"},
    {"epl 2.0", "EPL-2.0"},
    {"zlib", "Zlib"},
    {"wtfpl", "WTFPL"},
};

// The GNU licences in their notices ("... GNU Lesser General Public License ... version 2.1 ...").
struct Gnu {
  std::string_view words, base;
};
constexpr Gnu kGnu[] = {
    {"gnu general public license", "GPL"},
    {"gnu lesser general public license", "LGPL"},
    {"gnu library general public license", "LGPL"},
    {"gnu affero general public license", "AGPL"},
};

constexpr Phrase kRestrictions[] = {
    {"commons clause", "Commons Clause"},
    {"grant to you the right to sell", "Commons Clause"},
    {"noncommercial use only", "non-commercial use only"},
    {"noncommercial purposes only", "non-commercial use only"},
    {"for noncommercial", "non-commercial use only"},
    {"not for commercial", "non-commercial use only"},
    {"no commercial use", "non-commercial use only"},
    {"commercial use is prohibited", "non-commercial use only"},
    {"commercial use is not permitted", "non-commercial use only"},
    {"commercial use is not allowed", "non-commercial use only"},
    {"commercial use requires", "non-commercial use only"},
    {"not be used for commercial", "non-commercial use only"},
    {"not be used commercially", "non-commercial use only"},
    {"personal use only", "personal use only"},
    {"evaluation purposes only", "evaluation only"},
    {"evaluation use only", "evaluation only"},
    {"internal use only", "internal use only"},
    {"internal business purposes only", "internal use only"},
    {"redistribution is not permitted", "no redistribution"},
    {"redistribution is prohibited", "no redistribution"},
    {"may not redistribute", "no redistribution"},
    {"not be redistributed", "no redistribution"},
    {"proprietary and confidential", "proprietary"},
    {"confidential and proprietary", "proprietary"},
    {"unauthorized copying of this file", "proprietary"},
};

// A part with one of these says what must or must not be done.
constexpr Phrase kObligations[] = {
    {"must", ""},          {"shall", ""},
    {"prohibited", ""},    {"forbidden", ""},
    {"restricted", ""},    {"restriction", ""},
    {"restrictions", ""},  {"may not", ""},
    {"cannot", ""},        {"can not", ""},
    {"not permitted", ""}, {"not allowed", ""},
    {"except", ""},        {"unless", ""},
    {"provided that", ""}, {"condition", ""},
    {"conditions", ""},    {"only", ""},
    {"exclude", ""},       {"excluding", ""},
    {"excludes", ""},      {"excluded", ""},
    {"you agree", ""},     {"required to", ""},
    {"non free", ""},      {"written permission", ""},
    {"should not", ""},    {"not be used", ""},
    {"not for", ""},       {"do not", ""},
};

// Shorter parts are headings and names.
constexpr size_t kTermsWordsMin = 6;
// Inside a licence as few foreign words in a row are another name of a holder.
constexpr size_t kInsertedWordsMin = 5;
constexpr size_t kChoiceWords = 12;   // between a name, "or", and the next name
constexpr size_t kVersionWords = 45;  // from the name of a GNU licence to its version
constexpr std::string_view kIdentifierMark = "SPDX-License-Identifier:";

// Phrases by their first word.
class Phrases {
 public:
  template <size_t N>
  explicit Phrases(const Phrase (&phrases)[N]) {
    for (const Phrase& phrase : phrases) {
      std::vector<WordKey> keys = KeysOf(phrase.words);
      if (!keys.empty()) by_first_[keys[0]].push_back({std::move(keys), std::string(phrase.meaning)});
    }
  }
  struct Found {
    size_t length = 0;  // words; 0: none
    std::string_view meaning;
  };
  // The longest that stands at word `i`.
  Found At(const std::vector<Word>& words, size_t i) const {
    Found best;
    const auto candidates = by_first_.find(words[i].key);
    if (candidates == by_first_.end()) return best;
    for (const auto& [keys, meaning] : candidates->second) {
      if (keys.size() <= best.length || i + keys.size() > words.size()) continue;
      size_t k = 0;
      while (k < keys.size() && words[i + k].key == keys[k]) ++k;
      if (k == keys.size()) best = {keys.size(), meaning};
    }
    return best;
  }

 private:
  absl::flat_hash_map<WordKey, std::vector<std::pair<std::vector<WordKey>, std::string>>> by_first_;
};

class Reader {
 public:
  Reader(const Corpus& corpus, const Rest& rest, const std::vector<Hit>& texts)
      : corpus_(corpus), rest_(rest), texts_(texts) {}

  Declared Run() {
    FindIdentifiers();
    FindNotices();
    FindGnuNotices();
    FindChoice();
    FindRestrictions();
    FindTerms();
    Sum();
    return std::move(out_);
  }

 private:
  size_t size() const { return rest_.words.size(); }
  WordKey key(size_t i) const { return rest_.words[i].key; }
  bool Free(size_t i) const { return !rest_.inside[i]; }

  void AddHit(std::string_view id, HitKind kind, size_t begin, size_t end) {
    if (out_.hits.size() >= kHitsMax) {
      out_.complete = false;
      return;
    }
    out_.hits.push_back({.id = std::string(id), .kind = kind, .score = 1, .begin = begin, .end = end});
  }

  // The rest of the line, without what ends a comment.
  void FindIdentifiers() {
    const std::string_view text = rest_.text;
    for (size_t at = text.find(kIdentifierMark); at != std::string_view::npos && out_.complete;
         at = text.find(kIdentifierMark, at)) {
      const size_t begin = at + kIdentifierMark.size();
      const size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
      std::string_view value = text.substr(begin, end - begin);
      value = value.substr(0, value.find_first_of("\"'`<*,;"));
      if (const size_t close = value.find("--"); close != std::string_view::npos) value = value.substr(0, close);
      const absl::StatusOr<Expression> parsed = Expression::Parse(value);
      if (parsed.ok() && !parsed->empty()) {
        Expression known;
        bool all = true;
        for (const std::string& id : parsed->Ids()) {
          const std::string base = id.substr(0, id.find(" WITH "));
          all = all && (corpus_.Find(base) >= 0 || base.starts_with("LicenseRef-"));
        }
        if (all) {
          for (const std::string& id : parsed->Ids()) AddHit(id, HitKind::kIdentifier, at, end);
          identifiers_.And(*parsed);
        }
      }
      at = end;
    }
  }

  void FindNotices() {
    static const auto& kTable = *new Phrases(kNotices);
    for (size_t i = 0; i < size(); ++i) {
      if (!Free(i)) continue;
      const Phrases::Found found = kTable.At(rest_.words, i);
      if (found.length == 0) continue;
      const size_t last = i + found.length - 1;
      AddHit(found.meaning, HitKind::kNotice, rest_.words[i].begin, rest_.words[last].end);
      Mark(i, NoticeEnd(last));
    }
  }

  // The notices go on with where the licence is and with a disclaimer: no further terms.
  size_t NoticeEnd(size_t last) const {
    static const std::vector<WordKey> kApacheEnd = KeysOf("limitations under the license");
    static const std::vector<WordKey> kMozillaEnd = KeysOf("obtain one at http mozilla org mpl 2.0");
    constexpr size_t kNoticeWordsMax = 90;
    for (size_t i = last; i < std::min(size(), last + kNoticeWordsMax); ++i) {
      for (const auto* ending : {&kApacheEnd, &kMozillaEnd}) {
        if (i + ending->size() > size()) continue;
        size_t k = 0;
        while (k < ending->size() && key(i + k) == (*ending)[k]) ++k;
        if (k == ending->size()) return i + k;
      }
    }
    return last + 1;
  }

  void FindGnuNotices() {
    static const auto& kLicences = *new std::vector<std::pair<std::vector<WordKey>, std::string_view>>([] {
      std::vector<std::pair<std::vector<WordKey>, std::string_view>> names;
      for (const Gnu& gnu : kGnu) names.emplace_back(KeysOf(gnu.words), gnu.base);
      return names;
    }());
    for (size_t i = 0; i < size(); ++i) {
      if (!Free(i) || key(i) != KeyOf("gnu")) continue;
      for (const auto& [name, base] : kLicences) {
        size_t k = 0;
        while (k < name.size() && i + k < size() && key(i + k) == name[k]) ++k;
        // "you can redistribute it and/or modify it under the terms of the ...": only who says so gives the licence.
        if (k == name.size() && Near(i, 30, KeyOf("redistribute")) && Near(i, 30, KeyOf("terms"))) {
          // "Lesser GNU ..." is written too.
          const bool lesser = i > 0 && key(i - 1) == KeyOf("lesser");
          ReadGnuVersion(i, i + k, lesser ? "LGPL" : base);
        }
      }
    }
  }
  bool Near(size_t i, size_t distance, WordKey wanted) const {
    for (size_t k = i - std::min(i, distance); k < i; ++k) {
      if (key(k) == wanted) return true;
    }
    return false;
  }
  void ReadGnuVersion(size_t begin, size_t i, std::string_view base) {
    const size_t limit = std::min(size(), i + kVersionWords);
    size_t version = i;
    while (version < limit && key(version) != KeyOf("version") && key(version) != KeyOf("v")) ++version;
    if (version + 1 >= limit) return;
    std::string number;
    for (const char* digit : {"1", "2", "3"}) {
      if (key(version + 1) == KeyOf(digit)) number = digit;
    }
    if (number.empty()) return;
    const bool minor = version + 2 < size() && key(version + 2) == KeyOf("1") &&
                       rest_.text[rest_.words[version + 1].end] == '.' &&
                       rest_.words[version + 2].begin == rest_.words[version + 1].end + 1;
    bool later = false;
    for (size_t k = begin; k < std::min(size(), version + 16) && !later; ++k) {
      later = key(k) == KeyOf("later");
    }
    const std::string id = Cat(base, "-", number, minor ? ".1" : ".0", later ? "-or-later" : "-only");
    if (corpus_.Find(id) < 0) return;
    const size_t end = std::min(size(), version + 3);
    AddHit(id, HitKind::kNotice, rest_.words[begin].begin, rest_.words[end - 1].end);
    Mark(begin, std::min(size(), version + 16));
  }

  // "A or B" with at most a few words between, or a wording that lets the reader choose among the texts that are there.
  void FindChoice() {
    static const auto& kTable = *new Phrases(kNames);
    struct Named {
      std::string_view id;
      size_t begin, end;
    };
    std::optional<Named> last;
    bool chosen = false, either = false;
    std::set<std::string> ids, named;
    const auto is = [&](size_t i, std::initializer_list<std::string_view> words) {
      size_t k = 0;
      for (const std::string_view word : words) {
        if (i + k >= size() || key(i + k) != KeyOf(word)) return false;
        ++k;
      }
      return true;
    };
    for (size_t i = 0; i < size(); ++i) {
      if (!Free(i)) {
        last.reset();
        continue;
      }
      if (is(i, {"or"})) chosen = true;
      if ((is(i, {"at", "your", "option"}) && !is(i + 3, {"any", "later"})) || is(i, {"your", "choice"}) ||
          is(i, {"either", "of"}) || is(i, {"whichever"}) || is(i, {"dual", "licensed"}) || is(i, {"choose", "one"}) ||
          is(i, {"alternatively"})) {
        either = true;
      }
      const Phrases::Found found = kTable.At(rest_.words, i);
      if (found.length == 0) continue;
      if (last && chosen && i - last->end <= kChoiceWords && last->id != found.meaning) {
        for (const Named& one : {*last, Named{found.meaning, i, i + found.length}}) {
          if (ids.insert(std::string(one.id)).second) {
            AddHit(one.id, HitKind::kNamed, rest_.words[one.begin].begin, rest_.words[one.end - 1].end);
          }
        }
      }
      // "Apache License (see LICENSE-APACHE or ...)" names one.
      if (!last || last->id != found.meaning) chosen = false;
      last = Named{found.meaning, i, i + found.length};
      named.insert(std::string(found.meaning));
      i += found.length - 1;
    }
    if (ids.size() < 2 && either) {
      std::set<std::string> texts;
      for (const Hit& hit : texts_) texts.insert(hit.id);
      for (const Hit& hit : out_.hits) texts.insert(hit.id);
      if (texts.size() >= 2) {
        ids = std::move(texts);
      } else if (named.size() >= 2 && texts.empty()) {
        ids = std::move(named);
      }
    }
    choice_.assign(ids.begin(), ids.end());
  }

  void FindRestrictions() {
    static const auto& kTable = *new Phrases(kRestrictions);
    for (size_t i = 0; i < size(); ++i) {
      const Phrases::Found found = kTable.At(rest_.words, i);
      if (found.length == 0) continue;
      bool own = true;
      for (size_t k = i; k < i + found.length; ++k) own = own && rest_.known[k];
      if (own) continue;  // the licence's own words: its id says it
      const std::string what(found.meaning);
      if (std::find(out_.restrictions.begin(), out_.restrictions.end(), what) == out_.restrictions.end()) {
        out_.restrictions.push_back(what);
      }
      AddTerms({i, i + found.length});
    }
    std::sort(out_.restrictions.begin(), out_.restrictions.end());
  }

  void FindTerms() {
    static const auto& kTable = *new Phrases(kObligations);
    noticed_.resize(size(), false);
    for (size_t begin = 0; begin < size();) {
      if (rest_.known[begin] || noticed_[begin]) {
        ++begin;
        continue;
      }
      const bool inside = rest_.inside[begin];
      size_t end = begin;
      bool obliges = false;
      while (end < size() && !rest_.known[end] && !noticed_[end] && rest_.inside[end] == inside) {
        obliges = obliges || kTable.At(rest_.words, end).length > 0;
        ++end;
      }
      // A part that was put into a licence changes it whatever it says.
      if (inside ? end - begin >= kInsertedWordsMin : obliges && end - begin >= kTermsWordsMin) AddTerms({begin, end});
      begin = end;
    }
    JoinTerms();
  }
  void AddTerms(WordRange range) { out_.terms.push_back(range); }

  // What lies this close together is one part: a licence has some of its words too.
  void JoinTerms() {
    constexpr size_t kGapWords = 4;
    std::sort(out_.terms.begin(), out_.terms.end(), [](const WordRange& a, const WordRange& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::vector<WordRange> joined;
    for (const WordRange& range : out_.terms) {
      // Of very many the last one stands for the rest.
      const bool near = !joined.empty() && range.begin <= joined.back().end + kGapWords;
      if (near || joined.size() >= kTermsMax) {
        joined.back().end = std::max(joined.back().end, range.end);
      } else {
        joined.push_back(range);
      }
    }
    out_.terms = std::move(joined);
  }

  void Mark(size_t begin, size_t end) {
    noticed_.resize(size(), false);
    for (size_t i = begin; i < std::min(end, size()); ++i) noticed_[i] = true;
  }

  void Sum() {
    std::set<std::string> ids;
    for (const Hit& hit : texts_) ids.insert(hit.id);
    for (const Hit& hit : out_.hits) {
      if (hit.kind == HitKind::kNotice) ids.insert(hit.id);
    }
    // "or any later version" is said of a text that stands beside it.
    for (const std::string& id : std::set<std::string>(ids)) {
      if (const size_t at = id.find("-or-later"); at != std::string::npos) ids.erase(id.substr(0, at) + "-only");
    }
    for (const std::string& id : choice_) ids.erase(id);
    for (const std::string& id : identifiers_.Ids()) ids.erase(id);
    out_.expression.And(identifiers_);
    if (!choice_.empty()) out_.expression.And(Expression::AnyOf(choice_));
    for (const std::string& id : ids) out_.expression.And(Expression::Of(id));
  }

  const Corpus& corpus_;
  const Rest& rest_;
  const std::vector<Hit>& texts_;
  std::vector<bool> noticed_;  // words of notices
  std::vector<std::string> choice_;
  Expression identifiers_;
  Declared out_;
};

}  // namespace

Declared FindDeclarations(const Corpus& corpus, const Rest& rest, const std::vector<Hit>& texts) {
  return Reader(corpus, rest, texts).Run();
}

}  // namespace gofarm::licences
