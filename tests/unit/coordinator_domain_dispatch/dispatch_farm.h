// Farm plays the store and the streams of a dispatcher by hand: it answers what Step asks for, so that each test says
// only what matters to it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/placement.h"

namespace gofarm::dispatch {
using domain::QueuedJob;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

inline constexpr Target kX86 = Target::kX86_64;
inline constexpr Target kArm = Target::kAarch64;

// A message with the stream it goes down.
template <typename M>
struct Sent : M {
  StreamId stream;
};

// All effects of one kind: store calls, closed streams, notes, or Sent<M>.
template <typename E>
struct Kind {
  static void Add(const Effect& effect, std::vector<E>& found) {
    if constexpr (std::is_constructible_v<StoreCall, E>) {
      const StoreCall* call = std::get_if<StoreCall>(&effect);
      if (call != nullptr && std::holds_alternative<E>(*call)) found.push_back(std::get<E>(*call));
    } else {
      if (const E* e = std::get_if<E>(&effect)) found.push_back(*e);
    }
  }
};
template <typename M>
struct Kind<Sent<M>> {
  static void Add(const Effect& effect, std::vector<Sent<M>>& found) {
    const Send* send = std::get_if<Send>(&effect);
    if (send != nullptr && std::holds_alternative<M>(send->message)) {
      found.push_back({std::get<M>(send->message), send->stream});
    }
  }
};
template <typename E>
std::vector<E> All(const std::vector<Effect>& effects) {
  std::vector<E> found;
  for (const Effect& effect : effects) Kind<E>::Add(effect, found);
  return found;
}

class Farm {
 public:
  // One event; the effects come back and are kept for the helpers below.
  std::vector<Effect> Step(const Event& event) {
    last = dispatch::Step(state, event, now);
    EXPECT_EQ(CheckInvariants(state), "");
    return last;
  }
  std::vector<Effect> Wait(absl::Duration d) {
    now += d;
    return Step(Tick{});
  }
  // As Wait, but with ticks so close to each other that nobody stood still meanwhile; all effects of them.
  std::vector<Effect> Live(absl::Duration d) {
    std::vector<Effect> all;
    for (const absl::Time end = now + d; now < end;) {
      const std::vector<Effect> effects = Wait(std::min<absl::Duration>(kClockJump / 2, end - now));
      all.insert(all.end(), effects.begin(), effects.end());
    }
    return all;
  }

  QueuedJob Job(int64_t id, const std::string& module = "", Target target = kX86, int priority = 0) const {
    return {.id = JobId{id},
            .module = module.empty() ? "example.com/m" + std::to_string(id) : module,
            .version = "v1.0.0",
            .target = target,
            .toolset = "t",
            .priority = priority,
            .queued_at = now};
  }
  std::vector<Effect> Queue(std::vector<QueuedJob> jobs) {
    return Step(QueueLoaded{.after = JobId{1}, .issued = state.steps, .jobs = std::move(jobs)});
  }

  // A worker says Hello, is welcomed and says Ready.
  StreamId Worker(const std::string& name, int slots, std::vector<Target> targets = {kX86, kArm},
                  domain::OpenedSession opened = {}) {
    const StreamId stream = Hello(name, slots, std::move(targets));
    Opened(stream, std::move(opened));
    Step(ReadyReceived{stream, slots, false});
    return stream;
  }
  StreamId Hello(const std::string& name, int slots, std::vector<Target> targets = {kX86, kArm},
                 const std::string& instance = "i") {
    const StreamId stream{++streams};
    Step(HelloReceived{stream,
                       {.name = name,
                        .instance = instance,
                        .host_arch = host_arch,
                        .pid = 7,
                        .targets = std::move(targets),
                        .slots = slots}});
    return stream;
  }
  SessionId Opened(StreamId stream, domain::OpenedSession opened = {}) {
    opened.session = SessionId{++sessions};
    Step(SessionOpened{stream, Answer::kDone, opened});
    return opened.session;
  }

  // The store gives every claim of `effects` a token; returns the offers that follow.
  std::vector<Sent<Offer>> Win(const std::vector<Effect>& effects) {
    std::vector<Sent<Offer>> offers;
    for (const Claim& claim : All<Claim>(effects)) {
      ClaimsAnswered answer{Answer::kDone, claim.claims, {}};
      for (const domain::ClaimRequest& c : claim.claims) {
        answer.results.push_back({c.job, c.session, AttemptToken{++tokens}, domain::ClaimOutcome::kWon});
      }
      for (const Sent<Offer>& offer : All<Sent<Offer>>(Step(answer))) offers.push_back(offer);
    }
    return offers;
  }
  // The worker takes the offer, the store too.
  void Run(const Sent<Offer>& offer) {
    const auto accepts = All<StoreAccept>(Step(AcceptReceived{offer.stream, offer.token}));
    ASSERT_EQ(accepts.size(), 1u);
    Step(AcceptsAnswered{Answer::kDone, {accepts[0].offer}, {domain::AcceptOutcome::kRunning}});
  }
  std::string WorkerOf(const Sent<Offer>& offer) const {
    return state.sessions.at(state.streams.at(offer.stream)).hello.name;
  }

  DispatchState state;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  std::vector<Effect> last;
  std::string host_arch;  // of the workers that say Hello from now on
  int64_t streams = 0, sessions = 0, tokens = 0;
};

}  // namespace gofarm::dispatch
