#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/failure.h"
#include "common/vocab/labels.h"
#include "common/vocab/name_rule.h"
#include "common/vocab/target.h"

namespace gofarm {
namespace {

// Threads that wait for a processor between two readings must not move one clock against the other.
TEST(ClockTest, TimesComeBackAsTheyWereOnABusyMachine) {
  std::atomic<bool> enough = false;
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 4 * std::thread::hardware_concurrency(); ++i) {
    busy.emplace_back([&] {
      while (!enough) continue;
    });
  }
  const absl::Time time = absl::FromUnixSeconds(1'800'000'000);
  int moved = 0;
  for (int i = 0; i < 300'000; ++i) moved += WallOf(SteadyOf(time)) != time ? 1 : 0;
  enough = true;
  for (std::thread& thread : busy) thread.join();
  EXPECT_EQ(moved, 0);
}

TEST(EscapeForPrintTest, ControlCharactersAreShownAndNotObeyed) {
  EXPECT_EQ(EscapeForPrint("a\033[31mb\r\n\x7f"), "a\\x1b[31mb\\x0d\\x0a\\x7f");
  EXPECT_EQ(EscapeForPrint("one\ntwo\tthree\b", /*keep_newlines=*/true), "one\ntwo\tthree\\x08");
}

TEST(EscapeForPrintTest, GoodUtf8StaysAndBrokenOrReorderingTextIsShownAsBytes) {
  EXPECT_EQ(EscapeForPrint("größe 世界"), "größe 世界");
  EXPECT_EQ(EscapeForPrint("\xff\xc3("), "\\xff\\xc3(");
  EXPECT_EQ(EscapeForPrint("a\u202eb"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(EscapeForPrint("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate is no character";
}

TEST(ClipTest, CutsAtACharacterBorder) {
  EXPECT_EQ(Clip("abcdef", 6), "abcdef");
  EXPECT_EQ(Clip("abcdefg", 6), "abc...");
  EXPECT_EQ(Clip("aaää", 5), "aa...");
}

TEST(ClipTest, WhatIsEscapedIsClippedAfterwards) {
  EXPECT_EQ(EscapeAndClip("ab", 8), "ab");
  EXPECT_EQ(EscapeAndClip("a\x01", 5), "a\\x01");
  EXPECT_EQ(EscapeAndClip(std::string(1'000, '\x01'), 16), "\\x01\\x01\\x01\\...");
  EXPECT_EQ(EscapeAndClip("a\nb", 8, /*keep_newlines=*/true), "a\nb");
  // Wherever a long text is cut, what is left is well-formed, and what fits is whole.
  std::string text;
  for (int i = 0; i < 40; ++i) text += "aä€😀";
  for (size_t limit = 4; limit <= text.size(); ++limit) {
    const std::string clipped = EscapeAndClip(text, limit);
    EXPECT_LE(clipped.size(), limit);
    EXPECT_EQ(EscapeForPrint(clipped), clipped) << limit;
    EXPECT_EQ(clipped.find("\\x"), std::string::npos) << limit;
  }
  EXPECT_EQ(EscapeAndClip(text, text.size()), text);
}

TEST(BackoffTest, GrowsToItsCapAndKeepsHalfOfTheStep) {
  const BackoffPolicy policy{.first = absl::Seconds(2), .longest = absl::Seconds(10), .factor = 2};
  EXPECT_EQ(BackoffDelay(policy, 1, 0.0), absl::Seconds(1));
  EXPECT_EQ(BackoffDelay(policy, 2, 0.0), absl::Seconds(2));
  EXPECT_EQ(BackoffDelay(policy, 3, 0.5), absl::Seconds(6));
  EXPECT_EQ(BackoffDelay(policy, 60, 0.0), absl::Seconds(5));
}

TEST(StatusTest, ErrnoBecomesACodeThatCallersCanActOn) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "write x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(ENOENT, "open x").code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ErrnoStatus(ENOENT, "open /a/b").message()), ::testing::StartsWith("open /a/b: "));
}

absl::StatusOr<int> Twice(absl::StatusOr<int> n) {
  GOFARM_ASSIGN_OR_RETURN_CTX(const int value, n, "double");
  return 2 * value;
}

TEST(StatusTest, MacrosReturnEarlyWithTheContextInFront) {
  EXPECT_EQ(*Twice(4), 8);
  EXPECT_EQ(Twice(absl::NotFoundError("no number")).status(), absl::NotFoundError("double: no number"));
}

TEST(ScopeTest, TellsAStopFromADeadline) {
  std::stop_source stop;
  const Scope scope = Scope::For(absl::Hours(1), stop.get_token());
  EXPECT_TRUE(scope.Check().ok());
  EXPECT_EQ(scope.Within(-absl::Seconds(1)).Check().code(), absl::StatusCode::kDeadlineExceeded);
  stop.request_stop();
  EXPECT_EQ(scope.Check().code(), absl::StatusCode::kCancelled);
}

TEST(VocabTest, EveryTargetIsFoundByItsNameAndNoOtherIs) {
  for (const Target t : kAllTargets) EXPECT_EQ(ParseTarget(TargetName(t)), t);
  EXPECT_EQ(ParseTarget("sparc"), std::nullopt);
  EXPECT_EQ(ParseTarget("X86_64"), std::nullopt);
}

TEST(VocabTest, NamesAreThoseOfTheContract) {
  EXPECT_EQ(Name(JobState::kNothingToBuild), "nothing_to_build");
  EXPECT_EQ(Name(JobState::kCancelled), "cancelled");
  EXPECT_EQ(Name(AttemptOutcome::kLost), "lost");
  EXPECT_EQ(Name(FailureClass::kSourceUnavailable), "source_unavailable");
  EXPECT_EQ(Name(FailureClass::kInternal), "internal");
  EXPECT_EQ(Name(FailureClass::kNone), "");
  EXPECT_EQ(Name(Phase::kUpload), "upload");
  EXPECT_EQ(Name(WaitReason::kTargetSeeding), "target_seeding");
  EXPECT_EQ(Name(WaitReason::kDraining), "draining");
  EXPECT_EQ(ParseJobState("partial"), JobState::kPartial);
  EXPECT_EQ(ParseJobState(""), std::nullopt);
}

TEST(LabelsTest, AreWrittenAsKeyAndValue) {
  EXPECT_EQ(ParseLabels({"zone=b", "example.com/rack=7", "spare="}).value(),
            (Labels{{"zone", "b"}, {"example.com/rack", "7"}, {"spare", ""}}));
  EXPECT_EQ(ToText(ParseLabels({"zone=b", "rack=7"}).value()), "rack=7,zone=b");
  EXPECT_TRUE(ParseLabels({"zone=b", "zone=b"}).ok());
  for (const auto& [text, why] : std::map<std::string, std::string>{{"zone", "KEY=VALUE"},
                                                                    {"=b", "without a key"},
                                                                    {"zo ne=b", "letters"},
                                                                    {"zone=b=c", "letters"},
                                                                    {"zone=\x1b[2J", "\\x1b"},
                                                                    {"zone=" + std::string(64, 'b'), "at most 63"}}) {
    const absl::Status status = ParseLabels({text}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find(why), absl::string_view::npos) << status;
  }
  EXPECT_NE(ParseLabels({"zone=b", "zone=c"}).status().message().find("two values"), absl::string_view::npos);
}

TEST(LabelsTest, AreBoundedInNumber) {
  Labels labels;
  for (size_t i = 0; i < kLabelsMax; ++i) labels[std::to_string(i)] = "x";
  EXPECT_TRUE(CheckLabels(labels).ok());
  labels["more"] = "x";
  EXPECT_EQ(CheckLabels(labels).message(), "33 labels, at most 32 are taken");
}

TEST(LabelsTest, AllThatAreWantedMustBeThere) {
  const Labels has{{"zone", "b"}, {"rack", "7"}};
  EXPECT_TRUE(HasAll(has, {}));
  EXPECT_TRUE(HasAll(has, {{"zone", "b"}}));
  EXPECT_FALSE(HasAll(has, {{"zone", "a"}}));
  EXPECT_FALSE(HasAll(has, {{"zone", "b"}, {"disk", ""}}));
}

TEST(NameTest, FitsIntoCertificatesFoldersAndTables) {
  for (const char* good : {"a", "far-1.example_x", "0"}) EXPECT_TRUE(CheckName(good).ok()) << good;
  EXPECT_TRUE(CheckName(std::string(kNameBytesMax, 'x')).ok());
  for (const std::string& bad : {std::string(), std::string(".a"), std::string("-a"), std::string("a/b"),
                                 std::string("a b"), std::string("\xC3\xA4"), std::string(kNameBytesMax + 1, 'x')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckName(bad))) << bad;
  }
  EXPECT_EQ(AsName("_ann-host 7/.lan"), "ann-host7.lan");
  EXPECT_EQ(AsName("--"), "");
  EXPECT_EQ(AsName(std::string(200, 'x')).size(), kNameBytesMax);
}

}  // namespace
}  // namespace gofarm
