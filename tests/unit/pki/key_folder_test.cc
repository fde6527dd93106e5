// Files that change together, through crashes at any point.
#include "common/pki/key_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/text.h"

namespace gofarm::pki {
namespace {

namespace fs = std::filesystem;

class KeyFolderTest : public ::testing::Test {
 protected:
  ~KeyFolderTest() override { fs::remove_all(folder_); }
  const std::string folder_ = Cat(::testing::TempDir(), "keys-", getpid());
};

TEST_F(KeyFolderTest, FilesChangeTogetherAndTheLastGenerationIsKept) {
  EXPECT_TRUE(absl::IsNotFound(ReadKeyFile(folder_, kKeyFile).status()));
  for (int i = 1; i <= 4; ++i) {
    ASSERT_TRUE(ReplaceFiles(folder_, {{kKeyFile, Cat("key ", i)}, {kCertificateFile, Cat("cert ", i)}}).ok());
    EXPECT_EQ(ReadKeyFile(folder_, kKeyFile).value(), Cat("key ", i));
    EXPECT_EQ(ReadKeyFile(folder_, kCertificateFile).value(), Cat("cert ", i));
  }
  EXPECT_TRUE(fs::exists(folder_ + "/3/key.pem"));
  EXPECT_FALSE(fs::exists(folder_ + "/2"));
}

TEST_F(KeyFolderTest, NobodyElseReadsThem) {
  ASSERT_TRUE(ReplaceFiles(folder_, {{kKeyFile, "key"}}).ok());
  for (const auto& [path, mode] :
       {std::pair<std::string, unsigned>{folder_, 0700}, {folder_ + "/1", 0700}, {folder_ + "/1/key.pem", 0600}}) {
    struct stat st {};
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, mode) << path;
  }
}

TEST_F(KeyFolderTest, WhatAKilledWriterLeftIsInNobodysWay) {
  ASSERT_TRUE(ReplaceFiles(folder_, {{kKeyFile, "old"}}).ok());
  fs::create_directories(folder_ + "/2");
  std::ofstream(folder_ + "/2/key.pem") << "half";
  fs::create_directory_symlink("2", folder_ + "/next");
  EXPECT_EQ(ReadKeyFile(folder_, kKeyFile).value(), "old");
  ASSERT_TRUE(ReplaceFiles(folder_, {{kKeyFile, "new"}}).ok());
  EXPECT_EQ(ReadKeyFile(folder_, kKeyFile).value(), "new");
}

}  // namespace
}  // namespace gofarm::pki
