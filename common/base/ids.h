// Strong ids: a worker id cannot land in a job's place. All are bigint identities of the database; 0 is no id.
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace gofarm {

template <typename Tag>
struct Id {
  int64_t value = 0;
  auto operator<=>(const Id&) const = default;
  explicit operator bool() const { return value != 0; }
  template <typename H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.value);
  }
};

using JobId = Id<struct JobTag>;
using BatchId = Id<struct BatchTag>;
using SessionId = Id<struct SessionTag>;
// One try of a job on one worker. From one global sequence that only grows: it fences every write of an attempt.
using AttemptToken = Id<struct TokenTag>;

}  // namespace gofarm
