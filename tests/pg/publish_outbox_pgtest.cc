// The outbox on PostgreSQL: rows on their way to a registry, and what is kept of them.
#include <gmock/gmock.h>

#include <pqxx/pqxx>

#include "common/io/files.h"
#include "coordinator/publish/registry_publisher.h"
#include "coordinator/store/publish_store.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/fake_registry.h"
#include "tests/support/publish_farm.h"

namespace gofarm::testing {
namespace {

using domain::Publication;
using domain::PublicationState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kModule[] = "github.com/fortio/logc";
constexpr char kRepository[] = "farm/github/fortio/logc/logc";

class PublishOutboxTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    publish_ = std::make_unique<store::PublishStore>(*pool_);
    outbox_ = publish::MakeStoreOutbox(*publish_);
    session_ = Hello("w").session;
    name_ = fake_.url() + "/farm";
    ASSERT_TRUE(publish_->Enroll(Now(), {"index", name_}).ok());
    ASSERT_TRUE(io::MakeFolders(files_.At("scratch")).ok());
  }
  // One build with its files, as a worker reports it.
  AttemptToken Build(const std::string& module = kModule) {
    const domain::Release release = files_.Build({module, "v1.0.0", module, "logc"});
    const JobId job = OnlyJob(Submit({module}, /*force=*/true).batch.id);
    const AttemptToken token = Run(job, session_);
    domain::CompletedAttempt report = BuiltReport(token, job, {module});
    report.executables[0].size = release.size;
    report.executables[0].sha256 = release.sha256;
    report.executables[0].blake3 = release.blake3;
    report.publishing = {.attachments = files_.outbox().AttachmentsOf(Now(), release.token).value(),
                         .releases = {{.import_path = module, .facts = release.facts}},
                         .destinations = {"index", name_}};
    EXPECT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
    return token;
  }
  void Publish() {
    const oci::Destination destination = *oci::ParseDestination(name_);
    publish::FileSources sources = files_.sources();
    publish::DestinationLoop loop(
        {.name = name_,
         .outbox = *outbox_,
         .carrier = std::make_unique<publish::RegistryPublisher>(
             publish::RegistryParts{.destination = destination,
                                    .client = *oci::RegistryClient::Make(destination.registry, {.user_agent = "test"}),
                                    .sources = {.outbox = *outbox_, .blobs = sources.blobs, .logs = sources.logs},
                                    .keys = [this] { return files_.keys(); },
                                    .publisher = {.page = ""},
                                    .scratch = files_.At("scratch")}),
         .random = [] { return 0.5; }});
    const auto round = loop.RunOnce(Now());
    EXPECT_TRUE(round.ok()) << round.status();
  }
  Publication Row(const std::string& module = kModule) {
    const auto rows = publish_->Page(Now(), {.destination = name_, .module = module}, {}, 10);
    EXPECT_TRUE(rows.ok()) << rows.status();
    EXPECT_THAT(*rows, SizeIs(1));
    return rows->at(0);
  }

  FakeRegistry fake_;
  PublishFarm files_;
  std::string name_;
  SessionId session_;
  std::unique_ptr<store::PublishStore> publish_;
  std::unique_ptr<publish::Outbox> outbox_;
};

TEST_F(PublishOutboxTest, ARowFailsWaitsIsRetriedAndIsPublishedAndWithdrawn) {
  Build();
  fake_.Inject({.method = "PUT", .status = 503, .fields = "Retry-After: 900\r\n", .times = 1'000});
  Publish();
  EXPECT_EQ(Row().state, PublicationState::kFailed);
  EXPECT_EQ(Row().failure_class, "unavailable");
  EXPECT_EQ(Row().tries, 1);
  EXPECT_EQ(Count("SELECT count(*) FROM publications WHERE state = 2 AND next_try_at > now() + interval '890 seconds'"),
            1);
  fake_.Heal();
  fake_.ResetSeen();
  Publish();
  EXPECT_THAT(fake_.Seen(), IsEmpty()) << "it is not due yet";
  EXPECT_EQ(publish_->Retry(Now(), {}, false).value(), 1);
  Publish();
  ASSERT_EQ(Row().state, PublicationState::kPublished) << Row().detail;
  EXPECT_EQ(Row().digest, oci::DigestOf(fake_.ManifestOf(kRepository, "v1.0.0-x86_64-Linux")));
  fake_.ResetSeen();
  Publish();
  EXPECT_THAT(fake_.Seen(), IsEmpty());
  EXPECT_EQ(publish_->Retry(Now(), {}, false).value(), 0) << "what is published is not pushed again";

  ASSERT_EQ(publish_->Withdraw(Now(), {.module = kModule, .version = "", .reason = "malware"}, "ann").value(), 1);
  Publish();
  EXPECT_EQ(Row().state, PublicationState::kWithdrawn);
  EXPECT_EQ(Row().detail, "withdrawn: malware");
  EXPECT_EQ(fake_.ManifestOf(kRepository, "v1.0.0-x86_64-Linux"), "(none)");
}

TEST_F(PublishOutboxTest, WhatIsNotWorthARetryIsParkedAndAPausedDestinationIsLeftAlone) {
  Build();
  ASSERT_TRUE(publish_->Pause(Now(), name_, true, "it moves").ok());
  Publish();
  EXPECT_THAT(fake_.Seen(), IsEmpty());
  EXPECT_EQ(Row().state, PublicationState::kPending);
  ASSERT_TRUE(publish_->Pause(Now(), name_, false, "").ok());
  fake_.Inject({.method = "POST", .status = 403});
  Publish();
  EXPECT_EQ(Row().state, PublicationState::kParked);
  EXPECT_EQ(Row().failure_class, "forbidden");
  EXPECT_THAT(Row().detail, HasSubstr("403"));
}

TEST_F(PublishOutboxTest, WhatIsSignedOnceIsKeptWithTheFirstSignature) {
  const AttemptToken token = Build();
  Publish();
  const auto kept = publish_->AttachmentsOf(Now(), {token}).value();
  int statements = 0;
  for (const auto& [each, attachment] : kept) statements += attachment.kind == "manifest_provenance" ? 1 : 0;
  EXPECT_EQ(statements, 3) << "of the artifact, its image and the index of images";
  domain::Attachment other;
  for (const auto& [each, attachment] : kept) {
    if (attachment.kind == "manifest_provenance") other = attachment;
  }
  const std::string first = other.sha256;
  other.sha256 = std::string(64, '7');
  EXPECT_EQ(publish_->Keep(Now(), token, other).value().sha256, first);
  EXPECT_EQ(
      Count("SELECT count(*) FROM artifacts WHERE referenced AND kind = 'attachment'"),
      static_cast<int64_t>(Count("SELECT count(DISTINCT sha256) FROM attachments WHERE kind <> 'executable'")) + 1);
}

TEST_F(PublishOutboxTest, TwinsAreKnownByTheirReleases) {
  Build();
  EXPECT_FALSE(publish_->HasTwin(Now(), kModule).value());
  EXPECT_TRUE(publish_->HasTwin(Now(), "github.com/Fortio/logc").value());
  EXPECT_EQ(publish_->WhyWithdrawn(Now(), kModule, "v1.0.0").value(), "");
  EXPECT_THAT(publish_->OfProgram(Now(), name_, kModule, kModule, "", 10).value(), SizeIs(1));
  EXPECT_THAT(publish_->OfProgram(Now(), name_, kModule, kModule, "v9.0.0", 10).value(), IsEmpty());
}

}  // namespace
}  // namespace gofarm::testing
