// The machine behind dispatch::Step: one is made for each event. Inside the dispatcher only; dispatch.cc holds what
// streams, services and the clock bring, dispatch_answers.cc what the store answers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/dispatch_mirror.h"

namespace gofarm::dispatch {

class Machine {
 public:
  Machine(DispatchState& state, absl::Time now) : s_(state), now_(now) { PromoteDue(s_, now_); }
  std::vector<Effect> Finish();

  // ---- streams ----------------------------------------------------------------------------------------------------
  void On(const HelloReceived& e);
  void On(const ReadyReceived& e);
  void On(const HeartbeatReceived& e);
  void On(const AcceptReceived& e);
  void On(const RefuseReceived& e);
  void On(const GoodbyeReceived& e);
  void On(const StreamClosed& e);

  // ---- answers of the store -----------------------------------------------------------------------------------------
  void On(const SessionOpened& e);
  void On(const ClaimsAnswered& e);
  void On(const ClaimsRead& e);
  void On(const AcceptsAnswered& e);
  void On(const ReturnsAnswered& e);
  void On(const SessionsRenewed& e);
  void On(const LeasesExtended& e);
  void On(const SessionsEnded& e);
  void On(const AttemptsLost& e);
  void On(const QueueLoaded& e);

  // ---- services -----------------------------------------------------------------------------------------------------
  void On(const QueueChanged& e);
  void On(const JobsRemoved& e);
  void On(const CancelRequested& e);
  void On(const AttemptEnded& e);
  void On(const DrainsChanged& e);
  void On(const WorkerRemoved& e);
  void On(const Tick&);

 private:
  void Emit(Effect effect) { effects_.push_back(std::move(effect)); }

  template <typename T, typename Fn>
  static void ForChunks(const std::vector<T>& all, Fn fn) {
    for (size_t i = 0; i < all.size(); i += domain::kClaimsMax) {
      const size_t end = std::min(all.size(), i + domain::kClaimsMax);
      fn(std::vector<T>(all.begin() + static_cast<ptrdiff_t>(i), all.begin() + static_cast<ptrdiff_t>(end)));
    }
  }
  bool Done(Answer answer);
  Session* Heard(StreamId stream);
  void Disconnect(Session& session);
  void MakeOffer(JobEntry& entry, AttemptToken token);
  void Claimed(const domain::ClaimResult& result);
  void Return(JobEntry& entry);
  void Return(JobEntry& entry, AttemptToken token, SessionId session);
  void ReturnRef(const domain::OfferRef& offer);

  // The store is asked what became of these jobs; until then nothing is decided about them.
  void Read(const std::vector<JobId>& jobs);
  void Running(JobEntry& entry, AttemptToken token, SessionId session_id, absl::Duration age = {});

  // The store moved an announced attempt to this session.
  void Keep(const domain::RunningAttempt& attempt, Session& session);
  void Cancel(const JobEntry& entry);

  // The store has the job in the queue again, so the attempt is over.
  void WaitsAgain(AttemptToken token, const domain::QueuedJob& job, const std::string& worker);
  const std::string& WorkerOf(SessionId session);
  void RememberEnded(AttemptToken token);
  void ApplyLost(const std::vector<domain::LostAttempt>& lost);

  // The store ended this session: its open offers wait again, what it still holds here is read anew.
  void Dissolve(SessionId id, CloseWhy why);
  void TimeOutOffers();
  void LoseOverdue();
  void AskAgain();
  void Renew();
  void LoadIfWanted();

  DispatchState& s_;
  const absl::Time now_;
  std::vector<Effect> effects_;
};

}  // namespace gofarm::dispatch
