// The archive of a module's sources: the same bytes wherever it is made, everything in it, and nothing else.
#include "worker/build/source_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stop_token>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/archive.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"

namespace gofarm::build {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

std::shared_ptr<fetch::Listing> SomeListing() {
  auto listing = std::make_shared<fetch::Listing>();
  listing->module = "example.com/m";
  listing->version = "v1.2.3";
  listing->module_h1 = "h1:abc=";
  listing->go_version = "1.26.8";
  return listing;
}

BuiltVariants Installed() {
  BuiltVariants built;
  built["install"] = {.variant = {}, .listing = SomeListing()};
  return built;
}

class SourceArchiveTest : public ::testing::Test {
 protected:
  std::string At(std::string_view name) const { return Cat(folder_.path(), "/", name); }
  void Write(const std::string& path, std::string_view content) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  // A module with files of several kinds, its folder made in an order of its own.
  std::string Module(const std::string& name, bool backwards) const {
    std::vector<std::pair<std::string, std::string>> files = {{"go.mod", "module example.com/m\n"},
                                                              {"main.go", "package main\n\nfunc main() {}\n"},
                                                              {"sub/a b.txt", "blank"},
                                                              {"sub.txt", "sorts before sub/"},
                                                              {"sub/z\xc3\xa4.go", "package sub\n"},
                                                              {"gofarm/recipe.json", "the module's own"},
                                                              {"empty", ""}};
    if (backwards) std::reverse(files.begin(), files.end());
    for (const auto& [file, content] : files) Write(At(name + "/" + file), content);
    return At(name);
  }
  std::vector<std::string> Names(const std::string& archive) const {
    EXPECT_TRUE(io::RemoveTree(At("out")).ok());
    EXPECT_TRUE(io::MakeFolders(At("out")).ok());
    const absl::StatusOr<io::Extracted> extracted = io::ExtractArchive({}, archive, At("out"));
    EXPECT_TRUE(extracted.ok()) << extracted.status();
    std::vector<std::string> names;
    for (const fs::directory_entry& e : fs::recursive_directory_iterator(At("out"))) {
      if (e.is_regular_file()) names.push_back(e.path().lexically_relative(At("out")));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string Bytes(const std::string& path) const { return io::ReadFile(path, 64 << 20).value(); }

  const io::ScratchFolder folder_ = *io::ScratchFolder::Make("/tmp", "source");
};

TEST_F(SourceArchiveTest, HoldsTheSourcesAndHowTheyWereBuilt) {
  const std::string module = Module("m", false);
  const absl::StatusOr<SourceArchive> archive =
      WriteSourceArchive({}, module, MakeRecipeFiles(Installed(), "0.15.2"), At("a"));
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(archive->sha256, digest::Sha256Hex(Bytes(At("a"))));
  EXPECT_EQ(archive->size, static_cast<int64_t>(fs::file_size(At("a"))));
  EXPECT_THAT(Names(At("a")),
              ElementsAre("gofarm/recipe.json", "source/empty", "source/go.mod", "source/gofarm/recipe.json",
                          "source/main.go", "source/sub.txt", "source/sub/a b.txt", "source/sub/z\xc3\xa4.go"));
  EXPECT_EQ(Bytes(At("out/source/sub/a b.txt")), "blank");
  EXPECT_EQ(Bytes(At("out/source/gofarm/recipe.json")), "the module's own");
  EXPECT_THAT(Bytes(At("out/gofarm/recipe.json")), HasSubstr("\"module_h1\": \"h1:abc=\""));
}

TEST_F(SourceArchiveTest, TheBytesDependOnTheContentAlone) {
  const std::string one = Module("first", false), other = Module("second", true);
  fs::permissions(other + "/main.go", fs::perms::owner_read | fs::perms::owner_exec);
  fs::last_write_time(other + "/main.go", fs::file_time_type::clock::now() - std::chrono::hours(1000));
  const RecipeFiles recipe = MakeRecipeFiles(Installed(), "0.15.2");
  const absl::StatusOr<SourceArchive> a = WriteSourceArchive({}, one, recipe, At("a"));
  const absl::StatusOr<SourceArchive> b = WriteSourceArchive({}, other, recipe, At("b"));
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(a->sha256, b->sha256);
  EXPECT_EQ(Bytes(At("a")), Bytes(At("b")));
  Write(other + "/sub.txt", "sorts before sub.");
  const absl::StatusOr<SourceArchive> c = WriteSourceArchive({}, other, recipe, At("b"));
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_NE(a->sha256, c->sha256);
}

TEST_F(SourceArchiveTest, WhatIsNoFileIsRefused) {
  const std::string module = Module("m", false);
  Write(At("secret"), "secret");
  fs::create_symlink(At("secret"), module + "/link.go");
  EXPECT_EQ(WriteSourceArchive({}, module, {}, At("a")).status().code(), absl::StatusCode::kInvalidArgument);
  fs::remove(module + "/link.go");
  fs::create_directory_symlink("/etc", module + "/folder");
  EXPECT_EQ(WriteSourceArchive({}, module, {}, At("a")).status().code(), absl::StatusCode::kInvalidArgument);
  fs::remove(module + "/folder");
  ASSERT_EQ(::mkfifo((module + "/pipe").c_str(), 0600), 0);
  const absl::Status status = WriteSourceArchive({}, module, {}, At("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"pipe\""));
}

TEST_F(SourceArchiveTest, NamesThatNoArchiveTakesAreRefusedAndShownSafely) {
  const std::string module = Module("m", false);
  Write(module + "/red\x1b[31m.go", "x");
  const absl::Status status = WriteSourceArchive({}, module, {}, At("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\x1b")));
  fs::remove(module + "/red\x1b[31m.go");
  Write(Cat(module, "/", std::string(200, 'd'), "/", std::string(200, 'f')), "x");
  EXPECT_EQ(WriteSourceArchive({}, module, {}, At("a")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SourceArchiveTest, LimitsAreKeptToTheItem) {
  const std::string module = Module("m", false);
  int64_t bytes = 0, files = 0;
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(module)) {
    if (!e.is_regular_file()) continue;
    ++files;
    bytes += static_cast<int64_t>(e.file_size());
  }
  EXPECT_TRUE(WriteSourceArchive({}, module, {}, At("a"), {.files = files, .bytes = bytes}).ok());
  const auto code = [&](const SourceLimits& limits) {
    return WriteSourceArchive({}, module, {}, At("a"), limits).status().code();
  };
  EXPECT_EQ(code({.files = files - 1}), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(code({.bytes = bytes - 1}), absl::StatusCode::kOutOfRange);
  const int64_t packed = WriteSourceArchive({}, module, {}, At("a"))->size;
  EXPECT_EQ(code({.packed_bytes = packed}), absl::StatusCode::kOk);
  EXPECT_EQ(code({.packed_bytes = packed - 1}), absl::StatusCode::kOutOfRange);
}

TEST_F(SourceArchiveTest, AFileThatPacksTooLargeIsNotPackedToItsEnd) {
  std::string noise;
  for (uint64_t i = 0, x = 1; i < 32 << 20; ++i) noise += static_cast<char>((x = x * 6364136223846793005u + 1) >> 56);
  Write(At("m/noise"), noise);
  EXPECT_EQ(WriteSourceArchive({}, At("m"), {}, At("a"), {.packed_bytes = 1 << 20}).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_LT(fs::file_size(At("a")), uint64_t{8} << 20);
}

TEST_F(SourceArchiveTest, AStopIsAStopAndAMissingFolderIsATroubleOfTheDisk) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(WriteSourceArchive({.stop = stop.get_token()}, Module("m", false), {}, At("a")).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(WriteSourceArchive({}, At("none"), {}, At("a")).status().code(), absl::StatusCode::kNotFound);
}

TEST(RecipeFilesTest, AnInstallNeedsNoGoModAndSaysTheSameOnEveryMachine) {
  const RecipeFiles files = MakeRecipeFiles(Installed(), "0.15.2");
  ASSERT_EQ(files.size(), 1u);
  const std::string& recipe = files.at("gofarm/recipe.json");
  for (const char* words :
       {"\"module\": \"example.com/m\"", "\"version\": \"v1.2.3\"", "\"variant\": \"install\"", "\"go\": \"1.26.8\"",
        "\"zig\": \"0.15.2\"", "\"PACKAGE@v1.2.3\"", "\"-buildmode=pie\"", "\"working_directory\": \"/job\"",
        "\"GOARCH=loong64\"", "\"GOARCH=amd64\"", "\"GOPATH=/out\"", "\"go_mod\": \"\""}) {
    EXPECT_THAT(recipe, HasSubstr(words));
  }
  for (const char* words : {"GOMAXPROCS", "GOMEMLIMIT", "\"-p\"", "=/tmp", "/root"}) {
    EXPECT_THAT(recipe, Not(HasSubstr(words)));
  }
}

TEST(RecipeFilesTest, EachVariantHasItsOwnGoMod) {
  BuiltVariants built = Installed();
  const auto source = SomeListing();
  source->form.base = fetch::Base::kNoReplace;
  source->go_mod = "module example.com/m\n\ngo 1.22\n";
  source->go_sum = "example.com/x v1.0.0 h1:=\n";
  source->edits = {"go.mod: left out 1 replacement by a folder"};
  Variant variant;
  variant.form = source->form;
  variant.lfs64 = true;
  built[VariantName(variant)] = {variant, source};
  const auto pinned = SomeListing();
  pinned->pinned_go_mod = "module gofarm\n\nrequire example.com/m v1.2.3\n";
  Variant tagged;
  tagged.form.tags = {"../a b"};
  built[VariantName(tagged)] = {tagged, pinned};
  const RecipeFiles files = MakeRecipeFiles(built, "0.15.2");
  EXPECT_EQ(files.at("gofarm/go.mod.noreplace+lfs64"), source->go_mod);
  EXPECT_EQ(files.at("gofarm/go.sum.noreplace+lfs64"), source->go_sum);
  EXPECT_EQ(files.at("gofarm/go.mod.install+tag-.._a_b"), pinned->pinned_go_mod);
  EXPECT_EQ(files.size(), 4u);
  const std::string& recipe = files.at("gofarm/recipe.json");
  EXPECT_THAT(recipe, HasSubstr("left out 1 replacement by a folder"));
  EXPECT_THAT(recipe, HasSubstr("-D_LARGEFILE64_SOURCE"));
  EXPECT_THAT(recipe, HasSubstr("\"./PACKAGE\""));
  EXPECT_THAT(recipe, HasSubstr("\"go_mod\": \"gofarm/go.mod.noreplace+lfs64\""));
}

TEST(RecipeFilesTest, TwoNamesThatOnlyDifferInOddCharactersHaveTwoFiles) {
  BuiltVariants built;
  for (const char* tag : {"a b", "a_b"}) {
    const auto pinned = SomeListing();
    pinned->pinned_go_mod = Cat("// ", tag, "\nmodule gofarm\n");
    Variant variant;
    variant.form.tags = {tag};
    built[VariantName(variant)] = {variant, pinned};
  }
  const RecipeFiles files = MakeRecipeFiles(built, "0.15.2");
  EXPECT_EQ(files.size(), 3u);
}

}  // namespace
}  // namespace gofarm::build
