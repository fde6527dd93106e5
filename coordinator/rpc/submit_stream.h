// The client stream of Submit: collects header and entries, bounded in number, bytes and time, and hands them to the
// batch service when it ends.
#pragma once

#include <gofarm/v1/farm.pb.h>

#include "coordinator/rpc/reading_stream.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kSubmitMax = absl::Minutes(5);  // for storing it, once it is whole
inline constexpr size_t kEntryTextMax = 4096;  // of a module or a version as written; longer ones are refused unread

class SubmitStream final : public ReadingStream<grpc::ServerReadReactor<grpc::ByteBuffer>, v1::SubmitChunk> {
 public:
  SubmitStream(const Call& call, grpc::ByteBuffer* reply);

 private:
  absl::Status Open() override;
  void Received(const v1::SubmitChunk& chunk) override;
  void PeerEnded() override;
  void Gone() override;
  absl::Status Take(const v1::SubmitChunk& chunk);
  absl::Status Submit();

  RpcContext& rpc_;
  grpc::ByteBuffer* const reply_;
  bool counted_ = false;  // among the submissions that are open
  int64_t timer_ = 0;
  // Touched by the one thread that handles a message, then by the pool's.
  bool has_header_ = false;
  int64_t announced_ = 0;
  size_t bytes_ = 0;
  domain::SubmitRequest request_;
};

}  // namespace gofarm::rpc
