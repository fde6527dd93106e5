// What a hostile build may leave in its output folder, and that nothing of it passes for an executable. Good files are
// tried with the real toolchain in local_runner_test.
#include "worker/build/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "worker/build/attempt_folder.h"

namespace gofarm::build {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

class OutFolderTest : public testing::Test {
 protected:
  OutFolderTest() {
    std::string name = testing::TempDir() + "/verify-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) abort();
    folder_ = name;
    fs::create_directories(folder_ + "/out/bin");
  }
  ~OutFolderTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ + "/" + name) << text; }
  absl::Status Verify(const std::string& relative) {
    return VerifyExecutable(folder_ + "/out", relative,
                            {"example.com/m/tool", "tool", "example.com/m", "v1.0.0", "go1.26.8", Target::kX86_64})
        .status();
  }

  std::string folder_;
};

TEST_F(OutFolderTest, AMissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Verify("bin/tool")));
  EXPECT_FALSE(IsPlainFileBelow(folder_ + "/out", "bin/tool"));
}

TEST_F(OutFolderTest, ALinkIsNoFileWhereverItPoints) {
  fs::create_symlink("/proc/self/exe", folder_ + "/out/bin/tool");
  EXPECT_TRUE(absl::IsNotFound(Verify("bin/tool"))) << Verify("bin/tool");
  EXPECT_FALSE(IsPlainFileBelow(folder_ + "/out", "bin/tool"));
}

TEST_F(OutFolderTest, AFolderThatIsALinkIsNotEntered) {
  fs::create_directories(folder_ + "/elsewhere");
  Write("elsewhere/tool", "x");
  fs::create_directory_symlink(folder_ + "/elsewhere", folder_ + "/out/bin/linux_arm64");
  EXPECT_TRUE(absl::IsNotFound(Verify("bin/linux_arm64/tool")));
  // Control: the same file in a folder of its own is found.
  fs::remove(folder_ + "/out/bin/linux_arm64");
  fs::create_directories(folder_ + "/out/bin/linux_arm64");
  Write("out/bin/linux_arm64/tool", "x");
  EXPECT_TRUE(IsPlainFileBelow(folder_ + "/out", "bin/linux_arm64/tool"));
}

TEST_F(OutFolderTest, APipeDoesNotHoldTheWorkerUp) {
  ASSERT_EQ(mkfifo((folder_ + "/out/bin/tool").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsNotFound(Verify("bin/tool")));
}

TEST_F(OutFolderTest, AFolderIsNoProgram) {
  fs::create_directories(folder_ + "/out/bin/tool");
  EXPECT_TRUE(absl::IsNotFound(Verify("bin/tool")));
}

TEST_F(OutFolderTest, NoNameLeadsOut) {
  Write("secret", "x");
  for (const char* name : {"../secret", "bin/../../secret", "./bin/tool", "bin//tool", "/secret"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Verify(name))) << name;
  }
}

TEST_F(OutFolderTest, AnOrdinaryDynamicProgramFailsWithItsReasons) {
  fs::copy_file("/bin/sh", folder_ + "/out/bin/tool");
  const absl::Status status = Verify("bin/tool");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("interpreter"));
}

TEST_F(OutFolderTest, TextIsNoProgram) {
  Write("out/bin/tool", "#!/bin/sh\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(Verify("bin/tool")));
}

TEST_F(OutFolderTest, TheCopyOfAReadOnlySourceCanBeWrittenAndHoldsEverything) {
  fs::create_directories(folder_ + "/src/sub");
  Write("src/go.mod", "module example.com/m\n");
  Write("src/sub/own.h", "// h\n");
  fs::permissions(folder_ + "/src/go.mod", fs::perms::owner_read);
  fs::permissions(folder_ + "/src/sub", fs::perms::owner_read | fs::perms::owner_exec);
  fs::create_directories(folder_ + "/copy");
  const absl::Status copied = CopySource(Scope{}, folder_ + "/src", folder_ + "/copy");
  fs::permissions(folder_ + "/src/sub", fs::perms::owner_all);
  ASSERT_TRUE(copied.ok()) << copied;
  struct stat info = {};
  ASSERT_EQ(stat((folder_ + "/copy/go.mod").c_str(), &info), 0);
  EXPECT_TRUE(info.st_mode & S_IWUSR);
  FileNames names;
  EXPECT_TRUE(names.HasBelow(folder_ + "/copy", "sub/own.h"));
  EXPECT_TRUE(names.HasBelow(folder_ + "/copy", "own.h"));
  EXPECT_FALSE(names.HasBelow(folder_ + "/copy", "pcap.h"));
  EXPECT_FALSE(names.HasBelow(folder_ + "/copy", "sub/"));
  EXPECT_FALSE(names.HasBelow(folder_ + "/nowhere", "own.h"));
}

TEST_F(OutFolderTest, ASourceWithALinkIsNotCopied) {
  fs::create_directories(folder_ + "/src");
  fs::create_symlink("/etc/passwd", folder_ + "/src/passwd");
  fs::create_directories(folder_ + "/copy");
  EXPECT_TRUE(absl::IsInvalidArgument(CopySource(Scope{}, folder_ + "/src", folder_ + "/copy")));
}

TEST_F(OutFolderTest, AnAttemptsFolderIsPrivateAndGoesWithIt) {
  std::string path;
  {
    const auto attempt = AttemptFolder::Make(folder_, AttemptToken{42});
    ASSERT_TRUE(attempt.ok()) << attempt.status();
    path = (*attempt)->path();
    EXPECT_THAT(path, HasSubstr("/attempts/42-"));
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    ASSERT_TRUE((*attempt)->MakeInside("out").ok());
    EXPECT_FALSE((*attempt)->MakeInside("out").ok()) << "a folder of an earlier try would be used again";
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace gofarm::build
