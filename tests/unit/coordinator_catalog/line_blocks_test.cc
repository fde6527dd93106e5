#include "coordinator/catalog/line_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Given {
  explicit Given(size_t block)
      : lines(block, [this](std::string bytes) {
          blocks.push_back(std::move(bytes));
          return absl::OkStatus();
        }) {}
  std::string All() const {
    std::string all;
    for (const std::string& block : blocks) all += block;
    return all;
  }

  std::vector<std::string> blocks;
  LineBlocks lines;
};

TEST(LineBlocksTest, ALongLineIsCutAndKeepsItsNewline) {
  Given given(8);
  ASSERT_TRUE(given.lines.Add("a\n123456789abc").ok());
  EXPECT_FALSE(given.lines.EndsLine());
  ASSERT_TRUE(given.lines.Add("def").ok());
  ASSERT_TRUE(given.lines.Add("gh\nb\n").ok());
  EXPECT_TRUE(given.lines.EndsLine());
  ASSERT_TRUE(given.lines.Finish().ok());
  EXPECT_EQ(given.All(), "a\n12345678\nb\n");
}

TEST(LineBlocksTest, ALineOfABlockIsWhole) {
  Given given(8);
  ASSERT_TRUE(given.lines.Add("12345678\n1234567\n").ok());
  ASSERT_TRUE(given.lines.Finish().ok());
  EXPECT_EQ(given.All(), "12345678\n1234567\n");
}

TEST(LineBlocksTest, TheLastLineNeedsNoNewlineAndIsAskedAboutBefore) {
  Given given(8);
  EXPECT_TRUE(given.lines.EndsLine()) << "nothing came";
  ASSERT_TRUE(given.lines.Finish().ok());
  EXPECT_THAT(given.blocks, IsEmpty());
  ASSERT_TRUE(given.lines.Add("\n\nab").ok());
  EXPECT_FALSE(given.lines.EndsLine());
  ASSERT_TRUE(given.lines.Finish().ok());
  EXPECT_THAT(given.blocks, ElementsAre("\n\nab\n"));
}

TEST(LineBlocksTest, WhatIsClearedIsForgottenEvenInALineThatIsCut) {
  Given given(4);
  ASSERT_TRUE(given.lines.Add("123456").ok());
  given.lines.Clear();
  ASSERT_TRUE(given.lines.Add("ab\n").ok());
  ASSERT_TRUE(given.lines.Finish().ok());
  EXPECT_EQ(given.All(), "ab\n");
}

TEST(LineBlocksTest, WhatItsReaderSaysIsReturned) {
  LineBlocks lines(4, [](const std::string&) { return absl::CancelledError("enough"); });
  EXPECT_TRUE(lines.Add("ab\n").ok());
  EXPECT_TRUE(absl::IsCancelled(lines.Add("c\n")));
}

TEST(LineBlocksTest, PiecesOfAnySizeGiveTheSameLines) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  constexpr size_t kBlock = 16;
  for (int round = 0; round < 200; ++round) {
    std::string text, cut;
    for (int line = 0; line < 30; ++line) {
      const std::string bytes(random() % 5 == 0 ? random() % 100 : random() % (kBlock + 2),
                              static_cast<char>('a' + line % 26));
      text += Cat(bytes, "\n");
      cut += Cat(bytes.substr(0, kBlock), "\n");
    }
    Given given(kBlock);
    for (size_t at = 0; at < text.size();) {
      const size_t piece = 1 + random() % 40;
      ASSERT_TRUE(given.lines.Add(std::string_view(text).substr(at, piece)).ok());
      at += piece;
    }
    EXPECT_TRUE(given.lines.EndsLine());
    ASSERT_TRUE(given.lines.Finish().ok());
    EXPECT_EQ(given.All(), cut);
    for (const std::string& block : given.blocks) {
      EXPECT_EQ(block.back(), '\n');
      EXPECT_LE(block.size(), kBlock + 1);
    }
  }
}

}  // namespace
}  // namespace gofarm::catalog
