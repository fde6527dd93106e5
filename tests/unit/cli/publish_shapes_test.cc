// The JSON of what is published is a contract, as that of json_shapes_test.
#include "cli/publish_shapes.h"

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace gofarm::cli {
namespace {

void ExpectGolden(const std::string& name, const std::string& text) { testing::ExpectGolden("cli/" + name, text); }

constexpr int64_t kNoon = 1'700'000'000'250'000;

v1::PublishStatus SampleStatus() {
  v1::PublishStatus status;
  v1::DestinationStatus& index = *status.add_destinations();
  index.set_name("index");
  index.set_pending(3);
  index.set_published(40);
  index.set_configured(true);
  v1::DestinationStatus& old = *status.add_destinations();
  old.set_name("registry.test/old");
  old.set_pending(7);
  v1::DestinationStatus& registry = *status.add_destinations();
  registry.set_name("registry.test/bins");
  registry.set_failed(1);
  registry.set_parked(2);
  registry.set_published(38);
  registry.set_withdrawn(4);
  registry.set_paused(true);
  registry.set_pause_reason("it moves");
  registry.set_configured(true);
  status.set_public_url("https://bins.test");
  status.set_index_url("https://bins.test/index");
  return status;
}

TEST(PublishShapesTest, TheStatusOfPublishing) {
  ExpectGolden("publish_status.json", PublishStatusDocument(SampleStatus()));
}

TEST(PublishShapesTest, WhatIsLeftForADestinationThatIsGoneIsNotLeftToDo) {
  v1::PublishStatus status = SampleStatus();
  EXPECT_EQ(TotalsOf(status).pending, 3);
  EXPECT_EQ(TotalsOf(status).published, 78);
  // Without keys none is configured; what there is is told all the same.
  status.set_off("there are no keys");
  for (v1::DestinationStatus& row : *status.mutable_destinations()) row.set_configured(false);
  EXPECT_EQ(TotalsOf(status).pending, 10);
}

TEST(PublishShapesTest, APublication) {
  v1::PublicationPage page;
  v1::Publication& row = *page.add_publications();
  row.set_id(17);
  row.set_destination("index");
  row.set_state(v1::PUBLICATION_STATE_PARKED);
  row.set_module("github.com/rakyll/hey");
  row.set_version("v0.1.5");
  row.set_import_path("github.com/rakyll/hey");
  row.set_target(v1::TARGET_RISCV64);
  row.set_program("hey");
  row.set_job_id(81);
  row.set_size(6'000'000'000);
  row.set_sha256(std::string(64, 'a'));
  row.set_failure_class("differs");
  row.set_detail("another build is published");
  row.set_differed(1);
  v1::Publication& due = *page.add_publications();
  due.set_id(18);
  due.set_state(static_cast<v1::PublicationState>(77));
  due.mutable_next_try_at()->set_unix_micros(kNoon);
  ExpectGolden("publish_list.json", PublicationListDocument(page));
}

TEST(PublishShapesTest, Withdrawals) {
  v1::WithdrawalPage page;
  v1::Withdrawal& all = *page.add_withdrawals();
  all.set_module("example.org/m");
  all.set_reason("the author asks for it");
  v1::Withdrawal& one = *page.add_withdrawals();
  one.set_module("example.org/n");
  one.set_version("v1.2.3");
  one.set_reason("it \"phones home\"");
  ExpectGolden("publish_withdrawals.json", WithdrawalListDocument(page));
}

TEST(PublishShapesTest, KeysAndWhichOfThemSigns) {
  v1::PublishKeys keys;
  const auto add = [&](const char* kind, const char* text, bool ended) {
    v1::PublishKey& key = *keys.add_keys();
    key.set_kind(kind);
    key.set_public_key(text);
    key.mutable_since()->set_unix_micros(kNoon);
    if (ended) key.mutable_until()->set_unix_micros(kNoon + 1'000'000);
  };
  add("minisign", "RWQ...", false);
  add("provenance", "-----BEGIN PUBLIC KEY-----\nold\n-----END PUBLIC KEY-----\n", true);
  add("provenance", "-----BEGIN PUBLIC KEY-----\nnew\n-----END PUBLIC KEY-----\n", false);
  keys.set_index_url("https://bins.test/index");
  ExpectGolden("keys_show.json", PublishKeysDocument(keys));
  EXPECT_EQ(SigningKey(keys, "provenance"), keys.keys(2).public_key());
  EXPECT_EQ(SigningKey(keys, "pgp"), "");
}

TEST(PublishShapesTest, StatesHaveTheirNamesBothWays) {
  for (const char* name : {"pending", "failed", "parked", "published", "withdrawn"}) {
    const auto state = PublicationStateOf(name);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(NameOf(*state), name);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(PublicationStateOf("unknown").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(PublicationStateOf("").status()));
}

}  // namespace
}  // namespace gofarm::cli
