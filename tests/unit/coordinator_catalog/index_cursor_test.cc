#include "coordinator/catalog/index_cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'764'500'000);  // 2025-11-30T10:53:20Z

std::string At(absl::Time time) { return FormatTimestamp(absl::ToUnixMicros(time)); }
std::string Line(std::string_view path, std::string_view time, std::string_view version = "v1.0.0") {
  return Cat("{\"Path\":\"example.com/", path, "\",\"Version\":\"", version, "\",\"Timestamp\":\"", time, "\"}\n");
}

absl::StatusOr<PageStep> Take(const domain::IndexSlice& slice, std::string_view page, bool full) {
  IndexBlock block;
  IndexReader().Read(page, block);
  return TakePage(slice, block, full, kNow);
}
// `page` must outlive it.
std::vector<std::string> FreshOf(const PageStep& step) {
  std::vector<std::string> paths;
  for (const IndexLine& line : step.fresh) paths.emplace_back(line.path);
  return paths;
}

TEST(IndexCursorTest, LinesOfTheTimeThatWasAskedForAreKnownAndTheCursorGoesOnToTheLast) {
  const domain::IndexSlice slice{
      .slice = 0, .since = "2025-01-01T00:00:00.5Z", .seen = {"example.com/a@v1.0.0"}, .moves = 7};
  const std::string page = Cat(Line("a", "2025-01-01T00:00:00.5Z"), Line("b", "2025-01-01T00:00:00.500Z"),
                               Line("c", "2025-01-01T00:00:00.51Z"), Line("d", "2025-01-01T00:00:00.510000001Z"));
  const PageStep step = Take(slice, page, true).value();
  EXPECT_THAT(FreshOf(step), ElementsAre("example.com/b", "example.com/c", "example.com/d"));
  EXPECT_EQ(step.next.since, "2025-01-01T00:00:00.510000001Z") << "every digit as it was received";
  EXPECT_THAT(step.next.seen, ElementsAre("example.com/d@v1.0.0"));
  EXPECT_EQ(step.next.moves, 7);
  EXPECT_FALSE(step.caught_up);
  EXPECT_FALSE(step.stuck);
  EXPECT_TRUE(Take(slice, page, false)->caught_up);
}

TEST(IndexCursorTest, AWholePageOfOneTimeIsSteppedOver) {
  const domain::IndexSlice slice{.slice = 0, .since = "2025-01-01T00:00:00.5Z"};
  const std::string page = Cat(Line("a", "2025-01-01T00:00:00.5Z"), Line("b", "2025-01-01T00:00:00.5Z"));
  const PageStep step = Take(slice, page, true).value();
  EXPECT_TRUE(step.stuck);
  EXPECT_EQ(step.next.since, "2025-01-01T00:00:00.500001Z");
  EXPECT_THAT(step.next.seen, IsEmpty());
  EXPECT_FALSE(Take(slice, page, false)->stuck);
}

TEST(IndexCursorTest, ASliceEndsWhereTheIndexGoesOnBehindIt) {
  const domain::IndexSlice slice{.slice = 3, .since = "2025-01-01T00:00:00Z", .until = "2025-02-01T00:00:00Z"};
  const std::string page = Cat(Line("a", "2025-01-02T00:00:00Z"), Line("b", "2025-02-01T00:00:00Z"));
  for (const bool full : {true, false}) {
    const PageStep step = Take(slice, page, full).value();
    EXPECT_THAT(FreshOf(step), ElementsAre("example.com/a")) << "the other is the next slice's";
    EXPECT_TRUE(step.next.done);
    EXPECT_EQ(step.next.since, slice.until);
  }
  // A bad line behind the end says the same.
  const PageStep bad =
      Take(slice, Cat(Line("a", "2025-01-02T00:00:00Z"), Line("b", "2025-02-02T00:00:00Z", "v1")), false).value();
  EXPECT_EQ(bad.next.since, slice.until);
}

TEST(IndexCursorTest, ASliceInWhichTheIndexEndsStandsThere) {
  const domain::IndexSlice slice{.slice = 3, .since = "2025-01-01T00:00:00Z", .until = "2025-02-01T00:00:00Z"};
  const PageStep step = Take(slice, Line("a", "2025-01-02T00:00:00Z"), false).value();
  EXPECT_TRUE(step.next.done);
  EXPECT_EQ(step.next.since, "2025-01-02T00:00:00Z");
  EXPECT_THAT(step.next.seen, ElementsAre("example.com/a@v1.0.0"));
  const PageStep empty = Take(slice, "", false).value();
  EXPECT_TRUE(empty.next.done);
  EXPECT_EQ(empty.next.since, slice.since);
}

TEST(IndexCursorTest, TheFollowerBeginsWhereTheIndexEnded) {
  std::vector<domain::IndexSlice> slices = {
      {.slice = 0, .since = "2025-04-01T00:00:00Z"},
      {.slice = 1, .since = "2025-02-01T00:00:00Z", .until = "2025-02-01T00:00:00Z", .done = true},
      {.slice = 2,
       .since = "2025-02-05T00:00:00.5Z",
       .until = "2025-03-01T00:00:00Z",
       .seen = {"example.com/a@v1.0.0"},
       .done = true},
      {.slice = 3, .since = "2025-03-01T00:00:00Z", .until = "2025-04-01T00:00:00Z"}};
  EXPECT_FALSE(FollowerOf(slices).has_value()) << "the back-fill goes on";
  slices[3].done = true;
  const domain::IndexSlice follower = FollowerOf(slices).value();
  EXPECT_EQ(follower.slice, 0);
  EXPECT_EQ(follower.since, "2025-02-05T00:00:00.5Z");
  EXPECT_THAT(follower.seen, ElementsAre("example.com/a@v1.0.0"));
  EXPECT_EQ(follower.until, "");
  EXPECT_FALSE(follower.done);
  slices[0].moves = 1;
  EXPECT_EQ(FollowerOf(slices)->since, "2025-04-01T00:00:00Z") << "it has begun";
  slices[0].moves = 0;
  for (domain::IndexSlice& slice : slices) {
    if (slice.slice != 0) slice.since = slice.until;
  }
  EXPECT_EQ(FollowerOf(slices)->since, "2025-04-01T00:00:00Z") << "the index goes on behind all of them";
  EXPECT_FALSE(FollowerOf({}).has_value());
}

TEST(IndexCursorTest, TheCursorWaitsBeforeATimeThatHasNotCome) {
  const std::string soon = At(kNow + kAheadMax), later = At(kNow + kAheadMax + absl::Microseconds(1));
  const domain::IndexSlice slice{.slice = 0, .since = "2025-11-01T00:00:00Z"};
  const std::string page = Cat(Line("a", "2025-11-02T00:00:00Z"), Line("b", later), Line("c", "2999-01-01T00:00:00Z"));
  const PageStep step = Take(slice, page, true).value();
  EXPECT_THAT(FreshOf(step), ElementsAre("example.com/a", "example.com/b", "example.com/c"));
  EXPECT_EQ(step.ahead, 2);
  EXPECT_EQ(step.next.since, "2025-11-02T00:00:00Z");
  EXPECT_TRUE(step.caught_up) << "full as the page is, it has all up to now";
  // They are stored once, and lines that come before them are read.
  const std::string again =
      Cat(Line("a", "2025-11-02T00:00:00Z"), Line("d", soon), Line("b", later), Line("c", "2999-01-01T00:00:00Z"));
  const PageStep next = Take(step.next, again, false).value();
  EXPECT_THAT(FreshOf(next), ElementsAre("example.com/d"));
  EXPECT_EQ(next.ahead, 0);
  EXPECT_EQ(next.next.since, soon);
  // A page of nothing else is no time with more lines than a page holds.
  const PageStep only = Take(slice, Line("c", "2999-01-01T00:00:00Z"), true).value();
  EXPECT_FALSE(only.stuck);
  EXPECT_TRUE(only.caught_up);
  EXPECT_EQ(only.next.since, slice.since);
}

TEST(IndexCursorTest, ATimeThatHasNotComeSaysNothingToASliceOfTheBackFill) {
  const domain::IndexSlice slice{.slice = 3, .since = "2025-01-01T00:00:00Z", .until = "2025-02-01T00:00:00Z"};
  for (const char* version : {"v1.0.0", "no version"}) {
    const std::string page = Cat(Line("a", "2025-01-02T00:00:00Z"), Line("b", "2999-01-01T00:00:00Z", version));
    const PageStep step = Take(slice, page, true).value();
    EXPECT_THAT(FreshOf(step), ElementsAre("example.com/a"));
    EXPECT_TRUE(step.next.done);
    EXPECT_EQ(step.next.since, "2025-01-02T00:00:00Z") << "the index ends here";
    EXPECT_THAT(step.next.seen, ElementsAre("example.com/a@v1.0.0"));
  }
}

TEST(IndexCursorTest, BadLinesThatTellTheirTimeMoveTheCursor) {
  const domain::IndexSlice slice{.slice = 0, .since = "2025-01-01T00:00:00Z"};
  const std::string page = Cat(Line("a", "2025-01-02T00:00:00Z"), Line("b", "2025-01-03T00:00:00Z", "v1"),
                               Line("../c", "2025-01-04T00:00:00.25Z"), "no JSON\n");
  const PageStep step = Take(slice, page, true).value();
  EXPECT_THAT(FreshOf(step), ElementsAre("example.com/a"));
  EXPECT_FALSE(step.stuck);
  EXPECT_EQ(step.next.since, "2025-01-04T00:00:00.25Z");
  EXPECT_THAT(step.next.seen, IsEmpty());
  // A page of one time is stuck all the same.
  EXPECT_TRUE(Take(step.next, Line("../c", "2025-01-04T00:00:00.25Z"), true)->stuck);
}

TEST(IndexCursorTest, LookingBackNeverMovesASliceBack) {
  const domain::IndexSlice slice{
      .slice = 0, .since = "2025-01-01T00:05:00.123456789Z", .seen = {"example.com/z@v1.0.0"}, .moves = 4};
  const domain::IndexSlice back = LookBack(slice);
  EXPECT_EQ(back.since, "2024-12-31T23:55:00.123456Z");
  // A full page ends before where the slice stands.
  const domain::IndexSlice before = Take(back, Line("a", "2025-01-01T00:01:00Z"), true)->next;
  EXPECT_EQ(before.since, "2025-01-01T00:01:00Z") << "from here on in this turn";
  EXPECT_EQ(Further(slice, before).since, slice.since);
  EXPECT_EQ(Further(slice, before).seen, slice.seen);
  domain::IndexSlice after = Take(back, Line("b", "2025-01-01T00:06:00Z"), false)->next;
  after.moves = 1;
  EXPECT_EQ(Further(slice, after).since, "2025-01-01T00:06:00Z");
  EXPECT_EQ(Further(slice, after).moves, 4) << "the store asks for it";
  EXPECT_EQ(LookBack({.since = "x"}).since, "x");
}

TEST(IndexCursorTest, ASliceWhoseTimesAreNoneIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Take({.slice = 0, .since = "x"}, "", false).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Take({.slice = 1, .since = "2025-01-01T00:00:00Z", .until = "y"}, "", false).status()));
}

// An index of single lines, whose pages are small.
class FakeIndex {
 public:
  static constexpr int kLinesOfPage = 5;

  void Add(absl::Time time) { lines_.try_emplace(absl::ToUnixMicros(time), Cat("m", ++count_)); }
  absl::Time end(absl::Time before_all) const {
    return lines_.empty() ? before_all : absl::FromUnixMicros(lines_.rbegin()->first);
  }
  std::set<std::string> paths() const {
    std::set<std::string> all;
    for (const auto& [time, path] : lines_) all.insert(Cat("example.com/", path));
    return all;
  }
  std::string Page(const std::string& since) const {
    int64_t micros = 0;
    int32_t nanos = 0;
    EXPECT_TRUE(ParseTimestamp(since, micros, nanos)) << since;
    std::string page;
    int lines = 0;
    for (auto it = lines_.lower_bound(micros); it != lines_.end() && lines < kLinesOfPage; ++it, ++lines) {
      page += Line(it->second, FormatTimestamp(it->first));
    }
    return page;
  }

 private:
  std::map<int64_t, std::string> lines_;
  int count_ = 0;
};

// What stage index does, with the store left out.
class IndexFollower {
 public:
  IndexFollower(const FakeIndex& index, absl::Time since, absl::Time now)
      : index_(index), slices_(CutSlices(since, now - kLookBack, kSlicesMax)) {}

  // Until it is caught up.
  void Read(absl::Time now, bool look_back) {
    const int requests_max = requests_ + 1000;
    while (!FollowerOf(slices_).has_value() && requests_ < requests_max) {
      for (domain::IndexSlice& slice : slices_) {
        if (slice.slice != 0 && !slice.done) slice = Ask(slice, now).next;
      }
    }
    domain::IndexSlice& follower = slices_.front();
    follower = FollowerOf(slices_).value();
    domain::IndexSlice at = look_back ? LookBack(follower) : follower;
    bool caught_up = false;
    while (!caught_up && requests_ < requests_max) {
      const PageStep step = Ask(at, now);
      caught_up = step.caught_up;
      at = step.next;
      follower = Further(follower, at);
      ++follower.moves;
    }
    EXPECT_LT(requests_, requests_max);
  }

  const std::set<std::string>& read() const { return read_; }
  int requests() const { return requests_; }

 private:
  PageStep Ask(const domain::IndexSlice& slice, absl::Time now) {
    ++requests_;
    const std::string page = index_.Page(slice.since);
    IndexBlock block;
    IndexReader().Read(page, block);
    const bool full = std::count(page.begin(), page.end(), '\n') >= FakeIndex::kLinesOfPage;
    PageStep step = TakePage(slice, block, full, now).value();
    for (const IndexLine& line : step.fresh) read_.emplace(line.path);
    step.fresh.clear();
    return step;
  }

  const FakeIndex& index_;
  std::vector<domain::IndexSlice> slices_;
  std::set<std::string> read_;
  int requests_ = 0;
};

TEST(IndexCursorTest, NoLineIsLostWhereverTheIndexEndsAndWhateverTheClockSays) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937_64 random(seed);
  const auto pick = [&](absl::Duration from, absl::Duration to) {
    return absl::Microseconds(
        std::uniform_int_distribution<int64_t>(absl::ToInt64Microseconds(from), absl::ToInt64Microseconds(to))(random));
  };
  for (int round = 0; round < 300 && !::testing::Test::HasFailure(); ++round) {
    const absl::Time since = kNow - pick(absl::Minutes(1), absl::Hours(24 * 60));
    // The lines end long before now, or just now.
    const absl::Time end = since + (kNow - since) * (static_cast<double>(random() % 101) / 100);
    // Of this host: a little slow, or fast by days.
    const absl::Time clock = kNow + pick(-absl::Minutes(4), absl::Hours(24 * 3));
    FakeIndex index;
    for (uint64_t n = random() % 80; n > 0; --n) index.Add(since + pick(absl::ZeroDuration(), end - since));
    IndexFollower follower(index, since, clock);
    follower.Read(clock, random() % 2 == 0);
    EXPECT_EQ(follower.read(), index.paths()) << "round " << round;
    for (int more = 0; more < 3; ++more) {
      for (uint64_t n = random() % 12; n > 0 && index.end(since) < kNow; --n) {
        index.Add(index.end(since) + pick(absl::Microseconds(1), kNow - index.end(since)));
      }
      follower.Read(clock, random() % 2 == 0);
      EXPECT_EQ(follower.read(), index.paths()) << "round " << round << ", later lines " << more;
      const int before = follower.requests();
      follower.Read(clock, /*look_back=*/false);
      EXPECT_EQ(follower.requests() - before, 1) << "nothing is new";
    }
  }
}

TEST(IndexCursorTest, ALineThatComesLateIsFoundByLookingBack) {
  FakeIndex index;
  for (int i = 0; i < 40; ++i) index.Add(kNow - absl::Minutes(i));
  IndexFollower follower(index, kNow - absl::Hours(24), kNow);
  follower.Read(kNow, true);
  EXPECT_EQ(follower.read(), index.paths());
  index.Add(kNow - absl::Minutes(9) - absl::Seconds(30));
  follower.Read(kNow, false);
  EXPECT_NE(follower.read(), index.paths());
  follower.Read(kNow, true);
  EXPECT_EQ(follower.read(), index.paths());
}

TEST(IndexCursorTest, SlicesFollowEachOtherUpToTheHead) {
  const std::vector<domain::IndexSlice> slices = CutSlices(kNow - absl::Hours(30), kNow, 30);
  ASSERT_EQ(slices.size(), 31u);
  EXPECT_EQ(slices[0].since, At(kNow));
  EXPECT_EQ(slices[0].until, "");
  EXPECT_EQ(slices[1].since, At(kNow - absl::Hours(30)));
  for (size_t i = 1; i < slices.size(); ++i) {
    EXPECT_EQ(slices[i].slice, static_cast<int>(i));
    EXPECT_EQ(slices[i].until, i + 1 < slices.size() ? slices[i + 1].since : slices[0].since);
  }
  EXPECT_EQ(CutSlices(kNow, kNow - absl::Hours(1), 30).size(), 1u) << "nothing to fill up";
}

}  // namespace
}  // namespace gofarm::catalog
