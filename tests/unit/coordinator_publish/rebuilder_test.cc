// Which rebuilds are ordered, by whom, and what keeps one from being made.
#include "coordinator/publish/rebuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::publish {
namespace {

using domain::RebuildCandidate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Ordered {
  std::vector<int64_t> jobs;
  std::string name;
  int priority = 0;
};

// As the statements of coordinator/sql.
class FakeOrders final : public RebuildOrders {
 public:
  absl::StatusOr<std::vector<RebuildCandidate>> Candidates(const Scope&, const domain::RebuildFilter& filter,
                                                           JobId after, int limit) override {
    if (!database.ok()) return database;
    std::vector<RebuildCandidate> page;
    for (const RebuildCandidate& job : jobs) {
      if (job.job.id <= after || !(job.recipe_digest < filter.below)) continue;
      if (!filter.module.empty() && filter.module != job.job.module) continue;
      if (!filter.version.empty() && filter.version != job.job.version) continue;
      if (filter.never_rebuilt && std::find(rebuilt.begin(), rebuilt.end(), job.job.id.value) != rebuilt.end())
        continue;
      page.push_back(job);
      if (static_cast<int>(page.size()) == limit) break;
    }
    return page;
  }
  absl::StatusOr<std::vector<RebuildCandidate>> CandidatesOf(const Scope&,
                                                             const std::vector<domain::PublicationId>& ids) override {
    std::vector<RebuildCandidate> found;
    for (const domain::PublicationId id : ids) {
      for (const RebuildCandidate& job : jobs) {
        if (job.job.id.value == id.value) found.push_back(job);
      }
    }
    return found;
  }
  absl::StatusOr<domain::RebuildOrder> Order(const Scope&, const std::vector<RebuildCandidate>& wanted,
                                             const std::string& name, int priority) override {
    Ordered one{.name = name, .priority = priority};
    domain::RebuildOrder order{.batch = BatchId{9}};
    for (const RebuildCandidate& job : wanted) {
      one.jobs.push_back(job.job.id.value);
      rebuilt.push_back(job.job.id.value);
      order.queued.push_back({.id = JobId{1'000 + job.job.id.value}});
    }
    ordered.push_back(std::move(one));
    return order;
  }

  std::vector<RebuildCandidate> jobs;
  std::vector<int64_t> rebuilt;
  std::vector<Ordered> ordered;
  absl::Status database;
};

class RebuilderTest : public ::testing::Test {
 protected:
  RebuilderTest() {
    tools_.name = "tools";
    tools_.digest = std::string(64, 'd');
  }
  void Add(int64_t id, const std::string& module, const std::string& worker = "a") {
    RebuildCandidate job{.job = {.id = JobId{id}, .module = module, .version = "v1.0.0"}, .toolset = "tools"};
    job.recipe_digest = domain::RecipeDigest({.module = module,
                                              .version = "v1.0.0",
                                              .target = job.job.target,
                                              .toolset_digest = tools_.digest,
                                              .policy = domain::CurrentPolicy()});
    job.worker = worker;
    orders_.jobs.push_back(std::move(job));
  }
  std::unique_ptr<Rebuilder> Make(double share) {
    return std::make_unique<Rebuilder>(RebuilderParts{
        .orders = orders_,
        .share = share,
        .toolsets = {tools_},
        .policy = domain::CurrentPolicy(),
        .elsewhere =
            [this](Target, std::string_view worker) {
              return std::any_of(workers_.begin(), workers_.end(), [&](const std::string& w) { return w != worker; });
            },
        .queued = [this](const std::vector<domain::JobRef>& jobs) { queued_ += jobs.size(); }});
  }

  Toolset tools_;
  FakeOrders orders_;
  std::vector<std::string> workers_ = {"a", "b"};
  size_t queued_ = 0;
};

TEST_F(RebuilderTest, ASampleIsOrderedOnceAndLast) {
  for (int i = 1; i <= 250; ++i) Add(i, Cat("example.com/m", i));
  const auto rebuilder = Make(1);
  JobId after;
  for (int rounds = 0; rounds < 3; ++rounds) {
    const absl::StatusOr<JobId> next = rebuilder->Sample({}, after);
    ASSERT_TRUE(next.ok()) << next.status();
    after = *next;
  }
  EXPECT_EQ(after.value, 250);
  EXPECT_FALSE(*rebuilder->Sample({}, after)) << "all was seen";
  ASSERT_THAT(orders_.ordered, SizeIs(3));
  EXPECT_THAT(orders_.ordered[0].jobs, SizeIs(kSampledAtOnce));
  EXPECT_EQ(orders_.ordered[0].priority, kSampledPriority);
  EXPECT_EQ(orders_.ordered[0].name, "sampled rebuilds");
  EXPECT_EQ(queued_, 250u);
  EXPECT_FALSE(*rebuilder->Sample({}, JobId{})) << "and none is ordered again";
  EXPECT_THAT(orders_.ordered, SizeIs(3));
}

TEST_F(RebuilderTest, OnlyTheShareIsSampled) {
  for (int i = 1; i <= 90; ++i) Add(i, Cat("example.com/m", i));
  ASSERT_TRUE(Make(0.1)->Sample({}, JobId{}).ok());
  ASSERT_THAT(orders_.ordered, SizeIs(1));
  EXPECT_GT(orders_.ordered[0].jobs.size(), 0u);
  EXPECT_LT(orders_.ordered[0].jobs.size(), 30u);
  EXPECT_FALSE(*Make(0)->Sample({}, JobId{}));
  EXPECT_THAT(orders_.ordered, SizeIs(1));
}

TEST_F(RebuilderTest, WithoutASecondWorkerNothingIsSampledButAPersonsOrderIsMade) {
  workers_ = {"a"};
  Add(1, "example.com/m");
  Add(2, "example.com/n", "gone");
  const auto rebuilder = Make(1);
  EXPECT_EQ(rebuilder->Sample({}, JobId{})->value, 2);
  ASSERT_THAT(orders_.ordered, SizeIs(1));
  EXPECT_THAT(orders_.ordered[0].jobs, ElementsAre(2)) << "another one built it";
  const auto ordered = rebuilder->Order({}, domain::RebuildFilter{.module = "example.com/m"});
  ASSERT_TRUE(ordered.ok()) << ordered.status();
  EXPECT_EQ(ordered->ordered, 1);
  EXPECT_EQ(ordered->batch.value, 9);
  EXPECT_THAT(orders_.ordered.back().jobs, ElementsAre(1));
  EXPECT_EQ(orders_.ordered.back().name, "rebuild of example.com/m@v1.0.0");
  EXPECT_EQ(orders_.ordered.back().priority, 0);
}

TEST_F(RebuilderTest, WhatHasAnotherRecipeByNowIsLeftOutAndTold) {
  Add(1, "example.com/m");
  Add(2, "example.com/m");
  orders_.jobs[1].recipe_digest = std::string(64, '0');
  const auto some = Make(1)->Order({}, domain::RebuildFilter{});
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->ordered, 1);
  EXPECT_EQ(some->left_out, 1);
  EXPECT_THAT(some->why, HasSubstr("another recipe"));
  const auto none = Make(1)->Order({}, std::vector<domain::PublicationId>{domain::PublicationId{2}});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->batch);
  EXPECT_EQ(none->left_out, 1);
}

TEST_F(RebuilderTest, NothingThatIsPublishedIsNothingToBuild) {
  const auto rebuilder = Make(1);
  EXPECT_TRUE(absl::IsNotFound(rebuilder->Order({}, domain::RebuildFilter{.module = "example.com/m"}).status()));
  EXPECT_TRUE(absl::IsNotFound(rebuilder->Order({}, std::vector{domain::PublicationId{4}}).status()));
  orders_.database = absl::UnavailableError("no answer");
  EXPECT_TRUE(absl::IsUnavailable(rebuilder->Order({}, domain::RebuildFilter{}).status()));
  EXPECT_TRUE(absl::IsUnavailable(rebuilder->Sample({}, JobId{}).status()));
  EXPECT_THAT(orders_.ordered, IsEmpty());
}

TEST_F(RebuilderTest, OneOrderIsBounded) {
  for (size_t i = 1; i <= kRebuildsOrderedMax + 1; ++i) {
    orders_.jobs.push_back({.job = {.id = JobId{static_cast<int64_t>(i)}}, .recipe_digest = "0"});
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Make(1)->Order({}, domain::RebuildFilter{}).status()));
}

}  // namespace
}  // namespace gofarm::publish
