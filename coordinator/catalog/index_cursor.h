// How the index is read page by page without losing a line or standing still: a cursor is a time, as text, and which
// lines of that very time are stored. Asking for that time again gives these lines again; all others are new. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/domain/catalog_index.h"

namespace gofarm::catalog {

inline constexpr int kSlicesMax = 30;  // at once, beside the one that follows the head

struct PageStep {
  std::vector<IndexLine> fresh;  // of the page: neither known nor behind the slice's end
  domain::IndexSlice next;       // where the slice goes on; `moves` as it was
  bool caught_up = false;        // there is nothing more for now
  bool stuck = false;            // a whole page within one time: what is beyond it there is lost
};

// `rows`: of a page asked for with slice.since; `full`: as many lines as were asked for, bad ones too.
// FAILED_PRECONDITION: the slice's own times cannot be read.
absl::StatusOr<PageStep> TakePage(const domain::IndexSlice& slice, absl::Span<const IndexLine> rows, bool full);

// Slices for a back-fill from `since` to `head`, `count` of about the same length (kSlicesMax at most), and slice 0,
// which follows from `head` on. With nothing to fill up, slice 0 alone.
std::vector<domain::IndexSlice> CutSlices(absl::Time since, absl::Time head, int count);

// Is it time for keying? While a back-fill goes on, keying everything again and again would cost more than all else:
// then only when as much has landed as is keyed, and a good part of a back-fill.
bool IsKeyingDue(int64_t landed, int64_t keyed, bool back_fill);

}  // namespace gofarm::catalog
