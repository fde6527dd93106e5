#include "coordinator/rpc/upload_streams.h"

#include <exception>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

constexpr absl::Duration kTokenCheckMax = absl::Seconds(10);

// Runs `handle` on the pool; its failure, or a full pool, ends the stream.
template <typename Stream, typename Handle>
void OnPool(sync::BoundedPool& pool, Stream* stream, Handle handle, std::function<void()> next) {
  const bool queued = pool.TryPost([stream, handle, next] {
    absl::Status status;
    try {
      status = handle();
    } catch (const std::exception& e) {
      status = ThrewStatus(stream->call().method(), e);
    }
    if (!status.ok()) stream->Close(status);
    next();
  });
  if (!queued) {
    stream->Close(BusyStatus());
    next();
  }
}

}  // namespace

void LogStream::Received(const v1::LogChunk& chunk) {
  // The message and the stream live until ReadNext.
  OnPool(
      rpc_.blobs, this, [this, &chunk] { return Handle(chunk); }, [this] { ReadNext(); });
}

absl::Status LogStream::Handle(const v1::LogChunk& chunk) {
  const AttemptToken token{chunk.token()};
  bool first = false;
  {
    absl::MutexLock lock(&acks_mutex_);
    first = token_ == 0;
    if (first) token_ = chunk.token();
    if (token_ != chunk.token()) {
      return absl::InvalidArgumentError(Cat("this stream is the log of attempt ", token_, ", not of ", chunk.token()));
    }
  }
  GOFARM_RETURN_IF_ERROR(
      rpc_.parts.fence.CheckToken(Scope::For(kTokenCheckMax, rpc_.stop.get_token()), call().peer(), token));
  service::LogService& logs = rpc_.parts.logs;
  if (first && chunk.data().empty()) {
    GOFARM_ASSIGN_OR_RETURN(const int64_t stored, logs.StoredOffset(token));
    {
      absl::MutexLock lock(&acks_mutex_);
      acknowledged_ = stored;
    }
    v1::LogAck ack;
    ack.set_stored_offset(stored);
    Send(std::move(ack));
    return absl::OkStatus();
  }
  {
    absl::MutexLock lock(&acks_mutex_);
    ++unsynced_;
  }
  Busy();
  absl::Status taken = logs.Append(token, chunk.offset(), chunk.data(),
                                   [this](const absl::StatusOr<int64_t>& offset) { Stored(offset); });
  if (!taken.ok()) {
    {
      absl::MutexLock lock(&acks_mutex_);
      --unsynced_;
    }
    Unbusy();
  }
  return taken;
}

// On the sync thread of the log store. Chunks that one fsync made certain get one answer.
void LogStream::Stored(const absl::StatusOr<int64_t>& offset) {
  bool send = false;
  bool end = false;
  {
    absl::MutexLock lock(&acks_mutex_);
    --unsynced_;
    if (offset.ok() && *offset > acknowledged_) {
      acknowledged_ = *offset;
      send = true;
    }
    end = peer_ended_ && unsynced_ == 0;
  }
  if (send) {
    v1::LogAck ack;
    ack.set_stored_offset(*offset);
    Send(std::move(ack));
  }
  if (!offset.ok()) Close(offset.status());
  if (end) Close(absl::OkStatus());
  Unbusy();
}

void LogStream::PeerEnded() {
  bool end;
  {
    absl::MutexLock lock(&acks_mutex_);
    peer_ended_ = true;
    end = unsynced_ == 0;
  }
  if (end) Close(absl::OkStatus());
}

void BlobStream::Received(const v1::BlobChunk& chunk) {
  OnPool(
      rpc_.blobs, this, [this, &chunk] { return Handle(chunk); }, [this] { ReadNext(); });
}

void BlobStream::PeerEnded() {
  upload_.reset();  // what came is kept for the next try
  Close(absl::OkStatus());
}

void BlobStream::Answer(int64_t offset, bool complete) {
  v1::BlobAck ack;
  ack.set_offset(offset);
  ack.set_complete(complete);
  Send(std::move(ack));
  if (complete) Close(absl::OkStatus());
}

absl::Status BlobStream::Handle(const v1::BlobChunk& chunk) {
  if (chunk.kind_case() == v1::BlobChunk::kHeader) {
    if (begun_) return absl::InvalidArgumentError("a second header on one upload; an upload is one blob");
    return Begin(chunk.header());
  }
  if (chunk.kind_case() != v1::BlobChunk::kData) return absl::InvalidArgumentError("an upload's message is empty");
  if (!begun_) return absl::InvalidArgumentError("the first message of an upload must be its header");
  if (chunk.data().size() > kBlobChunkMax) {
    return absl::InvalidArgumentError(
        Cat("a chunk has ", chunk.data().size(), " bytes, at most ", kBlobChunkMax, " are allowed"));
  }
  if (upload_ == nullptr) return absl::OkStatus();  // whole already; what is under way does not matter
  // Cached for some seconds: a worker that lost its attempt stops soon, not at once.
  GOFARM_RETURN_IF_ERROR(
      rpc_.parts.fence.CheckToken(Scope::For(kTokenCheckMax, rpc_.stop.get_token()), call().peer(), token_));
  if (absl::Status appended = upload_->Append(chunk.data()); !appended.ok()) {
    upload_.reset();
    return appended;
  }
  return FinishIfWhole();
}

absl::Status BlobStream::Begin(const v1::BlobChunk::Header& header) {
  begun_ = true;
  token_ = AttemptToken{header.token()};
  size_ = header.size();
  GOFARM_RETURN_IF_ERROR(
      rpc_.parts.fence.CheckToken(Scope::For(kTokenCheckMax, rpc_.stop.get_token()), call().peer(), token_));
  GOFARM_ASSIGN_OR_RETURN(upload_, rpc_.parts.blobs.BeginUpload(header.sha256(), header.size()));
  if (upload_ == nullptr) {
    Answer(size_, true);
    return absl::OkStatus();
  }
  if (upload_->offset() < size_) Answer(upload_->offset(), false);
  return FinishIfWhole();
}

absl::Status BlobStream::FinishIfWhole() {
  if (upload_->offset() < size_) return absl::OkStatus();
  const std::unique_ptr<blob::Upload> upload = std::move(upload_);
  GOFARM_RETURN_IF_ERROR(upload->Finish());
  Answer(size_, true);
  return absl::OkStatus();
}

}  // namespace gofarm::rpc
