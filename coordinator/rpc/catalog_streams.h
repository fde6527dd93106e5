// The two streams on which operators bring the catalog files: index lines, and lists of modules. What comes in is
// worked on by a thread of its own, one message at a time, so that a slow database slows the sender.
#pragma once

#include <gofarm/v1/catalog.pb.h>

#include <memory>
#include <string>

#include "coordinator/catalog/catalog.h"
#include "coordinator/rpc/reading_stream.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kIngestIdleMax = absl::Minutes(2);
inline constexpr absl::Duration kIngestMax = absl::Hours(6);  // of one file, the whole index included
inline constexpr size_t kIngestChunkMax = 1 << 20;
inline constexpr size_t kImportBytesMax = 16 << 20;  // of one list
inline constexpr size_t kOriginMax = 200;

class IngestStream final : public ReadingStream<grpc::ServerReadReactor<grpc::ByteBuffer>, v1::IngestChunk> {
 public:
  IngestStream(const Call& call, grpc::ByteBuffer* reply)
      : ReadingStream(call, kIngestIdleMax), rpc_(call.rpc()), reply_(reply) {}

 private:
  absl::Status Open() override;
  void Received(const v1::IngestChunk& chunk) override;
  void PeerEnded() override;
  void Gone() override;
  absl::Status Take(const v1::IngestChunk& chunk);
  absl::Status Finish();

  RpcContext& rpc_;
  grpc::ByteBuffer* const reply_;
  std::stop_source stop_;
  // Touched by the thread of the message in work, and by PeerEnded, which comes when none is.
  std::unique_ptr<catalog::Ingestion> ingestion_;
  bool ended_ = false;
};

class ImportStream final : public ReadingStream<grpc::ServerReadReactor<grpc::ByteBuffer>, v1::ImportChunk> {
 public:
  ImportStream(const Call& call, grpc::ByteBuffer* reply)
      : ReadingStream(call, kIngestIdleMax), rpc_(call.rpc()), reply_(reply) {}

 private:
  void Received(const v1::ImportChunk& chunk) override;
  void PeerEnded() override;
  absl::Status Take(const v1::ImportChunk& chunk);

  RpcContext& rpc_;
  grpc::ByteBuffer* const reply_;
  std::string origin_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace gofarm::rpc
