// What both sides of a worker's session mean by the same words.
#pragma once

#include "common/base/ids.h"

namespace gofarm {

// Another number is refused with FAILED_PRECONDITION and both numbers in the message.
inline constexpr int kProtocolVersion = 2;

// An attempt that a worker still runs, or has ended without an answer, as its Hello names it.
struct AnnouncedAttempt {
  AttemptToken token;
  JobId job;
  bool ended = false;  // Complete was not answered yet
  bool operator==(const AnnouncedAttempt&) const = default;
};

// Why a worker does not take an offer. Numbers as in proto/gofarm/v1/ids.proto.
enum class RefuseReason : int {
  kNoFreeSlot = 1,
  kDraining,
  kUnknownToolset,
  kUnsupportedTarget,
  kCannotIsolate,
  kDiskFull
};

}  // namespace gofarm
