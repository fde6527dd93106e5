// Rows into a table by binary COPY: one thread encodes, another sends, with a bounded number of blocks between them, so
// that encoding and the server run side by side. Used through KeyingSession; the encoder is for all.
#pragma once

#include <endian.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"

namespace gofarm::store {

class RawConnection;

inline constexpr size_t kCopyBlock = size_t{1} << 20;  // bytes that go to the sender at once
inline constexpr size_t kCopyBlocksMax = 4;            // that may wait for it

// PostgreSQL counts microseconds from 2000, Unix from 1970.
inline constexpr int64_t kPgEpochMicros = int64_t{946'684'800} * 1'000'000;

// Fields of binary rows, appended to `out`. Values as the server's types send them, without any check.
struct RowEncoder {
  std::string& out;

  void Begin(int16_t fields) { Raw(htobe16(static_cast<uint16_t>(fields))); }
  void Int32(int32_t value) {
    Raw(htobe32(4));
    Raw(htobe32(static_cast<uint32_t>(value)));
  }
  void Int64(int64_t value) {
    Raw(htobe32(8));
    Raw(htobe64(static_cast<uint64_t>(value)));
  }
  // Microseconds since 1970.
  void Time(int64_t unix_micros) { Int64(unix_micros - kPgEpochMicros); }
  void Bytes(std::string_view bytes) {
    Raw(htobe32(static_cast<uint32_t>(bytes.size())));
    out.append(bytes);
  }

 private:
  template <typename T>
  void Raw(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
  }
};

// One thread at a time; the connection is the writer's until Finish or its end.
class CopyWriter {
 public:
  // `name`.sql is a COPY ... FROM STDIN (FORMAT binary).
  static absl::StatusOr<std::unique_ptr<CopyWriter>> Start(const Scope& scope, RawConnection& connection,
                                                           std::string_view name);
  // Not finished: the server throws the rows away, and the transaction has failed.
  ~CopyWriter();
  CopyWriter(const CopyWriter&) = delete;
  CopyWriter& operator=(const CopyWriter&) = delete;

  // Whole rows are appended here...
  std::string& buffer() { return buffer_; }
  // ...and after each row this sends what has become a block. Waits while kCopyBlocksMax blocks wait.
  absl::Status RowDone() { return buffer_.size() < kCopyBlock ? absl::OkStatus() : Hand(); }
  // Rows that were encoded elsewhere.
  absl::Status Put(std::string block);
  // All is with the server; returns the rows it counted.
  absl::StatusOr<int64_t> Finish();

 private:
  CopyWriter(const Scope& scope, RawConnection& connection) : scope_(scope), connection_(connection) {}
  absl::Status Hand();
  void Send();
  void Join();
  bool CanHand() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return blocks_.size() < kCopyBlocksMax || !failed_.ok();
  }
  bool CanSend() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !blocks_.empty() || ended_; }

  const Scope scope_;
  RawConnection& connection_;
  std::string buffer_;
  std::thread sender_;
  absl::Mutex mutex_;
  std::deque<std::string> blocks_ ABSL_GUARDED_BY(mutex_);
  std::string spare_ ABSL_GUARDED_BY(mutex_);  // a sent block, to be filled again
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ = false;
};

}  // namespace gofarm::store
