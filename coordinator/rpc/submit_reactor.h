// The client stream of Submit: collects header and entries, bounded, and hands them to the batch service when it ends.
#pragma once

#include <gofarm/v1/farm.pb.h>
#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kSubmitMax = absl::Minutes(5);
inline constexpr size_t kEntryTextMax = 4096;  // of a module or a version as written; longer ones are refused unread

class SubmitReactor final : public grpc::ServerReadReactor<v1::SubmitChunk> {
 public:
  // Deletes itself when gRPC is done with it.
  SubmitReactor(grpc::CallbackServerContext* context, RpcContext& rpc, v1::SubmitReply* reply);
  void Start() { StartRead(&chunk_); }

 private:
  void OnReadDone(bool ok) override;
  void OnCancel() override { FinishOnce(absl::CancelledError("the client is gone; nothing was stored")); }
  void OnDone() override { delete this; }
  absl::Status Take(const v1::SubmitChunk& chunk);
  absl::Status Submit();
  void FinishOnce(const absl::Status& status);

  grpc::CallbackServerContext* const context_;
  RpcContext& rpc_;
  v1::SubmitReply* const reply_;
  const absl::Time began_ = absl::Now();
  v1::SubmitChunk chunk_;
  bool has_header_ = false;
  int64_t announced_ = 0;
  domain::SubmitRequest request_;
  absl::Mutex mutex_;
  bool submitting_ ABSL_GUARDED_BY(mutex_) = false;  // a pool thread finishes the call, nobody else
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gofarm::rpc
