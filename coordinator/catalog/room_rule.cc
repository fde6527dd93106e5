#include "coordinator/catalog/room_rule.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/time/civil_time.h"
#include "common/base/text.h"
#include "coordinator/catalog/index_lines.h"

namespace gofarm::catalog {
namespace {

constexpr absl::string_view kNoRoom = "gofarm/no_room";

struct Pace {
  absl::CivilDay from;
  double versions_a_day;
};
// Before 2024 by what all of them add up to; the last goes on.
const std::array<Pace, 6> kPaces = {{{absl::CivilDay(2019, 4, 10), 13'000},
                                     {absl::CivilDay(2024, 1, 1), 33'000},
                                     {absl::CivilDay(2025, 1, 1), 42'000},
                                     {absl::CivilDay(2026, 1, 1), 43'000},
                                     {absl::CivilDay(2026, 7, 1), 85'000},
                                     {absl::CivilDay(2026, 9, 1), 145'000}}};
// Of what the pace says for the time read; below, what is stored says nothing.
constexpr int64_t kReadThatTells = 20'000;

absl::Time StartOf(const Pace& pace) { return absl::FromCivil(pace.from, absl::UTCTimeZone()); }

std::string Size(int64_t bytes) {
  return bytes >= int64_t{10} << 30 ? Cat(bytes >> 30, " GiB") : Cat(bytes >> 20, " MiB");
}

std::optional<absl::Time> TimeOf(const std::string& timestamp) {
  int64_t micros = 0;
  int32_t nanos = 0;
  if (!ParseTimestamp(timestamp, micros, nanos)) return std::nullopt;
  return absl::FromUnixMicros(micros);
}

int64_t Sum(const std::vector<TimeSpan>& spans) {
  int64_t sum = 0;
  for (const TimeSpan& span : spans) sum += PublicVersions(span.from, span.to);
  return sum;
}

}  // namespace

int64_t PublicVersions(absl::Time from, absl::Time to) {
  double versions = 0;
  for (size_t i = 0; i < kPaces.size(); ++i) {
    const absl::Time begin = std::max(from, StartOf(kPaces[i]));
    const absl::Time end = i + 1 < kPaces.size() ? std::min(to, StartOf(kPaces[i + 1])) : to;
    if (end > begin) versions += absl::FDivDuration(end - begin, absl::Hours(24)) * kPaces[i].versions_a_day;
  }
  return static_cast<int64_t>(versions);
}

BackFill SpansOf(absl::Span<const domain::IndexSlice> slices, absl::Time since, absl::Time now) {
  BackFill out;
  if (slices.empty()) {
    if (now > since) out.left.push_back({since, now});
    return out;
  }
  absl::Time border = since;  // slices follow each other
  for (const domain::IndexSlice& slice : slices) {
    if (slice.slice == 0) continue;
    const std::optional<absl::Time> at = TimeOf(slice.since), until = TimeOf(slice.until);
    if (!at || !until) continue;
    const absl::Time here = slice.done ? *until : *at;
    if (here > border) out.read.push_back({border, here});
    if (*until > here) out.left.push_back({here, *until});
    border = *until;
  }
  return out;
}

int64_t VersionsToCome(const BackFill& back_fill, int64_t stored) {
  const int64_t read = Sum(back_fill.read), left = Sum(back_fill.left);
  if (read < kReadThatTells) return left;
  return static_cast<int64_t>(static_cast<double>(left) * static_cast<double>(stored) / static_cast<double>(read));
}

RoomForecast ForecastRoom(int64_t versions_to_come, const Tables& tables, std::string folder,
                          std::optional<int64_t> free, int64_t floor, const std::string& stopped) {
  RoomForecast room{.versions = versions_to_come,
                    .bytes_per_version = tables.versions >= kVersionsThatTell
                                             ? static_cast<double>(tables.bytes) / static_cast<double>(tables.versions)
                                             : kBytesPerVersion,
                    .folder = std::move(folder),
                    .free = free,
                    .floor = floor,
                    .stopped = !stopped.empty(),
                    .detail = stopped};
  room.bytes = static_cast<int64_t>(static_cast<double>(versions_to_come) * room.bytes_per_version);
  if (room.stopped || !free || *free - floor >= room.bytes) return room;
  room.detail = Cat("the back-fill is expected to take ", Size(room.bytes), ", and of the ", Size(*free), " free in ",
                    room.folder, " all but ", Size(floor),
                    " (disk_free_floor) may be used: free some space or set index_since later; it stops there");
  return room;
}

absl::Status NoRoomError(std::string_view text) {
  absl::Status status = absl::ResourceExhaustedError(Av(text));
  status.SetPayload(kNoRoom, absl::Cord());
  return status;
}

bool IsNoRoom(const absl::Status& status) { return status.GetPayload(kNoRoom).has_value(); }

}  // namespace gofarm::catalog
