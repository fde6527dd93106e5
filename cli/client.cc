#include "cli/client.h"

#include <algorithm>
#include <utility>

#include "cli/client_impl.h"
#include "cli/request_id.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "gofarm/v1/farm.grpc.pb.h"

namespace gofarm::cli {
namespace {

constexpr int kEntriesPerChunk = 1000;

using Stub = v1::Farm::Stub;

template <typename Request>
Request WithId(int64_t id) {
  Request request;
  request.set_id(id);
  return request;
}

}  // namespace

absl::Status NoFarm(const FarmChoice& choice, std::string_view why) {
  if (!choice.server.empty()) {
    return absl::UnavailableError(Cat("no farm answers at ", EscapeForPrint(choice.server), " (", choice.named_by,
                                      "): ", why,
                                      "; name another with --server or --dir, or start one here with `gofarm up`"));
  }
  return absl::UnavailableError(Cat("no farm runs in ", EscapeForPrint(choice.dir), " (", choice.named_by, "): ", why,
                                    "; start it with `gofarm up --dir ", EscapeForPrint(choice.dir),
                                    "`, or name another with --dir or --server"));
}

// One of the farm's addresses that answers, the chosen one first; none does: the first, whose failure says why.
absl::StatusOr<std::shared_ptr<grpc::Channel>> FarmClient::Impl::Reach(const rpc::Membership& member) {
  std::vector<std::string> addresses = member.addresses;
  std::stable_partition(addresses.begin(), addresses.end(),
                        [this](const std::string& address) { return address == choice.server; });
  const rpc::Credentials credentials = member.AsCredentials();
  std::shared_ptr<grpc::Channel> first;
  for (const std::string& address : addresses) {
    GOFARM_RETURN_IF_ERROR(credentials.CheckAddress(address));
    const std::shared_ptr<grpc::Channel> reached = rpc::MakeChannel(address, credentials);
    if (first == nullptr) first = reached;
    // With one address there is nothing to choose; the call itself waits.
    if (addresses.size() == 1 || !rpc::AwaitConnected(reached, SteadyNow() + kServerPatience)) continue;
    choice.server = address;
    return reached;
  }
  if (first == nullptr) return absl::InvalidArgumentError(Cat(choice.identity, " names no address; log in again"));
  return first;
}

FarmClient::FarmClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FarmClient::~FarmClient() = default;

void FarmClient::StopWith(std::stop_token stop) { impl_->stop = std::move(stop); }

const FarmChoice& FarmClient::choice() const { return impl_->choice; }

absl::StatusOr<std::unique_ptr<FarmClient>> FarmClient::Connect(const FarmChoice& choice) {
  auto impl = std::make_unique<Impl>();
  impl->choice = choice;
  if (!choice.identity.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const rpc::Membership member,
                            UseProfile(Scope::For(kCallDeadline), choice.identity, WallNow()));
    GOFARM_ASSIGN_OR_RETURN(impl->channel, impl->Reach(member));
  } else {
    std::string address = choice.server;
    if (address.empty()) {
      GOFARM_ASSIGN_OR_RETURN(const embedded::FarmView view, embedded::LookAt(choice.dir));
      if (!view.supervised) return NoFarm(choice, "it is not up");
      address = view.file.grpc_address;
    }
    GOFARM_RETURN_IF_ERROR(rpc::CheckLocalAddress(address));
    impl->channel = rpc::MakeChannel(address, rpc::Credentials::Plaintext());
  }
  impl->stub = v1::Farm::NewStub(impl->channel);
  impl->catalog = v1::Catalog::NewStub(impl->channel);
  impl->identity = v1::Identity::NewStub(impl->channel);
  impl->publish = v1::Publish::NewStub(impl->channel);
  return std::unique_ptr<FarmClient>(new FarmClient(std::move(impl)));
}

void FarmClient::AwaitFarm(const Scope& scope) const { impl_->AwaitFarm(scope); }

bool FarmClient::MayComeBack(const absl::Status& status) const { return rpc::AnswerMayBeLost(status); }

absl::Status FarmClient::Submit(const SubmitOptions& options, const std::vector<ListEntry>& entries,
                                v1::SubmitReply& reply) {
  v1::SubmitChunk header;
  v1::SubmitChunk::Header& h = *header.mutable_header();
  // One id for all tries: the batch is made once, whatever answer got lost.
  h.set_request_id(NewRequestId());
  h.set_name(options.name);
  h.set_submitter(options.submitter);
  h.set_force(options.force);
  h.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  h.set_entries(static_cast<int64_t>(entries.size()));
  for (const Target target : options.targets) h.add_targets(static_cast<v1::Target>(target));
  return impl_->Patiently([&] {
    grpc::ClientContext context;
    const Bound bound(Scope::For(kSubmitDeadline, impl_->stop), context);
    const std::unique_ptr<grpc::ClientWriter<v1::SubmitChunk>> writer = impl_->stub->Submit(&context, &reply);
    bool open = writer->Write(header);
    v1::SubmitChunk chunk;
    for (size_t i = 0; open && i < entries.size(); ++i) {
      v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
      entry.set_line(entries[i].line);
      entry.set_module(entries[i].module);
      entry.set_version(entries[i].version);
      if (chunk.entries().entries_size() == kEntriesPerChunk || i + 1 == entries.size()) {
        open = writer->Write(chunk);
        chunk.Clear();
      }
    }
    writer->WritesDone();
    return rpc::FromGrpc(writer->Finish());
  });
}

absl::Status FarmClient::ListBatches(int64_t limit, v1::BatchPage& all) {
  v1::ListBatchesRequest request;
  request.set_limit(limit);
  return impl_->List(&Stub::ListBatches, request, all);
}
absl::Status FarmClient::ListRunningBatches(int64_t limit, v1::BatchPage& all) {
  v1::ListBatchesRequest request;
  request.set_limit(limit);
  request.set_running(true);
  return impl_->List(&Stub::ListBatches, request, all);
}

absl::Status FarmClient::GetBatch(int64_t id, v1::Batch& batch) {
  return impl_->Unary(&Stub::GetBatch, WithId<v1::BatchRequest>(id), batch);
}
absl::Status FarmClient::CancelBatch(int64_t id, v1::Batch& batch) {
  return impl_->Unary(&Stub::CancelBatch, WithId<v1::BatchRequest>(id), batch, kBatchDeadline);
}
absl::Status FarmClient::RetryBatch(int64_t id, v1::Batch& batch) {
  return impl_->Unary(&Stub::RetryBatch, WithId<v1::RetryBatchRequest>(id), batch, kBatchDeadline);
}

absl::Status FarmClient::ListJobs(const v1::ListJobsRequest& request, v1::JobPage& all) {
  GOFARM_RETURN_IF_ERROR(impl_->List(&Stub::ListJobs, request, all));
  if (request.module().empty()) return absl::OkStatus();
  auto& jobs = *all.mutable_jobs();
  jobs.erase(
      std::remove_if(jobs.begin(), jobs.end(), [&](const v1::Job& job) { return job.module() != request.module(); }),
      jobs.end());
  return absl::OkStatus();
}
absl::Status FarmClient::GetJob(int64_t id, v1::Job& job) {
  return impl_->Unary(&Stub::GetJob, WithId<v1::JobRequest>(id), job);
}
absl::Status FarmClient::CancelJob(int64_t id, v1::Job& job) {
  return impl_->Unary(&Stub::CancelJob, WithId<v1::JobRequest>(id), job);
}
absl::Status FarmClient::RetryJob(int64_t id, v1::Job& job) {
  return impl_->Unary(&Stub::RetryJob, WithId<v1::JobRequest>(id), job);
}

absl::Status FarmClient::ListArtifacts(const v1::ListArtifactsRequest& request, v1::ArtifactPage& all) {
  return impl_->List(&Stub::ListArtifacts, request, all);
}

absl::Status FarmClient::ListWorkers(v1::WorkerPage& all) {
  return impl_->List(&Stub::ListWorkers, v1::ListWorkersRequest(), all);
}

absl::Status FarmClient::ListWorkers(absl::Duration deadline, bool brief, v1::WorkerPage& all) {
  grpc::ClientContext context;
  const rpc::CallDeadline limit(context, SteadyNow() + deadline);
  v1::ListWorkersRequest request;
  request.set_brief(brief);
  const std::unique_ptr<grpc::ClientReader<v1::WorkerPage>> reader = impl_->stub->ListWorkers(&context, request);
  v1::WorkerPage page;
  while (reader->Read(&page)) all.MergeFrom(page);
  return rpc::FromGrpc(reader->Finish());
}

absl::Status FarmClient::ListWorkers(const std::vector<std::string>& names, v1::WorkerPage& rows) {
  v1::ListWorkersRequest request;
  request.mutable_names()->Add(names.begin(), names.end());
  return impl_->List(&Stub::ListWorkers, request, rows);
}

absl::Status FarmClient::DrainWorkers(const std::string& name, const Labels& labels, bool drain,
                                      std::vector<std::string>& names) {
  v1::WorkerChoice choice;
  choice.set_name(name);
  choice.mutable_labels()->insert(labels.begin(), labels.end());
  v1::ChosenWorkers chosen;
  GOFARM_RETURN_IF_ERROR(impl_->Unary(drain ? &Stub::DrainWorkers : &Stub::UndrainWorkers, choice, chosen));
  names.assign(chosen.names().begin(), chosen.names().end());
  return absl::OkStatus();
}

absl::Status FarmClient::RemoveWorker(const std::string& name, v1::RemovedWorker& removed) {
  v1::RemoveWorkerRequest request;
  request.set_name(name);
  return impl_->Unary(&Stub::RemoveWorker, request, removed);
}

absl::Status FarmClient::ListFailures(int64_t batch, int64_t limit, v1::FailureList& failures) {
  v1::ListFailuresRequest request;
  request.set_batch_id(batch);
  request.set_limit(limit);
  return impl_->Unary(&Stub::ListFailures, request, failures);
}

absl::Status FarmClient::GetFarmStatus(absl::Duration deadline, v1::FarmStatus& status) {
  grpc::ClientContext context;
  const rpc::CallDeadline limit(context, SteadyNow() + deadline);
  return rpc::FromGrpc(impl_->stub->GetFarmStatus(&context, v1::FarmStatusRequest(), &status));
}

absl::Status FarmClient::WatchBatch(const Scope& scope, int64_t id,
                                    const std::function<void(const v1::BatchUpdate&)>& on_update) {
  grpc::ClientContext context;
  const Bound bound(scope, context);
  const v1::BatchRequest request = WithId<v1::BatchRequest>(id);
  const std::unique_ptr<grpc::ClientReader<v1::BatchUpdate>> reader = impl_->stub->WatchBatch(&context, request);
  v1::BatchUpdate update;
  while (reader->Read(&update)) on_update(update);
  return rpc::FromGrpc(reader->Finish());
}

absl::Status FarmClient::ReadLog(const Scope& scope, int64_t job, int attempt, bool follow, int64_t& offset,
                                 const std::function<void(std::string_view)>& on_data) {
  grpc::ClientContext context;
  const Bound bound(scope, context);
  v1::ReadLogRequest request;
  request.set_job_id(job);
  request.set_attempt(attempt);
  request.set_follow(follow);
  request.set_offset(offset);
  const std::unique_ptr<grpc::ClientReader<v1::LogData>> reader = impl_->stub->ReadLog(&context, request);
  v1::LogData data;
  while (reader->Read(&data)) {
    offset += static_cast<int64_t>(data.data().size());
    on_data(data.data());
  }
  return rpc::FromGrpc(reader->Finish());
}

absl::Status FarmClient::Download(const Scope& scope, const std::string& sha256, int64_t& offset,
                                  const std::function<absl::Status(std::string_view)>& on_data) {
  grpc::ClientContext context;
  const Bound bound(scope, context);
  v1::DownloadRequest request;
  request.set_sha256(sha256);
  request.set_offset(offset);
  const std::unique_ptr<grpc::ClientReader<v1::BlobData>> reader = impl_->stub->Download(&context, request);
  v1::BlobData data;
  while (reader->Read(&data)) {
    offset += static_cast<int64_t>(data.data().size());
    if (absl::Status taken = on_data(data.data()); !taken.ok()) {
      context.TryCancel();
      while (reader->Read(&data)) {
      }
      [[maybe_unused]] const grpc::Status cancelled = reader->Finish();
      return taken;
    }
  }
  return rpc::FromGrpc(reader->Finish());
}

}  // namespace gofarm::cli
