#include "cli/refusal.h"

#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

TEST(MergeRefusalsTest, WhatTheFarmDidNotTellIsAddedAndNothingIsToldTwice) {
  EXPECT_EQ(MergeRefusals("line 2: not in the proxy\nline 3: wrong path\nand 2 more errors",
                          {"line 3: wrong path, in other words", "line 7: wrong version", "line 12: wrong path"}),
            "line 2: not in the proxy\nline 3: wrong path\nline 7: wrong version\nline 12: wrong path\n");
}

TEST(MergeRefusalsTest, WhatOnlyTheFarmKnowsStaysCounted) {
  EXPECT_EQ(MergeRefusals("the batch names too much\nline 1: a\nline 1: b\nand 5 more errors", {"line 9: c"}),
            "the batch names too much\nline 1: a\nline 1: b\nline 9: c\nand 4 more errors\n");
}

TEST(MergeRefusalsTest, WithoutFaultsKnownHereTheFarmsWordsStand) {
  EXPECT_EQ(MergeRefusals("name holds a control character", {}), "name holds a control character\n");
}

}  // namespace
}  // namespace gofarm::cli
