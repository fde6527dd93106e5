// The keys of the Publish service: what is exchanged, announced and refused.
#include <map>

#include "tests/rpc/publish_rpc_fixture.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;

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

TEST_F(PublishRpcTest, AMinisignKeyIsAnnouncedAndSignsWhenTheOverlapIsOver) {
  v1::RotateKeyRequest finish;
  finish.set_kind("minisign");
  finish.set_finish(true);
  v1::RotatedKey rotated;
  EXPECT_THAT(Rotate(finish, rotated).error_message(), HasSubstr("no minisign key is announced"));
  const std::string old = GetKeys().keys(0).public_key();

  v1::RotateKeyRequest announce;
  announce.set_kind("minisign");
  announce.set_overlap_micros(1);
  EXPECT_EQ(Rotate(announce, rotated).error_code(), StatusCode::INVALID_ARGUMENT);
  announce.set_overlap_micros(absl::ToInt64Microseconds(absl::Hours(48)));
  ASSERT_TRUE(Rotate(announce, rotated).ok());
  const std::string next = rotated.key().public_key();
  EXPECT_TRUE(rotated.key().announced());
  EXPECT_NE(next, old);
  EXPECT_EQ(rotated.file(), Keys() + "/" + attest::kNextMinisignKeyFile);
  // Asked again it says the same, and so does a coordinator that starts.
  announce.set_overlap_micros(absl::ToInt64Microseconds(absl::Hours(480)));
  v1::RotatedKey again;
  ASSERT_TRUE(Rotate(announce, again).ok());
  EXPECT_EQ(again.DebugString(), rotated.DebugString());
  Serve();
  EXPECT_EQ(GetKeys().keys(0).public_key(), old);
  EXPECT_FALSE(GetKeys().keys(0).announced());
  EXPECT_EQ(GetKeys().keys(1).public_key(), next);
  EXPECT_TRUE(GetKeys().keys(1).announced());
  EXPECT_EQ(service_->CurrentKeys().value()->minisign().public_key().Line(), old);

  const grpc::Status early = Rotate(finish, rotated);
  EXPECT_EQ(early.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(early.error_message(), HasSubstr("cannot read the index any more"));
  // Another key than the announced one must not sign.
  const std::string next_file = Keys() + "/" + attest::kNextMinisignKeyFile;
  const std::string announced_pem = attest::LoadKeyFile(next_file).value();
  finish.set_force(true);
  ASSERT_EQ(::unlink(next_file.c_str()), 0);
  EXPECT_THAT(Rotate(finish, rotated).error_message(), HasSubstr("is not there; bring it from the coordinator"));
  ASSERT_TRUE(attest::StoreKeyFile(next_file, attest::MinisignSecretKey::Generate()->pem()).ok());
  EXPECT_THAT(Rotate(finish, rotated).error_message(), HasSubstr("is not the key that was announced"));
  ASSERT_EQ(::unlink(next_file.c_str()), 0);
  ASSERT_TRUE(attest::StoreKeyFile(next_file, announced_pem).ok());

  ASSERT_TRUE(Rotate(finish, rotated).ok());
  EXPECT_EQ(rotated.key().public_key(), next);
  EXPECT_FALSE(rotated.key().announced());
  const auto signs = [&] {
    EXPECT_EQ(service_->CurrentKeys().value()->minisign().public_key().Line(), next);
    const v1::PublishKeys keys = GetKeys();
    for (const v1::PublishKey& key : keys.keys()) {
      if (key.kind() == "minisign") {
        EXPECT_EQ(key.has_until(), key.public_key() == old);
      }
    }
  };
  signs();
  Serve();
  signs();
  EXPECT_EQ(attest::MinisignSecretKey::FromPem(attest::LoadKeyFile(rotated.old_file()).value())->public_key().Line(),
            old);
}

TEST_F(PublishRpcTest, AKeyThatMustNotChangeDoesNot) {
  v1::RotatedKey rotated;
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
