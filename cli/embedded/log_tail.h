// The ends of log files, and keeping them from growing for ever. Texts come back escaped. No shared state.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gofarm::embedded {

// The last `lines` lines within the last 64 KiB, and of what stands behind `from`; empty when there is no such file.
std::string Tail(const std::string& path, int lines, int64_t from = 0);
// 0 when there is none.
int64_t LogSize(const std::string& path);
// The last line that is not empty.
std::string LastLine(const std::string& path);

// A file longer than `limit` is copied to PATH.1 and emptied. Its writers must append (O_APPEND); what they write
// between copy and cut is lost.
absl::Status RotateLog(const std::string& path, int64_t limit);

}  // namespace gofarm::embedded
