#include "cli/publish_client.h"

#include <utility>

#include "absl/time/time.h"
#include "cli/client_impl.h"
#include "common/base/status_macros.h"
#include "gofarm/v1/publish.grpc.pb.h"

namespace gofarm::cli {
namespace {

using Stub = v1::Publish::Stub;

// A program may have hundreds of MiB.
constexpr absl::Duration kCheckDeadline = absl::Minutes(10);
constexpr char kMinisignKind[] = "minisign";
constexpr char kProvenanceKind[] = "provenance";

absl::Time TimeOf(const v1::Timestamp& time) { return absl::FromUnixMicros(time.unix_micros()); }

}  // namespace

absl::StatusOr<install::FarmTells> TellIndex(FarmClient& farm) {
  v1::PublishKeys keys;
  GOFARM_RETURN_IF_ERROR(PublishClient(farm).GetKeys(keys));
  install::FarmTells tells{.index_url = keys.index_url(), .minisign_key = ""};
  tells.signers.builder = keys.builder();
  for (const v1::PublishKey& key : keys.keys()) {
    if (key.kind() == kMinisignKind && key.has_until()) {
      tells.ended_minisign_keys.push_back(key.public_key());
    } else if (key.kind() == kMinisignKind && !key.announced()) {
      tells.minisign_key = key.public_key();
    }
    if (key.kind() != kProvenanceKind) continue;
    publish::ListedKey listed{.kind = key.kind(), .public_key = key.public_key(), .since = TimeOf(key.since())};
    if (key.has_until()) listed.until = TimeOf(key.until());
    tells.signers.keys.push_back(std::move(listed));
  }
  return tells;
}

absl::Status PublishClient::GetKeys(v1::PublishKeys& keys) {
  return farm_.impl_->Unary(*farm_.impl_->publish, &Stub::GetKeys, v1::GetKeysRequest(), keys);
}

absl::Status PublishClient::GetStatus(v1::PublishStatus& status) {
  return farm_.impl_->Unary(*farm_.impl_->publish, &Stub::GetStatus, v1::PublishStatusRequest(), status);
}

absl::Status PublishClient::ListPublications(const v1::ListPublicationsRequest& request, v1::PublicationPage& all) {
  return farm_.impl_->List(*farm_.impl_->publish, &Stub::ListPublications, request, all);
}

absl::StatusOr<int64_t> PublishClient::Retry(const std::vector<int64_t>& ids, bool replace) {
  v1::RetryPublicationsRequest request;
  request.mutable_ids()->Add(ids.begin(), ids.end());
  request.set_all(ids.empty());
  request.set_replace(replace);
  v1::RetryPublicationsReply reply;
  GOFARM_RETURN_IF_ERROR(farm_.impl_->Unary(*farm_.impl_->publish, &Stub::Retry, request, reply, kBatchDeadline));
  return reply.ordered();
}

absl::Status PublishClient::Check(int64_t id) {
  v1::CheckPublicationRequest request;
  request.set_id(id);
  v1::PublicationCheck reply;
  GOFARM_RETURN_IF_ERROR(
      farm_.impl_->Unary(*farm_.impl_->publish, &Stub::CheckPublication, request, reply, kCheckDeadline));
  return reply.holds() ? absl::OkStatus() : absl::DataLossError(reply.detail());
}

absl::Status PublishClient::Pause(const std::string& destination, const std::string& reason) {
  v1::PauseDestinationRequest request;
  request.set_destination(destination);
  request.set_reason(reason);
  v1::PauseDestinationReply reply;
  return farm_.impl_->Unary(*farm_.impl_->publish, &Stub::Pause, request, reply);
}

absl::Status PublishClient::Resume(const std::string& destination) {
  v1::ResumeDestinationRequest request;
  request.set_destination(destination);
  v1::PauseDestinationReply reply;
  return farm_.impl_->Unary(*farm_.impl_->publish, &Stub::Resume, request, reply);
}

absl::StatusOr<int64_t> PublishClient::Withdraw(const std::string& module, const std::string& version,
                                                const std::string& reason) {
  v1::WithdrawRequest request;
  request.set_module(module);
  request.set_version(version);
  request.set_reason(reason);
  v1::WithdrawReply reply;
  GOFARM_RETURN_IF_ERROR(farm_.impl_->Unary(*farm_.impl_->publish, &Stub::Withdraw, request, reply, kBatchDeadline));
  return reply.releases();
}

absl::Status PublishClient::ListWithdrawals(v1::WithdrawalPage& all) {
  return farm_.impl_->List(*farm_.impl_->publish, &Stub::ListWithdrawals, v1::ListWithdrawalsRequest(), all);
}

absl::Status PublishClient::Rebuild(const v1::RebuildRequest& request, v1::RebuildReply& reply) {
  return farm_.impl_->Unary(*farm_.impl_->publish, &Stub::Rebuild, request, reply, kBatchDeadline);
}

absl::Status PublishClient::ListAttachments(int64_t batch, v1::AttachmentPage& all) {
  v1::ListAttachmentsRequest request;
  request.set_batch_id(batch);
  return farm_.impl_->List(*farm_.impl_->publish, &Stub::ListAttachments, request, all);
}

absl::Status PublishClient::RotateKey(const v1::RotateKeyRequest& request, v1::RotatedKey& rotated) {
  grpc::ClientContext context;
  const Bound bound(Scope::For(kCallDeadline, farm_.impl_->stop), context);
  return farm_.impl_->Explain(rpc::FromGrpc(farm_.impl_->publish->RotateKey(&context, request, &rotated)));
}

}  // namespace gofarm::cli
