// The SPDX licence list as detection compares with it: each licence's words, its pairs of words (what the similarity
// counts), and an index of runs of five words (what finds candidates). Made once from the data in spdx/ (README.md
// there says where it comes from and under which licence). Immutable and thread-safe after that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/licences/words.h"

namespace gofarm::licences {

// What the data may be at most once it is unpacked, and how many licences it may hold.
inline constexpr int64_t kCorpusBytesMax = int64_t{16} << 20;
inline constexpr size_t kCorpusLicencesMax = 4096;

struct LicenceInfo {
  std::string id;    // SPDX
  std::string name;  // "MIT License"
  bool osi_approved = false;
};

// Words in a row, and pairs of neighbours, by which texts are compared.
inline constexpr size_t kSeedWords = 5;
uint64_t SeedKey(const WordKey* words);  // of kSeedWords words
uint64_t PairKey(WordKey first, WordKey second);

// A licence has one form for each way in which it is found: whole, without the instructions at its end, without another
// licence that it repeats.
struct Form {
  int licence = 0;  // index of licences()
  std::vector<WordKey> words;
  // Of all pairs of neighbours: the id of the pair and how often it is there. By id.
  std::vector<std::pair<int, int>> pairs;
  int seeds = 0;  // of its runs those that the index holds
};

class Corpus {
 public:
  struct Posting {
    int32_t form = 0;
    int32_t at = 0;  // the first word of the run in the form
  };

  // The list that is built in. The first call takes some tenths of a second.
  static const Corpus& Spdx();
  // Of a document as deploy/licences/update.py writes it before packing.
  static absl::StatusOr<Corpus> FromJson(std::string_view json);

  const std::string& list() const { return list_; }  // "spdx-license-list 6.12.0"
  const std::vector<LicenceInfo>& licences() const { return licences_; }
  const std::vector<Form>& forms() const { return forms_; }
  // Index of licences(), also by an id of the same text; -1: unknown. Case counts as little as SPDX says.
  int Find(std::string_view id) const;
  // Where the run is found; empty for one that is nowhere, or everywhere.
  absl::Span<const Posting> Seeds(uint64_t seed) const;
  // -1: in no licence.
  int PairId(uint64_t pair) const;
  size_t pair_count() const { return pairs_.size(); }

 private:
  void AddForms(int licence, std::string_view text);
  void AddForm(int licence, std::vector<WordKey> words);
  void BuildIndex();

  std::string list_;
  std::vector<LicenceInfo> licences_;
  std::vector<Form> forms_;
  absl::flat_hash_map<std::string, int> by_id_;                         // lower case
  std::vector<Posting> postings_;                                       // of one run side by side
  absl::flat_hash_map<uint64_t, std::pair<uint32_t, uint32_t>> seeds_;  // where they begin, and how many
  absl::flat_hash_map<uint64_t, int> pairs_;
};

}  // namespace gofarm::licences
