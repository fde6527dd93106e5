#include "coordinator/webhook/message.h"

#include <gmock/gmock.h>
#include <simdjson.h>

#include "tests/unit/coordinator_webhook/news.h"

namespace gofarm::webhook {
namespace {

using domain::BatchNews;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextAt(const std::string& document, const char* pointer) {
  simdjson::dom::parser parser;
  std::string_view text;
  const auto error = parser.parse(document).at_pointer(pointer).get(text);
  EXPECT_EQ(error, simdjson::SUCCESS) << pointer << " of " << document;
  return std::string(text);
}

TEST(EscapeDiscordTest, MarkupMentionsAndLinksAreShownAsTheyAre) {
  EXPECT_EQ(EscapeDiscord("plain name 1.2", 100), "plain name 1.2");
  EXPECT_EQ(EscapeDiscord("**b** _i_ `c` ~s~ |x| > q # h", 100),
            "\\*\\*b\\*\\* \\_i\\_ \\`c\\` \\~s\\~ \\|x\\| \\> q \\# h");
  EXPECT_EQ(EscapeDiscord("@everyone", 100),
            "@\u200B"
            "everyone");
  EXPECT_EQ(EscapeDiscord("<@&12>", 100), "\\<@\u200B&12\\>");
  EXPECT_EQ(EscapeDiscord("[a](https://x.test)", 100), "\\[a\\]\\(https\\://x.test\\)");
  EXPECT_EQ(EscapeDiscord("a\\", 100), "a\\\\");
  EXPECT_EQ(EscapeDiscord("a\x1b[31m\n", 100), "a\\\\x1b\\[31m\\\\x0a");
}

TEST(EscapeDiscordTest, NothingIsLongerThanItMayBeAndNoEscapeIsCut) {
  EXPECT_EQ(EscapeDiscord(std::string(10, 'a'), 10), std::string(10, 'a'));
  EXPECT_EQ(EscapeDiscord(std::string(11, 'a'), 10), "aaaaaaa...");
  EXPECT_EQ(EscapeDiscord(std::string(20, '*'), 10), "\\*\\*\\*...") << "no backslash stands alone before the dots";
  EXPECT_EQ(EscapeDiscord("äääää", 9), "äää...") << "ten bytes";
  EXPECT_LE(EscapeDiscord(std::string(1 << 20, '@'), kEmbedTitleMax).size(), kEmbedTitleMax);
  EXPECT_EQ(EscapeDiscord("abc", 2), "..");
}

TEST(DiscordBodyTest, ItCallsNobodyAndSaysHowFarItIs) {
  BatchNews news =
      NewsOf(17, BatchState::kRunning, {.queued = 5, .running = 1, .built = 3, .failed = 1}, "@everyone **look**");
  news.failures = {{FailureClass::kCompileError, 1}};
  news.ended_lately = 4;
  const std::string body = DiscordBody(news);
  EXPECT_THAT(body, HasSubstr(R"("allowed_mentions":{"parse":[]})"));
  EXPECT_EQ(TextAt(body, "/embeds/0/title"),
            "Batch 17 running · @\u200B"
            "everyone \\*\\*look\\*\\*");
  const std::string text = TextAt(body, "/embeds/0/description");
  EXPECT_THAT(text, HasSubstr("40 %, 4/10 jobs"));
  EXPECT_THAT(text, HasSubstr("3 built, 1 failed, 1 running, 5 queued"));
  EXPECT_THAT(text, HasSubstr("3 executables"));
  EXPECT_EQ(TextAt(body, "/embeds/0/fields/0/name"), "Failures");
  EXPECT_EQ(TextAt(body, "/embeds/0/fields/0/value"), "1 compile\\_error");
  EXPECT_EQ(TextAt(body, "/embeds/0/fields/1/value"), "about 8 min") << "four in five minutes, six are left";
}

TEST(DiscordBodyTest, AnEndedBatchSaysHowLongItTook) {
  BatchNews news = NewsOf(3, BatchState::kDone, {.built = 4});
  news.ended_at = news.batch.created_at + absl::Seconds(75);
  const std::string body = DiscordBody(news);
  EXPECT_THAT(TextAt(body, "/embeds/0/description"), HasSubstr("100 %, 4/4 jobs\n4 built"));
  EXPECT_EQ(TextAt(body, "/embeds/0/fields/0/value"), "75 s");
  EXPECT_THAT(body, Not(HasSubstr("Time left")));
}

TEST(DiscordBodyTest, TheLargestMessageIsWithinDiscordsLimits) {
  BatchNews news = NewsOf(INT64_MAX, BatchState::kRunning,
                          {INT64_MAX / 8, INT64_MAX / 8, INT64_MAX / 800, INT64_MAX / 8, 9, INT64_MAX / 8, 9},
                          std::string(10'000, '@'));
  news.batch.submitter = std::string(10'000, '\x01');
  for (int i = 1; i <= static_cast<int>(kLastFailureClass); ++i) news.failures[static_cast<FailureClass>(i)] = i;
  const std::string body = DiscordBody(news);
  EXPECT_LE(TextAt(body, "/embeds/0/title").size(), kEmbedTitleMax);
  EXPECT_LE(TextAt(body, "/embeds/0/description").size(), kEmbedTextMax);
  EXPECT_LE(TextAt(body, "/embeds/0/footer/text").size(), kEmbedFooterMax);
  const std::string failures = TextAt(body, "/embeds/0/fields/0/value");
  EXPECT_LE(failures.size(), kEmbedFieldMax);
  EXPECT_THAT(failures, HasSubstr("45 of other classes")) << "1 + ... + 9 are not among the ten most frequent";
}

TEST(TimesTest, WhatIsLeftFollowsFromWhatEndedLately) {
  BatchNews news = NewsOf(1, BatchState::kRunning, {.queued = 100, .built = 50});
  EXPECT_EQ(TimeLeft(news), std::nullopt) << "nothing ended lately";
  news.ended_lately = 50;
  EXPECT_EQ(TimeLeft(news), absl::Minutes(10)) << "50 in the five minutes of its life";
  news.age = absl::Hours(9);
  EXPECT_EQ(TimeLeft(news), absl::Minutes(20)) << "50 in the last ten minutes";
  news.age = absl::ZeroDuration();
  EXPECT_EQ(TimeLeft(news), absl::Seconds(2));
  news.batch.state = BatchState::kCancelled;
  EXPECT_EQ(TimeLeft(news), std::nullopt);
}

TEST(TimesTest, ACancelledBatchIsOverWithItsLastJob) {
  BatchNews news = NewsOf(1, BatchState::kCancelled, {.running = 1, .cancelled = 3});
  news.ended_at = news.batch.created_at + absl::Minutes(1);
  EXPECT_FALSE(IsOver(news.batch));
  EXPECT_EQ(TimeTaken(news), std::nullopt);
  news.batch.jobs = {.cancelled = 4};
  EXPECT_TRUE(IsOver(news.batch));
  EXPECT_EQ(TimeTaken(news), absl::Minutes(1));
}

TEST(TimesTest, ABatchOfWhatWasBuiltBeforeTookNoTime) {
  BatchNews news = NewsOf(1, BatchState::kDone, {.built = 1});
  EXPECT_EQ(TimeTaken(news), std::nullopt) << "no job of it ended";
  news.ended_at = news.batch.created_at - absl::Hours(1);
  EXPECT_EQ(TimeTaken(news), absl::ZeroDuration());
}

TEST(TimesTest, DurationsAreShort) {
  EXPECT_EQ(ShortDuration(-absl::Seconds(1)), "0 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(89)), "89 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(90)), "2 min");
  EXPECT_EQ(ShortDuration(absl::Minutes(125)), "2 h 5 min");
  EXPECT_EQ(ShortDuration(absl::Hours(49)), "2 d 1 h");
}

TEST(JsonBodyTest, TheBatchIsTheOneOfTheCli) {
  BatchNews news = NewsOf(17, BatchState::kRunning, {.queued = 2, .built = 2, .failed = 1}, "a \"b\"");
  news.failures = {{FailureClass::kTimeout, 1}};
  news.ended_lately = 3;
  EXPECT_EQ(JsonBody(Event::kProgress, 4, news, WriteShownBatch),
            R"({"event":"batch_progress","sequence":4,"batch":{"id":17,"name":"a \"b\"","state":"running",)"
            R"("submitter":"ann","created_at":"2027-01-15T08:00:00Z","jobs":{"queued":2,"running":0,"built":2,)"
            R"("partial":0,"nothing_to_build":0,"failed":1,"cancelled":0},"executables":2},)"
            R"("failures":{"timeout":1},"eta_seconds":200,"duration_seconds":null})");
}

TEST(SignatureTest, IsTheHmacOfTheBody) {
  // RFC 4231, test case 2.
  EXPECT_EQ(Signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace gofarm::webhook
