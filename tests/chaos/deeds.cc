// What a saboteur does with one offer.
#include <future>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/vocab/session.h"
#include "common/vocab/target.h"
#include "tests/chaos/saboteur.h"
#include "tests/support/elf_maker.h"

namespace gofarm::chaos {
namespace {

// Beyond what the coordinator gives: 10 s for an offer, 30 s for a lease.
constexpr absl::Duration kOfferOutlived = absl::Seconds(11);
constexpr absl::Duration kLeaseOutlived = absl::Seconds(34);
constexpr absl::Duration kForgottenFor = absl::Seconds(3);
constexpr absl::Duration kBreakMax = absl::Milliseconds(400);

const Story kCompileError{AttemptOutcome::kFailed, FailureClass::kCompileError, ""};
const Story kLinkError{AttemptOutcome::kFailed, FailureClass::kLinkError, ""};
const Story kCancelled{AttemptOutcome::kCancelled, FailureClass::kNone, ""};

// Of one job alone, so that what is stored tells whose it is.
std::string Program(const v1::Offer& offer, int bytes) {
  return testing::StaticPie(static_cast<Target>(offer.target()), static_cast<size_t>(bytes)) +
         Cat("attempt ", offer.token());
}

}  // namespace

Saboteur::Tale Saboteur::BuiltBy(const Attempt& attempt) const {
  Tale tale{.story = {AttemptOutcome::kBuilt, FailureClass::kNone, ""},
            .program = Program(attempt.given.offer, attempt.plan.program_bytes)};
  tale.story.sha256 = digest::Sha256Hex(tale.program);
  return tale;
}

void Saboteur::Perform(const Given& given) {
  Attempt attempt{.given = given, .plan = {}, .log = {}};
  {
    const absl::MutexLock lock(&mutex_);
    const int64_t number = number_++;
    attempt.plan = options_.honest ? PlanHonestDeed(options_.seed, options_.name, number)
                                   : PlanDeed(options_.seed, options_.name, number, ledger_.FailuresOf(attempt.job()));
  }
  v1::WorkerMessage answer;
  switch (attempt.plan.deed) {
    case Deed::kRefuse:
      answer.mutable_refuse()->set_token(attempt.token());
      answer.mutable_refuse()->set_reason(v1::REFUSE_REASON_NO_FREE_SLOT);
      Say(answer);
      return;
    case Deed::kNoAnswer:
      return;
    case Deed::kLateAccept:
      if (!Sleep(kOfferOutlived)) return;
      break;
    default:
      break;
  }
  {
    const absl::MutexLock lock(&mutex_);
    held_[attempt.token()].job = attempt.job();
  }
  answer.mutable_accept()->set_token(attempt.token());
  Say(answer);
  WriteLog(attempt);
  if (!Sleep(attempt.plan.work)) return;
  const Held state = StateOf(attempt.token());
  if (state.dropped && !attempt.plan.stubborn) return;
  if (state.cancelled && !attempt.plan.stubborn) {
    Complete(attempt, {.story = kCancelled});
  } else {
    Act(attempt);
  }
  const absl::MutexLock lock(&mutex_);
  last_ = given;
}

void Saboteur::BuildAndComplete(Attempt& attempt) {
  const Tale built = BuiltBy(attempt);
  if (Upload(attempt, built.program)) {
    Complete(attempt, built);
  } else if (attempt.plan.stubborn) {
    Complete(attempt, {.story = kCompileError});
  }
}

void Saboteur::BuildAndCompleteTwice(Attempt& attempt) {
  const Tale built = BuiltBy(attempt);
  if (!Upload(attempt, built.program)) return;
  if (Complete(attempt, built) == Reply::kNone) return;
  CompleteOnce(attempt, attempt.token(), attempt.job(), built);
  CompleteOnce(attempt, attempt.token(), attempt.job(), {.story = kLinkError});
}

void Saboteur::TellTwoStoriesAtOnce(Attempt& attempt) {
  const Tale built = BuiltBy(attempt);
  if (!Upload(attempt, built.program)) return;
  attempt.life_told = true;  // which of them ended it is not known
  std::future<Reply> other = std::async(std::launch::async, [&] {
    return CompleteOnce(attempt, attempt.token(), attempt.job(), {.story = kCompileError});
  });
  CompleteOnce(attempt, attempt.token(), attempt.job(), built);
  other.get();
  Complete(attempt, built);
}

void Saboteur::UseStaleTokens(Attempt& attempt) {
  std::optional<Given> last;
  {
    const absl::MutexLock lock(&mutex_);
    last = last_;
  }
  if (last) {
    CompleteOnce(attempt, last->offer.token(), attempt.job(), {.story = kLinkError});
    CompleteOnce(attempt, attempt.token(), last->offer.job_id(), {.story = kLinkError});
    CompleteOnce(attempt, last->offer.token(), last->offer.job_id(), {.story = kLinkError});
  }
}

void Saboteur::UseGarbageTokens(Attempt& attempt) {
  const std::string bytes = Program(attempt.given.offer, 500);
  for (const int64_t token : {int64_t{0}, int64_t{-5}, int64_t{1} << 60}) {
    CompleteOnce(attempt, token, attempt.job(), {.story = kLinkError});
    AppendOnce(attempt, token);
    UploadOnce(attempt, token, digest::Sha256Hex(bytes), bytes, std::string::npos);
  }
}

void Saboteur::SayGarbage(const Attempt& attempt) {
  v1::WorkerMessage garbage;
  switch (attempt.token() % 4) {
    case 0:
      break;
    case 1:
      garbage = Hello();
      break;
    case 2:
      garbage.mutable_ready()->set_free_slots(-3);
      break;
    default:
      garbage.mutable_progress()->set_token(attempt.token());
      garbage.mutable_progress()->set_phase(static_cast<v1::Phase>(77));
  }
  Say(garbage);
}

void Saboteur::Act(Attempt& attempt) {
  const int64_t token = attempt.token(), job = attempt.job();
  const Tale built = BuiltBy(attempt);
  switch (attempt.plan.deed) {
    case Deed::kRefuse:
    case Deed::kNoAnswer:
    case Deed::kBuild:
      return BuildAndComplete(attempt);
    case Deed::kBuildTwice:
      return BuildAndCompleteTwice(attempt);
    case Deed::kTwoStoriesAtOnce:
      return TellTwoStoriesAtOnce(attempt);
    case Deed::kFail:
      Complete(attempt, {.story = kCompileError});
      return;
    case Deed::kFailForNow: {
      ledger_.FailedFor(job);
      constexpr FailureClass kClasses[] = {FailureClass::kProxyError, FailureClass::kInternal, FailureClass::kTimeout,
                                           FailureClass::kDiskFull, FailureClass::kOutOfMemory};
      Complete(attempt, {.story = {AttemptOutcome::kFailed, kClasses[token % 5], ""}});
      return;
    }
    case Deed::kNothingToBuild:
      Complete(attempt, {.story = {AttemptOutcome::kNothingToBuild, FailureClass::kNone, ""}});
      return;
    case Deed::kPartial: {
      Tale partial = built;
      partial.story.outcome = AttemptOutcome::kPartial;
      partial.story.failure = FailureClass::kCompileError;
      if (Upload(attempt, partial.program)) Complete(attempt, partial);
      return;
    }
    case Deed::kStaleTokenFirst:
      UseStaleTokens(attempt);
      return BuildAndComplete(attempt);
    case Deed::kOthersToken:
      if (const std::optional<ToldOffer> other = ledger_.OfferToAnother(options_.name)) {
        CompleteOnce(attempt, other->token, other->job, {.story = kLinkError});
      }
      return BuildAndComplete(attempt);
    case Deed::kGarbageToken:
      UseGarbageTokens(attempt);
      return BuildAndComplete(attempt);
    case Deed::kGarbageMessage:
      SayGarbage(attempt);
      return BuildAndComplete(attempt);
    case Deed::kCutMidway:
      if (attempt.plan.stubborn) {
        BreakSession();
      } else {
        relay_.Cut();
      }
      Sleep(Dice(options_.seed, "break", token).Between(absl::ZeroDuration(), kBreakMax));
      return BuildAndComplete(attempt);
    case Deed::kHalfUpload:
      UploadOnce(attempt, token, built.story.sha256, built.program, built.program.size() / 2);
      return BuildAndComplete(attempt);
    case Deed::kWrongBytes:
      UploadOnce(attempt, token, built.story.sha256, std::string(built.program.size(), 'x'), std::string::npos);
      return BuildAndComplete(attempt);
    case Deed::kNotUploaded: {
      ledger_.FailedFor(job);
      Tale never = built;
      never.untrue = true;
      Complete(attempt, never);
      return;
    }
    case Deed::kNotStaticPie: {
      ledger_.FailedFor(job);
      Tale dynamic{.story = built.story, .program = testing::WithInterpreter(built.program), .untrue = true};
      dynamic.story.sha256 = digest::Sha256Hex(dynamic.program);
      if (Upload(attempt, dynamic.program)) Complete(attempt, dynamic);
      return;
    }
    case Deed::kCancelledUnasked:
      ledger_.FailedFor(job);
      Complete(attempt, {.story = kCancelled});
      return;
    case Deed::kForget: {
      ledger_.FailedFor(job);
      {
        const absl::MutexLock lock(&mutex_);
        held_.erase(token);
      }
      BreakSession();
      if (Sleep(kForgottenFor)) Complete(attempt, {.story = kLinkError});
      return;
    }
    case Deed::kOutliveLease:
      ledger_.FailedFor(job);
      ledger_.Count("leases outlived");
      StallUntil(absl::Now() + kLeaseOutlived);
      if (Sleep(kLeaseOutlived)) Complete(attempt, {.story = kLinkError});
      return;
    case Deed::kGoodbye: {
      ledger_.FailedFor(job);
      v1::WorkerMessage goodbye;
      goodbye.mutable_goodbye();
      Say(goodbye);
      if (Sleep(kBreakMax)) Complete(attempt, {.story = kLinkError});
      return;
    }
    case Deed::kDie:
      ledger_.FailedFor(job);
      Die();
      if (Sleep(kBreakMax)) Complete(attempt, {.story = kLinkError});
      return;
    case Deed::kLateAccept:
      Complete(attempt, {.story = kLinkError});
      return;
  }
}

}  // namespace gofarm::chaos
