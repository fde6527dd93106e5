#include "coordinator/rpc/submit_stream.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {

SubmitStream::SubmitStream(const Call& call, grpc::ByteBuffer* reply)
    : ReadingStream(call, /*idle_max=*/absl::InfiniteDuration()), rpc_(call.rpc()), reply_(reply) {}

absl::Status SubmitStream::Open() {
  counted_ = true;
  if (++rpc_.submissions > kSubmissionsMax) {
    return absl::ResourceExhaustedError(
        Cat("coordinator is busy: ", kSubmissionsMax,
            " submissions are coming in or wait for the module proxy; try again when one ends"));
  }
  const absl::Duration longest = rpc_.parts.submit_read_max;
  timer_ = rpc_.ticker.After(longest, [weak = weak_from_this(), longest] {
    if (const auto self = weak.lock()) {
      self->Close(absl::DeadlineExceededError(
          Cat("the submission did not end within ", absl::FormatDuration(longest), "; nothing was stored")));
    }
  });
  return absl::OkStatus();
}

void SubmitStream::Gone() {
  rpc_.ticker.Drop(timer_);
  if (counted_) --rpc_.submissions;
}

absl::Status SubmitStream::Take(const v1::SubmitChunk& chunk) {
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

void SubmitStream::Received(const v1::SubmitChunk& chunk) {
  if (const absl::Status taken = Take(chunk); !taken.ok()) Close(taken);
  ReadNext();
}

void SubmitStream::PeerEnded() {
  if (!has_header_) return Close(absl::InvalidArgumentError("a submission must begin with its header"));
  if (!Claim()) return;  // too late
  const bool queued = rpc_.submits.TryPost([this] {
    absl::Status status;
    try {
      status = Submit();
    } catch (const std::exception& e) {
      status = ThrewStatus(call().method(), e);
    }
    Conclude(status);
  });
  if (!queued) Conclude(BusyStatus());
}

absl::Status SubmitStream::Submit() {
  // The end of a stream that broke off looks like that of a whole one; half a list must not become a batch.
  const bool whole = announced_ == 0 || announced_ == static_cast<int64_t>(request_.entries.size());
  if (call().context()->IsCancelled() || !whole) {
    return absl::AbortedError(Cat("the submission broke off after ", request_.entries.size(), " of ", announced_,
                                  " modules; nothing was stored, send it again"));
  }
  GOFARM_ASSIGN_OR_RETURN(const domain::BatchReceipt receipt,
                          rpc_.parts.batches.Submit(call().ScopeFor(kSubmitMax), request_));
  if (!receipt.repeated_request) {
    call().Audit(Cat("batch ", receipt.batch.id.value, ", ", request_.entries.size(), " modules",
                     request_.name.empty() ? "" : Cat(", ", request_.name), ", as ", request_.submitter));
  }
  v1::SubmitReply reply;
  ToProto(receipt.batch, *reply.mutable_batch());
  // Of kCheckedVersionsMax modules at most.
  for (const std::string& warning : receipt.warnings) reply.add_warnings(Clip(warning, kDetailMax));
  reply.set_repeated_request(receipt.repeated_request);
  *reply_ = ToWire(reply);
  return absl::OkStatus();
}

}  // namespace gofarm::rpc
