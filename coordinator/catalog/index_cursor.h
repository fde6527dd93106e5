// How the index is read page by page without losing a line or standing still: a cursor is a time, as text, and which
// lines of that very time are stored. Asking for that time again gives these lines again; all others are new.
//
// The index comes in order of time and has no end that could be asked for. Where it ends is therefore said by its pages
// and never by a clock: the first slice of the back-fill in which they end before the slice does is where slice 0 goes
// on, so that every line that comes behind the last one is read, whatever its time. Lines that come late, with a time
// before that of lines already read, are found by looking back. What is read twice does no harm. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/domain/catalog_index.h"

namespace gofarm::catalog {

inline constexpr int kSlicesMax = 30;  // at once, before the one that follows the head
// So late a line may come: slice 0 looks back as far, and the back-fill ends as long before now.
inline constexpr absl::Duration kLookBack = absl::Minutes(10);
// So far beyond now a cursor may move: clocks differ. A line of a later time is stored and leaves the cursor where it
// is, since one wrong time would else hide all that comes before it.
inline constexpr absl::Duration kAheadMax = absl::Minutes(5);

struct PageStep {
  std::vector<IndexLine> fresh;  // of the page: neither known nor behind the slice's end
  domain::IndexSlice next;       // where the slice goes on; `moves` as it was
  bool caught_up = false;        // there is nothing more for now
  bool stuck = false;            // a whole page within one time: what is beyond it there is lost
  int ahead = 0;                 // how many of `fresh` are more than kAheadMax beyond `now`
};

// `page`: what was asked for with slice.since; `full`: as many lines as were asked for, bad ones too. A bad line that
// tells its time moves the cursor too. A slice of the back-fill that is done has its `since` at `until`, unless the
// index ended before: then it stands where that was. FAILED_PRECONDITION: the slice's own times cannot be read.
absl::StatusOr<PageStep> TakePage(const domain::IndexSlice& slice, const IndexBlock& page, bool full, absl::Time now);

// Slices for a back-fill from `since` to `head`, `count` of about the same length (kSlicesMax at most), and slice 0,
// which goes on from `head` or from where the index ended. With nothing to fill up, slice 0 alone.
std::vector<domain::IndexSlice> CutSlices(absl::Time since, absl::Time head, int count);

// Slice 0, and where it begins when it was not read yet. Nothing: the back-fill is not done.
std::optional<domain::IndexSlice> FollowerOf(absl::Span<const domain::IndexSlice> slices);

// Where slice 0 is asked from so that it gets lines which came late.
domain::IndexSlice LookBack(domain::IndexSlice follower);
// Where `slice` stands after a page that led to `next`: looking back never moves it back.
domain::IndexSlice Further(const domain::IndexSlice& slice, domain::IndexSlice next);

// Is it time for keying? While a back-fill goes on, keying everything again and again would cost more than all else:
// then only when as much has landed as is keyed, and a good part of a back-fill.
bool IsKeyingDue(int64_t landed, int64_t keyed, bool back_fill);

}  // namespace gofarm::catalog
