// A log as server-sent events (https://html.spec.whatwg.org, section 9.2). Each event's data is a JSON array of runs,
// [CLASSES, TEXT], and its id is the offset in the stored log at which the next one goes on. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "coordinator/page/ansi.h"

namespace gofarm::page {

// Of a log that grows, whole lines are shown; a line that is longer is cut.
inline constexpr size_t kLogLineMax = 16 << 10;

// How many bytes of `data` can be shown now: up to the end of its last line; all of it when `ended`, or when a line is
// longer than kLogLineMax, as far as whole characters go.
size_t ShownBytes(std::string_view data, bool ended);

std::string LogEvent(AnsiReader& reader, std::string_view data, int64_t next_offset);
// The log is over. Browsers connect again all the same, and are told so by 204 then.
std::string EndEvent(int64_t next_offset);
// Keeps what stands between from taking the connection for a dead one.
std::string_view StillThere();

}  // namespace gofarm::page
