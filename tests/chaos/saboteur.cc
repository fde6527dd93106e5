#include "tests/chaos/saboteur.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"
#include "common/vocab/session.h"

namespace gofarm::chaos {
namespace {

constexpr absl::Duration kSessionMax = absl::Minutes(30);
constexpr absl::Duration kBeatEvery = absl::Seconds(3);
constexpr absl::Duration kDialAgain = absl::Milliseconds(200);
constexpr absl::Duration kOfferLook = absl::Milliseconds(100);

}  // namespace

Saboteur::Saboteur(SaboteurOptions options, Ledger& ledger)
    : options_(std::move(options)),
      ledger_(ledger),
      relay_(options_.relay_path, options_.coordinator),
      stub_(v1::Worker::NewStub(rpc::MakeFreshChannel(relay_.address(), rpc::Credentials::Plaintext()))) {
  session_thread_ = std::jthread([this] { RunSession(); });
  beat_thread_ = std::jthread([this] { Beat(); });
  for (int i = 0; i < options_.slots; ++i) slots_.emplace_back([this] { RunSlot(); });
}

Saboteur::~Saboteur() { Quit(/*with_goodbye=*/true); }

void Saboteur::Quit(bool with_goodbye) {
  if (leave_.stop_requested()) return;
  stop_.request_stop();
  slots_.clear();
  StallUntil(absl::InfinitePast());
  if (with_goodbye) {
    v1::WorkerMessage goodbye;
    goodbye.mutable_goodbye();
    Say(goodbye);
    sync::SleepFor(std::stop_token(), kDialAgain);  // a cancelled stream throws away what is on its way
  }
  leave_.request_stop();
  BreakSession();
  session_thread_.join();
  beat_thread_.join();
}

bool Saboteur::Sleep(absl::Duration duration) const { return sync::SleepFor(stop_.get_token(), duration); }

v1::WorkerMessage Saboteur::Hello() {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(options_.name);
  hello.set_host_arch("x86_64");
  hello.add_targets(v1::TARGET_X86_64);
  hello.add_targets(v1::TARGET_AARCH64);
  hello.set_slots(options_.slots);
  hello.set_memory_bytes(int64_t{64} << 30);
  hello.set_pid(1);
  hello.set_build_version("chaos");
  const absl::MutexLock lock(&mutex_);
  hello.set_instance(Cat(options_.name, "-", deaths_));
  for (const auto& [token, held] : held_) {
    v1::RunningAttempt& attempt = *hello.add_attempts();
    attempt.set_token(token);
    attempt.set_job_id(held.job);
  }
  return message;
}

void Saboteur::RunSession() {
  while (!leave_.stop_requested()) {
    const auto session = std::make_shared<Session>();
    session->context.set_deadline(absl::ToChronoTime(absl::Now() + kSessionMax));
    // Else nobody polls the channel while it connects, but gRPC itself every five seconds.
    session->context.set_wait_for_ready(true);
    {
      const absl::MutexLock lock(&mutex_);
      rpc::AttachSessionSecret(session->context, secret_);
      session_ = session;
    }
    session->stream = stub_->Session(&session->context);
    HoldSession(session);
    {
      const absl::MutexLock lock(&mutex_);
      session_ = nullptr;
      welcomed_ = false;
    }
    session->context.TryCancel();
    {
      const absl::MutexLock lock(&session->writing);
      session->over = true;
      session->stream->Finish();
    }
    ledger_.Count("sessions ended");
    sync::SleepFor(leave_.get_token(), kDialAgain);
  }
}

void Saboteur::HoldSession(const std::shared_ptr<Session>& session) {
  v1::CoordinatorMessage message;
  if (leave_.stop_requested() || !session->stream->Write(Hello()) || !session->stream->Read(&message)) return;
  if (!message.has_welcome()) {
    ledger_.Count("sessions without welcome");
    return;
  }
  {
    const absl::MutexLock lock(&mutex_);
    if (!message.welcome().session_secret().empty()) secret_ = message.welcome().session_secret();
    for (const int64_t token : message.welcome().drop()) {
      if (const auto held = held_.find(token); held != held_.end()) held->second.dropped = true;
    }
    welcomed_ = true;
  }
  SayReady();
  while (session->stream->Read(&message)) Hear(message);
}

void Saboteur::Hear(const v1::CoordinatorMessage& message) {
  if (message.has_offer()) {
    ledger_.Offered({.token = message.offer().token(), .job = message.offer().job_id(), .worker = options_.name});
    const absl::MutexLock lock(&mutex_);
    offers_.push_back({.offer = message.offer(), .secret = secret_});
    return;
  }
  const absl::MutexLock lock(&mutex_);
  const auto held = held_.find(message.has_cancel() ? message.cancel().token() : message.drop().token());
  if (held == held_.end()) return;
  held->second.cancelled |= message.has_cancel();
  held->second.dropped |= message.has_drop();
}

void Saboteur::Say(const v1::WorkerMessage& message) {
  std::shared_ptr<Session> session;
  {
    const absl::MutexLock lock(&mutex_);
    if (welcomed_) session = session_;
  }
  if (session == nullptr) return;
  const absl::MutexLock lock(&session->writing);
  if (!session->over) session->stream->Write(message);
}

void Saboteur::SayReady() {
  v1::WorkerMessage message;
  {
    const absl::MutexLock lock(&mutex_);
    const int taken = static_cast<int>(held_.size() + offers_.size());
    message.mutable_ready()->set_free_slots(stop_.stop_requested() ? 0 : std::max(0, options_.slots - taken));
  }
  Say(message);
}

void Saboteur::BreakSession() {
  const absl::MutexLock lock(&mutex_);
  if (session_ != nullptr) session_->context.TryCancel();
}

void Saboteur::Die() {
  const absl::MutexLock lock(&mutex_);
  ++deaths_;
  secret_.clear();
  held_.clear();
  offers_.clear();
  if (session_ != nullptr) session_->context.TryCancel();
}

void Saboteur::Beat() {
  v1::WorkerMessage beat;
  beat.mutable_heartbeat();
  while (sync::SleepFor(leave_.get_token(), kBeatEvery)) {
    Say(beat);
    SayReady();  // an offer that timed out took a slot that nobody gives back
  }
}

void Saboteur::RunSlot() {
  while (!Stopping()) {
    std::optional<Given> given;
    {
      const absl::MutexLock lock(&mutex_);
      const auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !offers_.empty(); };
      if (mutex_.AwaitWithTimeout(absl::Condition(&some), kOfferLook)) {
        given = std::move(offers_.front());
        offers_.pop_front();
      }
    }
    if (!given) continue;
    Perform(*given);
    Release(given->offer.token());
  }
}

Saboteur::Held Saboteur::StateOf(int64_t token) {
  const absl::MutexLock lock(&mutex_);
  const auto held = held_.find(token);
  return held == held_.end() ? Held{} : held->second;
}

void Saboteur::Release(int64_t token) {
  {
    const absl::MutexLock lock(&mutex_);
    held_.erase(token);
  }
  SayReady();
}

}  // namespace gofarm::chaos
