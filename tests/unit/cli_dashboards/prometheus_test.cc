#include "cli/dashboards/prometheus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

using ::testing::HasSubstr;

TEST(ReadAnswerTest, ReadsRangesAndSingleValues) {
  const absl::StatusOr<Answer> range = ReadAnswer(
      R"({"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"state":"built"},"values":[[1700000000,"1"],[1700000015.5,"2.5"],[1700000030,"NaN"],[1700000045,"+Inf"]]},
          {"metric":{"state":"failed"},"values":[[1700000000,"NaN"]]}]}})");
  ASSERT_TRUE(range.ok()) << range.status();
  ASSERT_EQ(range->series.size(), 1u) << "a series of which nothing can be drawn is none";
  EXPECT_EQ(range->series[0].labels.at("state"), "built");
  ASSERT_EQ(range->series[0].points.size(), 2u);
  EXPECT_EQ(range->series[0].points[1].at, 1700000015.5);
  EXPECT_EQ(range->series[0].points[1].value, 2.5);

  const absl::StatusOr<Answer> now = ReadAnswer(
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"7"]}]}})");
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->series.at(0).points.at(0).value, 7);
}

TEST(ReadAnswerTest, SaysWhatPrometheusSays) {
  const absl::Status wrong =
      ReadAnswer("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:5: parse error\\u001b[2J\"}").status();
  EXPECT_TRUE(absl::IsInvalidArgument(wrong));
  EXPECT_THAT(wrong.message(), HasSubstr("Prometheus says: 1:5: parse error\\x1b[2J"));
  for (const char* const other :
       {"", "<html>", "{}", "[]", R"({"status":"success"})", R"({"status":"success","data":1})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadAnswer(other).status())) << other;
  }
}

TEST(ReadAnswerTest, BoundsSeriesAndPoints) {
  std::string body = R"({"status":"success","data":{"result":[)";
  for (size_t i = 0; i < kSeriesMax + 3; ++i) {
    body += Cat(i == 0 ? "" : ",", R"({"metric":{"n":")", i, R"("},"value":[1,"1"]})");
  }
  const absl::StatusOr<Answer> many = ReadAnswer(body + "]}}");
  ASSERT_TRUE(many.ok()) << many.status();
  EXPECT_EQ(many->series.size(), kSeriesMax);
  EXPECT_EQ(many->left_out, 3u);

  body = R"({"status":"success","data":{"result":[{"metric":{},"values":[)";
  for (size_t i = 0; i < kPointsMax + 5; ++i) body += Cat(i == 0 ? "" : ",", "[", i, R"(,"1"])");
  const absl::StatusOr<Answer> points = ReadAnswer(body + "]}]}}");
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_EQ(points->series.at(0).points.size(), kPointsMax);
}

TEST(PrometheusTest, NamesItselfAndTheQueryWhenItDoesNotAnswer) {
  const io::HttpClient http("gofarm-test");
  const Prometheus prometheus(http, "http://user:secret@127.0.0.1:1/");
  const absl::Status down = prometheus.At(Scope::For(absl::Seconds(5)), "sum(gofarm_jobs)", absl::UnixEpoch()).status();
  EXPECT_TRUE(absl::IsUnavailable(down)) << down;
  EXPECT_THAT(down.message(), HasSubstr("ask http://127.0.0.1:1 for sum(gofarm_jobs)"));
  EXPECT_THAT(down.message(), ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace gofarm::dashboards
