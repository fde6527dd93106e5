#include "worker/agent/agent.h"

#include <gofarm/v1/worker.pb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <variant>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/rpc/channel.h"
#include "common/sync/wait.h"
#include "common/wire/offer.h"
#include "common/wire/worker_report.h"
#include "worker/agent/convert.h"
#include "worker/agent/session_link.h"
#include "worker/agent/session_logic.h"
#include "worker/agent/slot.h"

namespace gofarm::agent {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(200);
constexpr absl::Duration kProgressInterval = absl::Seconds(1);
constexpr absl::Duration kSnapshotInterval = absl::Seconds(1);
constexpr absl::Duration kDiskInterval = absl::Seconds(5);
constexpr absl::Duration kGoodbyeTimeout = absl::Seconds(2);

std::string RandomHex() {
  std::random_device device;
  std::string out;
  for (int i = 0; i < 4; ++i) out += absl::StrCat(absl::Hex(device(), absl::kZeroPad8));
  return out;
}

// The part of a snapshot whose change is worth a report; seconds grow all the time.
std::string Fingerprint(const WorkerReport& snapshot) {
  std::string text;
  for (const InstalledToolchain& t : snapshot.toolchains)
    text += Cat(t.kind, "\t", t.version, "\t", t.path, "\t", t.sha256, "\n");
  for (const TargetReadiness& r : snapshot.readiness) {
    text += Cat(r.toolset, "\t", static_cast<int>(r.target), "\t", Name(r.state), "\t", r.detail, "\n");
  }
  return text;
}

}  // namespace

class Agent::Impl {
 public:
  // What a Welcome gives that is not the state machine's.
  struct Welcomed {
    std::vector<Toolset> toolsets;
    std::string secret;  // empty: that of the former session holds on
    goproxy::Settings go;
  };

  Impl(AgentOptions options, build::Runner* runner);
  void Run(std::stop_token stop, std::stop_token hurry);
  // From any thread.
  bool Post(Event event, Welcomed welcomed = {});
  void PostCredentials(rpc::Credentials credentials);

 private:
  struct Posted {
    Event event;
    Welcomed welcomed;
    std::optional<rpc::Credentials> credentials;
  };

  // From the link's reader.
  void Received(int64_t link, const v1::CoordinatorMessage& message);

  // All below: Run's thread.
  void Take(Posted posted);
  void MakeChannels(const rpc::Credentials& credentials);
  void Feed(Event event);
  void EachTick(absl::Time now);
  void LookAtProgress(absl::Time now);
  void LookAtSnapshot();
  void LookAtDisks();
  Slot* SlotOf(AttemptToken token);
  void Send(const v1::WorkerMessage& message);

  void Do(const Dial& e);
  void Do(const Hangup& e);
  void Do(const SendHello& e);
  void Do(const SendReady& e);
  void Do(const SendAccept& e);
  void Do(const SendRefuse& e);
  void Do(const StartBuild& e);
  void Do(const StopBuild& e);
  void Do(const SendComplete& e);
  void Do(const DiscardResult& e);
  void Do(const SendProgress& e);
  void Do(const SendHeartbeat& e);
  void Do(const SendReport& e);
  void Do(const SendGoodbye& e);
  void Do(const Exit& e);

  double Chance() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }
  bool HasEvent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !events_.empty(); }

  const AgentOptions options_;
  build::Runner* const runner_;
  const std::string instance_ = RandomHex();
  std::vector<std::shared_ptr<grpc::Channel>> channels_;  // by coordinator
  upload::Uplink own_uplink_;
  upload::Uplink& uplink_;
  std::mt19937_64 random_{std::random_device{}()};

  absl::Mutex mutex_;
  std::deque<Posted> events_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> flooded_ = false;

  SessionState state_;
  bool exited_ = false;
  std::map<std::string, Toolset> toolsets_;
  struct Running {
    int slot = 0;
    std::shared_ptr<AttemptControl> control;
    absl::Time published_at = absl::InfinitePast();
  };
  std::map<AttemptToken, Running> running_;
  WorkerReport snapshot_;
  std::string fingerprint_;
  absl::Time snapshot_at_ = absl::InfinitePast();
  absl::Time disks_at_ = absl::InfinitePast();
  int64_t disk_free_ = 0;
  obs::RateLimit disconnect_log_{absl::Seconds(10)};
  obs::RateLimit refusal_log_{absl::Seconds(30)};
  // Last, so that their threads are gone before what they use.
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<SessionLink> link_;
};

Agent::Impl::Impl(AgentOptions options, build::Runner* runner)
    : options_(std::move(options)),
      runner_(runner),
      uplink_(options_.uplink != nullptr ? *options_.uplink : own_uplink_),
      state_(SessionConfig{.slots = options_.slots,
                           .targets = options_.targets,
                           .coordinators = static_cast<int>(options_.coordinators.size()),
                           .drain_max = options_.drain_max,
                           .isolation_error = options_.isolation_error,
                           .isolation_unproven = options_.isolation_unproven}) {
  GOFARM_CHECK(!options_.coordinators.empty() && options_.slots >= 1);
  GOFARM_CHECK(runner_ != nullptr || !options_.isolation_error.empty());
  MakeChannels(options_.credentials);
  for (int i = 0; i < options_.slots; ++i) {
    slots_.push_back(std::make_unique<Slot>(SlotEnvironment{.runner = runner_,
                                                            .uplink = &uplink_,
                                                            .spool_folder = options_.spool_folder,
                                                            .worker_build = options_.build_version,
                                                            .post = [this](Event event) { Post(std::move(event)); }}));
  }
}

void Agent::Impl::MakeChannels(const rpc::Credentials& credentials) {
  channels_.clear();
  for (const std::string& address : options_.coordinators) {
    channels_.push_back(rpc::MakeChannel(address, credentials));
  }
}

void Agent::Impl::PostCredentials(rpc::Credentials credentials) {
  absl::MutexLock lock(&mutex_);
  events_.push_back({.event = agent::CredentialsChanged{}, .welcomed = {}, .credentials = std::move(credentials)});
}

bool Agent::Impl::Post(Event event, Welcomed welcomed) {
  absl::MutexLock lock(&mutex_);
  // Only what a coordinator sends is without bound; what slots and links post must never be lost.
  if (events_.size() >= kEventsMax &&
      (std::holds_alternative<OfferReceived>(event) || std::holds_alternative<CancelReceived>(event) ||
       std::holds_alternative<DropReceived>(event) || std::holds_alternative<DrainReceived>(event) ||
       std::holds_alternative<WelcomeReceived>(event))) {
    return false;
  }
  events_.push_back({.event = std::move(event), .welcomed = std::move(welcomed), .credentials = std::nullopt});
  return true;
}

void Agent::Impl::Received(int64_t link, const v1::CoordinatorMessage& message) {
  bool taken = true;
  switch (message.kind_case()) {
    case v1::CoordinatorMessage::kWelcome: {
      const v1::Welcome& welcome = message.welcome();
      WelcomeReceived event{.link = link,
                            .epoch = message.epoch(),
                            .session = SessionId{welcome.session_id()},
                            .heartbeat = absl::Seconds(welcome.heartbeat_seconds())};
      for (const int64_t token : welcome.keep()) event.keep.push_back(AttemptToken{token});
      for (const int64_t token : welcome.drop()) event.drop.push_back(AttemptToken{token});
      Welcomed welcomed{.toolsets = {}, .secret = welcome.session_secret(), .go = {}};
      if (absl::StatusOr<goproxy::Settings> go = GoSettingsFromProto(welcome.go()); go.ok()) {
        welcomed.go = *std::move(go);
      } else {
        obs::Warn("go_settings_of_coordinator", {{"error", std::string(go.status().message())}});
      }
      for (const v1::Toolset& t : welcome.toolsets()) {
        Toolset toolset = ToolsetFromProto(t, options_.host_arch);
        if (!CanBuildOn(toolset, options_.host_arch)) {
          obs::Warn("toolset_not_for_this_host", {{"toolset", toolset.name}, {"host_arch", options_.host_arch}});
          continue;
        }
        event.toolsets.push_back(toolset.name);
        welcomed.toolsets.push_back(std::move(toolset));
      }
      taken = Post(std::move(event), std::move(welcomed));
      break;
    }
    case v1::CoordinatorMessage::kOffer:
      taken = Post(OfferReceived{link, message.epoch(), wire::OfferFromProto(message.offer())});
      break;
    case v1::CoordinatorMessage::kCancel:
      taken = Post(CancelReceived{link, message.epoch(), AttemptToken{message.cancel().token()}});
      break;
    case v1::CoordinatorMessage::kDrop:
      taken = Post(DropReceived{link, message.epoch(), AttemptToken{message.drop().token()}});
      break;
    case v1::CoordinatorMessage::kDrain:
      taken = Post(DrainReceived{link, message.epoch()});
      break;
    case v1::CoordinatorMessage::KIND_NOT_SET:
      break;  // of a later coordinator; what this worker must know is in the protocol version
  }
  // What was lost may be the only Cancel of an attempt: a new session begins with a clean account of all of them.
  if (!taken && !flooded_.exchange(true)) {
    obs::Error("coordinator_floods", {{"waiting_events", Cat(kEventsMax)}});
  }
}

void Agent::Impl::Run(std::stop_token stop, std::stop_token hurry) {
  const std::stop_callback on_stop(stop, [this] { Post(StopRequested{}); });
  const std::stop_callback on_hurry(hurry, [this] { Post(StopRequested{}); });
  LookAtDisks();  // before the first offer can come
  Feed(Started{Chance()});
  absl::Time next_tick = SteadyNow() + kTick;
  while (!exited_) {
    std::deque<Posted> events;
    {
      absl::MutexLock lock(&mutex_);
      sync::AwaitUntil(mutex_, absl::Condition(this, &Impl::HasEvent), next_tick);
      events.swap(events_);
    }
    for (Posted& posted : events) Take(std::move(posted));
    if (flooded_.exchange(false) && link_ != nullptr)
      link_->Hangup("the coordinator sends faster than this worker takes");
    const absl::Time now = SteadyNow();
    if (now < next_tick || exited_) continue;
    next_tick = now + kTick;
    EachTick(now);
  }
  link_.reset();
  slots_.clear();
}

void Agent::Impl::Take(Posted posted) {
  if (auto* answered = std::get_if<CompleteAnswered>(&posted.event)) answered->random = Chance();
  if (auto* disconnected = std::get_if<Disconnected>(&posted.event)) {
    disconnected->random = Chance();
    if (options_.session_changed && disconnected->link == state_.link_number) options_.session_changed(false);
  }
  if (const auto* welcome = std::get_if<WelcomeReceived>(&posted.event);
      welcome != nullptr && welcome->link == state_.link_number) {
    for (const Toolset& toolset : posted.welcomed.toolsets) toolsets_[toolset.name] = toolset;
    if (!posted.welcomed.secret.empty()) uplink_.SetSecret(std::move(posted.welcomed.secret));
    obs::Info("session_open", {{"session", Cat(welcome->session.value)},
                               {"epoch", Cat(welcome->epoch)},
                               {"keep", Cat(welcome->keep.size())},
                               {"drop", Cat(welcome->drop.size())}});
    if (options_.session_changed) options_.session_changed(true);
    if (options_.go_settings_known) options_.go_settings_known(posted.welcomed.go);
    if (options_.toolsets_known && state_.config.isolation_error.empty()) {
      options_.toolsets_known(posted.welcomed.toolsets);
    }
  }
  if (posted.credentials) MakeChannels(*posted.credentials);
  Feed(std::move(posted.event));
}

void Agent::Impl::Feed(Event event) {
  for (const Effect& effect : Step(state_, event, SteadyNow())) {
    std::visit([this](const auto& e) { Do(e); }, effect);
  }
}

void Agent::Impl::EachTick(absl::Time now) {
  if (now >= disks_at_) {
    disks_at_ = now + kDiskInterval;
    LookAtDisks();
  }
  if (now >= snapshot_at_) {
    snapshot_at_ = now + kSnapshotInterval;
    LookAtSnapshot();
  }
  LookAtProgress(now);
  Feed(Tick{Chance()});
}

void Agent::Impl::LookAtProgress(absl::Time now) {
  std::vector<AttemptToken> due;
  for (auto& [token, running] : running_) {
    if (now - running.published_at >= kProgressInterval) due.push_back(token);
  }
  for (const AttemptToken token : due) Feed(AttemptProgressed{token});
}

void Agent::Impl::LookAtSnapshot() {
  if (!options_.snapshot) return;
  snapshot_ = options_.snapshot();
  std::string fingerprint = Fingerprint(snapshot_);
  if (fingerprint == fingerprint_) return;
  fingerprint_ = std::move(fingerprint);
  Feed(ReportChanged{});
}

void Agent::Impl::LookAtDisks() {
  int64_t least = INT64_MAX;
  for (const std::string& folder : options_.watched_disks) {
    const auto bytes = io::FreeBytes(folder);
    if (bytes.ok()) least = std::min(least, *bytes);
  }
  if (least == INT64_MAX) return;
  disk_free_ = least;
  Feed(DiskSpace{least < build::kDiskFreeMin});
}

Slot* Agent::Impl::SlotOf(AttemptToken token) {
  const auto it = running_.find(token);
  return it == running_.end() ? nullptr : slots_[static_cast<size_t>(it->second.slot)].get();
}

void Agent::Impl::Send(const v1::WorkerMessage& message) {
  if (link_ != nullptr) link_->Send(message);
}

void Agent::Impl::Do(const Dial& e) {
  link_.reset();
  const auto index = static_cast<size_t>(e.address) % channels_.size();
  uplink_.Set(channels_[index]);
  const int64_t link = e.link;
  LinkCallbacks callbacks{
      .connected = [this, link] { Post(Connected{link}); },
      .message = [this, link](const v1::CoordinatorMessage& message) { Received(link, message); },
      .disconnected =
          [this, link, address = options_.coordinators[index]](const absl::Status& status) {
            // A refusal (another protocol version, a name that is taken) lasts until a person does something.
            if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
                absl::IsAlreadyExists(status)) {
              if (refusal_log_.Pass()) {
                obs::Error("coordinator_refuses_session", {{"address", address}, {"error", status.ToString()}});
              }
            } else if (disconnect_log_.Pass()) {
              obs::Warn("session_closed", {{"address", address}, {"error", status.ToString()}});
            }
            if (absl::IsUnauthenticated(status)) options_.unauthenticated(status);
            Post(Disconnected{link});
          }};
  link_ = std::make_unique<SessionLink>(channels_[index], uplink_.secret(), e.after, std::move(callbacks));
}

void Agent::Impl::Do(const Hangup& e) {
  obs::Warn("session_hangup", {{"why", e.why}});
  if (link_ != nullptr) link_->Hangup(e.why);
}

void Agent::Impl::Do(const SendHello& e) {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(options_.name);
  hello.set_instance(instance_);
  hello.set_host_arch(options_.host_arch);
  for (const Target target : options_.targets) hello.add_targets(static_cast<v1::Target>(target));
  hello.set_slots(options_.slots);
  hello.set_memory_bytes(options_.memory_bytes_per_slot * options_.slots);
  hello.mutable_labels()->insert(options_.labels.begin(), options_.labels.end());
  hello.set_pid(static_cast<int32_t>(::getpid()));
  hello.set_build_version(options_.build_version);
  hello.set_isolation_error(Clip(state_.config.isolation_error, kDetailMax));
  for (const AnnouncedAttempt& a : e.attempts) {
    v1::RunningAttempt& attempt = *hello.add_attempts();
    attempt.set_token(a.token.value);
    attempt.set_job_id(a.job.value);
    attempt.set_ended(a.ended);
  }
  Send(message);
}

void Agent::Impl::Do(const SendReady& e) {
  v1::WorkerMessage message;
  v1::Ready& ready = *message.mutable_ready();
  ready.set_free_slots(e.free_slots);
  ready.set_draining(e.draining);
  ready.set_disk_full(e.disk_full);
  Send(message);
}

void Agent::Impl::Do(const SendAccept& e) {
  v1::WorkerMessage message;
  message.mutable_accept()->set_token(e.token.value);
  Send(message);
}

void Agent::Impl::Do(const SendRefuse& e) {
  obs::Info("offer_refused", {{"token", Cat(e.token.value)}, {"detail", e.detail}});
  v1::WorkerMessage message;
  v1::Refuse& refuse = *message.mutable_refuse();
  refuse.set_token(e.token.value);
  refuse.set_reason(static_cast<v1::RefuseReason>(e.reason));
  refuse.set_detail(Clip(e.detail, kDetailMax));
  Send(message);
}

void Agent::Impl::Do(const StartBuild& e) {
  const auto toolset = toolsets_.find(e.offer.toolset);
  GOFARM_CHECK(toolset != toolsets_.end());  // offers of other toolsets are refused
  Slot& slot = *slots_[static_cast<size_t>(e.slot)];
  running_[e.offer.token] = {
      .slot = e.slot,
      .control =
          slot.Start(Accepted(e.offer, toolset->second, e.slot, options_.memory_bytes_per_slot), e.offer.deadline)};
}

void Agent::Impl::Do(const StopBuild& e) {
  const auto it = running_.find(e.token);
  if (it == running_.end()) return;
  obs::Info("build_stopped",
            {{"token", Cat(e.token.value)}, {"why", e.why == StopWhy::kCancelled ? "cancelled" : "dropped"}});
  it->second.control->build.request_stop();
  if (e.why == StopWhy::kDropped) it->second.control->io.request_stop();
}

void Agent::Impl::Do(const SendComplete& e) {
  if (Slot* slot = SlotOf(e.token)) slot->Complete();
}

void Agent::Impl::Do(const DiscardResult& e) {
  if (Slot* slot = SlotOf(e.token)) slot->Discard();
  running_.erase(e.token);
}

void Agent::Impl::Do(const SendProgress& e) {
  const auto it = running_.find(e.token);
  if (it == running_.end()) return;
  const absl::Time now = SteadyNow();
  const Progress progress = it->second.control->Look(now);
  it->second.published_at = now;
  if (progress.phase == Phase::kNone) return;
  v1::WorkerMessage message;
  ProgressToProto(e.token, progress, *message.mutable_progress());
  Send(message);
}

void Agent::Impl::Do(const SendHeartbeat&) {
  v1::WorkerMessage message;
  message.mutable_heartbeat();
  Send(message);
}

void Agent::Impl::Do(const SendReport&) {
  v1::WorkerMessage message;
  WorkerReport report = snapshot_;
  report.disk_free_bytes = disk_free_;
  if (report.figures) report.figures->clock_seconds = absl::ToDoubleSeconds(WallNow() - absl::UnixEpoch());
  if (report.toolchains.size() > kWorkerReportRowsMax) report.toolchains.resize(kWorkerReportRowsMax);
  if (report.readiness.size() > kWorkerReportRowsMax) report.readiness.resize(kWorkerReportRowsMax);
  for (TargetReadiness& r : report.readiness) {
    r.detail = Clip(EscapeForPrint(r.detail, /*keep_newlines=*/true), kDetailMax);
    r.seconds = std::max(0.0, r.seconds);
  }
  wire::ToProto(report, *message.mutable_report());
  Send(message);
}

void Agent::Impl::Do(const SendGoodbye&) {
  v1::WorkerMessage message;
  message.mutable_goodbye();
  Send(message);
}

void Agent::Impl::Do(const Exit&) {
  exited_ = true;
  if (link_ != nullptr) link_->Close(kGoodbyeTimeout);
}

Agent::Agent(AgentOptions options, build::Runner* runner) : impl_(std::make_unique<Impl>(std::move(options), runner)) {}
Agent::~Agent() = default;
void Agent::Run(std::stop_token stop, std::stop_token hurry) { impl_->Run(std::move(stop), std::move(hurry)); }
void Agent::CredentialsChanged(rpc::Credentials credentials) { impl_->PostCredentials(std::move(credentials)); }
void Agent::IsolationChanged(std::string error) { impl_->Post(agent::IsolationChanged{std::move(error)}); }

}  // namespace gofarm::agent
