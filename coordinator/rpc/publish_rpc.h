// The Publish service: what is published where, and what people order of it. Each handler translates and calls the
// coordinator's PublishService or its store.
#pragma once

#include <gofarm/v1/publish.grpc.pb.h>

#include "coordinator/publish/rebuilder.h"
#include "coordinator/rpc/farm_rpc.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr size_t kReasonBytesMax = 1'000;  // why something is paused or withdrawn
inline constexpr int kRetriedMax = 5'000;         // ids in one request

class PublishRpc final : public v1::Publish::CallbackService {
 public:
  explicit PublishRpc(RpcContext& rpc) : rpc_(rpc) {}

  ServerUnary GetKeys(ServerContext context, const v1::GetKeysRequest* request, v1::PublishKeys* reply) override;
  ServerUnary GetStatus(ServerContext context, const v1::PublishStatusRequest* request,
                        v1::PublishStatus* reply) override;
  ServerWrite<v1::PublicationPage> ListPublications(ServerContext context,
                                                    const v1::ListPublicationsRequest* request) override;
  ServerUnary CheckPublication(ServerContext context, const v1::CheckPublicationRequest* request,
                               v1::PublicationCheck* reply) override;
  ServerUnary Retry(ServerContext context, const v1::RetryPublicationsRequest* request,
                    v1::RetryPublicationsReply* reply) override;
  ServerUnary Pause(ServerContext context, const v1::PauseDestinationRequest* request,
                    v1::PauseDestinationReply* reply) override;
  ServerUnary Resume(ServerContext context, const v1::ResumeDestinationRequest* request,
                     v1::PauseDestinationReply* reply) override;
  ServerUnary Withdraw(ServerContext context, const v1::WithdrawRequest* request, v1::WithdrawReply* reply) override;
  ServerWrite<v1::WithdrawalPage> ListWithdrawals(ServerContext context,
                                                  const v1::ListWithdrawalsRequest* request) override;
  ServerWrite<v1::AttachmentPage> ListAttachments(ServerContext context,
                                                  const v1::ListAttachmentsRequest* request) override;
  ServerUnary Rebuild(ServerContext context, const v1::RebuildRequest* request, v1::RebuildReply* reply) override;
  ServerUnary RotateKey(ServerContext context, const v1::RotateKeyRequest* request, v1::RotatedKey* reply) override;

 private:
  // FAILED_PRECONDITION: this coordinator has no publishing at all.
  absl::StatusOr<publish::PublishService*> Publishing() const;
  // Likewise, and where it has no keys.
  absl::StatusOr<publish::PublishService*> PublishingThatIsOn() const;
  absl::StatusOr<publish::RebuildsOrdered> OrderRebuilds(const Scope& scope, const v1::RebuildRequest& request) const;

  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
