// The two streams on which workers bring bytes: log chunks and artifacts. Disk work runs on the blob pool, one message
// of a stream at a time; the next one is read when it is done, so a slow disk slows the sender.
#pragma once

#include <gofarm/v1/worker.pb.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/rpc/bidi_stream.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kUploadIdleMax = absl::Minutes(2);
inline constexpr absl::Duration kLogIdleMax =
    absl::Hours(2);  // a build may be silent; the attempt's own limits are shorter
inline constexpr size_t kBlobChunkMax = 1 << 20;

class LogStream final : public BidiStream<v1::LogChunk, v1::LogAck> {
 public:
  explicit LogStream(const Call& call)
      : BidiStream(call, {.queue_max = 64, .idle_max = kLogIdleMax}), rpc_(call.rpc()) {}

 private:
  void Received(const v1::LogChunk& chunk) override;
  void PeerEnded() override;
  absl::Status Handle(const v1::LogChunk& chunk);
  void Stored(const absl::StatusOr<int64_t>& offset);

  RpcContext& rpc_;
  absl::Mutex acks_mutex_;
  int64_t token_ ABSL_GUARDED_BY(acks_mutex_) = 0;
  int64_t acknowledged_ ABSL_GUARDED_BY(acks_mutex_) = -1;
  int unsynced_ ABSL_GUARDED_BY(acks_mutex_) = 0;
  bool peer_ended_ ABSL_GUARDED_BY(acks_mutex_) = false;
};

class BlobStream final : public BidiStream<v1::BlobChunk, v1::BlobAck> {
 public:
  explicit BlobStream(const Call& call)
      : BidiStream(call, {.queue_max = 16, .idle_max = kUploadIdleMax}), rpc_(call.rpc()) {}

 private:
  void Received(const v1::BlobChunk& chunk) override;
  void PeerEnded() override;
  absl::Status Handle(const v1::BlobChunk& chunk);
  absl::Status Begin(const v1::BlobChunk::Header& header);
  absl::Status FinishIfWhole();
  void Answer(int64_t offset, bool complete);

  RpcContext& rpc_;
  // Touched by the pool thread of the message in work only, and by PeerEnded, which comes when none is.
  std::unique_ptr<blob::Upload> upload_;
  bool begun_ = false;
  AttemptToken token_;
  int64_t size_ = 0;
};

}  // namespace gofarm::rpc
