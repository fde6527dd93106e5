// Everything that lies between a farm and a program's folder, changed: nothing is installed, and the message says what
// was wrong. Each has its control in installer_test.cc, which installs from the same index unchanged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TamperingTest : public InstallFixture {
 protected:
  void ExpectRefused(const std::string& says, int64_t seen = 0) {
    const absl::Status status = InstallAddress("github.com/rakyll/hey", false, seen).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(says));
    EXPECT_THAT(Files(), IsEmpty());
  }
  static std::string Flipped(std::string bytes, size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  }
  void Rebundle(const attest::Provenance& provenance) {
    index_.Put(FakeIndex::BundlePath(bytes_), index_.Bundle(provenance, index_.provenance_key()));
  }
  publish::LookupTarget& Listed() { return index_.modules()[0].versions[0].programs[0].targets[0]; }

  const std::string shard_ = Cat("/index/", publish::ShardFile(publish::ShardOf(kModule)));
};

TEST_F(TamperingTest, OfTheShard) {
  const std::string shard = index_.Get(shard_);
  index_.Put(shard_, Flipped(shard, shard.find("v0.1.5") + 1));
  ExpectRefused("not what was signed");
}

TEST_F(TamperingTest, OfTheSignature) {
  const std::string signature = index_.Get(shard_ + ".sig");
  index_.Put(shard_ + ".sig", Flipped(signature, signature.find("RU") + 40));
  ExpectRefused("sig");
  index_.Put(shard_ + ".sig", "");
  ExpectRefused("no minisign signature");
}

TEST_F(TamperingTest, OfTheTrustedComment) {
  std::string signature = index_.Get(shard_ + ".sig");
  signature.replace(signature.find("generation=1"), 12, "generation=9");
  index_.Put(shard_ + ".sig", signature);
  ExpectRefused("trusted comment");
}

TEST_F(TamperingTest, OneSignedFileInPlaceOfAnother) {
  const std::string other = Cat("/index/", publish::ShardFile(publish::ShardOf("filippo.io/age")));
  index_.Put(shard_, index_.Get(other));
  index_.Put(shard_ + ".sig", index_.Get(other + ".sig"));
  ExpectRefused("signed as another file");
}

TEST_F(TamperingTest, AnotherKeysSignature) {
  const attest::MinisignSecretKey own = index_.minisign();
  index_.Resign(attest::MinisignSecretKey::Generate().value());
  index_.Serve(2);
  index_.Resign(own);  // what the client trusts
  ExpectRefused("signed by the minisign key");
}

TEST_F(TamperingTest, AnOlderState) {
  index_.Serve(6);
  ExpectRefused("generation 7 was seen", 7);
  index_.Serve(7);
  EXPECT_TRUE(InstallAddress("github.com/rakyll/hey", false, 7).ok());
}

TEST_F(TamperingTest, OfTheKeyList) {
  const ProvenanceKey other = NewProvenanceKey();
  std::string list = index_.Get("/index/keys.json");
  index_.Put("/index/keys.json", Cat(list, " "));
  ExpectRefused("keys.json");
}

TEST_F(TamperingTest, OfTheProgram) {
  index_.Put(FakeIndex::BlobPath(bytes_), Flipped(bytes_, 50'000));
  ExpectRefused("SHA-256");
  index_.Put(FakeIndex::BlobPath(bytes_), bytes_.substr(0, 1000));
  ExpectRefused("1000 bytes instead of");
  index_.Put(FakeIndex::BlobPath(bytes_), bytes_ + "x");
  ExpectRefused("more than");
}

TEST_F(TamperingTest, OfTheProgramAfterACut) {
  index_.Put(FakeIndex::BlobPath(bytes_), Flipped(bytes_, bytes_.size() - 1));
  index_.CutOnce(FakeIndex::BlobPath(bytes_));
  ExpectRefused("SHA-256");
}

TEST_F(TamperingTest, TheProvenanceOfAnotherModuleVersionOrTarget) {
  attest::Provenance p = index_.ProvenanceOf("v0.1.5", bytes_, "github.com/evil/hey");
  Rebundle(p);
  ExpectRefused("names the module");
  p = index_.ProvenanceOf("v0.1.4", bytes_);
  Rebundle(p);
  ExpectRefused("names the version");
  p = index_.ProvenanceOf("v0.1.5", bytes_);
  p.target = "riscv64";
  Rebundle(p);
  ExpectRefused("names the target");
}

TEST_F(TamperingTest, TheProvenanceOfOtherBytesOrAnotherBuilder) {
  Rebundle(index_.ProvenanceOf("v0.1.5", ProgramBytes(99)));
  ExpectRefused("other bytes");
  attest::Provenance p = index_.ProvenanceOf("v0.1.5", bytes_);
  p.builder_id = "https://elsewhere.example.com/builder";
  Rebundle(p);
  ExpectRefused("names the builder");
}

TEST_F(TamperingTest, ProvenanceByAKeyThatIsNotListedOrNoneAtAll) {
  index_.Put(FakeIndex::BundlePath(bytes_), index_.Bundle(index_.ProvenanceOf("v0.1.5", bytes_), NewProvenanceKey()));
  ExpectRefused("a key that is not trusted");
  index_.Put(FakeIndex::BundlePath(bytes_), "{}");
  ExpectRefused("no signed provenance");
  Listed().provenance_url.clear();
  index_.Serve(2);
  ExpectRefused("nothing signed says where it comes from");
}

TEST_F(TamperingTest, ProvenanceThatIsLaterThanItsKey) {
  publish::KeyList list{.builder = kBuilder};
  list.keys = {{.kind = publish::kProvenanceKind,
                .public_key = index_.provenance_key().pem,
                .since = absl::UnixEpoch(),
                .until = absl::FromUnixSeconds(1'700'000'000)}};
  index_.ListKeys(list);
  index_.Serve(2);
  ExpectRefused("its key signed until");
  // A retired key goes on verifying what it signed in its time.
  list.keys[0].until = absl::FromUnixSeconds(1'800'000'060);
  index_.ListKeys(list);
  index_.Serve(3);
  EXPECT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
}

TEST_F(TamperingTest, AnIndexThatNamesWhatNoFileMayBe) {
  for (const std::string name : {"../hey", ".bashrc", "a b", ""}) {
    index_.modules()[0].versions[0].programs[0].name = name;
    index_.Serve(2);
    ExpectRefused("its name is none");
  }
  index_.modules()[0].versions[0].programs[0].name = "hey";
  Listed().url = "file:///etc/passwd";
  index_.Serve(2);
  ExpectRefused("no http or https address");
  Listed().size = 0;
  Listed().url = index_.Url(FakeIndex::BlobPath(bytes_));
  index_.Serve(2);
  ExpectRefused("its size");
}

}  // namespace
}  // namespace gofarm::install
