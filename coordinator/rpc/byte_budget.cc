#include "coordinator/rpc/byte_budget.h"

#include "common/base/text.h"

namespace gofarm::rpc {

absl::StatusOr<ByteBudget::Hold> ByteBudget::Take(size_t bytes) {
  if (bytes <= kSmallMessageBytes) return Hold();
  absl::MutexLock lock(&mutex_);
  if (in_flight_ + bytes > bytes_max_) {
    return absl::ResourceExhaustedError(Cat("coordinator is busy: this message needs ", bytes >> 10,
                                            " KiB of memory, and messages in work have ", in_flight_ >> 20, " of ",
                                            bytes_max_ >> 20, " MiB; try again in a moment"));
  }
  in_flight_ += bytes;
  return Hold(this, bytes);
}

size_t ByteBudget::in_flight() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_;
}

void ByteBudget::GiveBack(size_t bytes) {
  {
    absl::MutexLock lock(&mutex_);
    in_flight_ -= bytes;
    given_back_ += bytes;
    if (given_back_ < kTrimAfterBytes) return;
    given_back_ = 0;
  }
  gave_back_();
}

}  // namespace gofarm::rpc
