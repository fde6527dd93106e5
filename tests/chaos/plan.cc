#include "tests/chaos/plan.h"

#include <algorithm>

namespace gofarm::chaos {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// Of 10,000 deeds. What holds up a whole worker (a lease that ends, an offer without an answer) is rare, or nothing
// else would happen.
constexpr std::pair<Deed, int> kDeedWeights[] = {
    {Deed::kBuild, 3'300},      {Deed::kBuildTwice, 800},       {Deed::kTwoStoriesAtOnce, 800},
    {Deed::kFail, 700},         {Deed::kFailForNow, 450},       {Deed::kNothingToBuild, 500},
    {Deed::kPartial, 400},      {Deed::kStaleTokenFirst, 500},  {Deed::kOthersToken, 500},
    {Deed::kGarbageToken, 300}, {Deed::kGarbageMessage, 60},    {Deed::kCutMidway, 80},
    {Deed::kHalfUpload, 500},   {Deed::kWrongBytes, 300},       {Deed::kNotUploaded, 120},
    {Deed::kNotStaticPie, 120}, {Deed::kCancelledUnasked, 100}, {Deed::kForget, 80},
    {Deed::kOutliveLease, 3},   {Deed::kGoodbye, 30},           {Deed::kDie, 20},
    {Deed::kRefuse, 350},       {Deed::kNoAnswer, 3},           {Deed::kLateAccept, 4},
};
// Each of these gives the job its end.
constexpr std::pair<Deed, int> kLastDeedWeights[] = {
    {Deed::kBuild, 5},           {Deed::kBuildTwice, 2},  {Deed::kFail, 1},
    {Deed::kStaleTokenFirst, 1}, {Deed::kOthersToken, 1}, {Deed::kHalfUpload, 1},
};
constexpr std::pair<Blow, int> kBlowWeights[] = {
    {Blow::kKillCoordinator, 25}, {Blow::kStopCoordinator, 5}, {Blow::kPauseCoordinator, 10},
    {Blow::kKillPostgres, 10},    {Blow::kKillBackend, 8},     {Blow::kPauseBackend, 8},
    {Blow::kCutAll, 8},           {Blow::kCutOne, 20},         {Blow::kStallOne, 10},
};

template <typename T, size_t N>
T Pick(Dice& dice, const std::pair<T, int> (&weights)[N]) {
  int sum = 0;
  for (const auto& [value, weight] : weights) sum += weight;
  int left = dice.Below(sum);
  for (const auto& [value, weight] : weights) {
    if ((left -= weight) < 0) return value;
  }
  return weights[0].first;
}

DeedPlan WithDetails(Dice& dice, Deed deed) {
  DeedPlan plan{.deed = deed};
  plan.work = dice.OneIn(50) ? dice.Between(absl::Seconds(1), absl::Seconds(6))
                             : dice.Between(absl::ZeroDuration(), absl::Milliseconds(150));
  plan.log_chunks = dice.Below(4);
  plan.program_bytes = dice.OneIn(20) ? 300'000 + dice.Below(700'000) : 500 + dice.Below(20'000);
  plan.stubborn = dice.OneIn(3);
  return plan;
}

}  // namespace

Dice::Dice(uint64_t seed, std::string_view actor, int64_t number) : state_(seed * kGolden) {
  for (const char c : actor) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  Next();
  state_ ^= static_cast<uint64_t>(number) * kGolden;
  Next();
}

uint64_t Dice::Next() {
  uint64_t z = (state_ += kGolden);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int Dice::Below(int limit) { return static_cast<int>(Next() % static_cast<uint64_t>(limit)); }

absl::Duration Dice::Between(absl::Duration low, absl::Duration high) {
  constexpr int kSteps = 1 << 20;
  return low + (high - low) * (static_cast<double>(Below(kSteps)) / kSteps);
}

DeedPlan PlanDeed(uint64_t seed, std::string_view worker, int64_t number, int failures_before) {
  Dice dice(seed, worker, number);
  const Deed any = Pick(dice, kDeedWeights), last = Pick(dice, kLastDeedWeights);
  return WithDetails(dice, failures_before >= kFailuresMax ? last : any);
}

DeedPlan PlanHonestDeed(uint64_t seed, std::string_view worker, int64_t number) {
  Dice dice(seed, worker, number);
  return {.deed = dice.OneIn(8) ? Deed::kFail : Deed::kBuild,
          .work = absl::ZeroDuration(),
          .log_chunks = 1,
          .program_bytes = 500,
          .stubborn = false};
}

const char* NameOf(Blow blow) {
  switch (blow) {
    case Blow::kKillCoordinator:
      return "coordinator killed";
    case Blow::kStopCoordinator:
      return "coordinator stopped";
    case Blow::kPauseCoordinator:
      return "coordinator paused";
    case Blow::kKillPostgres:
      return "PostgreSQL killed";
    case Blow::kKillBackend:
      return "database process killed";
    case Blow::kPauseBackend:
      return "database process paused";
    case Blow::kCutAll:
      return "all workers cut";
    case Blow::kCutOne:
      return "worker cut";
    case Blow::kStallOne:
      return "worker stalled";
  }
  return "";
}

BlowPlan PlanBlow(uint64_t seed, int64_t number) {
  Dice dice(seed, "blows", number);
  BlowPlan plan{.after = dice.Between(absl::Milliseconds(100), absl::Seconds(3)), .blow = Pick(dice, kBlowWeights)};
  // Some pauses are longer than a call waits for its answer, few longer than the lease of the leadership.
  plan.length = dice.OneIn(6) ? dice.Between(absl::Seconds(6), absl::Seconds(18))
                              : dice.Between(absl::Milliseconds(50), absl::Seconds(3));
  if (plan.blow == Blow::kKillPostgres) plan.length = std::min(plan.length, absl::Seconds(4));
  plan.victim = dice.Below(1 << 20);
  return plan;
}

OrderPlan PlanOrder(uint64_t seed, std::string_view customer, int64_t number) {
  Dice dice(seed, customer, number);
  OrderPlan plan{.modules = dice.OneIn(4) ? 20 + dice.Below(100) : 1 + dice.Below(15), .targets = 1 + dice.Below(2)};
  plan.known = number > 0 && dice.OneIn(5);
  plan.force = plan.known && dice.OneIn(3);
  plan.repeat = dice.OneIn(3);
  plan.alter = dice.OneIn(10);
  plan.cancel_batch = dice.OneIn(10);
  plan.cancel_job = dice.OneIn(12);
  plan.retry = dice.OneIn(6);
  plan.pause = dice.Between(absl::ZeroDuration(), absl::Milliseconds(800));
  return plan;
}

}  // namespace gofarm::chaos
