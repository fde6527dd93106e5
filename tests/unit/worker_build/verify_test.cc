// What a hostile build may leave in its output folder, and that nothing of it passes for an executable. A good file is
// made by gcc here, with build info as Go's linker writes it; local_runner_test has those of the real toolchain.
#include "worker/build/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "tests/unit/elf/elf_fixture.h"
#include "worker/build/attempt_folder.h"

namespace gofarm::build {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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
    return VerifyExecutable(folder_ + "/out", relative, tool_).status();
  }
  // A static program of gcc at out/bin/tool whose build info says this.
  void Program(std::string_view go_version, std::string_view module_text, std::string_view flags = kGoodFlags) {
    const std::string marked = Cat(std::string(16, 'm'), module_text, std::string(16, 'm'));
    std::string bytes = Cat("\xff Go buildinf:", std::string("\x08\x02", 2), std::string(16, '\0'));
    for (const std::string_view text : {go_version, std::string_view(marked)}) {
      size_t length = text.size();
      for (; length >= 0x80; length >>= 7) bytes += static_cast<char>(0x80 | (length & 0x7f));
      bytes += static_cast<char>(length);
      bytes += text;
    }
    std::string numbers;
    for (const char c : bytes) numbers += Cat(static_cast<int>(static_cast<unsigned char>(c)), ",");
    Write("tool.c", Cat("__attribute__((aligned(16), used, section(\".go.buildinfo\"))) unsigned char info[] = {",
                        numbers, "};\nint main(void) { return 0; }\n"));
    elf::RunShell(Cat("gcc ", flags, " -o ", folder_, "/out/bin/tool ", folder_, "/tool.c"));
  }

  static constexpr std::string_view kGoodFlags =
      "-static-pie -fPIE -s -Wl,--build-id=none -Wl,-z,relro,-z,now -Wl,-z,noexecstack";
#if defined(__x86_64__)
  static constexpr Target kHost = Target::kX86_64;
#else
  static constexpr Target kHost = Target::kAarch64;
#endif
  const ExpectedExecutable tool_{"example.com/m/tool", "tool", "example.com/m", "v1.0.0", "go1.26.8", kHost};

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

TEST_F(OutFolderTest, OfAGoodProgramEverythingIsReported) {
  Program("go1.26.8",
          "path\texample.com/m/tool\n"
          "mod\texample.com/m\tv1.0.0\th1:main=\n"
          "dep\texample.com/a\tv1.1.0\th1:aaa=\n"
          "dep\texample.com/b\tv1.2.0\n"
          "=>\texample.com/c\tv1.3.0\th1:ccc=\n");
  const auto verified = VerifyExecutable(folder_ + "/out", "bin/tool", tool_);
  ASSERT_TRUE(verified.ok()) << verified.status();
  const std::string file = folder_ + "/out/bin/tool";
  EXPECT_EQ(verified->file, file);
  const Executable& executable = verified->executable;
  EXPECT_EQ(executable.name, "tool");
  EXPECT_EQ(executable.import_path, "example.com/m/tool");
  EXPECT_EQ(executable.main_version, "v1.0.0");
  EXPECT_EQ(executable.go_version, "go1.26.8");
  EXPECT_THAT(executable.build_info, HasSubstr("mod\texample.com/m\tv1.0.0\th1:main=\n"));
  EXPECT_EQ(executable.size, static_cast<int64_t>(fs::file_size(file)));
  const auto digests = digest::DigestFile(file);
  ASSERT_TRUE(digests.ok()) << digests.status();
  EXPECT_EQ(executable.sha256, digests->sha256);
  EXPECT_EQ(executable.blake3, digests->blake3);
  ASSERT_EQ(verified->dependencies.size(), 2u);
  EXPECT_EQ(verified->dependencies[0].path, "example.com/a");
  EXPECT_EQ(verified->dependencies[0].h1, "h1:aaa=");
  EXPECT_EQ(verified->dependencies[1].replace_path, "example.com/c");
  EXPECT_EQ(verified->dependencies[1].h1, "h1:ccc=") << "the replacement's code is what was built";
}

TEST_F(OutFolderTest, AProgramOfAnotherModuleVersionPackageOrGoSaysAllThatDiffers) {
  Program("go1.25.3", "path\texample.com/other/tool\nmod\texample.com/other\tv2.0.0\n");
  const absl::Status status = Verify("bin/tool");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(std::string(status.message()),
            "tool: build info: main module is example.com/other and not example.com/m; "
            "build info: version is v2.0.0 and not v1.0.0; "
            "build info: package is example.com/other/tool and not example.com/m/tool; "
            "build info: Go is go1.25.3 and not go1.26.8");
}

TEST_F(OutFolderTest, AProgramThatFailsTheGateInTwoWaysSaysBothAndWhatDiffersInItsBuildInfo) {
  Program("go1.26.8", "path\texample.com/m/tool\nmod\texample.com/m\t\n",
          "-static-pie -fPIE -Wl,--build-id=sha1 -Wl,-z,relro,-z,now -Wl,-z,noexecstack");
  EXPECT_EQ(std::string(Verify("bin/tool").message()),
            "tool: is not stripped (has a symbol table); has a GNU build id, which differs between equal builds; "
            "build info: version is not stated and not v1.0.0");
}

TEST_F(OutFolderTest, AProgramThatIsNoneOfGosSaysSo) {
  elf::RunShell(Cat("echo 'int main(void) { return 0; }' | gcc ", kGoodFlags, " -o ", folder_, "/out/bin/tool -xc -"));
  const absl::Status status = Verify("bin/tool");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("it is no Go program"), Not(HasSubstr("; "))));
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
