// The log of one attempt as it will be stored, in a file of the worker's work folder, so that it can be sent again from
// any offset after a lost connection. A log beyond its limit keeps its head and its tail: the head is in the file at
// once, the tail waits in memory until Close, with one line between them that says how much was left out. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/digest/digest.h"
#include "common/io/files.h"

namespace gofarm::upload {

inline constexpr int64_t kLogBytesDefault = int64_t{16} << 20;
inline constexpr int64_t kLogTailMax = int64_t{8} << 20;  // it is kept in memory

class LogSpool {
 public:
  // `limit` 0: kLogBytesDefault. Replaces a file that an earlier process left.
  static absl::StatusOr<std::unique_ptr<LogSpool>> Create(const std::string& path, int64_t limit);
  ~LogSpool();  // removes the file
  LogSpool(const LogSpool&) = delete;
  LogSpool& operator=(const LogSpool&) = delete;

  // Whole lines. What does not fit, or what a full disk refuses, is counted and left out; nothing is ever an error
  // here.
  void Append(std::string_view lines);
  // Writes what was left out and the tail; later lines are ignored. Repeats are free.
  void Close();

  // Bytes that Read can give; they never change again.
  int64_t size() const;
  bool closed() const;
  // At most `limit` bytes from `offset`; fewer at the end.
  absl::StatusOr<std::string> Read(int64_t offset, size_t limit) const;
  // Of the whole file; meaningful after Close.
  std::string sha256() const;
  int64_t left_out() const;

 private:
  LogSpool(std::string path, io::Fd fd, int64_t limit);
  void Write(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepInTail(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const io::Fd fd_;
  const int64_t limit_;
  const int64_t tail_max_;
  mutable absl::Mutex mutex_;
  int64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  bool head_full_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::string tail_ ABSL_GUARDED_BY(mutex_);       // a ring once it holds tail_max_ bytes
  size_t tail_start_ ABSL_GUARDED_BY(mutex_) = 0;  // where its oldest byte stands
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable digest::Sha256 hasher_ ABSL_GUARDED_BY(mutex_);
  std::string sha256_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::upload
