// A module in memory, for tests: it keeps what was asked.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/godetect/module_source.h"

namespace gofarm::godetect::testing {

class MemorySource final : public ModuleSource {
 public:
  explicit MemorySource(std::map<std::string, std::string> texts) : texts_(std::move(texts)) {
    for (const auto& [name, text] : texts_) files_.push_back({.name = name, .size = static_cast<int64_t>(text.size())});
  }
  absl::StatusOr<std::vector<Text>> Read(const Scope&, absl::Span<const Wish> wishes) override {
    ++rounds;
    std::vector<Text> out;
    for (const Wish& wish : wishes) {
      const std::string& text = texts_.at(files_[wish.file].name);
      const int64_t limit = wish.head ? std::min(kHeadBytes, wish.bytes_max) : wish.bytes_max;
      (wish.head ? heads : whole).push_back(files_[wish.file].name);
      out.push_back(
          {.text = text.substr(0, static_cast<size_t>(limit)), .whole = static_cast<int64_t>(text.size()) <= limit});
    }
    return out;
  }

  // Sizes of what was not read yet, as if it lay far away.
  int64_t BytesToFetch(absl::Span<const Wish> wishes) const override {
    int64_t bytes = 0;
    for (const Wish& wish : wishes) {
      const int64_t size = files_[wish.file].size;
      bytes += far_away == 0 ? 0 : wish.head ? std::min(size, kHeadBytes) : size;
    }
    return bytes;
  }
  int64_t bytes() const override { return far_away; }

  int64_t far_away = 0;  // 0: it is all here; else its size
  int rounds = 0;
  std::vector<std::string> heads, whole;

 private:
  const std::map<std::string, std::string> texts_;
};

}  // namespace gofarm::godetect::testing
