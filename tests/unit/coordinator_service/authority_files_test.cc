// The folder of the farm's authorities, and what a crash in the middle of a rotation leaves.
#include "coordinator/service/authority_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/text.h"

namespace gofarm::service {
namespace {

class AuthorityFilesTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static pki::Authority NewOne() { return pki::NewAuthority("f1", absl::FromUnixSeconds(1'800'000'000)).value(); }
  const std::string folder_ = Cat(::testing::TempDir(), "authorities-", getpid());
  const pki::Authority old_ = NewOne(), new_ = NewOne(), foreign_ = NewOne();
  const std::string old_sha_ = Described({old_, std::nullopt})->authority_sha256;
  const std::string new_sha_ = Described({new_, std::nullopt})->authority_sha256;
};

TEST_F(AuthorityFilesTest, WhatIsWrittenIsReadAgain) {
  EXPECT_TRUE(absl::IsNotFound(ReadAuthorities(folder_).status()));
  ASSERT_TRUE(WriteAuthorities(folder_, {new_, old_}).ok());
  auto read = ReadAuthorities(folder_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->current.key, new_.key);
  EXPECT_EQ(read->OfServer().certificate, old_.certificate);
  EXPECT_EQ(read->Bundle(), new_.certificate + old_.certificate);
  EXPECT_EQ(Described(*read)->outgoing_sha256, old_sha_);
  ASSERT_TRUE(WriteAuthorities(folder_, {new_, std::nullopt}).ok());
  read = ReadAuthorities(folder_);
  EXPECT_FALSE(read->outgoing.has_value());
  EXPECT_EQ(read->OfServer().key, new_.key);
  std::filesystem::remove(folder_ + "/current/key.pem");
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadAuthorities(folder_).status()));
}

TEST_F(AuthorityFilesTest, TheDatabaseSaysWhatOfTheFolderCounts) {
  const auto left = [&](const FarmAuthorities& here, const std::string& current, const std::string& outgoing) {
    const auto own = Reconcile(here, Described(here).value(), {"f1", current, outgoing});
    if (!own) return std::string("none");
    const store::FarmIdentity counts = Described(*own).value();
    return Cat(counts.authority_sha256 == new_sha_ ? "new" : "old", counts.outgoing_sha256.empty()       ? ""
                                                                    : counts.outgoing_sha256 == old_sha_ ? ",old"
                                                                                                         : ",?");
  };
  EXPECT_EQ(left({old_, std::nullopt}, old_sha_, ""), "old");
  EXPECT_EQ(left({new_, old_}, new_sha_, old_sha_), "new,old");
  EXPECT_EQ(left({new_, old_}, old_sha_, ""), "old");  // killed before the database knew of the rotation
  EXPECT_EQ(left({new_, old_}, new_sha_, ""), "new");  // killed before the folder knew of its end
  // Another coordinator rotated, and its folder was not copied.
  EXPECT_EQ(left({old_, std::nullopt}, new_sha_, old_sha_), "none");
  EXPECT_EQ(left({new_, std::nullopt}, new_sha_, old_sha_), "none");
  EXPECT_EQ(left({foreign_, std::nullopt}, old_sha_, ""), "none");
  EXPECT_EQ(left({foreign_, new_}, old_sha_, ""), "none");
}

}  // namespace
}  // namespace gofarm::service
