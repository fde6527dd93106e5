#include "coordinator/catalog/index_cursor.h"

#include <algorithm>
#include <compare>
#include <string_view>

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

bool ParseMoment(const std::string& text, Moment& moment) { return ParseTimestamp(text, moment.micros, moment.nanos); }

std::string KeyOf(const IndexLine& row) { return Cat(row.path, "@", row.version); }

}  // namespace

absl::StatusOr<PageStep> TakePage(const domain::IndexSlice& slice, const IndexBlock& page, bool full, absl::Time now) {
  Moment since, until;
  const bool bounded = !slice.until.empty();
  if (!ParseMoment(slice.since, since) || (bounded && !ParseMoment(slice.until, until))) {
    return absl::FailedPreconditionError(Cat("slice ", slice.slice, " of the index reaches from \"", slice.since,
                                             "\" to \"", slice.until, "\", which are no times: begin it anew"));
  }
  PageStep step;
  step.next = slice;
  const Moment latest{.micros = absl::ToUnixMicros(now + kAheadMax)};
  bool ahead = false;   // the page has all that there is up to `latest`
  bool beyond = false;  // the page reaches beyond the slice's end
  Moment last = since;
  std::string_view last_text;
  // Whether a line of that time is the slice's.
  const auto pass = [&](Moment moment, std::string_view text) {
    if (moment > latest) {
      ahead = true;
      return !bounded;
    }
    if (bounded && moment >= until) {
      beyond = true;
      return false;
    }
    if (moment > last) {
      last = moment;
      last_text = text;
    }
    return true;
  };
  for (const IndexLine& row : page.rows) {
    const Moment moment = MomentOf(row);
    if (!pass(moment, row.timestamp)) continue;
    const bool may_be_known = moment == since || moment > latest;
    if (may_be_known && std::binary_search(slice.seen.begin(), slice.seen.end(), KeyOf(row))) continue;
    step.fresh.push_back(row);
    if (moment > latest) ++step.ahead;
  }
  for (const BadLine& bad : page.bad) {
    if (!bad.timestamp.empty()) pass({bad.micros, bad.nanos}, bad.timestamp);
  }
  if (last > since) step.next.since = std::string(last_text);
  step.next.seen.clear();
  for (const IndexLine& row : page.rows) {
    const Moment moment = MomentOf(row);
    if (moment == last || (moment > latest && !bounded)) step.next.seen.push_back(KeyOf(row));
  }
  std::sort(step.next.seen.begin(), step.next.seen.end());
  step.next.seen.erase(std::unique(step.next.seen.begin(), step.next.seen.end()), step.next.seen.end());
  const bool ended = !full || ahead;  // the index has no more for now
  step.caught_up = beyond || ended;
  if (beyond) {
    step.next.done = true;
    step.next.since = slice.until;
    step.next.seen.clear();
  } else if (ended) {
    step.next.done = bounded;
  } else if (last == since) {
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

std::optional<domain::IndexSlice> FollowerOf(absl::Span<const domain::IndexSlice> slices) {
  std::optional<domain::IndexSlice> follower;
  for (const domain::IndexSlice& slice : slices) {
    if (slice.slice == 0) {
      follower = slice;
    } else if (!slice.done) {
      return std::nullopt;
    }
  }
  Moment begin;
  if (!follower || follower->moves > 0 || !ParseMoment(follower->since, begin)) return follower;
  for (const domain::IndexSlice& slice : slices) {
    Moment since, until;
    if (!ParseMoment(slice.since, since) || !ParseMoment(slice.until, until)) continue;
    if (since >= until || since >= begin) continue;
    begin = since;
    follower->since = slice.since;
    follower->seen = slice.seen;
  }
  return follower;
}

domain::IndexSlice LookBack(domain::IndexSlice follower) {
  Moment since;
  if (ParseMoment(follower.since, since)) {
    follower.since = FormatTimestamp(since.micros - absl::ToInt64Microseconds(kLookBack));
  }
  return follower;
}

domain::IndexSlice Further(const domain::IndexSlice& slice, domain::IndexSlice next) {
  Moment here, there;
  if (ParseMoment(slice.since, here) && ParseMoment(next.since, there) && there < here) return slice;
  next.moves = slice.moves;
  return next;
}

bool IsKeyingDue(int64_t landed, int64_t keyed, bool back_fill) {
  if (!back_fill) return landed > 0;
  return landed >= std::max(keyed, kBackFillPart);
}

}  // namespace gofarm::catalog
