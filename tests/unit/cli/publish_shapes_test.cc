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
  status.set_reproduced(12);
  status.set_differing(1);
  status.set_rebuilding(2);
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

TEST(PublishShapesTest, WhatCameOfRebuilds) {
  v1::JobPage page;
  const auto add = [&](int64_t id, v1::JobState state) {
    v1::Job& job = *page.add_jobs();
    job.set_id(id);
    job.set_rebuild_of(id - 10);
    job.set_module("github.com/rakyll/hey");
    job.set_version("v0.1.5");
    job.set_target(v1::TARGET_X86_64);
    job.set_state(state);
    return &job;
  };
  const auto result = [](v1::Job* job, const char* path, bool reproduced, const char* detail) {
    v1::RebuildResult& row = *job->add_rebuilds();
    row.set_job_id(job->id());
    row.set_import_path(path);
    row.set_worker("worker-2");
    row.set_reproduced(reproduced);
    row.set_detail(detail);
  };
  v1::Job* const built = add(91, v1::JOB_STATE_BUILT);
  result(built, "github.com/rakyll/hey", true, "");
  result(built, "github.com/rakyll/hey/two", false, "1 of 100 bytes differ");
  add(92, v1::JOB_STATE_FAILED)->set_failure_class(v1::FAILURE_CLASS_TIMEOUT);
  add(93, v1::JOB_STATE_CANCELLED);
  v1::RebuildReply reply;
  reply.set_batch_id(7);
  reply.set_ordered(2);
  reply.set_running(1);
  reply.set_left_out(3);
  reply.set_why("m@v1: the toolset t is not configured any more");
  const std::vector<RebuildRow> rows = RebuildRows(page);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].result, kReproduced);
  EXPECT_EQ(rows[2].detail, "the rebuild ended as failed: timeout");
  EXPECT_EQ(rows[3].detail, "the rebuild ended as cancelled");
  ExpectGolden("publish_rebuild.json", RebuildDocument(reply, rows));
  EXPECT_NE(RebuildDocument(v1::RebuildReply(), {}).find("\"batch_id\": null"), std::string::npos);
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
