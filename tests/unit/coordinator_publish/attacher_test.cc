// What stands beside the executables of an attempt, made of its report: the sources, and what the program answers.
#include "coordinator/publish/attacher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/attest/checksums.h"
#include "common/attest/dsse.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/scratch_folder.h"
#include "common/licences/corpus.h"
#include "coordinator/publish/file_names.h"
#include "tests/unit/attest/example.h"

namespace gofarm::publish {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kUrl[] = "https://bins.example.com";
constexpr char kSource[] = "hey-v0.1.5.src.tar.zst";

licences::Policy AnyLicence() {
  licences::Policy policy;
  policy.refuse.erase("unknown");
  policy.publish.insert("unknown");
  return policy;
}

class AttacherTest : public ::testing::Test {
 protected:
  AttacherTest() {
    static_cast<AttemptReport&>(attempt_) = attest::HeyReport();
    attempt_.token = AttemptToken{77};
    attempt_.job = JobId{4711};
  }

  std::string Keep(std::string_view bytes) {
    const std::string sha256 = digest::Sha256Hex(bytes);
    const auto upload = blobs_->BeginUpload(sha256, static_cast<int64_t>(bytes.size())).value();
    if (upload != nullptr) {
      EXPECT_TRUE(upload->Append(bytes).ok());
      EXPECT_TRUE(upload->Finish().ok());
    }
    return sha256;
  }
  std::string Bytes(const domain::Publishing& made, std::string_view name) {
    for (const domain::Attachment& a : made.attachments) {
      if (a.name == name) return blobs_->Open(a.sha256, 0).value()->Read(blob::kReadBytesMax).value();
    }
    return Cat("no attachment ", name);
  }
  // With its sources, when they are there.
  void HaveSources(std::string_view bytes) {
    attempt_.facts.source_sha256 = Keep(bytes);
    attempt_.facts.source_size = static_cast<int64_t>(bytes.size());
  }

  absl::StatusOr<domain::Publishing> Attach() {
    const attest::BuildContext context = attest::HeyContext();
    Attacher attacher({.keys = Keys::LoadOrMake(folder_.path() + "/keys").value(),
                       .blobs = *blobs_,
                       .detector = [this]() -> const licences::Detector& { return detector_; },
                       .licences = AnyLicence(),
                       .toolsets = {{.name = "tools", .archives = context.archives}},
                       .publisher = {},
                       .builder_id = attest::kBuilder,
                       .farm_version = "v0.5.1",
                       .public_url = kUrl,
                       .destinations = {"index"},
                       .rules = {},
                       .now = [] { return attest::kStarted + absl::Seconds(95); }});
    domain::BuildFacts facts;
    facts.module = "github.com/rakyll/hey";
    facts.version = "v0.1.5";
    facts.toolset = "tools";
    facts.worker_arch = "x86_64";
    facts.started_at = attest::kStarted;
    return attacher.Attach({}, attempt_, facts);
  }
  std::string Statement(const domain::Publishing& made) {
    const auto envelope = attest::ParseBundle(Bytes(made, "hey.sigstore.json"));
    EXPECT_TRUE(envelope.ok()) << envelope.status();
    return envelope.ok() ? envelope->payload : "";
  }

  const io::ScratchFolder folder_ = *io::ScratchFolder::Make("/tmp", "attacher");
  const std::unique_ptr<blob::BlobStore> blobs_ = blob::OpenFolderBlobStore(folder_.path()).value();
  const licences::Detector detector_{licences::Corpus::Spdx()};
  domain::CompletedAttempt attempt_;
};

TEST_F(AttacherTest, TheSourcesStandBesideTheProgramsOnceAndInTheirProvenance) {
  HaveSources("packed sources");
  attempt_.facts.module_zip_sha256 = attest::DigestNumber(42);
  const absl::StatusOr<domain::Publishing> made = Attach();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->releases, SizeIs(1));
  std::vector<domain::Attachment> sources;
  std::copy_if(made->attachments.begin(), made->attachments.end(), std::back_inserter(sources),
               [](const domain::Attachment& a) { return a.kind == "source"; });
  ASSERT_THAT(sources, SizeIs(1));
  EXPECT_EQ(sources[0], (domain::Attachment{.name = kSource,
                                            .import_path = "",
                                            .kind = "source",
                                            .size = 14,
                                            .sha256 = digest::Sha256Hex("packed sources"),
                                            .blake3 = digest::Blake3Hex("packed sources")}));
  const std::string statement = Statement(*made);
  EXPECT_THAT(statement, HasSubstr("srcbuild"));
  EXPECT_THAT(statement, HasSubstr(sources[0].sha256));
  EXPECT_THAT(statement, HasSubstr(attest::DigestNumber(42)));
  EXPECT_THAT(Bytes(*made, "hey.json"), HasSubstr(Cat(kUrl, "/files/77/", kSource)));
  const auto sums = attest::ParseChecksums(Bytes(*made, kChecksumFile));
  ASSERT_TRUE(sums.ok()) << sums.status();
  EXPECT_THAT(*sums, Contains(attest::FileSums{kSource, sources[0].sha256, sources[0].blake3}));
}

TEST_F(AttacherTest, AReportOfAnOlderWorkerIsPublishedWithoutThem) {
  const absl::StatusOr<domain::Publishing> made = Attach();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->releases, SizeIs(1));
  EXPECT_EQ(made->releases[0].facts.version_text, "");
  EXPECT_THAT(Statement(*made), Not(HasSubstr("srcbuild")));
  EXPECT_THAT(Bytes(*made, "hey.json"), HasSubstr("\"help\": \"\""));
  for (const domain::Attachment& a : made->attachments) EXPECT_NE(a.kind, "source");
}

TEST_F(AttacherTest, WhatTheProgramAnswersStandsInItsRecordAndItsVersionInTheRelease) {
  attempt_.executables[0].version_text = "hey v0.1.5\nbuilt by somebody";
  attempt_.executables[0].help_text = "Usage: hey <url>";
  const absl::StatusOr<domain::Publishing> made = Attach();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_THAT(made->releases, SizeIs(1));
  EXPECT_EQ(made->releases[0].facts.version_text, "hey v0.1.5");
  const RecordTexts texts = TextsOfRecord(Bytes(*made, "hey.json"));
  EXPECT_EQ(texts.version_output, "hey v0.1.5\nbuilt by somebody");
  EXPECT_EQ(texts.help, "Usage: hey <url>");
}

TEST_F(AttacherTest, TextsThatWereLeftOutKeepNothingFromBeingPublished) {
  attempt_.omitted = {{.part = ReportPart::kProgramTexts, .items = 1}};
  EXPECT_THAT(Attach()->releases, SizeIs(1));
  attempt_.omitted = {{.part = ReportPart::kDependencies, .items = 1}};
  EXPECT_THAT(Attach()->releases, SizeIs(0));
}

}  // namespace
}  // namespace gofarm::publish
