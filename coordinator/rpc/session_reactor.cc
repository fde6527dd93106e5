#include "coordinator/rpc/session_reactor.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/session_secret.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {

SessionReactor::SessionReactor(const Call& call)
    : BidiStream(call, {.queue_max = kSessionQueueMax, .idle_max = kSessionIdleMax}),
      rpc_(call.rpc()),
      pace_(kSessionMessagesPerSecond, kSessionBurst) {}

absl::Status SessionReactor::Open() {
  hello_timer_ = rpc_.ticker.After(kHelloMax, [weak = weak_from_this()] {
    const auto self = std::static_pointer_cast<SessionReactor>(weak.lock());
    if (self) self->Close(absl::DeadlineExceededError("no Hello came; a worker speaks first"));
  });
  return absl::OkStatus();
}

void SessionReactor::SendMessage(int64_t epoch, const dispatch::SessionMessage& message) {
  v1::CoordinatorMessage out = ToProto(epoch, message);
  if (const auto* welcome = std::get_if<dispatch::Welcome>(&message); welcome != nullptr) {
    if (!welcome->same_secret) out.mutable_welcome()->set_session_secret(fresh_secret_);
    ToProto(rpc_.parts.go, *out.mutable_welcome()->mutable_go());
  }
  Send(std::move(out));
}

void SessionReactor::Received(const v1::WorkerMessage& message) {
  if (const absl::Status status = Handle(message); !status.ok()) {
    obs::Warn("session_refused", {{"worker", worker_}, {"error", std::string(status.message())}});
    Close(status);
  }
  const absl::Duration wait = pace_.After(SteadyNow());
  if (wait < kPaceGrain) return ReadNext();
  static obs::RateLimit log_limit(absl::Seconds(10));
  if (log_limit.Pass()) obs::Warn("session_slowed", {{"worker", worker_}, {"for", absl::FormatDuration(wait)}});
  rpc_.ticker.After(wait, [self = std::static_pointer_cast<SessionReactor>(shared_from_this())] { self->ReadNext(); });
}

absl::Status SessionReactor::Handle(const v1::WorkerMessage& message) {
  if (message.kind_case() == v1::WorkerMessage::kHello) return HandleHello(message.hello());
  if (!stream_) return absl::InvalidArgumentError("the first message of a session must be Hello");
  service::DispatchLoop& dispatch = rpc_.parts.dispatch;
  switch (message.kind_case()) {
    case v1::WorkerMessage::kReady: {
      const v1::Ready& ready = message.ready();
      if (ready.free_slots() < 0 || ready.free_slots() > dispatch::kSlotsMax) {
        return absl::InvalidArgumentError(Cat("ready: ", ready.free_slots(), " free slots are out of range"));
      }
      return dispatch.Post(dispatch::ReadyReceived{stream_, ready.free_slots(), ready.draining(), ready.disk_full()});
    }
    case v1::WorkerMessage::kAccept:
      if (message.accept().token() <= 0) return absl::InvalidArgumentError("accept: no token");
      return dispatch.Post(dispatch::AcceptReceived{stream_, AttemptToken{message.accept().token()}});
    case v1::WorkerMessage::kRefuse:
      return HandleRefuse(message.refuse());
    case v1::WorkerMessage::kProgress:
      return HandleProgress(message.progress());
    case v1::WorkerMessage::kHeartbeat:
      return dispatch.Post(dispatch::HeartbeatReceived{stream_});
    case v1::WorkerMessage::kReport:
      return HandleReport(message.report());
    case v1::WorkerMessage::kGoodbye:
      return dispatch.Post(dispatch::GoodbyeReceived{stream_});
    case v1::WorkerMessage::kHello:
    case v1::WorkerMessage::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message of this kind is unknown to this coordinator");
}

absl::Status SessionReactor::HandleHello(const v1::Hello& hello) {
  if (stream_) return absl::InvalidArgumentError("Hello came twice on one session");
  GOFARM_ASSIGN_OR_RETURN(domain::SessionRequest request, FromHello(hello));
  if (!MayActAs(call().peer(), request.name)) {
    return absl::PermissionDeniedError(Cat("worker ", call().peer().name, " may not call itself ", request.name));
  }
  rpc_.ticker.Drop(hello_timer_);
  worker_ = request.name;
  fresh_secret_ = NewSessionSecret();
  request.address = OriginOf(*call().context());
  request.proof_sha256 = call().peer().secret_sha256;
  request.fresh_secret_sha256 = digest::Sha256Hex(fresh_secret_);
  stream_ = rpc_.parts.dispatch.NewStream();
  rpc_.parts.sessions.Add(stream_, std::static_pointer_cast<SessionReactor>(shared_from_this()));
  obs::Info("worker_says_hello", {{"worker", worker_},
                                  {"instance", request.instance},
                                  {"build", request.build_version},
                                  {"attempts", Cat(request.attempts.size())}});
  return rpc_.parts.dispatch.Post(dispatch::HelloReceived{stream_, std::move(request)});
}

absl::Status SessionReactor::HandleRefuse(const v1::Refuse& refuse) {
  if (refuse.token() <= 0) return absl::InvalidArgumentError("refuse: no token");
  if (refuse.reason() < v1::REFUSE_REASON_NO_FREE_SLOT || refuse.reason() > v1::REFUSE_REASON_DISK_FULL) {
    return absl::InvalidArgumentError(Cat("refuse: reason number ", static_cast<int>(refuse.reason()), " is unknown"));
  }
  if (refuse.detail().size() > kDetailMax) {
    return absl::InvalidArgumentError(
        Cat("refuse.detail: has ", refuse.detail().size(), " bytes, at most ", kDetailMax, " are allowed"));
  }
  return rpc_.parts.dispatch.Post(dispatch::RefuseReceived{stream_, AttemptToken{refuse.token()},
                                                           static_cast<RefuseReason>(refuse.reason()),
                                                           EscapeAndClip(refuse.detail(), kDetailMax)});
}

absl::Status SessionReactor::HandleProgress(const v1::Progress& progress) {
  GOFARM_ASSIGN_OR_RETURN(Progress checked, FromProgress(progress));
  if (rpc_.parts.board.Report(AttemptToken{progress.token()}, worker_, std::move(checked))) return absl::OkStatus();
  // Dropped, and the session goes on: an attempt that moved away a moment ago is no reason to lose the others.
  static obs::RateLimit log_limit(absl::Seconds(10));
  if (log_limit.Pass()) obs::Warn("progress_dropped", {{"worker", worker_}, {"token", Cat(progress.token())}});
  if (rpc_.parts.metrics != nullptr) rpc_.parts.metrics->AddProgressDropped();
  return absl::OkStatus();
}

absl::Status SessionReactor::HandleReport(const v1::WorkerReport& report) {
  GOFARM_ASSIGN_OR_RETURN(WorkerReport checked, FromReport(report));
  rpc_.parts.reports.Show(worker_, checked);
  // A full pool drops it: the next one comes within half a minute, and this one is shown already.
  rpc_.reports.TryPost([&rpc = rpc_, worker = worker_, checked = std::move(checked)] {
    const absl::Status saved =
        rpc.parts.reports.Save(Scope::For(absl::Seconds(10), rpc.stop.get_token()), worker, checked);
    if (!saved.ok()) obs::Warn("report_not_saved", {{"worker", worker}, {"error", std::string(saved.message())}});
  });
  return absl::OkStatus();
}

void SessionReactor::Gone() {
  rpc_.ticker.Drop(hello_timer_);
  if (!stream_) return;
  rpc_.parts.sessions.Remove(stream_);
  // Always taken, see dispatch_loop.h.
  if (const absl::Status posted = rpc_.parts.dispatch.Post(dispatch::StreamClosed{stream_}); !posted.ok()) {
    obs::Warn("stream_end_not_told", {{"worker", worker_}, {"error", std::string(posted.message())}});
  }
}

}  // namespace gofarm::rpc
