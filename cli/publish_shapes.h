// The JSON of what is published: names are a contract, tests/golden/cli holds one of each. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json/writer.h"
#include "gofarm/v1/publish.pb.h"

namespace gofarm::cli {

std::string_view NameOf(v1::PublicationState state);
// INVALID_ARGUMENT names those that there are.
absl::StatusOr<v1::PublicationState> PublicationStateOf(std::string_view name);

struct PublishTotals {
  int64_t pending = 0, failed = 0, parked = 0, published = 0, withdrawn = 0;
};
// Of the destinations that are configured; of a farm that publishes nothing: of all.
PublishTotals TotalsOf(const v1::PublishStatus& status);
// The key that signs; empty: none of this kind does.
std::string SigningKey(const v1::PublishKeys& keys, std::string_view kind);

void WritePublication(JsonWriter& json, const v1::Publication& publication);

// What came of one executable of a rebuild; of a rebuild that says nothing: one row without an import path.
inline constexpr std::string_view kReproduced = "reproduced";
struct RebuildRow {
  const v1::Job* job = nullptr;
  std::string import_path;
  std::string_view result;  // kReproduced, "differs", "unknown"
  std::string worker, detail;
};
// By job and import path; the page outlives them.
std::vector<RebuildRow> RebuildRows(const v1::JobPage& rebuilds);
std::string RebuildDocument(const v1::RebuildReply& reply, const std::vector<RebuildRow>& rows);

std::string PublishStatusDocument(const v1::PublishStatus& status);
std::string PublicationListDocument(const v1::PublicationPage& page);
std::string WithdrawalListDocument(const v1::WithdrawalPage& page);
std::string PublishKeysDocument(const v1::PublishKeys& keys);

}  // namespace gofarm::cli
