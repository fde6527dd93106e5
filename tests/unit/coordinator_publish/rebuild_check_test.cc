// What a rebuild says of the build before: result, diff report, and the provenance that is signed once more.
#include "coordinator/publish/rebuild_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/attest/dsse.h"
#include "common/attest/provenance.h"
#include "common/attest/provenance_source.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/scratch_folder.h"
#include "coordinator/publish/stored_file.h"
#include "tests/unit/attest/example.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr AttemptToken kFirst{7}, kAgain{70};

class RebuildCheckTest : public ::testing::Test {
 protected:
  RebuildCheckTest() {
    static_cast<AttemptReport&>(attempt_) = attest::HeyReport();
    attempt_.token = kAgain;
    attempt_.job = JobId{4712};
    attempt_.facts.cold_caches = true;
    facts_.module = "github.com/rakyll/hey";
    facts_.version = "v0.1.5";
    facts_.worker = "b";
    facts_.rebuild_of = JobId{4711};
    first_sha256_ = Keep("program");
    attempt_.executables[0].sha256 = first_sha256_;
    HaveProvenance();
  }

  std::string Keep(std::string_view bytes) {
    domain::Attachment stored;
    EXPECT_TRUE(StoreFile(*blobs_, bytes, stored).ok());
    return stored.sha256;
  }
  void HaveProvenance() {
    domain::CompletedAttempt before;
    static_cast<AttemptReport&>(before) = attest::HeyReport();
    before.executables[0].sha256 = first_sha256_;
    const attest::Provenance said = attest::ProvenanceOf(before, before.executables[0], attest::HeyContext()).value();
    const attest::Envelope envelope =
        attest::SignEnvelope(keys_->provenance(), attest::kInTotoPayloadType, attest::ToStatement(said).value())
            .value();
    beside_ = {
        {.name = "cmd_hey", .import_path = "github.com/rakyll/hey", .kind = "executable", .sha256 = first_sha256_},
        {.name = "cmd_hey.sigstore.json",
         .import_path = "github.com/rakyll/hey",
         .kind = "provenance",
         .sha256 = Keep(attest::BundleJson(envelope))}};
  }
  absl::StatusOr<domain::Publishing> Check() {
    const RebuildCheckParts parts{
        .keys = keys_,
        .blobs = *blobs_,
        .first_build_of = [this](const Scope&, AttemptToken token) -> absl::StatusOr<std::vector<domain::FirstBuild>> {
          EXPECT_EQ(token, kAgain);
          if (!database_.ok()) return database_;
          return std::vector<domain::FirstBuild>{{.token = kFirst,
                                                  .job = JobId{4711},
                                                  .worker = "a",
                                                  .import_path = "github.com/rakyll/hey",
                                                  .name = "hey",
                                                  .size = 7,
                                                  .sha256 = first_sha256_}};
        },
        .attachments_of = [this](const Scope&, AttemptToken token) -> absl::StatusOr<std::vector<domain::Attachment>> {
          EXPECT_EQ(token, kFirst);
          return beside_;
        }};
    return CheckRebuild({}, parts, attempt_, facts_);
  }
  std::string Bytes(const domain::Attachment& a) {
    return blobs_->Open(a.sha256, 0).value()->Read(blob::kReadBytesMax).value();
  }
  attest::Provenance Said(const domain::Attachment& bundle) {
    const std::string key = keys_->provenance_public();
    const auto verified = attest::VerifyBundle(Bytes(bundle), {key});
    EXPECT_TRUE(verified.ok()) << verified.status();
    const auto said = attest::ParseStatement(verified.ok() ? verified->payload : "");
    EXPECT_TRUE(said.ok()) << said.status();
    return said.value_or(attest::Provenance());
  }

  const io::ScratchFolder folder_ = *io::ScratchFolder::Make("/tmp", "rebuild");
  const std::unique_ptr<blob::BlobStore> blobs_ = blob::OpenFolderBlobStore(folder_.path()).value();
  const std::shared_ptr<const Keys> keys_ = Keys::LoadOrMake(folder_.path() + "/keys").value();
  std::string first_sha256_;
  std::vector<domain::Attachment> beside_;
  domain::CompletedAttempt attempt_;
  domain::BuildFacts facts_;
  absl::Status database_;
};

TEST_F(RebuildCheckTest, TheSameBytesEarnItAndThatIsSigned) {
  const auto made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->rebuilt.of, kFirst);
  EXPECT_THAT(made->rebuilt.programs,
              ElementsAre(domain::RebuiltProgram{.import_path = "github.com/rakyll/hey", .reproduced = true}));
  EXPECT_THAT(made->releases, IsEmpty()) << "a rebuild publishes nothing";
  ASSERT_THAT(made->attachments, SizeIs(1));
  EXPECT_EQ(made->attachments[0].name, "cmd_hey.sigstore.json");
  attest::Provenance said = Said(made->attachments[0]);
  EXPECT_EQ(said.reproduced, attest::Reproduced::kTrue);
  // All else is as it was said before.
  said.reproduced = attest::Reproduced::kNotTried;
  EXPECT_EQ(said, Said(beside_[1]));
}

TEST_F(RebuildCheckTest, OtherBytesAreToldInAReportAndSignedAsADifference) {
  attempt_.executables[0].sha256 = Keep("prOgram and more");
  const auto made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->rebuilt.programs, SizeIs(1));
  EXPECT_FALSE(made->rebuilt.programs[0].reproduced);
  EXPECT_EQ(made->rebuilt.programs[0].detail, "7 bytes and 16 bytes, the first difference is at 0x2");
  EXPECT_THAT(made->releases, IsEmpty());
  ASSERT_THAT(made->attachments, SizeIs(2));
  EXPECT_EQ(made->attachments[0].name, "cmd_hey.diff.txt");
  EXPECT_EQ(made->attachments[0].kind, "diff");
  EXPECT_EQ(made->attachments[0].import_path, "github.com/rakyll/hey");
  EXPECT_THAT(Bytes(made->attachments[0]), HasSubstr("job 4711 on worker a, 7 bytes"));
  EXPECT_THAT(Bytes(made->attachments[0]), HasSubstr("job 4712 on worker b, 16 bytes"));
  const attest::Provenance said = Said(made->attachments[1]);
  EXPECT_EQ(said.reproduced, attest::Reproduced::kFalse);
  EXPECT_EQ(said.byproducts.back(), (attest::Byproduct{.name = "diff", .sha256 = made->attachments[0].sha256}));
}

TEST_F(RebuildCheckTest, AWorkerThatUsedItsCachesSaysNothing) {
  attempt_.facts.cold_caches = false;
  const auto made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->rebuilt.of);
  EXPECT_THAT(made->attachments, IsEmpty());
}

TEST_F(RebuildCheckTest, TheResultHoldsWhereNothingCanBeSignedOrCompared) {
  beside_.clear();
  auto made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->rebuilt.programs, SizeIs(1));
  EXPECT_TRUE(made->rebuilt.programs[0].reproduced);
  EXPECT_THAT(made->attachments, IsEmpty());
  ASSERT_TRUE(blobs_->Delete(first_sha256_).ok());
  attempt_.executables[0].sha256 = Keep("other");
  made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->rebuilt.programs.at(0).reproduced);
  EXPECT_THAT(made->rebuilt.programs[0].detail, HasSubstr("are gone"));
}

TEST_F(RebuildCheckTest, WhatCannotBeSignedAgainKeepsItsFirstStatementWhereItIsLookedFor) {
  beside_[1].sha256 = Keep("no bundle");
  const auto made = Check();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->rebuilt.programs.at(0).reproduced);
  EXPECT_THAT(made->attachments, ElementsAre(beside_[1]));
}

TEST_F(RebuildCheckTest, ADatabaseThatIsAwayIsWorthAnotherTry) {
  database_ = absl::UnavailableError("no answer");
  EXPECT_TRUE(absl::IsUnavailable(Check().status()));
}

}  // namespace
}  // namespace gofarm::publish
