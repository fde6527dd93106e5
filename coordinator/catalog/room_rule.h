// How many versions a back-fill will bring and how much room they take, before it begins and on its way. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/catalog/types.h"
#include "coordinator/domain/catalog_index.h"

namespace gofarm::catalog {

// Tables and indexes of a version, its share of its module included: 120 were measured at a million versions of 90,000
// modules; real paths are somewhat longer.
inline constexpr double kBytesPerVersion = 130;
// From so many versions on the tables themselves say it.
inline constexpr int64_t kVersionsThatTell = 100'000;

// How many versions the public index got in that time, by what its checksum database counted.
int64_t PublicVersions(absl::Time from, absl::Time to);

// Pieces of the back-fill's time.
struct TimeSpan {
  absl::Time from;
  absl::Time to;
};
struct BackFill {
  std::vector<TimeSpan> read;  // already
  std::vector<TimeSpan> left;
};
// `slices` empty: nothing was read of `since` to `now` yet. Slice 0, which follows the head, counts as done.
BackFill SpansOf(absl::Span<const domain::IndexSlice> slices, absl::Time since, absl::Time now);

// An index that is smaller than the public one shows it by what was read of it: `stored` versions, landed ones
// included.
int64_t VersionsToCome(const BackFill& back_fill, int64_t stored);

struct Tables {
  int64_t versions = 0;
  int64_t bytes = 0;
};
// `free`: where PostgreSQL stands; nothing: not known. `stopped`: why the index is not read on; empty: it is.
RoomForecast ForecastRoom(int64_t versions_to_come, const Tables& tables, std::string folder,
                          std::optional<int64_t> free, int64_t floor, const std::string& stopped);

// RESOURCE_EXHAUSTED because less is free than the floor: operators make room, while every other limit that an answer
// passes is its service's fault.
absl::Status NoRoomError(std::string_view text);
bool IsNoRoom(const absl::Status& status);

}  // namespace gofarm::catalog
