#include "common/sync/bounded_pool.h"

#include <exception>
#include <utility>

#include "common/obs/log.h"

namespace gofarm::sync {

BoundedPool::BoundedPool(std::string name, int threads, size_t queue_max)
    : name_(std::move(name)), queue_max_(queue_max) {
  threads_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

BoundedPool::~BoundedPool() { Stop(); }

bool BoundedPool::TryPost(std::function<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || queue_.size() >= queue_max_) return false;
  queue_.push_back(std::move(task));
  return true;
}

void BoundedPool::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
}

void BoundedPool::Work() {
  while (true) {
    std::function<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](BoundedPool* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->HasWorkOrStops(); }, this));
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      task();
    } catch (const std::exception& e) {
      obs::Error("task_threw", {{"pool", name_}, {"what", e.what()}});
    } catch (...) {
      obs::Error("task_threw", {{"pool", name_}, {"what", "not a std::exception"}});
    }
  }
}

}  // namespace gofarm::sync
