#include "worker/agent/slot.h"

#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/session_secret.h"
#include "common/wire/report.h"
#include "worker/agent/report.h"
#include "worker/upload/artifact_uploader.h"

namespace gofarm::agent {

bool AttemptControl::SetProgress(const Progress& progress, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const bool news = progress.phase != progress_.phase || progress.variant != progress_.variant;
  if (progress.phase != progress_.phase) phase_since_ = now;
  std::vector<Phase> phases = std::move(progress_.phases);
  if (progress.phase != Phase::kNone && std::find(phases.begin(), phases.end(), progress.phase) == phases.end()) {
    phases.push_back(progress.phase);
  }
  progress_ = progress;
  progress_.phases = std::move(phases);
  return news;
}

Progress AttemptControl::Look(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  Progress seen = progress_;
  if (seen.phase != Phase::kNone) seen.phase_seconds = absl::ToDoubleSeconds(now - phase_since_);
  return seen;
}

// In the order of construction: the uploader's thread reads the spool, so it goes first.
struct Slot::Attempt {
  build::AcceptedOffer offer;
  absl::Time deadline;
  std::shared_ptr<AttemptControl> control;
  build::BuildReport report;
  bool refused = false;  // the coordinator does not take the report: say so instead
  std::string refusal;
  AttemptExtras extras;
  std::unique_ptr<upload::LogSpool> spool;
  std::unique_ptr<upload::LogUploader> log;
};

namespace {

constexpr size_t kTroubleMax = 500;

// What a person who asks about the attempt reads while it is tried again.
std::string TroubleText(const absl::Status& failure) {
  return Clip(Cat("tried again after: ", EscapeForPrint(Sv(failure.message()))), kTroubleMax);
}

class Listener : public build::BuildListener {
 public:
  Listener(AttemptControl& control, upload::LogSpool& spool, upload::LogUploader& log,
           const std::function<void(Event)>& post)
      : control_(control), spool_(spool), log_(log), post_(post) {}

  void OnProgress(const Progress& progress) override {
    if (control_.SetProgress(progress, SteadyNow())) post_(AttemptProgressed{control_.token()});
  }
  void OnLog(std::string_view lines) override {
    spool_.Append(lines);
    log_.Wake();
  }

 private:
  AttemptControl& control_;
  upload::LogSpool& spool_;
  upload::LogUploader& log_;
  const std::function<void(Event)>& post_;
};

}  // namespace

Slot::Slot(SlotEnvironment environment) : environment_(std::move(environment)), thread_([this] { Work(); }) {}

Slot::~Slot() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (current_ != nullptr) {
      current_->build.request_stop();
      current_->io.request_stop();
    }
  }
  thread_.join();
}

std::shared_ptr<AttemptControl> Slot::Start(build::AcceptedOffer offer, absl::Duration deadline) {
  auto attempt = std::make_unique<Attempt>();
  auto control = std::make_shared<AttemptControl>(offer.token);
  attempt->deadline = SteadyNow() + (deadline > absl::ZeroDuration() ? deadline : 2 * offer.limits.wall);
  attempt->offer = std::move(offer);
  attempt->control = control;
  {
    absl::MutexLock lock(&mutex_);
    current_ = control;
  }
  Post({Command::Kind::kBuild, std::move(attempt)});
  return control;
}

void Slot::Complete() { Post({Command::Kind::kComplete, nullptr}); }

void Slot::Discard() {
  {
    absl::MutexLock lock(&mutex_);
    if (current_ != nullptr) {
      current_->build.request_stop();
      current_->io.request_stop();
    }
  }
  Post({Command::Kind::kDiscard, nullptr});
}

void Slot::Post(Command command) {
  absl::MutexLock lock(&mutex_);
  commands_.push_back(std::move(command));
}

void Slot::Work() {
  std::unique_ptr<Attempt> attempt;
  while (true) {
    Command command{Command::Kind::kDiscard, nullptr};
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Slot::HasCommandOrStops));
      if (stopping_) return;
      command = std::move(commands_.front());
      commands_.pop_front();
    }
    switch (command.kind) {
      case Command::Kind::kBuild:
        attempt = std::move(command.attempt);
        Build(*attempt);
        environment_.post(AttemptFinished{attempt->offer.token});
        break;
      case Command::Kind::kComplete:
        if (attempt == nullptr) break;
        environment_.post(CompleteAnswered{attempt->offer.token, CompleteOnce(*attempt)});
        break;
      case Command::Kind::kDiscard:
        attempt.reset();
        break;
    }
  }
}

void Slot::Build(Attempt& attempt) {
  const AttemptToken token = attempt.offer.token;
  obs::Info("build_started", {{"token", Cat(token.value)},
                              {"job", Cat(attempt.offer.job.value)},
                              {"module", Cat(attempt.offer.module, "@", attempt.offer.version)},
                              {"target", std::string(TargetName(attempt.offer.target))}});
  auto spool = upload::LogSpool::Create(Cat(environment_.spool_folder, "/", token.value, ".log"),
                                        attempt.offer.limits.log_bytes);
  if (!spool.ok()) {
    attempt.report.outcome = AttemptOutcome::kFailed;
    attempt.report.failure_class =
        absl::IsResourceExhausted(spool.status()) ? FailureClass::kDiskFull : FailureClass::kInternal;
    attempt.report.failure_detail = spool.status().ToString();
    return;
  }
  attempt.spool = *std::move(spool);
  attempt.log = std::make_unique<upload::LogUploader>(*environment_.uplink, token, *attempt.spool,
                                                      [this, token] { environment_.post(AttemptStale{token}); });
  Listener listener(*attempt.control, *attempt.spool, *attempt.log, environment_.post);
  const absl::Time started = SteadyNow();
  attempt.report =
      environment_.runner->Run(Scope{attempt.deadline, attempt.control->build.get_token()}, attempt.offer, listener);
  attempt.spool->Close();
  attempt.log->Wake();
  attempt.extras.log_sha256 = attempt.spool->sha256();
  attempt.extras.log_bytes = attempt.spool->size();
  obs::Info("build_ended", {{"token", Cat(token.value)},
                            {"outcome", std::string(Name(attempt.report.outcome))},
                            {"class", std::string(Name(attempt.report.failure_class))},
                            {"executables", Cat(attempt.report.executables.size())},
                            {"seconds", Cat(absl::ToDoubleSeconds(SteadyNow() - started))}});
}

absl::Status Slot::UploadAll(const Scope& scope, Attempt& attempt) {
  if (attempt.log != nullptr) {
    const absl::Status flushed = attempt.log->Flush(scope.Within(kLogFlushTimeout));
    GOFARM_RETURN_IF_ERROR(flushed);
  }
  std::vector<upload::Blob> blobs;
  const build::BuildReport& report = attempt.report;
  for (size_t i = 0; i < report.executables.size(); ++i) {
    blobs.push_back({report.files.at(i), report.executables[i].sha256, report.executables[i].size});
  }
  if (!report.facts.licences_sha256.empty()) {
    blobs.push_back({report.licences_file, report.facts.licences_sha256, report.facts.licences_size});
  }
  if (!report.facts.source_sha256.empty()) {
    blobs.push_back({report.source_file, report.facts.source_sha256, report.facts.source_size});
  }
  int64_t total = 0;
  for (const upload::Blob& blob : blobs) total += blob.size;
  int64_t before = 0;
  Progress progress{.phase = Phase::kUpload, .bytes_total = total};
  const auto publish = [&](int64_t done) {
    if (before + done > progress.bytes_done) progress.detail.clear();  // it goes on
    progress.bytes_done = before + done;
    Publish(attempt, progress);
  };
  const auto trouble = [&](const absl::Status& failure) {
    progress.detail = TroubleText(failure);
    Publish(attempt, progress);
  };
  for (const upload::Blob& blob : blobs) {
    GOFARM_RETURN_IF_ERROR(
        upload::UploadBlob(scope, *environment_.uplink, attempt.offer.token, blob, publish, trouble));
    before += blob.size;
  }
  return absl::OkStatus();
}

void Slot::Publish(const Attempt& attempt, const Progress& progress) const {
  if (attempt.control->SetProgress(progress, SteadyNow())) environment_.post(AttemptProgressed{attempt.offer.token});
}

CompleteAnswer Slot::CompleteOnce(Attempt& attempt) {
  const absl::Time started = SteadyNow();
  const Scope scope = Scope::For(kUploadTimeout, attempt.control->io.get_token());
  attempt.extras.worker_build = environment_.worker_build;
  const auto give_up = [&](std::string_view what, const absl::Status& status) {
    if (absl::IsFailedPrecondition(status)) return CompleteAnswer::kStale;
    obs::Warn(what, {{"token", Cat(attempt.offer.token.value)}, {"error", status.ToString()}});
    Publish(attempt, {.phase = Phase::kUpload, .detail = TroubleText(status)});
    // Asking the same again would give the same answer; the job must learn that nothing comes of it.
    if (absl::IsDataLoss(status) || absl::IsInvalidArgument(status) || absl::IsOutOfRange(status)) {
      attempt.refused = true;
      attempt.refusal = Cat("the worker could not hand in its result: ", status.ToString());
    }
    return CompleteAnswer::kRetry;
  };
  if (!attempt.refused) {
    if (const absl::Status status = UploadAll(scope, attempt); !status.ok()) return give_up("upload_failed", status);
    attempt.extras.upload_seconds += absl::ToDoubleSeconds(SteadyNow() - started);
  }
  v1::CompleteRequest request;
  request.set_token(attempt.offer.token.value);
  request.set_job_id(attempt.offer.job.value);
  wire::ToProto(
      attempt.refused ? RefusedReport(attempt.refusal, attempt.extras) : FinalReport(attempt.report, attempt.extras),
      request);
  const std::shared_ptr<grpc::Channel> channel = environment_.uplink->channel();
  if (channel == nullptr) return CompleteAnswer::kRetry;
  grpc::ClientContext context;
  const rpc::CallDeadline deadline(context, SteadyNow() + kCompleteTimeout);
  rpc::AttachSessionSecret(context, environment_.uplink->secret());
  const std::stop_callback cancel(scope.stop, [&context] { context.TryCancel(); });
  v1::CompleteReply reply;
  const absl::Status status = rpc::FromGrpc(v1::Worker::NewStub(channel)->Complete(&context, request, &reply));
  if (!status.ok()) return give_up("complete_failed", status);
  return CompleteAnswer::kRecorded;
}

}  // namespace gofarm::agent
