#include "coordinator/publish/index_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/zstd_frames.h"

namespace gofarm::publish {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const absl::Time kTime = absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 40, 30), absl::UTCTimeZone());

IndexFile File(const std::string& name, const std::string& bytes) {
  return {.name = name, .bytes = std::make_shared<const std::string>(bytes), .sha256 = digest::Sha256Hex(bytes)};
}

absl::StatusOr<std::string> Sign(std::string_view bytes, std::string_view comment) {
  return Cat(comment, "\n", digest::Blake3Hex(bytes), "\n");
}

class IndexFolderTest : public ::testing::Test {
 protected:
  IndexFolderTest() : folder_((fs::path(::testing::TempDir()) / Cat("index", ::getpid())).string()) {
    fs::remove_all(folder_);
  }
  ~IndexFolderTest() override { fs::remove_all(folder_); }

  absl::Status Write(IndexFolder& to, int64_t number, const std::vector<IndexFile>& files) {
    return to.Write(files, {.number = number, .time = kTime}, Sign);
  }
  std::string Read(const std::string& name) { return io::ReadFile(Cat(folder_, "/", name), 1 << 20).value_or("none"); }
  ino_t InodeOf(const std::string& name) {
    struct stat info {};
    return ::stat(Cat(folder_, "/", name).c_str(), &info) == 0 ? info.st_ino : 0;
  }

  const std::string folder_;
};

TEST_F(IndexFolderTest, FilesAndSignaturesAppearTogether) {
  IndexFolder index(folder_);
  EXPECT_EQ(index.CurrentNumber(), 0);
  ASSERT_TRUE(Write(index, 1, {File("a.json.zst", "bytes"), File("shards/4f.json", "{}")}).ok());
  EXPECT_EQ(index.CurrentNumber(), 1);
  EXPECT_EQ(Read("current/a.json.zst"), "bytes");
  EXPECT_EQ(Read("current/a.json.zst.sig"), Cat("gofarm index generation=1 time=2026-11-30T09:40:30Z file=a.json.zst\n",
                                                digest::Blake3Hex("bytes"), "\n"));
  EXPECT_THAT(Read("current/shards/4f.json.sig"), HasSubstr("file=shards/4f.json"));
}

TEST_F(IndexFolderTest, UnchangedFilesAreLinkedAndSignedAnew) {
  IndexFolder index(folder_);
  ASSERT_TRUE(Write(index, 1, {File("a", "same"), File("b", "old"), File("c", "goes")}).ok());
  ASSERT_TRUE(Write(index, 5, {File("a", "same"), File("b", "new")}).ok());
  EXPECT_EQ(InodeOf("1/a"), InodeOf("5/a"));
  EXPECT_NE(InodeOf("1/b"), InodeOf("5/b"));
  EXPECT_EQ(Read("current/b"), "new");
  EXPECT_EQ(Read("current/c"), "none");
  EXPECT_EQ(Read("1/b"), "old");  // for who is at it
  EXPECT_THAT(Read("current/a.sig"), HasSubstr("generation=5"));
  // Another process does not know what stands there, and writes it all.
  IndexFolder another(folder_);
  ASSERT_TRUE(Write(another, 6, {File("a", "same")}).ok());
  EXPECT_NE(InodeOf("5/a"), InodeOf("6/a"));
  EXPECT_EQ(Read("current/a"), "same");
}

TEST_F(IndexFolderTest, TheLastStatesAreKept) {
  IndexFolder index(folder_, {.generations_kept = 2});
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(Write(index, i, {File("a", Cat(i))}).ok());
  EXPECT_EQ(Read("4/a"), "4");
  EXPECT_EQ(Read("3/a"), "3");
  EXPECT_FALSE(fs::exists(folder_ + "/2"));
}

TEST_F(IndexFolderTest, NumbersOnlyGrow) {
  IndexFolder index(folder_);
  ASSERT_TRUE(Write(index, 3, {File("a", "x")}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(index, 3, {File("a", "y")})));
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(index, 2, {File("a", "y")})));
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(index, 0, {File("a", "y")})));
  EXPECT_EQ(Read("current/a"), "x");
}

TEST_F(IndexFolderTest, AFailureLeavesTheOldState) {
  IndexFolder index(folder_);
  ASSERT_TRUE(Write(index, 1, {File("a", "x")}).ok());
  int calls = 0;
  const absl::Status status =
      index.Write({File("a", "y"), File("b", "z")}, {.number = 2, .time = kTime},
                  [&](std::string_view bytes, std::string_view comment) -> absl::StatusOr<std::string> {
                    if (++calls == 2) return absl::UnavailableError("no key");
                    return Sign(bytes, comment);
                  });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("sign b"));
  EXPECT_EQ(index.CurrentNumber(), 1);
  EXPECT_EQ(Read("current/a"), "x");
  EXPECT_FALSE(fs::exists(folder_ + "/2"));
  ASSERT_TRUE(Write(index, 2, {File("a", "y")}).ok());
  EXPECT_EQ(Read("current/a"), "y");
}

TEST_F(IndexFolderTest, WhatAKilledProcessLeftIsInNobodysWay) {
  IndexFolder index(folder_);
  ASSERT_TRUE(Write(index, 1, {File("a", "x")}).ok());
  fs::create_directories(folder_ + "/2/a");
  fs::create_directories(folder_ + "/9");
  fs::create_symlink("2", folder_ + "/next");
  EXPECT_EQ(index.CurrentNumber(), 1);
  ASSERT_TRUE(Write(index, 2, {File("a", "y")}).ok());
  EXPECT_EQ(Read("current/a"), "y");
  EXPECT_FALSE(fs::exists(folder_ + "/9"));
}

TEST_F(IndexFolderTest, NamesStayBelowTheFolder) {
  IndexFolder index(folder_);
  for (const std::string name : {"../a", "/a", "a/b/c", "", "a.sig", "shards/4f.json.sig"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Write(index, 1, {File(name, "x")}))) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Write(index, 1, {File("a", "x"), File("a", "y")})));
  EXPECT_EQ(index.CurrentNumber(), 0);
}

TEST_F(IndexFolderTest, PlainFilesForServersThatCannotExpand) {
  IndexFolder index(folder_, {.plain_json = true});
  const std::string packed = io::ZstdFrame("[\n", 3).value() + io::ZstdFrame("]\n", 3).value();
  ASSERT_TRUE(Write(index, 1, {File("h.json.zst", packed), File("keys.json", "{}")}).ok());
  EXPECT_EQ(Read("current/h.json"), "[\n]\n");
  ASSERT_TRUE(Write(index, 2, {File("h.json.zst", packed), File("keys.json", "{}")}).ok());
  EXPECT_EQ(InodeOf("1/h.json"), InodeOf("2/h.json"));
  EXPECT_TRUE(absl::IsInvalidArgument(Write(index, 3, {File("h.json.zst", "no zstd")})));
  EXPECT_EQ(index.CurrentNumber(), 2);
}

}  // namespace
}  // namespace gofarm::publish
