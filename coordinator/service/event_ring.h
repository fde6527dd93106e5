// The newest steps of jobs, bounded in number and in bytes, since their texts come from outside. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "coordinator/domain/live.h"

namespace gofarm::service {

class EventRing {
 public:
  EventRing(size_t count_max, size_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}

  // Forgets the oldest for it. The newest stays whatever it takes: its texts are bounded where they come in.
  void Push(domain::JobEvent event) {
    events_.push_back(std::move(event));
    bytes_ += BytesOf(events_.back());
    while (events_.size() > count_max_ || (bytes_ > bytes_max_ && events_.size() > 1)) {
      bytes_ -= BytesOf(events_.front());
      events_.pop_front();
    }
  }
  const std::deque<domain::JobEvent>& events() const { return events_; }
  size_t size() const { return events_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  // As it is held.
  static size_t BytesOf(const domain::JobEvent& event) {
    return sizeof(event) + event.job.module.capacity() + event.job.version.capacity() + event.detail.capacity();
  }

  const size_t count_max_;
  const size_t bytes_max_;
  std::deque<domain::JobEvent> events_;
  size_t bytes_ = 0;  // of events_
};

}  // namespace gofarm::service
