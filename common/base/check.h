// GOFARM_CHECK: a broken invariant ends the process, in release builds too; the supervisor starts it again from durable
// state.
#pragma once

namespace gofarm {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace gofarm

#define GOFARM_CHECK(condition)                                              \
  do {                                                                       \
    if (!(condition)) ::gofarm::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
