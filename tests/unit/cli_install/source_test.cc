#include "cli/install/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::install {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

attest::MinisignPublicKey Key(char c) { return {std::string(8, c), std::string(32, c)}; }
std::string Line(char c) { return Key(c).Line(); }

absl::StatusOr<std::string> NoFile(const std::string& path) { return absl::NotFoundError(path); }
absl::StatusOr<std::string> KeyFile(const std::string&) {
  return Cat("untrusted comment: minisign public key\n", Line('f'), "\n");
}

SourceInputs Inputs() {
  SourceInputs inputs;
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> {
    return FarmTells{.index_url = "http://127.0.0.1:9/index", .minisign_key = Line('a')};
  };
  inputs.memory.usual = "http://remembered/index";
  inputs.memory.indexes = {
      {.url = "http://remembered/index", .key = Line('m'), .followed = {Line('n')}, .generation = 5},
      {.url = "http://known/index", .key = Line('k'), .generation = 8}};
  return inputs;
}

std::string Shown(const absl::StatusOr<Source>& source) {
  if (!source.ok()) return Cat(absl::StatusCodeToString(source.status().code()), ": ", source.status().message());
  return Cat(source->url, " ", source->key.id().substr(0, 1), " ", source->named_by);
}

TEST(FindSourceTest, FlagsComeFirstThenTheEnvironmentThenTheFarmThenWhatWasRemembered) {
  SourceInputs inputs = Inputs();
  inputs.index_environment = "http://environment/index/";
  inputs.key_environment = Line('e');
  inputs.index_flag = "http://flag/index";
  inputs.key_flag = Line('g');
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "http://flag/index g --index");
  EXPECT_TRUE(FindSource(inputs, NoFile)->by_person);
  inputs.index_flag = inputs.key_flag = "";
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "http://environment/index e GOFARM_INDEX");
  inputs.index_environment = inputs.key_environment = "";
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "http://127.0.0.1:9/index a the farm");
  EXPECT_FALSE(FindSource(inputs, NoFile)->by_person);
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> { return std::nullopt; };
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "http://remembered/index m remembered");
  inputs.memory = {};
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("INVALID_ARGUMENT: no index is known to look in"));
}

TEST(FindSourceTest, WhatWasSeenOfAnIndexCountsForItsKeyOnly) {
  SourceInputs inputs = Inputs();
  inputs.index_flag = "http://known/index";
  absl::StatusOr<Source> source = FindSource(inputs, NoFile);
  EXPECT_EQ(Shown(source), "http://known/index k --index");
  EXPECT_EQ(source->trust.generation, 8);
  inputs.key_flag = Line('z');
  source = FindSource(inputs, NoFile);
  EXPECT_EQ(source->trust.generation, 0);
  EXPECT_THAT(source->trust.keys, ElementsAre(Key('z')));
  inputs = Inputs();
  inputs.index_flag = "http://remembered/index";
  source = FindSource(inputs, NoFile);
  EXPECT_EQ(source->trust.generation, 5);
  EXPECT_THAT(source->trust.keys, ElementsAre(Key('m'), Key('n')));
}

TEST(FindSourceTest, AKeyThatHasEndedIsTrustedOnlyWhereItIsNamedForThisCommand) {
  SourceInputs inputs = Inputs();
  inputs.memory.indexes[0].ended = {Line('m'), Line('o')};
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> { return std::nullopt; };
  absl::StatusOr<Source> source = FindSource(inputs, NoFile);
  EXPECT_EQ(Shown(source), "http://remembered/index m remembered");
  EXPECT_THAT(source->trust.keys, ElementsAre(Key('n')));
  EXPECT_EQ(source->trust.generation, 5);
  // An environment may be older than the end.
  inputs.key_environment = Line('m');
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, ElementsAre(Key('n')));
  inputs.index_environment = "http://remembered/index";
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, ElementsAre(Key('n')));
  inputs.key_environment = Line('o');
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, IsEmpty());
  inputs.key_flag = Line('m');
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, ElementsAre(Key('m'), Key('n')));
  inputs.key_flag = inputs.key_environment = inputs.index_environment = "";
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> {
    return FarmTells{.index_url = "http://remembered/index", .minisign_key = Line('m')};
  };
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, ElementsAre(Key('m'), Key('n')));
  inputs.key_environment = Line('m');
  EXPECT_THAT(FindSource(inputs, NoFile)->trust.keys, ElementsAre(Key('n')));
}

TEST(FindSourceTest, AnIndexWithoutAKeyIsNoSource) {
  SourceInputs inputs = Inputs();
  inputs.index_flag = "http://unknown/index";
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("no key is known for the index http://unknown/index"));
  inputs = Inputs();
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> {
    return FarmTells{.index_url = "http://127.0.0.1:9/index"};
  };
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("--key"));
  inputs.key_flag = Line('g');
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "http://127.0.0.1:9/index g the farm");
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> { return FarmTells{}; };
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("serves no index"));
  inputs.farm = []() -> absl::StatusOr<std::optional<FarmTells>> { return absl::UnavailableError("down"); };
  EXPECT_EQ(Shown(FindSource(inputs, NoFile)), "UNAVAILABLE: down");
}

TEST(FindSourceTest, AKeyMayBeAFile) {
  SourceInputs inputs = Inputs();
  inputs.index_flag = "http://flag/index";
  inputs.key_flag = "minisign.pub";
  EXPECT_EQ(Shown(FindSource(inputs, KeyFile)), "http://flag/index f --index");
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("--key: key \"minisign.pub\": this is no minisign public"));
  inputs.key_flag = "\x1b[2J";
  EXPECT_THAT(Shown(FindSource(inputs, NoFile)), HasSubstr("\\x1b[2J"));
}

TEST(IndexUrlTest, OnlyWebAddressesWithoutSecrets) {
  EXPECT_EQ(IndexUrl("https://bins.example.org/index//").value(), "https://bins.example.org/index");
  for (const char* bad : {"", "bins.example.org/index", "file:///srv/index", "ftp://a/index", "http://u:p@a/index",
                          "http://a/index?x=1", "http://a/index#x", "http://"}) {
    const absl::Status status = IndexUrl(bad).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_EQ(status.message().find("u:p"), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace gofarm::install
