#include "coordinator/catalog/index_cursor.h"

#include <algorithm>
#include <compare>

#include "absl/status/status.h"
#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

constexpr int64_t kBackFillPart = 20'000'000;  // lines

// As numbers: the index cuts trailing zeros, so texts do not sort.
struct Moment {
  int64_t micros = 0;
  int32_t nanos = 0;
  auto operator<=>(const Moment&) const = default;
};

Moment MomentOf(const IndexLine& row) { return {row.micros, row.nanos}; }

std::string KeyOf(const IndexLine& row) { return Cat(row.path, "@", row.version); }

}  // namespace

absl::StatusOr<PageStep> TakePage(const domain::IndexSlice& slice, absl::Span<const IndexLine> rows, bool full) {
  Moment since, until;
  if (!ParseTimestamp(slice.since, since.micros, since.nanos) ||
      (!slice.until.empty() && !ParseTimestamp(slice.until, until.micros, until.nanos))) {
    return absl::FailedPreconditionError(Cat("slice ", slice.slice, " of the index reaches from \"", slice.since,
                                             "\" to \"", slice.until, "\", which are no times: begin it anew"));
  }
  PageStep step;
  step.next = slice;
  step.caught_up = !full;
  bool behind = false;  // the page reaches beyond the slice's end
  Moment last = since;
  const IndexLine* last_row = nullptr;
  for (const IndexLine& row : rows) {
    const Moment moment = MomentOf(row);
    if (!slice.until.empty() && moment >= until) {
      behind = true;
      continue;
    }
    const bool known = moment == since && std::binary_search(slice.seen.begin(), slice.seen.end(), KeyOf(row));
    if (!known) step.fresh.push_back(row);
    if (moment > last) {
      last = moment;
      last_row = &row;
    }
  }
  if (last_row != nullptr) {
    step.next.since = std::string(last_row->timestamp);
    step.next.seen.clear();
  }
  for (const IndexLine& row : rows) {
    if (MomentOf(row) == last && (slice.until.empty() || last < until)) step.next.seen.push_back(KeyOf(row));
  }
  std::sort(step.next.seen.begin(), step.next.seen.end());
  step.next.seen.erase(std::unique(step.next.seen.begin(), step.next.seen.end()), step.next.seen.end());
  if (behind || (!full && !slice.until.empty())) {
    step.next.done = true;
    step.caught_up = true;
    step.next.seen.clear();
  } else if (full && last_row == nullptr) {
    // Asking for the same time would give the same page for ever.
    step.stuck = true;
    step.next.since = FormatTimestamp(since.micros + 1);
    step.next.seen.clear();
  }
  return step;
}

std::vector<domain::IndexSlice> CutSlices(absl::Time since, absl::Time head, int count) {
  const int64_t from = absl::ToUnixMicros(since);
  const int64_t to = std::max(from, absl::ToUnixMicros(head));
  const int64_t slices = std::min<int64_t>(std::clamp(count, 1, kSlicesMax), to - from);
  std::vector<domain::IndexSlice> cut = {{.slice = 0, .since = FormatTimestamp(to)}};
  for (int64_t i = 0; i < slices; ++i) {
    const auto border = [&](int64_t n) {
      return FormatTimestamp(from + (to - from) / slices * n + (to - from) % slices * n / slices);
    };
    cut.push_back({.slice = static_cast<int>(i + 1), .since = border(i), .until = border(i + 1)});
  }
  return cut;
}

bool IsKeyingDue(int64_t landed, int64_t keyed, bool back_fill) {
  if (!back_fill) return landed > 0;
  return landed >= std::max(keyed, kBackFillPart);
}

}  // namespace gofarm::catalog
