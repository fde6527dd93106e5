// The client stream of Submit: collects header and entries, bounded in number, bytes and time, and hands them to the
// batch service when it ends.
#pragma once

#include <gofarm/v1/farm.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kSubmitMax = absl::Minutes(5);      // for storing it, once it is whole
inline constexpr absl::Duration kSubmitReadMax = absl::Minutes(2);  // for the client to send all of it
inline constexpr size_t kEntryTextMax = 4096;  // of a module or a version as written; longer ones are refused unread

class SubmitReactor final : public grpc::ServerReadReactor<v1::SubmitChunk>,
                            public std::enable_shared_from_this<SubmitReactor> {
 public:
  SubmitReactor(grpc::CallbackServerContext* context, RpcContext& rpc, v1::SubmitReply* reply);
  // Once, after construction by make_shared. The reactor owns itself until gRPC is done with it.
  void Start();

 private:
  void OnReadDone(bool ok) override;
  void OnCancel() override { End(absl::CancelledError("the client is gone; nothing was stored")); }
  void OnDone() override;
  absl::Status Take(const v1::SubmitChunk& chunk);
  absl::Status Submit();
  void SubmitOnPool();

  // Ends the call with this status, once, unless it is being stored already.
  void End(const absl::Status& status);
  // gRPC may run a reaction inside StartRead, and none may begin after Finish: Finish waits until `busy_` is 0.
  void Unbusy();
  bool TakeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  grpc::CallbackServerContext* const context_;
  RpcContext& rpc_;
  v1::SubmitReply* const reply_;
  const absl::Time began_ = absl::Now();
  std::shared_ptr<SubmitReactor> self_;
  int64_t timer_ = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;  // has no effect while the batch is being stored
  // Touched by the one thread that handles a message, then by the pool's.
  v1::SubmitChunk chunk_;
  bool has_header_ = false;
  int64_t announced_ = 0;
  size_t bytes_ = 0;
  domain::SubmitRequest request_;
  absl::Mutex mutex_;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  bool submitting_ ABSL_GUARDED_BY(mutex_) = false;  // a pool thread finishes the call, nobody else
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_;  // written once: when ended_ becomes true, or by the pool thread that submits; before Finish
};

}  // namespace gofarm::rpc
