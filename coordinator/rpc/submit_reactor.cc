#include "coordinator/rpc/submit_reactor.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {

SubmitReactor::SubmitReactor(grpc::CallbackServerContext* context, RpcContext& rpc, v1::SubmitReply* reply)
    : context_(context), rpc_(rpc), reply_(reply) {}

void SubmitReactor::Start() {
  self_ = shared_from_this();
  if (++rpc_.submissions > kSubmissionsMax) {
    return End(absl::ResourceExhaustedError(
        Cat("coordinator is busy: ", kSubmissionsMax, " submissions are coming in; try again when one ends")));
  }
  timer_ = rpc_.ticker.After(kSubmitReadMax, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->End(absl::DeadlineExceededError(
          Cat("the submission did not end within ", absl::ToInt64Seconds(kSubmitReadMax), " s; nothing was stored")));
    }
  });
  on_stop_.emplace(rpc_.stop.get_token(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->End(absl::UnavailableError("the coordinator stops; nothing was stored, dial again"));
    }
  });
  StartRead(&chunk_);
}

void SubmitReactor::OnDone() {
  rpc_.ticker.Drop(timer_);
  --rpc_.submissions;
  CountCall(rpc_, "Submit", StatusForClient(*context_, status_), began_);
  const auto self = std::move(self_);  // may be the last one
}

bool SubmitReactor::TakeFinish() {
  if (!ended_ || busy_ > 0 || finished_) return false;
  return finished_ = true;
}

void SubmitReactor::End(const absl::Status& status) {
  bool finish;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_ || submitting_) return;
    ended_ = true;
    status_ = status;
    finish = TakeFinish();
  }
  if (finish) Finish(ToGrpc(status_));
}

void SubmitReactor::Unbusy() {
  bool finish;
  {
    absl::MutexLock lock(&mutex_);
    --busy_;
    finish = TakeFinish();
  }
  if (finish) Finish(ToGrpc(status_));
}

absl::Status SubmitReactor::Take(const v1::SubmitChunk& chunk) {
  if (chunk.kind_case() == v1::SubmitChunk::kHeader) {
    if (has_header_) return absl::InvalidArgumentError("a second header in one submission");
    has_header_ = true;
    announced_ = chunk.header().entries();
    GOFARM_ASSIGN_OR_RETURN(request_, FromSubmitHeader(chunk.header()));
    return absl::OkStatus();
  }
  if (chunk.kind_case() != v1::SubmitChunk::kEntries)
    return absl::InvalidArgumentError("a submission's message is empty");
  if (!has_header_) return absl::InvalidArgumentError("the first message of a submission must be its header");
  if (request_.entries.size() + static_cast<size_t>(chunk.entries().entries_size()) > service::kEntriesMax) {
    return absl::InvalidArgumentError(
        Cat("a submission has at most ", service::kEntriesMax, " modules; split it into several batches"));
  }
  for (const v1::SubmitChunk::Entry& entry : chunk.entries().entries()) {
    if (entry.module().size() > kEntryTextMax || entry.version().size() > kEntryTextMax) {
      return absl::InvalidArgumentError(Cat("line ", entry.line(), ": longer than ", kEntryTextMax, " characters"));
    }
    bytes_ += sizeof(domain::SubmitEntry) + entry.module().size() + entry.version().size();
    if (bytes_ > kSubmissionBytesMax) {
      return absl::InvalidArgumentError(Cat("line ", entry.line(), ": a submission has at most ",
                                            kSubmissionBytesMax >> 20, " MiB; split it into several batches"));
    }
    request_.entries.push_back({entry.line(), entry.module(), entry.version()});
  }
  return absl::OkStatus();
}

void SubmitReactor::OnReadDone(bool ok) {
  if (!ok) return SubmitOnPool();
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ++busy_;
  }
  if (const absl::Status taken = Take(chunk_); taken.ok()) {
    StartRead(&chunk_);
  } else {
    End(taken);
  }
  Unbusy();
}

void SubmitReactor::SubmitOnPool() {
  if (!has_header_) return End(absl::InvalidArgumentError("a submission must begin with its header"));
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    submitting_ = true;
  }
  const bool queued = rpc_.operators.TryPost([this] {
    try {
      status_ = Submit();
    } catch (const std::exception& e) {
      obs::Error("rpc_threw", {{"method", "Submit"}, {"what", e.what()}});
      status_ = absl::InternalError("internal error of the coordinator; see its log");
    }
    Finish(ToGrpc(status_));
  });
  if (!queued) {
    status_ = BusyStatus();
    Finish(ToGrpc(status_));
  }
}

absl::Status SubmitReactor::Submit() {
  // The end of a stream that broke off looks like that of a whole one; half a list must not become a batch.
  const bool whole = announced_ == 0 || announced_ == static_cast<int64_t>(request_.entries.size());
  if (context_->IsCancelled() || !whole) {
    return absl::AbortedError(Cat("the submission broke off after ", request_.entries.size(), " of ", announced_,
                                  " modules; nothing was stored, send it again"));
  }
  GOFARM_ASSIGN_OR_RETURN(const domain::BatchReceipt receipt,
                          rpc_.parts.batches.Submit(rpc_.ScopeOf(*context_, kSubmitMax), request_));
  ToProto(receipt.batch, *reply_->mutable_batch());
  for (const std::string& warning : receipt.warnings) reply_->add_warnings(warning);
  reply_->set_repeated_request(receipt.repeated_request);
  return absl::OkStatus();
}

}  // namespace gofarm::rpc
