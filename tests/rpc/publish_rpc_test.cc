// The Publish service on the coordinator's real one: keys in a folder, a real database, an index on the disk.
#include "coordinator/rpc/publish_rpc.h"

#include <gmock/gmock.h>
#include <gofarm/v1/publish.grpc.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "common/attest/key_file.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "coordinator/publish/publish_service.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/elf_maker.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kModule[] = "example.com/hello";
constexpr char kSbom[] = "{\"bomFormat\":\"CycloneDX\"}\n";

class PublishRpcTest : public RpcTest {
 protected:
  void SetUp() override {
    RpcTest::SetUp();
    Serve();
  }
  void TearDown() override {
    publish_.reset();
    server_.reset();
    service_.reset();
    RpcTest::TearDown();
  }
  // As a coordinator that starts: with the keys of its folder, or without any.
  void Serve(bool with_keys = true) {
    server_.reset();
    service_.reset();
    config_.keys_dir = with_keys ? Keys() : dir_ + "/none";
    config_.make_keys = with_keys;
    blobs_ = blob::OpenFolderBlobStore(dir_).value();
    logs_ = blob::OpenFolderLogStore(dir_, 1 << 20).value();
    auto opened = publish::PublishService::Open(Scope::For(absl::Seconds(20)), {.config = config_,
                                                                                .pool = *pool_,
                                                                                .blobs = *blobs_,
                                                                                .logs = *logs_,
                                                                                .data_dir = dir_,
                                                                                .public_url = "http://127.0.0.1:1",
                                                                                .farm_version = "test"});
    ASSERT_TRUE(opened.ok()) << opened.status();
    service_ = *std::move(opened);
    adjust_ = [this](rpc::ServerParts& parts) { parts.publishing = service_.get(); };
    Restart();
    publish_ = v1::Publish::NewStub(channel_);
  }
  std::string Keys() const { return dir_ + "/farm-keys"; }
  std::string KeyFile() const { return Keys() + "/" + attest::kProvenanceKeyFile; }

  // A job that ended with one program, and what `publishing` leaves beside it.
  int64_t BuildOne(domain::Publishing publishing) {
    attach_ = [publishing](const Scope&, const domain::CompletedAttempt&) { return publishing; };
    Serve();
    FakeWorker worker(*worker_);
    const v1::Offer offer = RunningOffer(worker);
    const std::string bytes = StaticPie(Target::kX86_64, 20'000) + "program";
    EXPECT_TRUE(Upload(*worker_, offer.token(), digest::Sha256Hex(bytes), bytes).ok());
    v1::CompleteReply reply;
    const v1::CompleteRequest request = Built(offer.token(), offer.job_id(), "example.com/m", bytes);
    grpc::Status status;
    do {
      status = worker_->Complete(Context().get(), request, &reply);
    } while (status.error_code() == StatusCode::UNAVAILABLE);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return offer.job_id();
  }
  static domain::Attachment File(const std::string& name, const std::string& kind, const std::string& bytes) {
    return {.name = name,
            .import_path = "example.com/m",
            .kind = kind,
            .size = static_cast<int64_t>(bytes.size()),
            .sha256 = digest::Sha256Hex(bytes),
            .blake3 = digest::Blake3Hex(bytes)};
  }
  domain::Publishing OneRelease() {
    return {.attachments = {File("m.cdx.json", "sbom", kSbom)},
            .releases = {{.import_path = "example.com/m", .facts = {.program = "m", .licences = {"MIT"}}}},
            .destinations = {"index"}};
  }

  template <typename Request, typename Reply>
  grpc::Status Ask(grpc::Status (v1::Publish::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                   const Request& request, Reply& reply) {
    return ((*publish_).*method)(Context().get(), request, &reply);
  }
  template <typename Request, typename Page>
  grpc::Status List(std::unique_ptr<grpc::ClientReader<Page>> (v1::Publish::Stub::*method)(grpc::ClientContext*,
                                                                                           const Request&),
                    const Request& request, Page& all) {
    const auto context = Context();
    const auto stream = ((*publish_).*method)(context.get(), request);
    Page page;
    while (stream->Read(&page)) all.MergeFrom(page);
    return stream->Finish();
  }
  v1::PublishKeys GetKeys() {
    v1::PublishKeys keys;
    const grpc::Status status = Ask(&v1::Publish::Stub::GetKeys, v1::GetKeysRequest(), keys);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return keys;
  }
  v1::PublishStatus GetStatus() {
    v1::PublishStatus got;
    const grpc::Status status = Ask(&v1::Publish::Stub::GetStatus, v1::PublishStatusRequest(), got);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return got;
  }
  std::vector<v1::Publication> Publications(const v1::ListPublicationsRequest& request = {}) {
    v1::PublicationPage page;
    const grpc::Status status = List(&v1::Publish::Stub::ListPublications, request, page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {page.publications().begin(), page.publications().end()};
  }
  grpc::Status Withdraw(const std::string& module, const std::string& version, const std::string& reason,
                        int64_t* releases = nullptr) {
    v1::WithdrawRequest request;
    request.set_module(module);
    request.set_version(version);
    request.set_reason(reason);
    v1::WithdrawReply reply;
    const grpc::Status status = Ask(&v1::Publish::Stub::Withdraw, request, reply);
    if (releases != nullptr) *releases = reply.releases();
    return status;
  }
  grpc::Status Retry(const std::vector<int64_t>& ids, bool all, bool replace, int64_t* ordered = nullptr) {
    v1::RetryPublicationsRequest request;
    request.mutable_ids()->Add(ids.begin(), ids.end());
    request.set_all(all);
    request.set_replace(replace);
    v1::RetryPublicationsReply reply;
    const grpc::Status status = Ask(&v1::Publish::Stub::Retry, request, reply);
    if (ordered != nullptr) *ordered = reply.ordered();
    return status;
  }
  grpc::Status RotateKey(const std::string& kind, v1::RotatedKey& rotated) {
    v1::RotateKeyRequest request;
    request.set_kind(kind);
    return Ask(&v1::Publish::Stub::RotateKey, request, rotated);
  }

  publish::Config config_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> logs_;
  std::unique_ptr<publish::PublishService> service_;
  std::unique_ptr<v1::Publish::Stub> publish_;
};

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

TEST_F(PublishRpcTest, ANewProvenanceKeySignsAndTheOldOneStaysKnown) {
  const std::string old = GetKeys().keys(1).public_key();
  v1::RotatedKey rotated;
  const grpc::Status status = RotateKey("provenance", rotated);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NE(rotated.key().public_key(), old);
  EXPECT_FALSE(rotated.key().has_until());
  EXPECT_EQ(rotated.file(), KeyFile());
  EXPECT_EQ(pki::P256PublicKeyPem(attest::LoadKeyFile(rotated.file()).value()).value(), rotated.key().public_key());
  EXPECT_EQ(pki::P256PublicKeyPem(attest::LoadKeyFile(rotated.old_file()).value()).value(), old);
  EXPECT_EQ(service_->CurrentKeys().value()->provenance_public(), rotated.key().public_key());
  const auto keys_are_these = [&] {
    const v1::PublishKeys keys = GetKeys();
    ASSERT_EQ(keys.keys_size(), 3);
    EXPECT_FALSE(keys.keys(0).has_until()) << "minisign";
    EXPECT_EQ(keys.keys(1).public_key(), old);
    EXPECT_TRUE(keys.keys(1).has_until());
    EXPECT_EQ(keys.keys(2).public_key(), rotated.key().public_key());
    EXPECT_FALSE(keys.keys(2).has_until());
  };
  keys_are_these();
  Serve();  // a restart changes nothing
  keys_are_these();
  EXPECT_EQ(service_->CurrentKeys().value()->provenance_public(), rotated.key().public_key());
}

TEST_F(PublishRpcTest, AKeyThatMustNotChangeDoesNot) {
  v1::RotatedKey rotated;
  const grpc::Status minisign = RotateKey("minisign", rotated);
  EXPECT_EQ(minisign.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(minisign.error_message(), HasSubstr("Announce the new key first"));
  EXPECT_EQ(RotateKey("pgp", rotated).error_code(), StatusCode::INVALID_ARGUMENT);
  // Somebody put another file there: nobody knows which of the two shall be the old one.
  ASSERT_EQ(::unlink(KeyFile().c_str()), 0);
  ASSERT_TRUE(attest::StoreKeyFile(KeyFile(), pki::NewKey().value()).ok());
  const std::string theirs = attest::LoadKeyFile(KeyFile()).value();
  const grpc::Status changed = RotateKey("provenance", rotated);
  EXPECT_EQ(changed.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(changed.error_message(), HasSubstr("was changed since"));
  EXPECT_EQ(attest::LoadKeyFile(KeyFile()).value(), theirs);
  EXPECT_EQ(GetKeys().keys_size(), 2);
}

}  // namespace
}  // namespace gofarm::testing
