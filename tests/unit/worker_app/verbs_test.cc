// The worker's verbs as a person calls them: the real program, exit codes, what stands on stdout and what on stderr.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "tests/support/zip_maker.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::worker {
namespace {

namespace fs = std::filesystem;
using ::gofarm::testing::MakeZip;
using ::gofarm::testing::WriteFileOrDie;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WorkerVerbsTest : public ::testing::Test {
 protected:
  WorkerVerbsTest() {
    char name[] = "/tmp/gofarm-verbs-XXXXXX";
    base_ = mkdtemp(name);
    cache_ = base_ + "/cache";
  }
  ~WorkerVerbsTest() override { EXPECT_TRUE(io::RemoveTree(base_).ok()); }

  process::CommandResult Worker(std::vector<std::string> arguments) {
    process::Command spec;
    spec.argv = std::move(arguments);
    spec.argv.insert(spec.argv.begin(), GOFARM_WORKER);
    spec.environment = {{"PATH", base_ + "/bin"}};
    auto result = process::Run(Scope::For(absl::Minutes(1)), spec);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : process::CommandResult{.exit_code = -1};
  }

  // A Go and a zig in a folder of archives, and the file that pins them. The `go` on PATH only tells its proxy.
  std::string Toolsets() {
    const std::string top = "golang.org/toolchain@v0.0.1-go9.9.9.linux-amd64/";
    const std::string go = MakeZip({{top + "bin/go", "#!go"}, {top + "src/fmt/print.go", "package fmt\n"}});
    const std::string zig = MakeZip({{"ziglang/zig", "#!zig"}, {"ziglang/lib/std/std.zig", "// std"}});
    WriteFileOrDie(base_ + "/mirror/go.zip", go);
    WriteFileOrDie(base_ + "/mirror/zig.whl", zig);
    WriteFileOrDie(base_ + "/bin/go", "#!/bin/sh\nprintf 'off\\noff\\n\\n\\n'\n");
    EXPECT_EQ(chmod((base_ + "/bin/go").c_str(), 0755), 0);
    std::string text = "[[toolset]]\nname = \"nines\"\ngo_versions = [\"9.9.9\"]\nzig_version = \"9.9.9\"\n";
    for (const auto& [kind, archive] : {std::pair{"go", go}, std::pair{"zig", zig}}) {
      text += Cat("[[toolset.archive]]\nkind = \"", kind, "\"\nversion = \"9.9.9\"\nhost_arch = \"",
                  fetch::ToolchainStore::HostArch(), "\"\nsource = \"folder\"\nlocator = \"", base_,
                  "/mirror\"\nsha256 = \"", digest::Sha256Hex(archive), "\"\n");
    }
    WriteFileOrDie(base_ + "/toolsets.toml", text);
    return base_ + "/toolsets.toml";
  }

  std::string OnlyFolder(const std::string& prefix) {
    for (const auto& entry : fs::directory_iterator(cache_ + "/toolchains")) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.rfind(prefix, 0) == 0) return entry.path().string();
    }
    ADD_FAILURE() << "no " << prefix << " in " << cache_;
    return "";
  }

  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  std::string base_, cache_;
};

TEST_F(WorkerVerbsTest, WrongUsageIsExitCode2WithAReasonAndNothingOnStdout) {
  const struct {
    std::vector<std::string> arguments;
    std::string reason;
  } cases[] = {
      {{"toolchain"}, "A subcommand is required"},
      {{"toolchain", "polish"}, "A subcommand is required"},
      {{"toolchain", "list"}, "--cache-dir"},
      {{"toolchain", "verify"}, "GOFARM_CACHE_DIR"},
      {{"toolchain", "install"}, "--cache-dir"},
      {{"toolchain", "list", "--cache-dir", cache_, "--output", "xml"}, "xml"},
      {{"toolchain", "install", "--cache-dir", cache_, "--toolset", "none"}, "there is no toolset \"none\""},
      {{"toolchain", "install", "--cache-dir", cache_, "--toolsets", base_ + "/none.toml"}, "none.toml"},
      {{"cache", "prune", "--cache-dir", cache_, "--mod-bytes", "lots"}, "--mod-bytes"},
      {{"--slots", "0"}, "--slots"},
      {{"--config", base_ + "/none.toml"}, "none.toml"},
  };
  for (const auto& c : cases) {
    const process::CommandResult result = Worker(c.arguments);
    EXPECT_EQ(result.exit_code, 2) << c.reason;
    EXPECT_THAT(result.out, IsEmpty()) << c.reason;
    EXPECT_THAT(result.err, HasSubstr(c.reason));
  }
  EXPECT_FALSE(fs::exists(cache_)) << "nothing was made for a wrong call";
}

TEST_F(WorkerVerbsTest, AnEmptyCacheHasNoToolchainsAndNoDamage) {
  for (const char* verb : {"list", "verify"}) {
    const process::CommandResult text = Worker({"toolchain", verb, "--cache-dir", cache_});
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_THAT(text.out, IsEmpty());
    EXPECT_THAT(text.err, HasSubstr("no toolchain in " + cache_));
    const process::CommandResult json = Worker({"toolchain", verb, "--cache-dir", cache_, "--output", "json"});
    EXPECT_EQ(json.exit_code, 0);
    EXPECT_EQ(json.out, "[]\n");
  }
  EXPECT_FALSE(fs::exists(cache_));
}

TEST_F(WorkerVerbsTest, WhatIsInstalledIsListedAndGood) {
  const std::string toolsets = Toolsets();
  const process::CommandResult installed =
      Worker({"toolchain", "install", "--cache-dir", cache_, "--toolsets", toolsets});
  EXPECT_EQ(installed.exit_code, 0) << installed.err;
  EXPECT_THAT(installed.out, HasSubstr("go 9.9.9  " + cache_));
  EXPECT_EQ(Worker({"toolchain", "list", "--cache-dir", cache_}).out, installed.out);
  const process::CommandResult verified = Worker({"toolchain", "verify", "--cache-dir", cache_});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.out, "go 9.9.9  good\nzig 9.9.9  good\n");
}

TEST_F(WorkerVerbsTest, ToolchainsAreForAllUidsWhateverTheUmaskIs) {
  const std::string toolsets = Toolsets();
  const mode_t before = umask(077);
  const int exit_code = Worker({"toolchain", "install", "--cache-dir", cache_, "--toolsets", toolsets}).exit_code;
  umask(before);
  EXPECT_EQ(exit_code, 0);
  EXPECT_EQ(ModeOf(cache_ + "/toolchains"), 0755u);
  EXPECT_EQ(ModeOf(OnlyFolder("go-") + "/root/src/fmt/print.go"), 0644u);
}

TEST_F(WorkerVerbsTest, VerifyFindsEveryDamagedToolchain) {
  const std::string toolsets = Toolsets();
  ASSERT_EQ(Worker({"toolchain", "install", "--cache-dir", cache_, "--toolsets", toolsets}).exit_code, 0);
  WriteFileOrDie(OnlyFolder("go-") + "/root/src/fmt/print.go", "package evil\n");
  process::CommandResult verified = Worker({"toolchain", "verify", "--cache-dir", cache_});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out, HasSubstr("was changed since it was installed"));
  EXPECT_THAT(verified.out, HasSubstr("zig 9.9.9  good\n"));

  fs::remove(OnlyFolder("zig-") + "/root/zig");
  verified = Worker({"toolchain", "verify", "--cache-dir", cache_, "--output", "json"});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out, HasSubstr(OnlyFolder("zig-")));
  EXPECT_THAT(verified.out, ::testing::Not(HasSubstr("\"good\": true")));
}

TEST_F(WorkerVerbsTest, PruneTakesWhatKilledInstallationsLeftAlsoWithinTheBudgets) {
  const std::string old = cache_ + "/toolchains/.tmp-old", young = cache_ + "/toolchains/.tmp-young";
  WriteFileOrDie(old + "/unpacked/zig", "half");
  WriteFileOrDie(young + "/unpacked/zig", "half");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24));
  const process::CommandResult pruned = Worker({"cache", "prune", "--cache-dir", cache_, "--mod-bytes", "1 GiB"});
  EXPECT_EQ(pruned.exit_code, 0) << pruned.err;
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young)) << "it may be at work";
  EXPECT_THAT(Worker({"cache", "show", "--cache-dir", cache_, "--output", "json"}).out, HasSubstr("\"toolchains\": "));
}

}  // namespace
}  // namespace gofarm::worker
