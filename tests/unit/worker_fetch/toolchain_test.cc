// Toolchains made by the test: small archives with an executable where Go or zig would have theirs.
#include "worker/fetch/toolchain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "common/digest/digest.h"
#include "common/io/files.h"
#include "tests/support/proxy_folder.h"
#include "tests/support/zip_maker.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;
using ::gofarm::testing::FolderServer;
using ::gofarm::testing::MakeZip;
using ::gofarm::testing::WriteFileOrDie;
using ::testing::HasSubstr;

class ToolchainTest : public ::testing::Test {
 protected:
  ToolchainTest() {
    char name[] = "/tmp/gofarm-toolchain-XXXXXX";
    base_ = mkdtemp(name);
    store_ = std::make_unique<ToolchainStore>(CacheLayout(base_ + "/cache"), ProxyEnvironment{});
  }
  ~ToolchainTest() override { io::RemoveTree(base_).IgnoreError(); }

  Archive Zig(const std::string& source, const std::string& locator) {
    const std::string zip = MakeZip({{"ziglang/zig", "#!zig", 0100644},
                                     {"ziglang/lib/std/std.zig", "// std"},
                                     {"ziglang-9.9.9.dist-info/RECORD", "r"}});
    WriteFileOrDie(base_ + "/mirror/zig.whl", zip);
    return {"zig", "9.9.9", ToolchainStore::HostArch(), source, locator, digest::Sha256Hex(zip)};
  }

  absl::StatusOr<InstalledToolchain> Install(const Archive& archive) {
    return store_->Install(Scope::For(absl::Minutes(1)), archive);
  }

  // What stands in the toolchains folder, lock files left out.
  std::vector<std::string> Kept() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(base_ + "/cache/toolchains", error)) {
      if (entry.path().extension() != ".lock") names.push_back(entry.path().filename().string());
    }
    return names;
  }

  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  std::string base_;
  std::unique_ptr<ToolchainStore> store_;
};

TEST_F(ToolchainTest, ComesFromAFolderOfArchivesByItsDigest) {
  WriteFileOrDie(base_ + "/mirror/other.whl", "something else");
  const Archive archive = Zig("folder", base_ + "/mirror");
  const auto zig = Install(archive);
  ASSERT_TRUE(zig.ok()) << zig.status();
  EXPECT_EQ(zig->path, zig->root + "/zig");
  EXPECT_EQ(zig->sha256, archive.sha256);
  EXPECT_EQ(ModeOf(zig->path), 0755u);
  EXPECT_EQ(ModeOf(zig->root + "/lib/std/std.zig"), 0644u);
  EXPECT_EQ(ModeOf(zig->root), 0755u);
  EXPECT_THAT(Kept(), ::testing::ElementsAre(Cat("zig-9.9.9-", archive.sha256.substr(0, 8))));
  // The second time nothing is needed any more.
  fs::remove_all(base_ + "/mirror");
  EXPECT_TRUE(Install(archive).ok());
  ASSERT_EQ(store_->List().size(), 1u);
  EXPECT_EQ(store_->List()[0].version, "9.9.9");
}

TEST_F(ToolchainTest, AWrongDigestLeavesNothingBehind) {
  Archive archive = Zig("folder", base_ + "/mirror/zig.whl");
  archive.sha256 = std::string(64, 'a');
  const auto zig = Install(archive);
  EXPECT_EQ(zig.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(zig.status().message()), HasSubstr(std::string(64, 'a')));
  EXPECT_THAT(Kept(), ::testing::IsEmpty());
}

TEST_F(ToolchainTest, AnArchiveWithoutTheProgramLeavesNothingBehind) {
  const std::string zip = MakeZip({{"ziglang/README", "no program here"}});
  WriteFileOrDie(base_ + "/x.zip", zip);
  EXPECT_FALSE(
      Install({"zig", "1.0.0", ToolchainStore::HostArch(), "folder", base_ + "/x.zip", digest::Sha256Hex(zip)}).ok());
  EXPECT_THAT(Kept(), ::testing::IsEmpty());
}

TEST_F(ToolchainTest, GoGetsItsExecuteBitsAndItsModFilesBack) {
  const std::string top = "golang.org/toolchain@v0.0.1-go9.9.9.linux-amd64/";
  const std::string zip = MakeZip({{top + "bin/go", "#!go"},
                                   {top + "pkg/tool/linux_amd64/compile", "#!compile"},
                                   {top + "src/_go.mod", "module std\n"},
                                   {top + "src/fmt/print.go", "package fmt\n"}});
  WriteFileOrDie(base_ + "/go.zip", zip);
  const auto go =
      Install({"go", "9.9.9", ToolchainStore::HostArch(), "folder", base_ + "/go.zip", digest::Sha256Hex(zip)});
  ASSERT_TRUE(go.ok()) << go.status();
  EXPECT_EQ(go->path, go->root + "/bin/go");
  EXPECT_EQ(ModeOf(go->path), 0755u);
  EXPECT_EQ(ModeOf(go->root + "/pkg/tool/linux_amd64/compile"), 0755u);
  EXPECT_EQ(ModeOf(go->root + "/src/fmt/print.go"), 0644u);
  EXPECT_TRUE(fs::exists(go->root + "/src/go.mod"));
  EXPECT_FALSE(fs::exists(go->root + "/src/_go.mod"));
}

TEST_F(ToolchainTest, ComesFromAUrl) {
  const Archive archive = Zig("url", "");
  FolderServer server(base_ + "/mirror");
  Archive by_url = archive;
  by_url.locator = server.url() + "/zig.whl";
  EXPECT_TRUE(Install(by_url).ok());
  by_url.version = "8.8.8";
  by_url.locator = server.url() + "/gone.whl";
  EXPECT_EQ(Install(by_url).status().code(), absl::StatusCode::kNotFound);
  server.AnswerAll(503);
  EXPECT_EQ(Install(by_url).status().code(), absl::StatusCode::kUnavailable);
}

// Go itself refuses to: it fetches no toolchain without the checksum database.
TEST_F(ToolchainTest, WithoutAChecksumDatabaseGoComesFromTheProxyByItsDigest) {
  const std::string version = "v0.0.1-go9.9.9.linux-amd64";
  const std::string top = "golang.org/toolchain@" + version + "/";
  const std::string zip = MakeZip({{top + "bin/go", "#!go"}, {top + "VERSION", "go9.9.9"}});
  testing::ProxyFolder proxy(base_ + "/proxy");
  proxy.AddRaw("golang.org/toolchain", version, "module golang.org/toolchain\n", zip);
  fs::create_directories(base_ + "/empty");
  FolderServer server(base_ + "/proxy"), empty(base_ + "/empty");
  Archive archive{
      "go", "9.9.9", ToolchainStore::HostArch(), "goproxy", "golang.org/toolchain@" + version, digest::Sha256Hex(zip)};
  const auto install = [&](const std::string& goproxy) {
    ToolchainStore store(CacheLayout(base_ + "/cache"), {.goproxy = goproxy::Parse(goproxy).value(), .gosumdb = "off"});
    return store.Install(Scope::For(absl::Minutes(1)), archive);
  };
  const auto absent = install(empty.url() + ",direct");
  EXPECT_TRUE(absl::IsNotFound(absent.status())) << absent.status();
  EXPECT_THAT(absent.status().ToString(), HasSubstr("source \"url\" or \"folder\""));
  EXPECT_THAT(install("off").status().ToString(), HasSubstr("goproxy names no proxy"));
  // "," goes on after "not there" alone, "|" after everything.
  EXPECT_TRUE(absl::IsUnavailable(install("http://127.0.0.1:1," + server.url()).status()));

  const std::string right = archive.sha256;
  archive.sha256[0] = right[0] == '0' ? '1' : '0';
  EXPECT_TRUE(absl::IsDataLoss(install(server.url()).status()));
  archive.sha256 = right;
  const auto go = install("http://127.0.0.1:1|" + empty.url() + "," + server.url() + "/");
  ASSERT_TRUE(go.ok()) << go.status();
  EXPECT_EQ(ModeOf(go->path), 0755u);
}

// What a coordinator that has `file` gives, and how often it was asked.
struct FakeDoor {
  std::string file;
  absl::Status failure;
  int asked = 0;
  ArchiveDoor Door() {
    return [this](const Scope&, const Archive&, const std::string& path, const FetchProgress&) {
      ++asked;
      if (failure.ok()) WriteFileOrDie(path, file);
      return failure;
    };
  }
};

TEST_F(ToolchainTest, TheCoordinatorIsAskedBeforeTheWorldAndTheWorldWhenItHasNone) {
  const Archive archive = Zig("url", "");
  FolderServer world(base_ + "/mirror");
  Archive wanted = archive;
  wanted.locator = world.url() + "/zig.whl";
  FakeDoor farm{.file = io::ReadFile(base_ + "/mirror/zig.whl", 1 << 20).value()};
  const ProxySettings proxy{ProxyEnvironment{}};
  const auto install = [&](bool first) {
    io::RemoveTree(base_ + "/cache").IgnoreError();
    ToolchainStore store(proxy, CacheLayout(base_ + "/cache"), {}, {.door = farm.Door(), .first = first});
    return store.Install(Scope::For(absl::Minutes(1)), wanted);
  };
  ASSERT_TRUE(install(true).ok());
  EXPECT_EQ(farm.asked, 1);
  EXPECT_TRUE(world.counts().empty()) << "five hundred hosts would ask it as often";

  farm.failure = absl::FailedPreconditionError("the coordinator could not get zig");
  ASSERT_TRUE(install(true).ok());
  EXPECT_EQ(world.counts().size(), 1u);

  farm.failure = absl::OkStatus();
  const std::string right = std::exchange(farm.file, "another file");
  ASSERT_TRUE(install(true).ok()) << "what it sent is not what the toolset pins";
  EXPECT_EQ(farm.asked, 3);

  world.AnswerAll(404);
  const absl::Status nowhere = install(true).status();
  EXPECT_EQ(nowhere.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(nowhere.message()),
              HasSubstr("before that the coordinator: the archive from the coordinator"));
  EXPECT_THAT(Kept(), ::testing::IsEmpty());

  farm.file = right;
  farm.asked = 0;
  EXPECT_TRUE(install(false).ok()) << "its own source first, the coordinator then";
  EXPECT_EQ(farm.asked, 1);
  world.AnswerAll(0);
  EXPECT_TRUE(install(false).ok());
  EXPECT_EQ(farm.asked, 1) << "not asked";
}

TEST_F(ToolchainTest, AGoOfTheCoordinatorNeedsNoGoAndNoProxy) {
  const std::string zip = MakeZip({{"go/bin/go", "#!go"}, {"go/VERSION", "go9.9.9"}});
  FakeDoor farm{.file = zip};
  const ProxySettings nobody({}, {}, [](const Scope&) -> absl::StatusOr<ProxyEnvironment> {
    ADD_FAILURE() << "Go was asked";
    return absl::FailedPreconditionError("no go here");
  });
  ToolchainStore store(nobody, CacheLayout(base_ + "/cache"), {}, {.door = farm.Door()});
  const auto go = store.Install(Scope::For(absl::Minutes(1)),
                                {"go", "9.9.9", ToolchainStore::HostArch(), "goproxy",
                                 "golang.org/toolchain@v0.0.1-go9.9.9.linux-amd64", digest::Sha256Hex(zip)});
  ASSERT_TRUE(go.ok()) << go.status();
}

// Both know servers by the file that this process would take, wherever this system keeps it.
TEST_F(ToolchainTest, GoAndPipAreGivenTheCertificates) {
  const std::string bundle = base_ + "/own.pem";
  WriteFileOrDie(bundle, "pem");
  WriteFileOrDie(base_ + "/bin/python3",
                 "#!/bin/sh\nwhile [ \"$1\" != -d ]; do shift; done\ncp \"$WHEEL\" \"$2/zig.whl\"\n"
                 "echo \"$SSL_CERT_FILE\" >\"$SAID\"\n");
  ASSERT_EQ(chmod((base_ + "/bin/python3").c_str(), 0755), 0);
  const Archive archive = Zig("pypi", "ziglang==9.9.9");
  std::map<std::string, std::string> before;
  for (const char* name : {"PATH", "SSL_CERT_FILE"}) before[name] = getenv(name) == nullptr ? "" : getenv(name);
  setenv("PATH", (base_ + "/bin:" + before["PATH"]).c_str(), 1);
  setenv("SSL_CERT_FILE", bundle.c_str(), 1);
  setenv("WHEEL", (base_ + "/mirror/zig.whl").c_str(), 1);
  setenv("SAID", (base_ + "/said").c_str(), 1);
  const auto zig = Install(archive);
  const auto of_go = DownloadEnvironment({}, base_ + "/mod", base_);
  setenv("PATH", before["PATH"].c_str(), 1);
  before["SSL_CERT_FILE"].empty() ? unsetenv("SSL_CERT_FILE")
                                  : setenv("SSL_CERT_FILE", before["SSL_CERT_FILE"].c_str(), 1);
  ASSERT_TRUE(zig.ok()) << zig.status();
  EXPECT_EQ(io::ReadFile(base_ + "/said", 4096).value(), bundle + "\n");
  EXPECT_THAT(of_go, ::testing::Contains(std::pair<std::string, std::string>("SSL_CERT_FILE", bundle)));
}

// An attempt that waits for the toolchain would otherwise count as cancelled.
TEST_F(ToolchainTest, AFileThatCannotBeWrittenIsNoCancel) {
  const Archive archive = Zig("url", "file://" + base_ + "/mirror/zig.whl");
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{16, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto zig = Install(archive);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(zig.ok());
  EXPECT_FALSE(absl::IsCancelled(zig.status())) << zig.status();
  EXPECT_THAT(zig.status().ToString(), HasSubstr("File too large"));
  EXPECT_TRUE(Install(archive).ok());
}

TEST_F(ToolchainTest, ManyWhoInstallTheSameGetTheSame) {
  const Archive archive = Zig("folder", base_ + "/mirror");
  std::vector<std::thread> threads;
  std::vector<std::string> roots(4);
  for (size_t i = 0; i < roots.size(); ++i) {
    threads.emplace_back([&, i] {
      // Each with a store of its own, as workers have.
      ToolchainStore store(CacheLayout(base_ + "/cache"), ProxyEnvironment{});
      const auto zig = store.Install(Scope::For(absl::Minutes(1)), archive);
      if (zig.ok()) roots[i] = zig->root;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& root : roots)
    EXPECT_EQ(root, Cat(base_, "/cache/toolchains/zig-9.9.9-", archive.sha256.substr(0, 8), "/root"));
  EXPECT_EQ(Kept().size(), 1u);
}

TEST_F(ToolchainTest, VerifyFindsChangedMissingAndAddedFiles) {
  const auto zig = Install(Zig("folder", base_ + "/mirror"));
  ASSERT_TRUE(zig.ok()) << zig.status();
  EXPECT_TRUE(store_->Verify(Scope{}, *zig).ok());
  WriteFileOrDie(zig->root + "/lib/std/std.zig", "// changed");
  EXPECT_EQ(store_->Verify(Scope{}, *zig).code(), absl::StatusCode::kDataLoss);
  WriteFileOrDie(zig->root + "/lib/std/std.zig", "// std");
  EXPECT_TRUE(store_->Verify(Scope{}, *zig).ok());
  WriteFileOrDie(zig->root + "/lib/extra", "x");
  EXPECT_EQ(store_->Verify(Scope{}, *zig).code(), absl::StatusCode::kDataLoss);
}

TEST_F(ToolchainTest, ADamagedFolderIsInstalledAgain) {
  const Archive archive = Zig("folder", base_ + "/mirror");
  const auto zig = Install(archive);
  ASSERT_TRUE(zig.ok()) << zig.status();
  fs::remove(zig->path);
  EXPECT_TRUE(store_->List().empty());
  ASSERT_EQ(store_->ListDamaged().size(), 1u);
  EXPECT_EQ(store_->ListDamaged()[0].folder, fs::path(zig->root).parent_path().string());
  EXPECT_THAT(store_->ListDamaged()[0].why, HasSubstr("root/zig"));
  EXPECT_TRUE(Install(archive).ok());
  EXPECT_TRUE(fs::exists(zig->path));
  EXPECT_TRUE(store_->ListDamaged().empty());
}

TEST_F(ToolchainTest, WhatCannotBeAToolchainIsRefused) {
  Archive archive = Zig("folder", base_ + "/mirror");
  archive.version = "../../etc";
  EXPECT_EQ(Install(archive).status().code(), absl::StatusCode::kInvalidArgument);
  archive = Zig("pypi", "--index-url=http://evil==1");
  EXPECT_EQ(Install(archive).status().code(), absl::StatusCode::kInvalidArgument);
  archive = Zig("carrier-pigeon", "x");
  EXPECT_EQ(Install(archive).status().code(), absl::StatusCode::kInvalidArgument);
  archive.sha256 = "short";
  EXPECT_EQ(Install(archive).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ToolchainTest, AToolsetWithoutAnArchiveForThisHostSaysSo) {
  Toolset toolset;
  toolset.name = "elsewhere";
  toolset.go_versions = {"9.9.9"};
  toolset.zig_version = "9.9.9";
  toolset.archives = {{"go", "9.9.9", "sparc", "folder", "/nowhere", std::string(64, '0')}};
  const auto installed = store_->InstallToolset(Scope::For(absl::Minutes(1)), toolset);
  EXPECT_EQ(installed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(installed.status().message()), HasSubstr("toolset elsewhere has no archive of go 9.9.9"));
}

}  // namespace
}  // namespace gofarm::fetch
