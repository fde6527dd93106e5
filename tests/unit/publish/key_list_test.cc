#include "common/publish/key_list.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::publish {
namespace {

TEST(KeyListTest, WhatIsWrittenIsReadAgain) {
  KeyList list{.builder = "urn:x-example:builder"};
  list.keys = {{.kind = kProvenanceKind, .public_key = "PEM", .since = absl::FromUnixSeconds(1'800'000'000)},
               {.kind = kMinisignKind,
                .public_key = "RW",
                .since = absl::FromUnixSeconds(1'700'000'000),
                .until = absl::FromUnixSeconds(1'800'000'000)}};
  EXPECT_EQ(ReadKeyList(json::Write(list)).value(), list);
}

TEST(KeyListTest, AnotherFormatIsRefusedAndUnknownFieldsAreNot) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadKeyList(R"({"format":2,"keys":[]})").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadKeyList("[]").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadKeyList("").status()));
  EXPECT_TRUE(ReadKeyList(R"({"format":1,"keys":[],"later":true})").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadKeyList(std::string(kKeyListBytesMax + 1, ' ')).status()));
}

}  // namespace
}  // namespace gofarm::publish
