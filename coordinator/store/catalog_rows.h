// What the parts of CatalogStore share: rows to JSON records and back. Inside the store only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/catalog/types.h"
#include "common/json/writer.h"
#include "coordinator/store/pool.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

// Writes only while this coordinator leads; the row stays locked against a new leader until the transaction ends.
template <typename Body>
absl::Status WriteAsLeader(Pool& pool, const Scope& scope, int64_t epoch, std::string_view what, Body body) {
  return RunTransaction(pool, scope, what, [&](Txn& txn) -> absl::Status {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    return body(txn);
  });
}

inline std::vector<int64_t> Numbers(absl::Span<const int32_t> values) { return {values.begin(), values.end()}; }
inline std::string StageArray(absl::Span<const catalog::Stage> stages) {
  std::vector<int64_t> numbers;
  for (const catalog::Stage stage : stages) numbers.push_back(static_cast<int64_t>(stage));
  return Array(numbers);
}
inline double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

// jsonb holds no NUL; nothing of ours does, and what came from outside may.
inline std::string WithoutNul(std::string text) {
  std::erase(text, '\0');
  return text;
}

// The array of objects that jsonb_to_recordset reads.
class Records {
 public:
  Records() { json_.BeginArray(); }
  template <typename Fill>
  void Add(Fill fill) {
    json_.BeginObject();
    fill(json_);
    json_.EndObject();
    ++size_;
  }
  bool empty() const { return size_ == 0; }
  std::string Take() {
    json_.EndArray();
    return json_.Take();
  }

 private:
  JsonWriter json_;
  int size_ = 0;
};

inline void Text(JsonWriter& json, std::string_view key, const std::string& text) { json.Field(key, WithoutNul(text)); }
template <typename Value, typename Put>
void Optional(JsonWriter& json, std::string_view key, const std::optional<Value>& value, Put put) {
  json.Key(key);
  value ? put(*value) : void(json.Null());
}

inline std::optional<absl::Time> MaybeTime(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return absl::FromUnixMicros(field.as<int64_t>());
}
template <typename Value>
std::optional<Value> Maybe(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<Value>();
}

}  // namespace gofarm::store
