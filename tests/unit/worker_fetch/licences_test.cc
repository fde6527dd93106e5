#include "worker/fetch/licences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/licences/document.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LicencesTest : public ::testing::Test {
 protected:
  LicencesTest() {
    char name[] = "/tmp/gofarm-licences-XXXXXX";
    base_ = mkdtemp(name);
    go_ = {.kind = "go", .version = "1.26.8", .root = base_ + "/go"};
    zig_ = {.kind = "zig", .version = "0.15.2", .root = base_ + "/zig"};
    Put("go/LICENSE", "go's\n");
    Put("go/PATENTS", "go's patents\n");
    Put("go/src/LICENSE", "not asked for\n");
    Put("zig/LICENSE", "zig's\n");
    Put("zig/lib/libc/musl/COPYRIGHT", "musl's\n");
    for (const char* part : {"libcxx", "libcxxabi", "libunwind"}) Put(Cat("zig/lib/", part, "/LICENSE.TXT"), part);
    listing_.module = "example.test/tool";
    listing_.version = "v1.2.3";
    listing_.dir = "example.test/tool@v1.2.3";
    fs::create_directories(base_ + "/mod/example.test/tool@v1.2.3");
    listing_.targets.push_back({.target = Target::kX86_64});
  }
  ~LicencesTest() override { io::RemoveTree(base_).IgnoreError(); }

  void Put(const std::string& path, const std::string& text) {
    const fs::path file = base_ + "/" + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void PutTool(const std::string& path, const std::string& text) { Put("mod/example.test/tool@v1.2.3/" + path, text); }
  void AddDependency(const std::string& path, const std::string& dir) {
    target().modules.push_back({.path = path, .version = "v0.1.0", .dir = dir});
    if (!dir.empty()) fs::create_directories(base_ + "/mod/" + dir);
  }
  // One program at `main`, which imports the rest.
  void Link(const std::string& main, const std::vector<std::string>& rest) {
    target().programs = {{.import_path = main, .name = "x", .has_main_func = true}};
    target().imports = {{main, rest}};
  }
  TargetListing& target() { return listing_.targets[0]; }

  licences::LicenceDocument Collect() {
    const auto collected = CollectLicences(base_ + "/mod", listing_, Target::kX86_64, go_, zig_);
    EXPECT_TRUE(collected.ok()) << collected.status();
    if (!collected.ok()) return {};
    const auto again = CollectLicences(base_ + "/mod", listing_, Target::kX86_64, go_, zig_);
    EXPECT_EQ(collected->Write(), again->Write());
    return licences::ReadDocument(collected->Write()).value();
  }
  static std::vector<std::string> Names(const licences::LicenceModule& module) {
    std::vector<std::string> names;
    for (const licences::LicenceFile& file : module.files) names.push_back(file.name);
    return names;
  }
  static std::string TextOf(const licences::LicenceDocument& document, const licences::LicenceFile& file) {
    return file.text < 0 ? "(left out)" : document.texts.at(static_cast<size_t>(file.text));
  }

  std::string base_;
  InstalledToolchain go_, zig_;
  Listing listing_;
};

TEST_F(LicencesTest, EveryLinkedModuleAndTheToolchains) {
  PutTool("LICENSE", "MIT\n");
  PutTool("LICENSE.go", "package x\n");
  PutTool("README.md", "no licence\n");
  AddDependency("example.test/zeta", "example.test/zeta@v0.1.0");
  Put("mod/example.test/zeta@v0.1.0/COPYING", "MIT\n");
  Put("mod/example.test/zeta@v0.1.0/NOTICE.txt", "a notice\n");
  AddDependency("example.test/Alpha", "example.test/!alpha@v0.1.0");
  const licences::LicenceDocument document = Collect();
  ASSERT_THAT(document.modules, SizeIs(6));
  EXPECT_EQ(document.modules[0].kind, "main");
  EXPECT_EQ(document.modules[0].path, "example.test/tool");
  EXPECT_THAT(Names(document.modules[0]), ElementsAre("LICENSE"));
  EXPECT_EQ(document.modules[1].path, "example.test/Alpha");
  EXPECT_THAT(document.modules[1].files, IsEmpty());
  EXPECT_TRUE(document.modules[1].complete);
  EXPECT_EQ(document.modules[2].path, "example.test/zeta");
  EXPECT_THAT(Names(document.modules[2]), ElementsAre("COPYING", "NOTICE.txt"));
  EXPECT_EQ(document.modules[2].files[0].text, document.modules[0].files[0].text);  // the same text once
  EXPECT_EQ(document.modules[3].path, "go");
  EXPECT_EQ(document.modules[3].version, "go1.26.8");
  EXPECT_THAT(Names(document.modules[3]), ElementsAre("LICENSE", "PATENTS"));
  EXPECT_EQ(document.modules[4].path, "zig/musl");
  EXPECT_EQ(TextOf(document, document.modules[4].files.at(0)), "musl's\n");
  EXPECT_EQ(document.modules[5].path, "zig/compiler-rt");
  EXPECT_EQ(TextOf(document, document.modules[5].files.at(0)), "zig's\n");
  // Which modules an executable links, its dependencies say.
  ASSERT_NE(document.Find("example.test/zeta", "v0.1.0"), nullptr);
}

TEST_F(LicencesTest, CxxBringsItsRuntimes) {
  target().uses_cxx = true;
  std::vector<std::string> parts;
  for (const licences::LicenceModule& module : Collect().modules) parts.push_back(module.path);
  EXPECT_THAT(parts, ElementsAre("example.test/tool", "go", "zig/musl", "zig/compiler-rt", "zig/libcxx",
                                 "zig/libcxxabi", "zig/libunwind"));
}

TEST_F(LicencesTest, FoldersDownToALinkedPackageAndLicenceFolders) {
  Link("example.test/tool/cmd/tool", {"example.test/tool/internal/third/lz4", "example.test/dep/v2"});
  target().imports["example.test/dep/v2"] = {"example.test/dep/v2/sub"};
  target().packages = {{"example.test/tool/internal/other", "other"}};
  PutTool("cmd/tool/main.go", "package main\n");
  PutTool("LICENSE", "own\n");
  PutTool("LICENSES/MIT.txt", "MIT\n");
  PutTool("LICENSES/Apache-2.0.txt", "Apache\n");
  PutTool("LICENSES/deeper/LICENSE", "not looked at\n");
  PutTool("internal/third/LICENSE", "between\n");
  PutTool("internal/third/lz4/LICENSE", "lz4\n");
  PutTool("internal/other/LICENSE", "not linked\n");
  PutTool("internal/third/lz4/lib/LICENSE", "no code there\n");
  AddDependency("example.test/dep/v2", "example.test/dep/v2@v0.1.0");
  Put("mod/example.test/dep/v2@v0.1.0/sub/LICENSE", "of sub\n");
  const licences::LicenceDocument document = Collect();
  EXPECT_THAT(Names(document.modules[0]), ElementsAre("LICENSE", "LICENSES/Apache-2.0.txt", "LICENSES/MIT.txt",
                                                      "internal/third/LICENSE", "internal/third/lz4/LICENSE"));
  EXPECT_THAT(Names(document.modules[1]), ElementsAre("sub/LICENSE"));
}

TEST_F(LicencesTest, BundledCodeBesideALinkedPackage) {
  Link("example.test/tool/cmd", {"example.test/tool/db"});
  PutTool("cmd/main.go", "package main\n");
  PutTool("db/db.go", "package db\n");
  PutTool("db/sqlite/LICENSE", "sqlite\n");
  PutTool("db/sqlite/src/a.c", "int a;\n");
  PutTool("db/goes/LICENSE", "a package of its own\n");
  PutTool("db/goes/x.go", "package goes\n");
  PutTool("db/goes/x.c", "int x;\n");
  PutTool("db/testdata/LICENSE", "of a test\n");
  PutTool("db/testdata/x.c", "int x;\n");
  PutTool("db/docs/LICENSE", "no code\n");
  PutTool("other/LICENSE", "not linked\n");
  PutTool("other/x.c", "int x;\n");
  EXPECT_THAT(Names(Collect().modules[0]), IsEmpty());  // no C is linked
  target().uses_c = true;
  EXPECT_THAT(Names(Collect().modules[0]), ElementsAre("db/sqlite/LICENSE"));
}

TEST_F(LicencesTest, AModuleThatCallsItselfDifferently) {
  listing_.declared_path = "tool";
  Link("tool/cmd", {});
  PutTool("cmd/LICENSE", "x\n");
  EXPECT_THAT(Names(Collect().modules[0]), ElementsAre("cmd/LICENSE"));
  EXPECT_EQ(Collect().modules[0].path, "example.test/tool");
}

TEST_F(LicencesTest, LinksAndPipesAreNotFollowed) {
  Put("secret", "the key of somebody else\n");
  Put("outside/LICENSE", "of the host\n");
  const std::string tool = base_ + "/mod/example.test/tool@v1.2.3";
  fs::create_symlink(base_ + "/secret", tool + "/LICENSE");
  fs::create_symlink(base_ + "/outside", tool + "/LICENSES");
  fs::create_symlink(base_ + "/outside", tool + "/pkg");
  ASSERT_EQ(mkfifo((tool + "/NOTICE").c_str(), 0644), 0);
  fs::create_directories(tool + "/COPYING");  // a folder of that name
  PutTool("LICENSE-real", "real\n");
  Link("example.test/tool", {"example.test/tool/pkg", "example.test/tool/pkg/sub"});
  const licences::LicenceDocument document = Collect();
  const licences::LicenceModule& module = document.modules[0];
  EXPECT_FALSE(module.complete);
  EXPECT_THAT(Names(module), ElementsAre("LICENSE", "LICENSE-real", "LICENSES", "NOTICE"));
  for (const licences::LicenceFile& file : module.files) {
    if (file.name == "LICENSE-real") {
      EXPECT_EQ(TextOf(document, file), "real\n");
    } else {
      EXPECT_EQ(file.left_out, "is no regular file") << file.name;
    }
  }
  for (const std::string& text : document.texts) {
    EXPECT_THAT(text, ::testing::Not(HasSubstr("somebody else")));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("of the host")));
  }
}

TEST_F(LicencesTest, LargeManyAndOddFiles) {
  PutTool("LICENSE", std::string(licences::kFileBytesMax, 'a'));
  PutTool("LICENSE-large", std::string(licences::kFileBytesMax + 1, 'a'));
  PutTool("LICENSE-latin", "Jos\xe9 \x1b[2J\x00 \xff\r\n");
  PutTool("LICENSE\n\x1b[2J", "x\n");
  licences::LicenceDocument document = Collect();
  EXPECT_FALSE(document.modules[0].complete);
  ASSERT_THAT(Names(document.modules[0]), ElementsAre("LICENSE", "LICENSE\n[2J", "LICENSE-large", "LICENSE-latin"));
  EXPECT_THAT(document.modules[0].files[2].left_out, HasSubstr("larger than"));
  EXPECT_EQ(document.modules[0].files[2].size, licences::kFileBytesMax + 1);
  EXPECT_EQ(TextOf(document, document.modules[0].files[3]), "Jos\xc3\xa9 [2J");

  for (size_t i = 0; i < licences::kFilesPerModuleMax + 5; ++i) PutTool(Cat("LICENSE-", i), "x\n");
  document = Collect();
  EXPECT_THAT(document.modules[0].files, SizeIs(licences::kFilesPerModuleMax));
  EXPECT_FALSE(document.modules[0].complete);
}

TEST_F(LicencesTest, WhatIsMissing) {
  AddDependency("example.test/nowhere", "");
  zig_.root = base_ + "/no-zig";
  fs::remove(base_ + "/go/LICENSE");
  fs::remove(base_ + "/go/PATENTS");
  Link("example.test/tool/gone/away", {});
  const licences::LicenceDocument document = Collect();
  ASSERT_THAT(document.modules, SizeIs(5));
  EXPECT_FALSE(document.modules[0].complete);
  EXPECT_FALSE(document.modules[1].complete);
  EXPECT_THAT(document.modules[2].files, IsEmpty());
  EXPECT_FALSE(document.modules[3].complete);
  fs::remove_all(base_ + "/mod/example.test/tool@v1.2.3");
  const auto failed = CollectLicences(base_ + "/mod", listing_, Target::kX86_64, go_, zig_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("example.test/tool@v1.2.3"));
}

}  // namespace
}  // namespace gofarm::fetch
