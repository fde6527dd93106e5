// The Publish service: what is published, ordered, withdrawn and built again.
#include <map>

#include "tests/rpc/publish_rpc_fixture.h"

namespace gofarm::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(PublishRpcTest, KeysAreThoseOfTheFolderAndTheFarmTellsWhereItsIndexIs) {
  const v1::PublishKeys keys = GetKeys();
  ASSERT_EQ(keys.keys_size(), 2);
  EXPECT_EQ(keys.keys(0).kind(), "minisign");
  EXPECT_THAT(keys.keys(0).public_key(), ::testing::StartsWith("RW"));
  EXPECT_EQ(keys.keys(1).kind(), "provenance");
  EXPECT_EQ(keys.keys(1).public_key(), pki::P256PublicKeyPem(attest::LoadKeyFile(KeyFile()).value()).value());
  EXPECT_FALSE(keys.keys(0).has_until());
  EXPECT_EQ(keys.index_url(), "http://127.0.0.1:1/index");
  v1::FarmStatus status;
  ASSERT_TRUE(farm_->GetFarmStatus(Context().get(), {}, &status).ok());
  EXPECT_EQ(status.public_url(), "http://127.0.0.1:1");
  EXPECT_EQ(status.index_url(), keys.index_url());
  EXPECT_EQ(status.publishing_off(), "");
}

TEST_F(PublishRpcTest, WithoutKeysItSaysWhyAndOnlyTakesThingsAway) {
  Serve(/*with_keys=*/false);
  const v1::PublishStatus off = GetStatus();
  EXPECT_THAT(off.off(), AllOf(HasSubstr("there are no keys in"), HasSubstr("gofarm keys create")));
  EXPECT_EQ(off.index_url(), "");
  v1::FarmStatus farm;
  ASSERT_TRUE(farm_->GetFarmStatus(Context().get(), {}, &farm).ok());
  EXPECT_EQ(farm.publishing_off(), off.off());
  EXPECT_EQ(farm.index_url(), "");
  const auto expect_off = [&](const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION) << status.error_message();
    EXPECT_EQ(status.error_message(), off.off());
  };
  expect_off(Retry({}, /*all=*/true, false));
  v1::PauseDestinationRequest pause;
  pause.set_destination("index");
  v1::PauseDestinationReply paused;
  expect_off(Ask(&v1::Publish::Stub::Pause, pause, paused));
  v1::ResumeDestinationRequest resume;
  resume.set_destination("index");
  expect_off(Ask(&v1::Publish::Stub::Resume, resume, paused));
  v1::RotatedKey rotated;
  expect_off(RotateKey("provenance", rotated));
  EXPECT_TRUE(Withdraw(kModule, "", "malware").ok());
  // The keys of before are told: what they signed is still out there.
  EXPECT_EQ(GetKeys().keys_size(), 2);
  Sql("DELETE FROM publish_keys");
  v1::PublishKeys none;
  expect_off(Ask(&v1::Publish::Stub::GetKeys, v1::GetKeysRequest(), none));
}

TEST_F(PublishRpcTest, CredentialsThatCannotBeReadMakeTheirDestinationFailAlone) {
  const std::string file = dir_ + "/registry-token";
  config_.registries = {{.url = "https://registry.test/farm", .credentials_file = file}};
  Serve();
  const auto faults = [this] {
    std::map<std::string, std::string> by_name;
    const v1::PublishStatus status = GetStatus();
    EXPECT_EQ(status.off(), "") << "the farm publishes elsewhere";
    for (const v1::DestinationStatus& row : status.destinations()) by_name[row.name()] = row.fault();
    return by_name;
  };
  std::map<std::string, std::string> told = faults();
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told["index"], "");
  EXPECT_THAT(told["https://registry.test/farm"], AllOf(HasSubstr("unauthorized: "), HasSubstr(file)));
  ASSERT_TRUE(io::WriteFileAtomic(file, "user:secret\n", 0600).ok());
  EXPECT_EQ(faults()["https://registry.test/farm"], "") << "mended without a restart";
}

TEST_F(PublishRpcTest, ACoordinatorWithoutPublishingAnswersInWords) {
  adjust_ = nullptr;
  Restart();
  publish_ = v1::Publish::NewStub(channel_);
  v1::PublishStatus status;
  const grpc::Status asked = Ask(&v1::Publish::Stub::GetStatus, v1::PublishStatusRequest(), status);
  EXPECT_EQ(asked.error_code(), StatusCode::FAILED_PRECONDITION);
  v1::ListAttachmentsRequest request;
  request.set_batch_id(1);
  v1::AttachmentPage page;
  EXPECT_EQ(List(&v1::Publish::Stub::ListAttachments, request, page).error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(PublishRpcTest, WhatAJobLeavesIsListedOrderedAndWithdrawn) {
  const int64_t job = BuildOne(OneRelease());
  const std::vector<v1::Publication> all = Publications();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].state(), v1::PUBLICATION_STATE_PENDING);
  EXPECT_EQ(all[0].module(), "example.com/m");
  EXPECT_EQ(all[0].program(), "m");
  EXPECT_EQ(all[0].target(), v1::TARGET_X86_64);
  EXPECT_EQ(all[0].job_id(), job);
  EXPECT_TRUE(all[0].has_next_try_at());
  v1::ListPublicationsRequest other;
  other.set_module("example.com/n");
  EXPECT_THAT(Publications(other), IsEmpty());
  v1::ListPublicationsRequest parked;
  parked.add_states(v1::PUBLICATION_STATE_PARKED);
  EXPECT_THAT(Publications(parked), IsEmpty());
  v1::PublishStatus status = GetStatus();
  ASSERT_EQ(status.destinations_size(), 1);
  EXPECT_EQ(status.destinations(0).name(), "index");
  EXPECT_EQ(status.destinations(0).pending(), 1);
  EXPECT_TRUE(status.destinations(0).configured());

  Sql("UPDATE publications SET state = 3, failure_class = 'refused', detail = 'no room'");
  int64_t ordered = 0;
  EXPECT_EQ(GetStatus().destinations(0).parked(), 1);
  EXPECT_TRUE(Retry({all[0].id()}, false, false, &ordered).ok());
  EXPECT_EQ(ordered, 1);
  EXPECT_EQ(Publications()[0].state(), v1::PUBLICATION_STATE_PENDING);
  EXPECT_TRUE(Retry({}, true, false, &ordered).ok());
  EXPECT_EQ(ordered, 0) << "nothing failed any more";

  int64_t releases = 0;
  EXPECT_TRUE(Withdraw("example.com/m", "v1.0.0", "the author asks for it", &releases).ok());
  EXPECT_EQ(releases, 1);
  EXPECT_TRUE(Publications()[0].withdraw());
  v1::WithdrawalPage withdrawn;
  EXPECT_TRUE(List(&v1::Publish::Stub::ListWithdrawals, v1::ListWithdrawalsRequest(), withdrawn).ok());
  ASSERT_EQ(withdrawn.withdrawals_size(), 1);
  EXPECT_EQ(withdrawn.withdrawals(0).version(), "v1.0.0");
  EXPECT_EQ(withdrawn.withdrawals(0).reason(), "the author asks for it");
}

TEST_F(PublishRpcTest, ANewDestinationIsOrderedAllThatStandsHoweverMuchItIs) {
  BuildOne(OneRelease());
  constexpr int kAll = 2 * store::kEnrolledAtOnce + 2;
  Sql(
      Cat("INSERT INTO releases (module, version, import_path, target, token, facts) SELECT module || n, version, "
          "import_path, target, token, facts FROM releases CROSS JOIN generate_series(2, ",
          kAll, ") AS n"));
  // Only the new destination is looked at here.
  Sql("INSERT INTO publications (release_id, destination, token, state) SELECT id, 'index', token, 5 FROM releases "
      "ON CONFLICT DO NOTHING");
  config_.folders = {dir_ + "/www"};
  Serve();
  ASSERT_TRUE(service_->store().Pause(Scope::For(absl::Seconds(20)), config_.folders[0], true, "it is counted").ok());
  const auto pending = [this]() -> int64_t {
    const v1::PublishStatus status = GetStatus();
    for (const v1::DestinationStatus& row : status.destinations()) {
      if (row.name() == config_.folders[0]) return row.pending();
    }
    return -1;
  };
  EXPECT_EQ(pending(), store::kEnrolledAtOnce) << "no start waits for all of it";
  service_->Start();
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (pending() < kAll && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(pending(), kAll);
  service_->Stop();
}

TEST_F(PublishRpcTest, ARebuildIsMadeWithColdCachesByTheOnlyWorkerAndTheSameBytesPublishNothing) {
  const int64_t first = BuildOne(OneRelease());
  v1::RebuildRequest request;
  request.set_module("example.com/m");
  v1::RebuildReply reply;
  const grpc::Status ordered = Rebuild(request, reply);
  ASSERT_TRUE(ordered.ok()) << ordered.error_message();
  EXPECT_EQ(reply.ordered(), 1);
  EXPECT_EQ(queued_, 1u) << "the dispatcher is told";
  EXPECT_EQ(GetStatus().rebuilding(), 1);
  v1::RebuildReply again;
  ASSERT_TRUE(Rebuild(request, again).ok());
  EXPECT_EQ(again.ordered(), 0);
  EXPECT_EQ(again.running(), 1);

  const v1::Offer offer = MakeRebuild(FirstBytes());
  EXPECT_TRUE(offer.cold_caches());
  EXPECT_EQ(offer.module(), "example.com/m");
  EXPECT_NE(offer.job_id(), first);
  const v1::Job rebuild = GetJob(offer.job_id()), before = GetJob(first);
  EXPECT_EQ(rebuild.rebuild_of(), first);
  ASSERT_EQ(rebuild.rebuilds_size(), 1);
  EXPECT_TRUE(rebuild.rebuilds(0).reproduced());
  EXPECT_EQ(rebuild.rebuilds(0).worker(), "w1");
  ASSERT_EQ(before.rebuilds_size(), 1);
  EXPECT_EQ(before.rebuilds(0).job_id(), offer.job_id());
  EXPECT_TRUE(before.rebuilds(0).has_at());
  const std::vector<v1::Publication> all = Publications();
  ASSERT_THAT(all, SizeIs(1)) << "no row of its own";
  EXPECT_EQ(all[0].reproduced(), 1);
  EXPECT_EQ(all[0].differed(), 0);
  EXPECT_EQ(all[0].job_id(), first);
  const v1::PublishStatus status = GetStatus();
  EXPECT_EQ(status.reproduced(), 1);
  EXPECT_EQ(status.differing(), 0);
  EXPECT_EQ(status.rebuilding(), 0);
  v1::ListArtifactsRequest artifacts;
  const auto context = Context();
  const auto stream = farm_->ListArtifacts(context.get(), artifacts);
  v1::ArtifactPage page, rows;
  while (stream->Read(&page)) rows.MergeFrom(page);
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(rows.artifacts_size(), 1);
  EXPECT_EQ(rows.artifacts(0).job_id(), first);
}

TEST_F(PublishRpcTest, ARebuildWithOtherBytesIsADifferenceWithAReport) {
  BuildOne(OneRelease());
  v1::RebuildRequest request;
  request.add_ids(Publications()[0].id());
  v1::RebuildReply reply;
  ASSERT_TRUE(Rebuild(request, reply).ok());
  std::string bytes = FirstBytes();
  bytes.back() = 'X';
  const v1::Offer offer = MakeRebuild(bytes);
  EXPECT_EQ(GetStatus().differing(), 1);
  EXPECT_EQ(Publications()[0].differed(), 1);
  EXPECT_EQ(Publications()[0].state(), v1::PUBLICATION_STATE_PENDING) << "what stands stays";
  const v1::Job job = GetJob(offer.job_id());
  ASSERT_EQ(job.rebuilds_size(), 1);
  EXPECT_FALSE(job.rebuilds(0).reproduced());
  EXPECT_THAT(job.rebuilds(0).detail(), HasSubstr("1 of "));
  v1::ListAttachmentsRequest of_job;
  of_job.set_job_id(offer.job_id());
  v1::AttachmentPage page;
  ASSERT_TRUE(List(&v1::Publish::Stub::ListAttachments, of_job, page).ok());
  ASSERT_EQ(page.attachments_size(), 1);
  EXPECT_EQ(page.attachments(0).name(), "m.diff.txt");
  EXPECT_EQ(page.attachments(0).kind(), "diff");
}

TEST_F(PublishRpcTest, ARebuildOfAWorkerThatDoesNotKnowColdCachesSaysNothing) {
  BuildOne(OneRelease());
  v1::RebuildRequest request;
  request.set_all(true);
  v1::RebuildReply reply;
  ASSERT_TRUE(Rebuild(request, reply).ok());
  const v1::Offer offer = MakeRebuild(FirstBytes() + "more", /*cold=*/false);
  EXPECT_EQ(GetJob(offer.job_id()).rebuilds_size(), 0);
  EXPECT_EQ(Publications()[0].differed(), 0);
  EXPECT_THAT(Publications(), SizeIs(1));
}

TEST_F(PublishRpcTest, RebuildsThatCannotBeOrderedAreRefused) {
  v1::RebuildReply reply;
  EXPECT_EQ(Rebuild({}, reply).error_code(), StatusCode::INVALID_ARGUMENT);
  v1::RebuildRequest request;
  request.set_all(true);
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::NOT_FOUND) << "nothing is published";
  request.set_module("example.com/m");
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::INVALID_ARGUMENT) << "two of them";
  request.set_all(false);
  request.set_module("example.com/../m");
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::INVALID_ARGUMENT);
  request.set_module("example.com/m");
  request.set_version("1.0");
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::INVALID_ARGUMENT);
  request.Clear();
  for (int i = 0; i <= rpc::kRetriedMax; ++i) request.add_ids(1);
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::INVALID_ARGUMENT);
  // By a toolset that is gone nothing is built the same way.
  BuildOne(OneRelease());
  toolsets_.clear();
  Serve();
  request.Clear();
  request.set_all(true);
  ASSERT_TRUE(Rebuild(request, reply).ok());
  EXPECT_EQ(reply.batch_id(), 0);
  EXPECT_EQ(reply.left_out(), 1);
  EXPECT_THAT(reply.why(), HasSubstr("the toolset t1 is not configured any more"));
  Serve(/*with_keys=*/false);
  EXPECT_EQ(Rebuild(request, reply).error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(PublishRpcTest, AttachmentsAreThoseOfTheJobsResultAndTheirBytesAreGivenByDigest) {
  domain::Publishing left = OneRelease();
  left.attachments.push_back(File("CHECKSUM", "checksums", "sums"));
  left.attachments.push_back(File("m", "executable", "as the job says"));
  const int64_t job = BuildOne(left);
  const std::unique_ptr<blob::Upload> upload =
      server_->blobs().BeginUpload(digest::Sha256Hex(kSbom), static_cast<int64_t>(sizeof kSbom - 1)).value();
  ASSERT_TRUE(upload->Append(kSbom).ok() && upload->Finish().ok());

  v1::ListAttachmentsRequest of_job, of_batch;
  of_job.set_job_id(job);
  of_batch.set_batch_id(GetJob(job).batch_ids(0));
  for (const v1::ListAttachmentsRequest& request : {of_job, of_batch}) {
    v1::AttachmentPage page;
    const grpc::Status status = List(&v1::Publish::Stub::ListAttachments, request, page);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(page.attachments_size(), 3);
    std::vector<std::string> names;
    for (const v1::Attachment& row : page.attachments()) {
      names.push_back(row.name());
      EXPECT_EQ(row.job_id(), job);
      EXPECT_EQ(row.module(), "example.com/m");
      EXPECT_EQ(row.version(), "v1.0.0");
      EXPECT_EQ(row.target(), v1::TARGET_X86_64);
      EXPECT_EQ(row.mode(), row.kind() == "executable" ? 0755 : 0644);
    }
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("CHECKSUM", "m", "m.cdx.json"));
  }
  v1::DownloadRequest download;
  download.set_sha256(digest::Sha256Hex(kSbom));
  const auto context = Context();
  const auto stream = farm_->Download(context.get(), download);
  std::string got;
  v1::BlobData data;
  while (stream->Read(&data)) got += data.data();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(got, kSbom);

  v1::AttachmentPage page;
  v1::ListAttachmentsRequest both = of_job;
  both.set_batch_id(1);
  for (const v1::ListAttachmentsRequest& wrong : {v1::ListAttachmentsRequest(), both}) {
    EXPECT_EQ(List(&v1::Publish::Stub::ListAttachments, wrong, page).error_code(), StatusCode::INVALID_ARGUMENT);
  }
  v1::ListAttachmentsRequest unknown;
  unknown.set_batch_id(999'999);
  EXPECT_TRUE(List(&v1::Publish::Stub::ListAttachments, unknown, page).ok());
  EXPECT_EQ(page.attachments_size(), 0);
}

TEST_F(PublishRpcTest, APausedDestinationSaysWhyUntilItGoesOn) {
  v1::PauseDestinationRequest pause;
  pause.set_destination("index");
  pause.set_reason("it moves");
  v1::PauseDestinationReply reply;
  ASSERT_TRUE(Ask(&v1::Publish::Stub::Pause, pause, reply).ok());
  EXPECT_TRUE(GetStatus().destinations(0).paused());
  EXPECT_EQ(GetStatus().destinations(0).pause_reason(), "it moves");
  v1::ResumeDestinationRequest resume;
  resume.set_destination("index");
  ASSERT_TRUE(Ask(&v1::Publish::Stub::Resume, resume, reply).ok());
  EXPECT_FALSE(GetStatus().destinations(0).paused());
  pause.set_destination("nowhere");
  EXPECT_EQ(Ask(&v1::Publish::Stub::Pause, pause, reply).error_code(), StatusCode::NOT_FOUND);
  pause.set_destination(std::string("index\0x", 7));
  EXPECT_EQ(Ask(&v1::Publish::Stub::Pause, pause, reply).error_code(), StatusCode::NOT_FOUND);
  pause.set_destination("index");
  pause.set_reason(std::string(rpc::kReasonBytesMax + 1, 'x'));
  EXPECT_EQ(Ask(&v1::Publish::Stub::Pause, pause, reply).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(PublishRpcTest, OrdersThatAreNoneAreRefused) {
  for (const auto& [module, version, reason] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"", "", "x"},
           {"example.com/../m", "", "x"},
           {std::string("example.com/m\0", 14), "", "x"},
           {kModule, "latest", "x"},
           {kModule, "1.0.0", "x"},
           {kModule, "v1.0.0", ""},
           {kModule, "v1.0.0", "two\nlines"},
           {kModule, "v1.0.0", std::string(rpc::kReasonBytesMax + 1, 'x')}}) {
    EXPECT_EQ(Withdraw(module, version, reason).error_code(), StatusCode::INVALID_ARGUMENT) << module << version;
  }
  EXPECT_EQ(Count("SELECT count(*) FROM withdrawals"), 0);
  EXPECT_TRUE(Withdraw(kModule, "v1.0.0", std::string(rpc::kReasonBytesMax, 'x')).ok());
  EXPECT_EQ(Retry({}, false, false).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Retry({1}, true, false).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Retry({}, true, true).error_code(), StatusCode::INVALID_ARGUMENT) << "all of them replaced";
  EXPECT_EQ(Retry(std::vector<int64_t>(rpc::kRetriedMax + 1, 1), false, false).error_code(),
            StatusCode::INVALID_ARGUMENT);
  for (const int state : {-1, 0, 77}) {
    v1::ListPublicationsRequest request;
    request.add_states(static_cast<v1::PublicationState>(state));
    v1::PublicationPage page;
    EXPECT_EQ(List(&v1::Publish::Stub::ListPublications, request, page).error_code(), StatusCode::INVALID_ARGUMENT);
  }
  v1::ListPublicationsRequest request;
  request.set_limit(-1);
  v1::PublicationPage page;
  EXPECT_EQ(List(&v1::Publish::Stub::ListPublications, request, page).error_code(), StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gofarm::testing
