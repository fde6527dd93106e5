#include "cli/install/verify_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/attest/checksums.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::HasSubstr;

class VerifyFileTest : public InstallFixture {
 protected:
  VerifyFileTest() {
    Write("x/hey", bytes_);
    Write("x/hey.sigstore.json", index_.Get(FakeIndex::BundlePath(bytes_)));
    const std::string sums =
        attest::ChecksumFile(
            {{.name = "hey", .sha256 = digest::Sha256Hex(bytes_), .blake3 = digest::Blake3Hex(bytes_)}})
            .value();
    Write("x/CHECKSUM", sums);
    Write("x/CHECKSUM.minisig", index_.minisign().Sign(sums, "gofarm job 4711", "signature").value());
    keys_.provenance = {
        {.keys = {{.kind = publish::kProvenanceKind, .public_key = index_.provenance_key().pem}}, .builder = kBuilder}};
    keys_.minisign = {index_.minisign().public_key()};
  }
  absl::StatusOr<Verified> Run() const {
    const absl::StatusOr<FileToVerify> file = ReadFileToVerify(Path("x/hey"));
    if (!file.ok()) return file.status();
    return Verify(*file, keys_);
  }
  void ExpectRefused(const std::string& says) const {
    const absl::Status status = Run().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(says));
  }
  TrustedKeys keys_;
};

TEST_F(VerifyFileTest, AFileThatIsAsItWasSigned) {
  const auto verified = Run();
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->name, "hey");
  EXPECT_EQ(verified->built.provenance.module, kModule);
  EXPECT_EQ(verified->list, ListState::kSigned);
  EXPECT_EQ(verified->list_comment, "gofarm job 4711");
}

TEST_F(VerifyFileTest, AFlippedByteOfAnyOfThem) {
  for (const std::string file : {"x/hey", "x/hey.sigstore.json", "x/CHECKSUM", "x/CHECKSUM.minisig"}) {
    const std::string bytes = Read(file);
    for (const size_t at : {bytes.size() / 2, bytes.size() - 3}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1);
      Write(file, flipped);
      EXPECT_TRUE(absl::IsDataLoss(Run().status())) << file << " at " << at << ": " << Run().status();
    }
    Write(file, bytes);
    EXPECT_TRUE(Run().ok()) << file;
  }
}

TEST_F(VerifyFileTest, ProvenanceOfAnotherFileOrBuilder) {
  Write("x/hey.sigstore.json", index_.Bundle(index_.ProvenanceOf("v0.1.5", ProgramBytes(9)), index_.provenance_key()));
  ExpectRefused("other bytes");
  attest::Provenance p = index_.ProvenanceOf("v0.1.5", bytes_);
  p.builder_id = "https://elsewhere.example.com/";
  Write("x/hey.sigstore.json", index_.Bundle(p, index_.provenance_key()));
  ExpectRefused("names the builder");
  keys_.provenance[0].builder.clear();  // not known: the key's word counts
  EXPECT_TRUE(Run().ok());
}

TEST_F(VerifyFileTest, AnotherKeyIsToldApartFromChangedBytes) {
  Write("x/hey.sigstore.json", index_.Bundle(index_.ProvenanceOf("v0.1.5", bytes_), NewProvenanceKey()));
  EXPECT_TRUE(absl::IsNotFound(Run().status()));
  keys_.provenance.clear();
  EXPECT_TRUE(absl::IsFailedPrecondition(Run().status()));
}

TEST_F(VerifyFileTest, TheRightOneOfSeveralKeys) {
  keys_.provenance.insert(
      keys_.provenance.begin(),
      {.keys = {{.kind = publish::kProvenanceKind, .public_key = NewProvenanceKey().pem}}, .builder = "another"});
  EXPECT_TRUE(Run().ok());
}

TEST_F(VerifyFileTest, TheListCountsWhereItNamesTheFile) {
  keys_.minisign.clear();
  EXPECT_EQ(Run()->list, ListState::kNotChecked);
  keys_.minisign = {attest::MinisignSecretKey::Generate()->public_key()};
  ExpectRefused("CHECKSUM.minisig");
  std::filesystem::remove(Path("x/CHECKSUM.minisig"));
  EXPECT_EQ(Run()->list, ListState::kNotSigned);
  Write(
      "x/CHECKSUM",
      attest::ChecksumFile({{.name = "hey", .sha256 = std::string(64, 'a'), .blake3 = std::string(64, 'b')}}).value());
  ExpectRefused("other digests");
  Write(
      "x/CHECKSUM",
      attest::ChecksumFile({{.name = "age", .sha256 = std::string(64, 'a'), .blake3 = std::string(64, 'b')}}).value());
  EXPECT_EQ(Run()->list, ListState::kNone);
  std::filesystem::remove(Path("x/CHECKSUM"));
  EXPECT_EQ(Run()->list, ListState::kNone);
}

TEST_F(VerifyFileTest, WhatIsMissingIsNotFound) {
  std::filesystem::remove(Path("x/hey.sigstore.json"));
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("hey.sigstore.json"));
  EXPECT_TRUE(absl::IsNotFound(ReadFileToVerify(Path("x/none")).status()));
}

TEST_F(VerifyFileTest, KeysAreTakenAsTextAndAsFiles) {
  const auto none = [](const std::string& path) -> absl::StatusOr<std::string> { return absl::NotFoundError(path); };
  TrustedKeys keys;
  EXPECT_TRUE(AddKey(index_.provenance_key().pem, none, keys).ok());
  EXPECT_TRUE(AddKey(index_.minisign().public_key().Line(), none, keys).ok());
  EXPECT_EQ(keys.provenance.size(), 1u);
  EXPECT_EQ(keys.minisign.size(), 1u);
  EXPECT_TRUE(
      AddKey(
          "k.pem", [&](const std::string&) -> absl::StatusOr<std::string> { return index_.provenance_key().pem; }, keys)
          .ok());
  EXPECT_EQ(keys.provenance.size(), 2u);
  for (const std::string& bad : {std::string(), std::string("k.pem"), index_.provenance_key().secret}) {
    EXPECT_TRUE(absl::IsInvalidArgument(AddKey(bad, none, keys))) << bad.substr(0, 30);
  }
}

}  // namespace
}  // namespace gofarm::install
