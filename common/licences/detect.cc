#include "common/licences/detect.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/licences/declarations.h"

namespace gofarm::licences {
namespace {

// Of the runs of a licence that must be found for a place to be looked at: each changed word spoils five of them.
constexpr double kSeedShareMin = 0.35;
// How far the start of a licence may shift by words put in or left out, as a part of its length.
constexpr int kShiftParts = 4;
constexpr int kShiftMin = 16;
// Two licences may share that much of the shorter one (a disclaimer that stands once).
constexpr double kOverlapMax = 0.1;

// A run of words that a licence has too: where in the licence, and where in the text.
struct Seen {
  int32_t at = 0;
  int32_t word = 0;
};

struct Place {
  int votes = 0;
  Seen low, high;    // the runs nearest to the licence's beginning and end
  Seen first, last;  // the first and last in the text: a licence may say its first words again further below
};

struct Candidate {
  int form = 0;
  size_t begin = 0, end = 0;  // words
  int matched = 0;
  double score = 0;
  // Pairs that are the same less those that are not: what explains more of the text wins.
  int value = 0;
};

class Finder {
 public:
  Finder(const Corpus& corpus, std::string_view text)
      : corpus_(corpus), text_(text), words_(WordsOf(text)), wanted_(corpus.pair_count(), 0) {
    for (size_t i = 0; i + 1 < words_.size(); ++i) {
      pairs_.push_back(corpus.PairId(PairKey(words_[i].key, words_[i + 1].key)));
    }
  }

  Detection Run() {
    Vote();
    for (Candidate& found : Chosen()) Take(found);
    ReadRest();
    std::sort(out_.hits.begin(), out_.hits.end(), [](const Hit& a, const Hit& b) {
      return std::tie(a.begin, a.end, a.id, a.kind) < std::tie(b.begin, b.end, b.id, b.kind);
    });
    return std::move(out_);
  }

 private:
  static int ShiftOf(const Form& form) {
    return std::max(kShiftMin, static_cast<int>(form.words.size()) / kShiftParts);
  }

  void Vote() {
    WordKey run[kSeedWords];
    int64_t votes = 0;
    for (size_t i = 0; i + kSeedWords <= words_.size(); ++i) {
      if (votes > kVotesMax) {
        out_.complete = false;
        return;
      }
      for (size_t k = 0; k < kSeedWords; ++k) run[k] = words_[i + k].key;
      for (const Corpus::Posting& posting : corpus_.Seeds(SeedKey(run))) {
        const Form& form = corpus_.forms()[static_cast<size_t>(posting.form)];
        const int64_t start = static_cast<int64_t>(i) - posting.at + static_cast<int64_t>(form.words.size());
        const auto key = std::make_pair(posting.form, static_cast<int32_t>(start / ShiftOf(form)));
        const Seen seen{posting.at, static_cast<int32_t>(i)};
        auto it = places_.find(key);
        if (it == places_.end()) {
          if (places_.size() >= kCandidatesMax) {
            out_.complete = false;
            return;
          }
          it = places_.emplace(key, Place{.low = seen, .high = seen, .first = seen}).first;
        }
        Place& place = it->second;
        ++votes;
        ++place.votes;
        if (seen.at < place.low.at) place.low = seen;
        if (seen.at >= place.high.at) place.high = seen;
        place.last = seen;
      }
    }
  }

  // The best candidates of all places, none over another.
  std::vector<Candidate> Chosen() {
    std::vector<std::pair<std::pair<int32_t, int32_t>, Place>> places(places_.begin(), places_.end());
    std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Candidate> found;
    for (size_t i = 0; i < places.size(); ++i) {
      const Form& form = corpus_.forms()[static_cast<size_t>(places[i].first.first)];
      Place place = places[i].second;
      // Where words were put in or left out the runs lie in two neighbouring places.
      if (i + 1 < places.size() && places[i + 1].first.first == places[i].first.first &&
          places[i + 1].first.second == places[i].first.second + 1) {
        const Place& next = places[i + 1].second;
        place.votes += next.votes;
        if (next.low.at < place.low.at) place.low = next.low;
        if (next.high.at > place.high.at) place.high = next.high;
        if (next.first.word < place.first.word) place.first = next.first;
        if (next.last.word > place.last.word) place.last = next.last;
      }
      if (place.votes < kSeedShareMin * form.seeds) continue;
      Candidate candidate = Compare(places[i].first.first, place);
      const double least = form.words.size() < kShortWords ? kShortScoreMin : kScoreMin;
      const double share = candidate.matched / static_cast<double>(form.words.size() - 1);
      if (candidate.score >= least && share >= kShareMin) found.push_back(candidate);
    }
    const auto& forms = corpus_.forms();
    const auto id = [&](const Candidate& c) -> const std::string& {
      return corpus_.licences()[static_cast<size_t>(forms[static_cast<size_t>(c.form)].licence)].id;
    };
    std::stable_sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
      if (a.value != b.value) return a.value > b.value;
      if (a.score != b.score) return a.score > b.score;
      return id(a) != id(b) ? id(a) < id(b) : a.begin < b.begin;
    });
    std::vector<Candidate> chosen;
    std::map<size_t, size_t> taken;  // begin -> end, none over another by more than a little
    for (const Candidate& candidate : found) {
      auto next = taken.lower_bound(candidate.begin);
      size_t shared = 0, shortest = candidate.end - candidate.begin;
      const auto meet = [&](size_t begin, size_t end) {
        const size_t low = std::max(begin, candidate.begin), high = std::min(end, candidate.end);
        if (low >= high) return;
        shared += high - low;
        shortest = std::min(shortest, end - begin);
      };
      for (auto it = next; it != taken.end() && it->first < candidate.end; ++it) meet(it->first, it->second);
      if (next != taken.begin()) meet(std::prev(next)->first, std::prev(next)->second);
      if (static_cast<double>(shared) > kOverlapMax * static_cast<double>(shortest)) continue;
      taken.emplace(candidate.begin, candidate.end);
      chosen.push_back(candidate);
    }
    return chosen;
  }

  // How the licence of a form and the part of the text where it was seen compare.
  Candidate Compare(int form_index, const Place& place) {
    const auto length = static_cast<int64_t>(corpus_.forms()[static_cast<size_t>(form_index)].words.size());
    std::set<std::pair<int64_t, int64_t>> windows;
    for (const Seen& start : {place.low, place.first}) {
      for (const Seen& stop : {place.high, place.last}) {
        windows.emplace(std::max<int64_t>(0, int64_t{start.word} - start.at),
                        std::min(static_cast<int64_t>(words_.size()), stop.word + length - stop.at));
      }
    }
    std::optional<Candidate> best;
    for (const auto& [begin, end] : windows) {
      const Candidate candidate = CompareWindow(form_index, begin, end);
      if (!best || candidate.value > best->value) best = candidate;
    }
    return *best;
  }

  Candidate CompareWindow(int form_index, int64_t begin, int64_t end) {
    const Form& form = corpus_.forms()[static_cast<size_t>(form_index)];
    Candidate out{.form = form_index};
    for (const auto& [pair, count] : form.pairs) wanted_[static_cast<size_t>(pair)] = count;
    const auto foreign = [&](int64_t pair) {
      const int id = pairs_[static_cast<size_t>(pair)];
      return id < 0 || wanted_[static_cast<size_t>(id)] == 0;
    };
    while (begin + 1 < end && foreign(begin)) ++begin;
    while (begin + 1 < end && foreign(end - 2)) --end;
    for (int64_t i = begin; i + 1 < end; ++i) {
      if (foreign(i)) continue;
      --wanted_[static_cast<size_t>(pairs_[static_cast<size_t>(i)])];
      ++out.matched;
    }
    for (const auto& [pair, count] : form.pairs) wanted_[static_cast<size_t>(pair)] = 0;
    out.begin = static_cast<size_t>(begin);
    out.end = static_cast<size_t>(std::max(begin, end));
    const int ours = static_cast<int>(std::max<int64_t>(0, end - begin - 1));
    const int theirs = static_cast<int>(form.words.size()) - 1;
    if (ours == 0) return out;
    out.score = 2.0 * out.matched / (ours + theirs);
    out.value = 3 * out.matched - ours - theirs;
    return out;
  }

  void Take(const Candidate& found) {
    const Form& form = corpus_.forms()[static_cast<size_t>(found.form)];
    for (const auto& [pair, count] : form.pairs) wanted_[static_cast<size_t>(pair)] = count;
    known_.resize(words_.size(), false);
    inside_.resize(words_.size(), false);
    for (size_t i = found.begin; i < found.end; ++i) inside_[i] = true;
    for (size_t i = found.begin; i + 1 < found.end; ++i) {
      const int id = pairs_[i];
      if (id < 0 || wanted_[static_cast<size_t>(id)] == 0) continue;
      --wanted_[static_cast<size_t>(id)];
      known_[i] = known_[i + 1] = true;
    }
    for (const auto& [pair, count] : form.pairs) wanted_[static_cast<size_t>(pair)] = 0;
    const LicenceInfo& licence = corpus_.licences()[static_cast<size_t>(form.licence)];
    out_.hits.push_back(
        {licence.id, HitKind::kText, found.score, words_[found.begin].begin, words_[found.end - 1].end});
    by_begin_.emplace(found.begin, texts_.size());
    texts_.push_back(found);
  }

  // What is said outside of the licences' own words.
  void ReadRest() {
    known_.resize(words_.size(), false);
    inside_.resize(words_.size(), false);
    const Rest rest{text_, words_, known_, inside_};
    Declared declared = FindDeclarations(corpus_, rest, out_.hits);
    for (const WordRange& range : declared.terms) {
      out_.terms.push_back({words_[range.begin].begin, words_[range.end - 1].end});
      LowerBeside(range);
    }
    for (Hit& hit : declared.hits) out_.hits.push_back(std::move(hit));
    out_.restrictions = std::move(declared.restrictions);
    out_.expression = std::move(declared.expression);
    out_.complete = out_.complete && declared.complete;
  }

  // A licence with further terms beside it is not that licence alone: they count as a part of what was compared, up to
  // as many words as it has itself. Inside they lowered the score already.
  void LowerBeside(const WordRange& range) {
    const auto behind = by_begin_.lower_bound(range.begin);
    if (behind != by_begin_.end()) Lower(behind->second, range);
    if (behind != by_begin_.begin()) Lower(std::prev(behind)->second, range);
  }
  void Lower(size_t index, const WordRange& range) {
    const Candidate& text = texts_[index];
    if (range.begin >= text.begin && range.end <= text.end) return;
    const int ours = static_cast<int>(text.end - text.begin) - 1;
    const int theirs = static_cast<int>(corpus_.forms()[static_cast<size_t>(text.form)].words.size()) - 1;
    const int more = static_cast<int>(std::min(range.end - range.begin, static_cast<size_t>(theirs)));
    out_.hits[index].score = std::min(out_.hits[index].score, 2.0 * text.matched / (ours + theirs + more));
  }

  const Corpus& corpus_;
  const std::string_view text_;
  const std::vector<Word> words_;
  std::vector<int> pairs_;   // of words i and i + 1; -1: of no licence
  std::vector<int> wanted_;  // of the licence that is compared, by pair
  absl::flat_hash_map<std::pair<int32_t, int32_t>, Place> places_;
  std::vector<bool> known_;            // words that a licence that was found has too
  std::vector<bool> inside_;           // words between its first and its last
  std::map<size_t, size_t> by_begin_;  // of texts_
  std::vector<Candidate> texts_;       // in the order of the first hits
  Detection out_;
};

}  // namespace

std::string_view Name(HitKind kind) {
  switch (kind) {
    case HitKind::kText:
      return "text";
    case HitKind::kNotice:
      return "notice";
    case HitKind::kIdentifier:
      return "identifier";
    case HitKind::kNamed:
      return "named";
  }
  return "text";
}

Detection Detect(const Corpus& corpus, std::string_view text) {
  if (text.size() > kTextBytesMax) return {.complete = false};
  return Finder(corpus, text).Run();
}

absl::StatusOr<std::vector<Detection>> DetectAll(const Scope& scope, const Corpus& corpus,
                                                 const std::vector<std::string>& texts) {
  int64_t bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<int64_t>(text.size());
  if (texts.size() > kTextsMax || bytes > kTextsBytesMax) {
    return absl::ResourceExhaustedError(Cat("look for licences in ", texts.size(), " texts of ", bytes,
                                            " bytes: more than ", kTextsMax, " texts or ", kTextsBytesMax, " bytes"));
  }
  std::vector<Detection> out;
  for (const std::string& text : texts) {
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(),
                               Cat("look for licences, ", out.size(), " of ", texts.size(), " texts done"));
    out.push_back(Detect(corpus, text));
  }
  return out;
}

}  // namespace gofarm::licences
