// What is remembered of indexes from one command to the next: CONFIG/indexes.json with address and keys of each, and
// the highest generation that was seen. Two commands at a time take turns when they write.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/json/fields.h"
#include "common/publish/key_list.h"

namespace gofarm::install {

inline constexpr int kMemoryFormat = 1;
inline constexpr size_t kIndexesMax = 50;  // those that were used last
inline constexpr int64_t kMemoryBytesMax = 4 << 20;
inline constexpr absl::Duration kUsedAtStep = absl::Hours(24);  // nothing is written for less
inline constexpr absl::Duration kMemoryTurnMax = absl::Seconds(2);

struct RememberedIndex {
  std::string url;
  std::string key;                    // the minisign line that a person, or a farm, named
  std::vector<std::string> followed;  // minisign lines that a list signed by it named
  std::vector<std::string> ended;     // those that sign no more by that list; `key` may be one of them
  int64_t generation = 0;
  std::string builder;
  std::vector<publish::ListedKey> keys;  // of provenance
  absl::Time used_at = absl::InfinitePast();
  bool operator==(const RememberedIndex&) const = default;
};
struct Memory {
  int format = kMemoryFormat;
  std::string usual;  // the URL of the index that is meant where nothing names one; empty: none
  std::vector<RememberedIndex> indexes;
  // Null when there is none of this URL.
  const RememberedIndex* Find(std::string_view url) const;
  // The generation never goes down while the key stays the same. What was used longest ago goes beyond kIndexesMax.
  void Put(RememberedIndex index);
  bool operator==(const Memory&) const = default;
};

template <typename Form, json::Is<RememberedIndex> I>
void Fields(Form& form, I& i) {
  form.Field("url", i.url);
  form.Field("key", i.key);
  form.Field("followed", i.followed);
  form.Field("ended", i.ended);
  form.Field("generation", i.generation);
  form.Field("builder", i.builder);
  form.Field("keys", i.keys);
  form.Field("used_at", i.used_at);
}
template <typename Form, json::Is<Memory> M>
void Fields(Form& form, M& m) {
  form.Field("format", m.format);
  form.Field("usual", m.usual);
  form.Field("indexes", m.indexes);
}

std::string MemoryFile(std::string_view config_folder);
// Empty when there is no file. FAILED_PRECONDITION: it cannot be understood, and to pass it over would forget which
// generation was seen.
absl::StatusOr<Memory> ReadMemory(const std::string& path);
// Reads, changes and writes it, alone; writes nothing where nothing changed. UNAVAILABLE: others had it for
// kMemoryTurnMax.
absl::Status ChangeMemory(const Scope& scope, const std::string& path, const std::function<void(Memory&)>& change);

}  // namespace gofarm::install
