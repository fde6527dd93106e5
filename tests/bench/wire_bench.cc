// The worker's side of tests/bench/wire.py: simulated workers that speak the protocol and build nothing. One JSON line
// on stdout.
//
//   wire_bench dispatch SERVER WORKERS SLOTS JOBS           ends that many jobs as failed: completions a second
//   wire_bench logs     SERVER WORKERS BYTES                each appends a log of that size to an attempt: MB a second
//   wire_bench idle     SERVER WORKERS SECONDS              is connected, beats, and takes nothing
//   wire_bench watch    SERVER WATCHES BATCH                no worker: follows a batch to its end, so many times at
//   once
//
// SERVER: unix:/PATH, or join:STRING, by which each worker joins under a name of its own.
#include <gofarm/v1/farm.grpc.pb.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/base/text.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/rpc/channel.h"
#include "common/rpc/membership.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"
#include "common/vocab/session.h"

namespace gofarm::bench {
namespace {

// A benchmark that cannot go on ends.
void Need(bool good, std::string_view what) {
  if (good) return;
  std::fprintf(stderr, "wire_bench: %.*s\n", static_cast<int>(what.size()), what.data());
  std::_Exit(1);
}

constexpr absl::Duration kSetUpMax = absl::Minutes(5);
constexpr absl::Duration kRunMax = absl::Minutes(10);
constexpr size_t kPiece = 256 << 10;
constexpr int kJoinersAtOnce = 8;

struct Place {
  std::string address;
  rpc::Credentials credentials = rpc::Credentials::Plaintext();
};

Place PlaceOf(const std::string& server, const std::string& name) {
  constexpr std::string_view kJoin = "join:";
  if (server.rfind(kJoin, 0) != 0) return {.address = server};
  const auto join = pki::DecodeJoin(server.substr(kJoin.size()));
  Need(join.ok(), join.status().ToString());
  const auto member = rpc::JoinFarm(Scope::For(kSetUpMax), *join, {.wanted = name}, pki::NewKey().value());
  Need(member.ok(), Cat(name, ": ", member.status().ToString()));
  return {.address = member->addresses.front(), .credentials = member->AsCredentials()};
}

// One session. What it is told is for one thread, what it says for any.
class Session {
 public:
  Session(const Place& place, const std::string& name, int slots)
      : stub_(v1::Worker::NewStub(rpc::MakeFreshChannel(place.address, place.credentials))) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kRunMax));
    context_.set_wait_for_ready(true);
    stream_ = stub_->Session(&context_);
    v1::WorkerMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(kProtocolVersion);
    hello.set_name(name);
    hello.set_instance(Cat(name, "-1"));
    hello.set_host_arch("x86_64");
    hello.add_targets(v1::TARGET_X86_64);
    hello.set_slots(slots);
    hello.set_memory_bytes(int64_t{64} << 30);
    hello.set_pid(1);
    hello.set_build_version("bench");
    Say(message);
    v1::CoordinatorMessage heard;
    const bool welcome = Hear(heard) && heard.has_welcome();
    if (!welcome) Need(false, Cat(name, " was not welcomed: ", End()));
    secret_ = heard.welcome().session_secret();
    beat_ = absl::Seconds(heard.welcome().heartbeat_seconds());
    v1::WorkerMessage ready;
    ready.mutable_ready()->set_free_slots(slots);
    Say(ready);
  }
  ~Session() { context_.TryCancel(); }

  void Say(const v1::WorkerMessage& message) {
    const absl::MutexLock lock(&mutex_);
    stream_->Write(message);
  }
  bool Hear(v1::CoordinatorMessage& message) { return stream_->Read(&message); }
  void Stop() { context_.TryCancel(); }
  absl::Duration beat() const { return beat_; }

  void Accept(const v1::Offer& offer) {
    v1::WorkerMessage message;
    message.mutable_accept()->set_token(offer.token());
    Say(message);
  }
  // As failed.
  void Complete(const v1::Offer& offer) {
    v1::CompleteRequest request;
    request.set_token(offer.token());
    request.set_job_id(offer.job_id());
    request.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
    request.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
    request.set_failure_detail("bench");
    v1::CompleteReply reply;
    grpc::Status status;
    do {
      grpc::ClientContext context;
      Prepare(context);
      status = stub_->Complete(&context, request, &reply);
      // The acceptance and the completion pass each other.
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    Need(status.ok(), status.error_message());
  }
  void Append(const v1::Offer& offer, int64_t bytes) {
    for (bool begun = false; !begun;) {
      grpc::ClientContext context;
      Prepare(context);
      const auto stream = stub_->AppendLog(&context);
      v1::LogChunk chunk;
      v1::LogAck ack;
      chunk.set_token(offer.token());
      begun = stream->Write(chunk) && stream->Read(&ack);
      std::thread acks([&] {
        while (begun && ack.stored_offset() < bytes && stream->Read(&ack)) {
        }
      });
      chunk.set_data(std::string(kPiece, 'x'));
      for (int64_t at = 0; begun && at < bytes; at += static_cast<int64_t>(kPiece)) {
        chunk.set_offset(at);
        Need(stream->Write(chunk), "a log stream broke");
      }
      stream->WritesDone();
      acks.join();
      const grpc::Status status = stream->Finish();
      Need(status.ok() || !begun, status.error_message());
    }
  }

 private:
  void Prepare(grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + kRunMax));
    rpc::AttachSessionSecret(context, secret_);
  }
  std::string End() {
    stream_->WritesDone();
    return stream_->Finish().error_message();
  }

  const std::unique_ptr<v1::Worker::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream_;
  absl::Mutex mutex_;
  std::string secret_;
  absl::Duration beat_;
};

std::vector<std::unique_ptr<Session>> Connect(const std::string& server, int workers, int slots) {
  std::vector<std::unique_ptr<Session>> sessions(static_cast<size_t>(workers));
  std::atomic<int> next{0};
  std::vector<std::jthread> joiners;
  for (int j = 0; j < kJoinersAtOnce; ++j) {
    joiners.emplace_back([&] {
      for (int i = next++; i < workers; i = next++) {
        const std::string name = Cat("bench-", i);
        sessions[static_cast<size_t>(i)] = std::make_unique<Session>(PlaceOf(server, name), name, slots);
      }
    });
  }
  joiners.clear();
  return sessions;
}

void Print(const char* what, double value, double seconds) {
  std::printf("{\"%s\": %.3f, \"seconds\": %.3f}\n", what, value, seconds);
}

// Beats on every session until `stop`.
std::jthread Beats(std::vector<std::unique_ptr<Session>>& sessions) {
  return std::jthread([&sessions](const std::stop_token& stop) {
    v1::WorkerMessage beat;
    beat.mutable_heartbeat();
    while (sync::SleepFor(stop, sessions.front()->beat())) {
      for (const auto& session : sessions) session->Say(beat);
    }
  });
}

void Dispatch(const std::string& server, int workers, int slots, int jobs) {
  const absl::Time start = SteadyNow();
  std::vector<std::unique_ptr<Session>> sessions = Connect(server, workers, slots);
  const std::jthread beats = Beats(sessions);
  std::atomic<int> left{jobs};
  std::atomic<int64_t> first{0};
  std::vector<std::jthread> readers;
  for (const auto& session : sessions) {
    readers.emplace_back([&, session = session.get()] {
      v1::CoordinatorMessage message;
      v1::WorkerMessage ready;
      ready.mutable_ready()->set_free_slots(slots);
      while (left > 0 && session->Hear(message)) {
        if (!message.has_offer()) continue;
        int64_t none = 0;
        first.compare_exchange_strong(none, absl::ToUnixMicros(SteadyNow()));
        session->Accept(message.offer());
        session->Complete(message.offer());
        session->Say(ready);
        if (--left == 0) {
          for (const auto& other : sessions) other->Stop();
        }
      }
    });
  }
  readers.clear();
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - std::max(start, absl::FromUnixMicros(first)));
  Print("completions_per_second", jobs / seconds, seconds);
}

void Logs(const std::string& server, int workers, int64_t bytes) {
  std::vector<std::unique_ptr<Session>> sessions = Connect(server, workers, 1);
  const std::jthread beats = Beats(sessions);
  std::vector<v1::Offer> offers;
  for (const auto& session : sessions) {
    v1::CoordinatorMessage message;
    while (session->Hear(message) && !message.has_offer()) {
    }
    Need(message.has_offer(), "no offer came");
    session->Accept(message.offer());
    offers.push_back(message.offer());
  }
  const absl::Time start = SteadyNow();
  std::vector<std::jthread> writers;
  for (size_t i = 0; i < sessions.size(); ++i) {
    writers.emplace_back([&, i] { sessions[i]->Append(offers[i], bytes); });
  }
  writers.clear();
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - start);
  Print("mb_per_second", static_cast<double>(bytes) * workers / 1e6 / seconds, seconds);
  for (size_t i = 0; i < sessions.size(); ++i) sessions[i]->Complete(offers[i]);
}

void Idle(const std::string& server, int workers, int seconds) {
  const absl::Time start = SteadyNow();
  std::vector<std::unique_ptr<Session>> sessions = Connect(server, workers, 1);
  const double joined = absl::ToDoubleSeconds(SteadyNow() - start);
  Print("connected", workers, joined);
  std::fflush(stdout);
  std::jthread beats = Beats(sessions);
  sync::SleepFor(std::stop_token(), absl::Seconds(seconds));
}

void Watch(const std::string& server, int watches, int64_t batch) {
  const absl::Time start = SteadyNow();
  std::atomic<int64_t> updates{0};
  std::vector<std::jthread> watchers;
  for (int i = 0; i < watches; ++i) {
    watchers.emplace_back([&] {
      const auto stub = v1::Farm::NewStub(rpc::MakeFreshChannel(server, rpc::Credentials::Plaintext()));
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kRunMax));
      v1::BatchRequest request;
      request.set_id(batch);
      const auto stream = stub->WatchBatch(&context, request);
      for (v1::BatchUpdate update; stream->Read(&update);) ++updates;
      const grpc::Status status = stream->Finish();
      Need(status.ok(), status.error_message());
    });
  }
  watchers.clear();
  Print("updates", static_cast<double>(updates), absl::ToDoubleSeconds(SteadyNow() - start));
}

int Number(const char* text) {
  int number = 0;
  Need(absl::SimpleAtoi(text, &number) && number > 0, text);
  return number;
}

}  // namespace

int Main(const std::vector<const char*>& words) {
  const std::string what = words.size() > 4 ? words[1] : "";
  if (what == "dispatch" && words.size() == 6) {
    Dispatch(words[2], Number(words[3]), Number(words[4]), Number(words[5]));
  } else if (what == "logs" && words.size() == 5) {
    Logs(words[2], Number(words[3]), Number(words[4]));
  } else if (what == "idle" && words.size() == 5) {
    Idle(words[2], Number(words[3]), Number(words[4]));
  } else if (what == "watch" && words.size() == 5) {
    Watch(words[2], Number(words[3]), Number(words[4]));
  } else {
    std::fputs("usage: see the head of wire_bench.cc\n", stderr);
    return 2;
  }
  return 0;
}

}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main({argv, argv + argc}); }
