#include "common/licences/corpus.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/decompress.h"
#include "common/json/fields.h"
#include "gofarm_licences_data.h"

namespace gofarm::licences {

struct DataRow {
  std::string id, name, text;
  bool osi = false;
  std::vector<std::string> aliases;
};
template <typename Form, json::Is<DataRow> R>
void Fields(Form& form, R& r) {
  form.Field("id", r.id);
  form.Field("name", r.name);
  form.Field("osi", r.osi);
  form.Field("aliases", r.aliases);
  form.Field("text", r.text);
}

struct Data {
  std::string list;
  std::vector<DataRow> licences;
};
template <typename Form, json::Is<Data> D>
void Fields(Form& form, D& d) {
  form.Field("list", d.list);
  form.Field("licences", d.licences);
}

namespace {

// A run that this many forms share tells nothing, and would cost much.
constexpr size_t kPostingsMax = 160;
// Fewer words are a sentence, no licence: what the list holds of that kind is not looked for.
constexpr size_t kFormWordsMin = 12;

uint64_t Mix(uint64_t state, uint64_t word) {
  state ^= word + 0x9e3779b97f4a7c15 + (state << 6) + (state >> 2);
  return state * 0xff51afd7ed558ccd;
}

// Where `phrase` first stands in `words` at or behind `from`; words.size(): nowhere.
size_t FindPhrase(const std::vector<WordKey>& words, std::string_view phrase, size_t from) {
  const std::vector<WordKey> wanted = KeysOf(phrase);
  const auto found = std::search(words.begin() + static_cast<std::ptrdiff_t>(std::min(from, words.size())), words.end(),
                                 wanted.begin(), wanted.end());
  return static_cast<size_t>(found - words.begin());
}

absl::StatusOr<std::string> Unpack(std::string_view coded) {
  std::string packed;
  if (!absl::Base64Unescape(Av(coded), &packed)) return absl::DataLossError("the SPDX texts are no base64");
  std::string out;
  io::Decompressor decompressor(
      [&out](std::string_view bytes) {
        out += bytes;
        return absl::OkStatus();
      },
      kCorpusBytesMax);
  GOFARM_RETURN_IF_ERROR(decompressor.Add(packed));
  GOFARM_RETURN_IF_ERROR(decompressor.Finish());
  return out;
}

}  // namespace

uint64_t SeedKey(const WordKey* words) {
  uint64_t state = 1;
  for (size_t i = 0; i < kSeedWords; ++i) state = Mix(state, words[i]);
  return state;
}

uint64_t PairKey(WordKey first, WordKey second) { return Mix(Mix(2, first), second); }

const Corpus& Corpus::Spdx() {
  static const Corpus& kCorpus = *[] {
    const absl::StatusOr<std::string> json = Unpack(data::spdx);
    GOFARM_CHECK(json.ok());  // built in, and a test reads it
    absl::StatusOr<Corpus> corpus = FromJson(*json);
    GOFARM_CHECK(corpus.ok());
    return new Corpus(*std::move(corpus));
  }();
  return kCorpus;
}

absl::StatusOr<Corpus> Corpus::FromJson(std::string_view json) {
  Data data;
  if (static_cast<int64_t>(json.size()) > kCorpusBytesMax) {
    return absl::ResourceExhaustedError(Cat("licence list: more than ", kCorpusBytesMax, " bytes"));
  }
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(json, json::Rule::kStrict, data), "licence list");
  if (data.licences.size() > kCorpusLicencesMax) {
    return absl::ResourceExhaustedError(Cat("licence list: more than ", kCorpusLicencesMax, " licences"));
  }
  Corpus corpus;
  corpus.list_ = std::move(data.list);
  for (DataRow& row : data.licences) {
    const int index = static_cast<int>(corpus.licences_.size());
    row.aliases.push_back(row.id);
    for (const std::string& id : row.aliases) {
      if (!corpus.by_id_.emplace(absl::AsciiStrToLower(id), index).second) {
        return absl::InvalidArgumentError(Cat("licence list: the id ", EscapeForPrint(id), " is there twice"));
      }
    }
    corpus.licences_.push_back({row.id, row.name, row.osi});
    corpus.AddForms(index, row.text);
  }
  corpus.BuildIndex();
  return corpus;
}

// What may be missing of a text without making it another licence (guidelines "licence name or title" and "extraneous
// text at the end of a licence").
void Corpus::AddForms(int licence, std::string_view text) {
  std::vector<WordKey> words = KeysOf(text);
  std::vector<WordKey> title = KeysOf(licences_[static_cast<size_t>(licence)].name);
  if (words.size() > title.size() + kFormWordsMin && std::equal(title.begin(), title.end(), words.begin())) {
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(title.size()));
  }
  const std::string& id = licences_[static_cast<size_t>(licence)].id;
  size_t body = FindPhrase(words, "end of terms and conditions", words.size() / 3);
  // LGPL-3.0 adds to the GPL, which the list repeats behind it.
  if (id.starts_with("LGPL-3.0")) body = FindPhrase(words, "gnu general public license version 3 29 june", 20);
  if (body < words.size()) AddForm(licence, {words.begin(), words.begin() + static_cast<std::ptrdiff_t>(body)});
  AddForm(licence, std::move(words));
}

void Corpus::AddForm(int licence, std::vector<WordKey> words) {
  if (words.size() < kFormWordsMin) return;
  Form form{.licence = licence, .words = std::move(words)};
  std::map<int, int> counts;
  for (size_t i = 0; i + 1 < form.words.size(); ++i) {
    const uint64_t key = PairKey(form.words[i], form.words[i + 1]);
    const int id = pairs_.emplace(key, static_cast<int>(pairs_.size())).first->second;
    ++counts[id];
  }
  form.pairs.assign(counts.begin(), counts.end());
  forms_.push_back(std::move(form));
}

void Corpus::BuildIndex() {
  std::vector<std::pair<uint64_t, Posting>> runs;
  for (size_t f = 0; f < forms_.size(); ++f) {
    const std::vector<WordKey>& words = forms_[f].words;
    for (size_t i = 0; i + kSeedWords <= words.size(); ++i) {
      runs.push_back({SeedKey(&words[i]), {static_cast<int32_t>(f), static_cast<int32_t>(i)}});
    }
  }
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t begin = 0; begin < runs.size();) {
    size_t end = begin + 1;
    while (end < runs.size() && runs[end].first == runs[begin].first) ++end;
    if (end - begin <= kPostingsMax) {
      seeds_[runs[begin].first] = {static_cast<uint32_t>(postings_.size()), static_cast<uint32_t>(end - begin)};
      for (size_t i = begin; i < end; ++i) {
        postings_.push_back(runs[i].second);
        ++forms_[static_cast<size_t>(runs[i].second.form)].seeds;
      }
    }
    begin = end;
  }
}

int Corpus::Find(std::string_view id) const {
  const auto found = by_id_.find(absl::AsciiStrToLower(Av(id)));
  return found == by_id_.end() ? -1 : found->second;
}

absl::Span<const Corpus::Posting> Corpus::Seeds(uint64_t seed) const {
  const auto found = seeds_.find(seed);
  if (found == seeds_.end()) return {};
  return absl::MakeConstSpan(postings_).subspan(found->second.first, found->second.second);
}

int Corpus::PairId(uint64_t pair) const {
  const auto found = pairs_.find(pair);
  return found == pairs_.end() ? -1 : found->second;
}

}  // namespace gofarm::licences
