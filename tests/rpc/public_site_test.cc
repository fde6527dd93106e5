// What everybody may read, by the listener that serves nothing else: on real stores, spoken to with bytes written by
// hand.
#include "coordinator/public_site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/http/http_server.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/publish_service.h"
#include "coordinator/publish/stored_file.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/elf_maker.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::testing {
namespace {

using coordinator::kExpandingMax;
using coordinator::SiteParts;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kUrl[] = "https://bins.example.com";
constexpr char kEvil[] = "evil.example\"><script>";

class PublicSiteTest : public RpcTest {
 protected:
  void SetUp() override {
    RpcTest::SetUp();
    config_.keys_dir = dir_ + "/farm-keys";
    config_.make_keys = true;
    config_.public_url = kUrl;
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
    attach_ = [this](const Scope&, const domain::CompletedAttempt&) -> absl::StatusOr<domain::Publishing> {
      GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const publish::Keys> keys, service_->CurrentKeys());
      GOFARM_ASSIGN_OR_RETURN(const std::string signature, keys->minisign().Sign("sums", "of a test", "signature"));
      domain::Attachment file{.name = publish::kChecksumSignatureFile, .kind = "signature"};
      GOFARM_RETURN_IF_ERROR(publish::StoreFile(*blobs_, signature, file));
      return domain::Publishing{
          .attachments = {file},
          .releases = {{.import_path = "example.com/m", .facts = {.program = "m", .licences = {"MIT"}}}},
          .destinations = {"index"}};
    };
    Restart();
    site_ = http::HttpServer::Start("127.0.0.1:0", Routes(), {.for_everybody = true, .limits = http::kPublicLimits})
                .value();
    BuildOne();
  }
  void TearDown() override {
    site_.reset();
    if (service_ != nullptr) service_->Stop();
    server_.reset();
    service_.reset();
    RpcTest::TearDown();
  }
  http::Router Routes() {
    http::Router router;
    coordinator::AddSite(router, [this](const std::function<http::Response(const SiteParts&)>& answer) {
      return answer({.publishing = *service_, .blobs = *blobs_, .logs = *logs_});
    });
    return router;
  }
  void BuildOne() {
    FakeWorker worker(*worker_);
    const v1::Offer offer = RunningOffer(worker);
    ASSERT_TRUE(Upload(*worker_, offer.token(), sha256_, program_).ok());
    v1::CompleteReply reply;
    grpc::Status status;
    do {
      status =
          worker_->Complete(Context().get(), Built(offer.token(), offer.job_id(), "example.com/m", program_), &reply);
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
    token_ = offer.token();
  }
  std::string Ask(const std::string& path, const std::string& fields = "") const {
    return http::Say(site_->port(), Cat("GET ", path, " HTTP/1.1\r\nConnection: close\r\n",
                                        fields.empty() ? "Host: bins.example.com\r\n" : fields, "\r\n"));
  }

  const std::string program_ = StaticPie(Target::kX86_64, 3'000'000) + "program";
  const std::string sha256_ = digest::Sha256Hex(program_);
  int64_t token_ = 0;
  publish::Config config_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> logs_;
  std::unique_ptr<publish::PublishService> service_;
  std::unique_ptr<http::HttpServer> site_;
};

TEST_F(PublicSiteTest, PublishedBytesAreGivenByDigestWholeInPartsAndToWhoHasThem) {
  const std::string path = Cat("/blobs/sha256/", sha256_);
  const std::string whole = Ask(path);
  EXPECT_THAT(whole.substr(0, 500), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(Cat("ETag: \"", sha256_, "\"")),
                                          HasSubstr("immutable"), HasSubstr("nosniff")));
  EXPECT_TRUE(whole.substr(whole.find("\r\n\r\n") + 4) == program_);
  const std::string part = Ask(path, "Host: x\r\nRange: bytes=2000000-\r\n");
  EXPECT_THAT(part.substr(0, 500), StartsWith("HTTP/1.1 206"));
  EXPECT_TRUE(part.substr(part.find("\r\n\r\n") + 4) == program_.substr(2'000'000));
  EXPECT_THAT(Ask(path, Cat("Host: x\r\nIf-None-Match: \"", sha256_, "\"\r\n")), StartsWith("HTTP/1.1 304"));
}

TEST_F(PublicSiteTest, NothingElseOfTheCoordinatorIsThere) {
  const std::string unknown = Ask("/nowhere");
  EXPECT_THAT(unknown, AllOf(StartsWith("HTTP/1.1 404"), Not(HasSubstr("/metrics"))));
  for (const char* path : {"/metrics", "/healthz", "/readyz", "/", "/jobs/1", "/batches/1", "/keys"}) {
    EXPECT_EQ(Ask(path), unknown) << path << ": like any path that there is not";
  }
  EXPECT_THAT(Ask(Cat("/logs/", token_)), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask(Cat("/logs/", token_ + 1)), StartsWith("HTTP/1.1 404")) << "a build of which nothing is published";
  EXPECT_THAT(Ask(Cat("/blobs/sha256/", digest::Sha256Hex("another"))), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("/index/..%2fkeys"), StartsWith("HTTP/1.1 400"));
}

TEST_F(PublicSiteTest, WhatARequestCallsThisHostStandsNowhere) {
  const std::string hostile = Cat("Host: ", kEvil, "\r\nX-Forwarded-Host: ", kEvil, "\r\nForwarded: host=", kEvil,
                                  "\r\nX-Forwarded-Proto: ", kEvil, "\r\n");
  for (const char* const path : {"/i/example.com/m", "/p/example.com/m", "/i/example.com/none", "/p/example.com/none",
                                 "/nowhere", "/index/none"}) {
    const std::string answer = Ask(path, hostile);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 "), Not(HasSubstr("evil")))) << path;
    const auto body = [](const std::string& text) { return text.substr(text.find("\r\n\r\n")); };
    EXPECT_EQ(body(answer), body(Ask(path))) << path;
  }
  EXPECT_THAT(Ask("/i/example.com/m", hostile),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(Cat(kUrl, "/blobs/sha256/", sha256_))));
  EXPECT_THAT(Ask("/p/example.com/m", hostile), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(Cat(kUrl, "/i/"))));
  EXPECT_THAT(Ask("/p/example.com/m", Cat(hostile, "Accept: application/json\r\n")),
              AllOf(HasSubstr("application/json"), HasSubstr(kUrl), Not(HasSubstr("evil"))));
}

TEST_F(PublicSiteTest, AnInstallScriptOffersTheKeyThatSignedItsProgramAlsoWhenThatHasEnded) {
  const auto line = [&] { return service_->CurrentKeys().value()->minisign().public_key().Line(); };
  // Of the target, behind what holds for all of them.
  const auto offers = [](const std::string& key) { return HasSubstr(Cat("\n      offered_key='", key, "'\n")); };
  const std::string old = line();
  EXPECT_THAT(Ask("/i/example.com/m"), offers(old));
  const Scope scope = Scope::For(absl::Seconds(20));
  ASSERT_TRUE(service_->AnnounceMinisign(scope, absl::Hours(48)).ok());
  const auto finished = service_->FinishMinisign(scope, true);
  ASSERT_TRUE(finished.ok()) << finished.status();
  ASSERT_NE(line(), old);
  EXPECT_THAT(Ask("/i/example.com/m"), AllOf(StartsWith("HTTP/1.1 200"), offers(old), Not(offers(line()))));
}

TEST_F(PublicSiteTest, UnpackedFilesOfTheIndexAreGivenToSoManyAtATime) {
  service_->Start();
  const std::string path = "/index/x86_64-Linux.json";
  for (const absl::Time end = SteadyNow() + absl::Seconds(60); SteadyNow() < end;
       absl::SleepFor(absl::Milliseconds(50))) {
    if (absl::StartsWith(Ask(path), "HTTP/1.1 200")) break;
  }
  EXPECT_THAT(Ask(path), AllOf(HasSubstr("application/json"), HasSubstr(kUrl)));
  const http::Router router = Routes();
  const auto ask = [&] {
    const http::Router::Match match = router.Find("GET", path);
    return (*match.handler)(match.request);
  };
  std::vector<http::Response> under_way;
  for (int i = 0; i < kExpandingMax; ++i) {
    under_way.push_back(ask());
    ASSERT_EQ(under_way.back().status, 200) << under_way.back().body;
  }
  EXPECT_EQ(ask().status, 503);
  EXPECT_THAT(ask().body, HasSubstr(".json.zst"));
  EXPECT_THAT(Ask(Cat(path, ".zst")), StartsWith("HTTP/1.1 200"));
  under_way.pop_back();
  EXPECT_EQ(ask().status, 200);
}

}  // namespace
}  // namespace gofarm::testing
