#include "coordinator/rpc/publish_rpc.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "coordinator/publish/publish_service.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/on_thread.h"
#include "coordinator/rpc/pager.h"

namespace gofarm::rpc {
namespace {

constexpr char kProvenance[] = "provenance";
constexpr char kMinisign[] = "minisign";
constexpr char kExecutable[] = "executable";
constexpr int kExecutableMode = 0755;
constexpr int kPlainMode = 0644;

void ToProto(const domain::PublishKey& in, v1::PublishKey& out) {
  out.set_kind(in.kind);
  out.set_public_key(in.public_key);
  rpc::ToProto(in.since, *out.mutable_since());
  if (in.until != absl::InfiniteFuture()) rpc::ToProto(in.until, *out.mutable_until());
  out.set_announced(in.announced);
}

void ToProto(const domain::PublicationCounts& in, v1::DestinationStatus& out) {
  out.set_name(in.destination);
  out.set_pending(in.pending);
  out.set_failed(in.failed);
  out.set_parked(in.parked);
  out.set_published(in.published);
  out.set_withdrawn(in.withdrawn);
  out.set_paused(in.paused);
  out.set_pause_reason(in.pause_reason);
}

void ToProto(const domain::Publication& in, v1::Publication& out) {
  const domain::Release& release = in.release;
  out.set_id(in.id.value);
  out.set_destination(in.destination);
  out.set_state(static_cast<v1::PublicationState>(in.state));
  out.set_withdraw(in.withdraw);
  out.set_module(release.module);
  out.set_version(release.version);
  out.set_import_path(release.import_path);
  out.set_target(static_cast<v1::Target>(release.target));
  out.set_program(release.facts.program);
  out.set_job_id(release.job.value);
  out.set_size(release.size);
  out.set_sha256(release.sha256);
  out.set_tries(in.tries);
  using domain::PublicationState;
  if (in.state == PublicationState::kPending || in.state == PublicationState::kFailed) {
    rpc::ToProto(in.next_try_at, *out.mutable_next_try_at());
  }
  out.set_failure_class(in.failure_class);
  out.set_detail(Clip(in.detail, kDetailMax));
  out.set_digest(in.digest);
  out.set_reproduced(release.reproduced);
  out.set_differed(release.differed);
}

void ToProto(const domain::JobAttachment& in, v1::Attachment& out) {
  out.set_job_id(in.job.value);
  out.set_module(in.module);
  out.set_version(in.version);
  out.set_target(static_cast<v1::Target>(in.target));
  out.set_name(in.file.name);
  out.set_import_path(in.file.import_path);
  out.set_kind(in.file.kind);
  out.set_sha256(in.file.sha256);
  out.set_size(in.file.size);
  out.set_mode(in.file.kind == kExecutable ? kExecutableMode : kPlainMode);
}

absl::Status CheckReason(const std::string& reason) {
  if (reason.size() > kReasonBytesMax) {
    return absl::InvalidArgumentError(
        Cat("the reason has ", reason.size(), " bytes, more than the ", kReasonBytesMax, " that are kept"));
  }
  if (EscapeForPrint(reason) != reason) {
    return absl::InvalidArgumentError("the reason holds a control character; write it in one plain line");
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::Withdrawal> FromProto(const v1::WithdrawRequest& request) {
  GOFARM_RETURN_IF_ERROR(gomod::CheckModulePath(request.module()));
  if (!request.version().empty()) GOFARM_RETURN_IF_ERROR(gomod::CheckVersion(request.version()));
  if (request.reason().empty()) {
    return absl::InvalidArgumentError("a withdrawal takes a reason, which people are told: --reason TEXT");
  }
  GOFARM_RETURN_IF_ERROR(CheckReason(request.reason()));
  return domain::Withdrawal{request.module(), request.version(), request.reason()};
}

absl::StatusOr<domain::PublicationFilter> FromProto(const v1::ListPublicationsRequest& request) {
  domain::PublicationFilter filter{.destination = request.destination(), .module = request.module()};
  for (const std::string& text : {filter.destination, filter.module}) {
    if (text.size() > gomod::kModulePathMax || EscapeForPrint(text) != text) {
      return absl::InvalidArgumentError(Cat("\"", EscapeAndClip(text, kShortTextMax), "\" names nothing here"));
    }
  }
  for (const int state : request.states()) {
    if (state <= v1::PUBLICATION_STATE_UNSPECIFIED || !v1::PublicationState_IsValid(state)) {
      return absl::InvalidArgumentError(Cat("publication state number ", state, " is unknown"));
    }
    filter.states.push_back(static_cast<domain::PublicationState>(state));
  }
  if (filter.states.size() > v1::PublicationState_ARRAYSIZE) {
    return absl::InvalidArgumentError("name each state once");
  }
  if (request.limit() < 0) {
    return absl::InvalidArgumentError(Cat("limit ", request.limit(), " is negative; 0 means all"));
  }
  return filter;
}

absl::Status PauseCall(publish::PublishService& publishing, const Scope& scope, const std::string& destination,
                       bool paused, const std::string& reason) {
  GOFARM_RETURN_IF_ERROR(CheckReason(reason));
  if (EscapeForPrint(destination) != destination) {
    return absl::NotFoundError(Cat("there is no destination \"", EscapeAndClip(destination, kShortTextMax), "\""));
  }
  return publishing.store().Pause(scope, destination, paused, reason);
}

}  // namespace

absl::StatusOr<publish::PublishService*> PublishRpc::Publishing() const {
  if (rpc_.parts.publishing != nullptr) return rpc_.parts.publishing;
  return absl::FailedPreconditionError("this coordinator publishes nothing");
}

absl::StatusOr<publish::PublishService*> PublishRpc::PublishingThatIsOn() const {
  GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
  GOFARM_RETURN_IF_ERROR(publishing->WhyOff());
  return publishing;
}

ServerUnary PublishRpc::GetKeys(ServerContext context, const v1::GetKeysRequest* request, v1::PublishKeys* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/GetKeys", request,
               [this, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
                 GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> keys, publishing->store().Keys(scope));
                 if (keys.empty()) GOFARM_RETURN_IF_ERROR(publishing->WhyOff());
                 for (const domain::PublishKey& key : keys) ToProto(key, *reply->add_keys());
                 reply->set_index_url(publishing->IndexUrl());
                 reply->set_builder(publishing->builder_id());
                 return absl::OkStatus();
               });
}

ServerUnary PublishRpc::GetStatus(ServerContext context, const v1::PublishStatusRequest* request,
                                  v1::PublishStatus* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/GetStatus", request,
               [this, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
                 GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublicationCounts> all,
                                         publishing->store().Counts(scope));
                 const std::vector<std::string>& known = publishing->destinations();
                 const std::map<std::string, std::string> faults = publishing->Faults();
                 for (const domain::PublicationCounts& counts : all) {
                   v1::DestinationStatus& row = *reply->add_destinations();
                   ToProto(counts, row);
                   row.set_configured(std::find(known.begin(), known.end(), counts.destination) != known.end());
                   if (const auto it = faults.find(counts.destination); it != faults.end()) row.set_fault(it->second);
                 }
                 reply->set_off(std::string(publishing->WhyOff().message()));
                 reply->set_public_url(publishing->public_url());
                 reply->set_index_url(publishing->IndexUrl());
                 GOFARM_ASSIGN_OR_RETURN(const domain::RebuildCounts rebuilds, publishing->CountRebuilds(scope));
                 reply->set_reproduced(rebuilds.reproduced);
                 reply->set_differing(rebuilds.differing);
                 reply->set_rebuilding(rebuilds.rebuilding);
                 return absl::OkStatus();
               });
}

ServerWrite<v1::PublicationPage> PublishRpc::ListPublications(ServerContext context,
                                                              const v1::ListPublicationsRequest* request) {
  return OnThread<v1::PublicationPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Publish/ListPublications", request, kLongListMax,
      [this, asked = *request](auto& stream, const Scope& scope) -> absl::Status {
        GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
        GOFARM_ASSIGN_OR_RETURN(const domain::PublicationFilter filter, FromProto(asked));
        Pager<v1::PublicationPage> pager(stream);
        GOFARM_RETURN_IF_ERROR(publishing->EachPublication(
            scope, filter, asked.limit() == 0 ? INT64_MAX : asked.limit(), [&](const domain::Publication& publication) {
              v1::Publication row;
              ToProto(publication, row);
              return pager.Add(&v1::PublicationPage::mutable_publications, std::move(row));
            }));
        return pager.Flush();
      });
}

ServerUnary PublishRpc::Retry(ServerContext context, const v1::RetryPublicationsRequest* request,
                              v1::RetryPublicationsReply* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/Retry", request,
               [this, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, PublishingThatIsOn());
                 if (request->all() == (request->ids_size() > 0)) {
                   return absl::InvalidArgumentError("name the publications by their ids, or take all: one of both");
                 }
                 if (request->ids_size() > kRetriedMax) {
                   return absl::InvalidArgumentError(Cat("at most ", kRetriedMax, " ids in one request"));
                 }
                 std::vector<domain::PublicationId> ids;
                 for (const int64_t id : request->ids()) ids.push_back(domain::PublicationId{id});
                 GOFARM_ASSIGN_OR_RETURN(const int64_t ordered,
                                         publishing->store().Retry(scope, ids, request->replace()));
                 reply->set_ordered(ordered);
                 return absl::OkStatus();
               });
}

ServerUnary PublishRpc::CheckPublication(ServerContext context, const v1::CheckPublicationRequest* request,
                                         v1::PublicationCheck* reply) {
  return Unary(rpc_, rpc_.submits, context, "/gofarm.v1.Publish/CheckPublication", request,
               [this, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, PublishingThatIsOn());
                 const absl::Status is = publishing->Check(scope, domain::PublicationId{request->id()});
                 if (!is.ok() && !absl::IsNotFound(is) && !absl::IsDataLoss(is)) return is;
                 reply->set_holds(is.ok());
                 reply->set_detail(EscapeAndClip(Sv(is.message()), publish::kFailureDetailMax));
                 return absl::OkStatus();
               });
}

ServerUnary PublishRpc::Pause(ServerContext context, const v1::PauseDestinationRequest* request,
                              v1::PauseDestinationReply*) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/Pause", request,
               [this, request](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, PublishingThatIsOn());
                 return PauseCall(*publishing, scope, request->destination(), true, request->reason());
               });
}

ServerUnary PublishRpc::Resume(ServerContext context, const v1::ResumeDestinationRequest* request,
                               v1::PauseDestinationReply*) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/Resume", request,
               [this, request](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, PublishingThatIsOn());
                 return PauseCall(*publishing, scope, request->destination(), false, "");
               });
}

ServerUnary PublishRpc::Withdraw(ServerContext context, const v1::WithdrawRequest* request, v1::WithdrawReply* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/Withdraw", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 // Also without keys: it holds for what will be built, and no file of it is given out from now on.
                 GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
                 GOFARM_ASSIGN_OR_RETURN(const domain::Withdrawal withdrawal, FromProto(*request));
                 GOFARM_ASSIGN_OR_RETURN(const int64_t releases,
                                         publishing->store().Withdraw(scope, withdrawal, ActorOf(rpc_, *context).who));
                 reply->set_releases(releases);
                 return absl::OkStatus();
               });
}

ServerWrite<v1::WithdrawalPage> PublishRpc::ListWithdrawals(ServerContext context,
                                                            const v1::ListWithdrawalsRequest* request) {
  return OnThread<v1::WithdrawalPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Publish/ListWithdrawals", request, kCallMax,
      [this](auto& stream, const Scope& scope) -> absl::Status {
        GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
        GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Withdrawal> all, publishing->store().Withdrawals(scope));
        Pager<v1::WithdrawalPage> pager(stream);
        for (const domain::Withdrawal& withdrawal : all) {
          v1::Withdrawal row;
          row.set_module(withdrawal.module);
          row.set_version(withdrawal.version);
          row.set_reason(withdrawal.reason);
          GOFARM_RETURN_IF_ERROR(pager.Add(&v1::WithdrawalPage::mutable_withdrawals, std::move(row)));
        }
        return pager.Flush();
      });
}

ServerWrite<v1::AttachmentPage> PublishRpc::ListAttachments(ServerContext context,
                                                            const v1::ListAttachmentsRequest* request) {
  return OnThread<v1::AttachmentPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Publish/ListAttachments", request, kLongListMax,
      [this, asked = *request](auto& stream, const Scope& scope) -> absl::Status {
        GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
        if ((asked.batch_id() > 0) == (asked.job_id() > 0)) {
          return absl::InvalidArgumentError("name a batch or a job: one of both");
        }
        Pager<v1::AttachmentPage> pager(stream);
        GOFARM_RETURN_IF_ERROR(publishing->EachAttachment(
            scope, BatchId{asked.batch_id()}, JobId{asked.job_id()}, [&](const domain::JobAttachment& attachment) {
              v1::Attachment row;
              ToProto(attachment, row);
              return pager.Add(&v1::AttachmentPage::mutable_attachments, std::move(row));
            }));
        return pager.Flush();
      });
}

absl::StatusOr<publish::RebuildsOrdered> PublishRpc::OrderRebuilds(const Scope& scope,
                                                                   const v1::RebuildRequest& request) const {
  GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, Publishing());
  GOFARM_ASSIGN_OR_RETURN(publish::Rebuilder * rebuilder, publishing->Rebuilds());
  const int asked = (request.ids_size() > 0 ? 1 : 0) + (request.module().empty() ? 0 : 1) + (request.all() ? 1 : 0);
  if (asked != 1) return absl::InvalidArgumentError("name publications by their ids, or a module, or take all: one");
  if (request.ids_size() > kRetriedMax) {
    return absl::InvalidArgumentError(Cat("at most ", kRetriedMax, " ids in one request"));
  }
  if (request.ids_size() > 0) {
    std::vector<domain::PublicationId> ids;
    for (const int64_t id : request.ids()) ids.push_back(domain::PublicationId{id});
    return rebuilder->Order(scope, ids);
  }
  if (request.all()) return rebuilder->Order(scope, domain::RebuildFilter());
  GOFARM_RETURN_IF_ERROR(gomod::CheckModulePath(request.module()));
  if (!request.version().empty()) GOFARM_RETURN_IF_ERROR(gomod::CheckVersion(request.version()));
  return rebuilder->Order(scope, domain::RebuildFilter{.module = request.module(), .version = request.version()});
}

ServerUnary PublishRpc::Rebuild(ServerContext context, const v1::RebuildRequest* request, v1::RebuildReply* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Publish/Rebuild", request,
               [this, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(publish::RebuildsOrdered ordered, OrderRebuilds(scope, *request));
                 reply->set_batch_id(ordered.batch.value);
                 reply->set_ordered(ordered.ordered);
                 reply->set_running(ordered.running);
                 reply->set_left_out(ordered.left_out);
                 reply->set_why(Clip(ordered.why, kShortTextMax));
                 return absl::OkStatus();
               });
}

ServerUnary PublishRpc::RotateKey(ServerContext context, const v1::RotateKeyRequest* request, v1::RotatedKey* reply) {
  return Unary(
      rpc_, rpc_.operators, context, "/gofarm.v1.Publish/RotateKey", request,
      [this, request, reply](const Scope& scope) -> absl::Status {
        GOFARM_ASSIGN_OR_RETURN(publish::PublishService * publishing, PublishingThatIsOn());
        const bool minisign = request->kind() == kMinisign;
        if (!minisign && request->kind() != kProvenance) {
          return absl::InvalidArgumentError(Cat("there is no kind of key \"",
                                                EscapeAndClip(request->kind(), kShortTextMax),
                                                "\"; provenance and minisign are the two"));
        }
        if (!minisign && (request->finish() || request->force() || request->overlap_micros() != 0)) {
          return absl::InvalidArgumentError("a provenance key is exchanged at once: nothing is announced or finished");
        }
        if (minisign && !request->finish()) {
          const absl::Duration overlap =
              request->overlap_micros() == 0 ? publish::kOverlapDefault : absl::Microseconds(request->overlap_micros());
          GOFARM_ASSIGN_OR_RETURN(const domain::PublishKey announced, publishing->AnnounceMinisign(scope, overlap));
          ToProto(announced, *reply->mutable_key());
          reply->set_file(publishing->NextMinisignFile());
          return absl::OkStatus();
        }
        GOFARM_ASSIGN_OR_RETURN(
            publish::PublishService::Rotated rotated,
            minisign ? publishing->FinishMinisign(scope, request->force()) : publishing->RotateProvenance(scope));
        GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> keys, publishing->store().Keys(scope));
        for (const domain::PublishKey& key : keys) {
          if (key.public_key == rotated.public_key) ToProto(key, *reply->mutable_key());
        }
        reply->set_file(std::move(rotated.file));
        reply->set_old_file(std::move(rotated.old_file));
        return absl::OkStatus();
      });
}

}  // namespace gofarm::rpc
