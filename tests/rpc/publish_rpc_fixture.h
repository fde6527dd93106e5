// A coordinator whose Publish service is the real one: keys in a folder, a real database, an index on the disk.
#pragma once

#include <gmock/gmock.h>
#include <gofarm/v1/publish.grpc.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "common/attest/key_file.h"
#include "common/attest/minisign.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "coordinator/domain/toolset.h"
#include "coordinator/publish/publish_service.h"
#include "coordinator/rpc/publish_rpc.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/elf_maker.h"

namespace gofarm::testing {

using grpc::StatusCode;

inline constexpr char kModule[] = "example.com/hello";
inline constexpr char kSbom[] = "{\"bomFormat\":\"CycloneDX\"}\n";

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
    logs_ = blob::OpenFolderLogStore(dir_, 64 << 20).value();
    auto opened = publish::PublishService::Open(Scope::For(absl::Seconds(20)),
                                                {.config = config_,
                                                 .pool = *pool_,
                                                 .blobs = *blobs_,
                                                 .logs = *logs_,
                                                 .data_dir = dir_,
                                                 .toolsets = toolsets_,
                                                 .public_url = "http://127.0.0.1:1",
                                                 .farm_version = "test",
                                                 .elsewhere = [](auto, auto) { return false; },
                                                 .queued = [this](const auto& jobs) { queued_ += jobs.size(); }});
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
    return Rotate(request, rotated);
  }
  grpc::Status Rotate(const v1::RotateKeyRequest& request, v1::RotatedKey& rotated) {
    rotated.Clear();
    return Ask(&v1::Publish::Stub::RotateKey, request, rotated);
  }

  grpc::Status Rebuild(const v1::RebuildRequest& request, v1::RebuildReply& reply) {
    return Ask(&v1::Publish::Stub::Rebuild, request, reply);
  }
  // The only worker makes what was ordered, of these bytes; with cold caches, if it is of a release that knows them.
  v1::Offer MakeRebuild(const std::string& bytes, bool cold = true) {
    attach_ = [this](const Scope& scope, const domain::CompletedAttempt& attempt) {
      return service_->Attach(scope, attempt);
    };
    Serve();
    FakeWorker worker(*worker_);
    worker.SayHello(FakeWorker::Hello("w1"));
    worker.HearWelcome();
    worker.SayReady(1);
    const v1::Offer offer = worker.HearOffer();
    worker.SayAccept(offer.token());
    // Bytes are taken of an attempt whose Accept is stored.
    const absl::Time give_up = absl::Now() + absl::Seconds(20);
    while (GetJob(offer.job_id()).attempts_size() == 0 && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(5));
    EXPECT_TRUE(Upload(*worker_, offer.token(), digest::Sha256Hex(bytes), bytes).ok());
    v1::CompleteRequest request = Built(offer.token(), offer.job_id(), "example.com/m", bytes);
    request.mutable_facts()->set_cold_caches(cold);
    v1::CompleteReply reply;
    grpc::Status status;
    do {
      status = worker_->Complete(Context().get(), request, &reply);
    } while (status.error_code() == StatusCode::UNAVAILABLE);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return offer;
  }
  static std::string FirstBytes() { return StaticPie(Target::kX86_64, 20'000) + "program"; }

  publish::Config config_;
  // As farm_server.h builds with.
  std::vector<Toolset> toolsets_ = [] {
    Toolset toolset{.name = "t1", .go_versions = {"1.26.8"}, .zig_version = "0.15.2"};
    toolset.digest = domain::ToolsetDigest(toolset);
    return std::vector<Toolset>{toolset};
  }();
  size_t queued_ = 0;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> logs_;
  std::unique_ptr<publish::PublishService> service_;
  std::unique_ptr<v1::Publish::Stub> publish_;
};

}  // namespace gofarm::testing
