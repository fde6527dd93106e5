#include "coordinator/catalog/index_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

BadLine Bad(const std::string& line) {
  IndexBlock block;
  IndexReader().ReadLine(line, block);
  EXPECT_TRUE(block.rows.empty()) << line;
  EXPECT_EQ(block.bad_lines, 1) << line;
  return block.bad.empty() ? BadLine{} : block.bad.front();
}

TEST(IndexLinesTest, ABadLineTellsItsTimeWhateverElseIsWrong) {
  constexpr char kTime[] = "2024-01-02T03:04:05.5Z";
  const std::pair<std::string, std::string> lines[] = {
      {R"({"Path":"../x","Version":"v1.0.0","Timestamp":"2024-01-02T03:04:05.5Z"})", "../x"},
      {R"({"Path":"example.com/a","Version":"v1","Timestamp":"2024-01-02T03:04:05.5Z"})", "v1"},
      {R"({"Version":"v1.0.0","Timestamp":"2024-01-02T03:04:05.5Z"})", "Path is missing"},
      {R"({"Timestamp":"2024-01-02T03:04:05.5Z"})", "Path is missing"},
      {R"({"Path":"example.com/a","Version":1,"Timestamp":"2024-01-02T03:04:05.5Z"})", "Version is no text"}};
  for (const auto& [line, reason] : lines) {
    const BadLine bad = Bad(line);
    EXPECT_THAT(bad.reason, HasSubstr(reason));
    EXPECT_EQ(bad.timestamp, kTime) << line;
    EXPECT_EQ(bad.micros, 1'704'164'645'500'000) << line;
    EXPECT_EQ(bad.nanos, 0) << line;
  }
  EXPECT_EQ(Bad(R"({"Path":"example.com/a","Version":"v1","Timestamp":"2024-01-02T03:04:05.000000007Z"})").nanos, 7);
}

TEST(IndexLinesTest, ALineWithoutATimeTellsNone) {
  EXPECT_EQ(Bad("<html>").timestamp, "");
  EXPECT_EQ(Bad("").timestamp, "");
  EXPECT_EQ(Bad("[1]").timestamp, "");
  const BadLine odd = Bad(R"({"Path":"example.com/a","Version":"v1.0.0","Timestamp":"yesterday"})");
  EXPECT_EQ(odd.timestamp, "");
  EXPECT_THAT(odd.reason, HasSubstr("yesterday"));
  const std::string long_path(kIndexLineMax, 'x');
  const BadLine huge =
      Bad(Cat(R"({"Path":")", long_path, R"(","Version":"v1.0.0","Timestamp":"2024-01-02T03:04:05Z"})"));
  EXPECT_EQ(huge.timestamp, "");
  EXPECT_THAT(huge.reason, HasSubstr("longer than"));
  EXPECT_LE(huge.text.size(), kBadLineMax);
}

}  // namespace
}  // namespace gofarm::catalog
