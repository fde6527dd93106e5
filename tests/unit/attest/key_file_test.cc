#include "common/attest/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/io/scratch_folder.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() : folder_(io::ScratchFolder::Make(::testing::TempDir(), "keys").value()) {}
  std::string At(const std::string& name) const { return folder_.path() + "/" + name; }
  static int ModeOf(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 0777) : -1;
  }
  const io::ScratchFolder folder_;
};

TEST_F(KeyFileTest, WhatIsStoredIsItsOwnersAloneAndReadAgain) {
  const std::string path = At("made/below/minisign.pem");
  ASSERT_TRUE(StoreKeyFile(path, "secret").ok());
  EXPECT_EQ(ModeOf(path), 0600);
  EXPECT_EQ(ModeOf(At("made/below")), 0700);
  EXPECT_EQ(LoadKeyFile(path).value(), "secret");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(At("made/below"))) files += entry.exists() ? 1 : 0;
  EXPECT_EQ(files, 1);
}

TEST_F(KeyFileTest, AKeyIsNeverOverwritten) {
  ASSERT_TRUE(StoreKeyFile(At("k"), "first").ok());
  EXPECT_EQ(StoreKeyFile(At("k"), "second").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(LoadKeyFile(At("k")).value(), "first");
}

TEST_F(KeyFileTest, AFileThatOthersMayReadIsRefusedWithTheCommandThatHelps) {
  ASSERT_TRUE(StoreKeyFile(At("k"), "secret").ok());
  for (const mode_t mode : {0640, 0604, 0620, 0601}) {
    ASSERT_EQ(chmod(At("k").c_str(), mode), 0);
    const auto refused = LoadKeyFile(At("k"));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("chmod 600 " + At("k")));
  }
  ASSERT_EQ(chmod(At("k").c_str(), 0400), 0);
  EXPECT_TRUE(LoadKeyFile(At("k")).ok());
}

TEST_F(KeyFileTest, WhatIsNoKeyFileIsAnErrorOfItsOwn) {
  EXPECT_EQ(LoadKeyFile(At("missing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadKeyFile(folder_.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(mkfifo(At("pipe").c_str(), 0600), 0);
  EXPECT_EQ(LoadKeyFile(At("pipe")).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(StoreKeyFile(At("long"), std::string(kKeyFileBytesMax + 1, 'x')).ok());
  EXPECT_EQ(LoadKeyFile(At("long")).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gofarm::attest
