#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"

namespace gofarm::io {
namespace {

class IoTest : public ::testing::Test {
 protected:
  IoTest() {
    char pattern[] = "/tmp/gofarm-io-XXXXXX";
    dir_ = ::mkdtemp(pattern);
  }
  ~IoTest() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }
  std::string dir_;
};

TEST_F(IoTest, AtomicWriteReplacesAndLeavesNoTemporaryFile) {
  const std::string path = dir_ + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomic(path, "two").ok());
  EXPECT_EQ(*ReadFile(path, 100), "two");
  EXPECT_EQ(TreeBytes(dir_), kBlockBytes) << "a block is the least that a disk gives out";
  EXPECT_EQ(ReadFile(path, 2).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(dir_ + "/none", 2).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(IoTest, ReadOnlyTreesAreRemovedAndLinksAreNotFollowed) {
  ASSERT_TRUE(MakeFolders(dir_ + "/t/deep/er").ok());
  ASSERT_TRUE(MakeFolders(dir_ + "/keep").ok());
  ASSERT_TRUE(WriteFileAtomic(dir_ + "/keep/file", "x").ok());
  ASSERT_EQ(::symlink((dir_ + "/keep").c_str(), (dir_ + "/t/deep/link").c_str()), 0);
  ASSERT_EQ(::chmod((dir_ + "/t/deep/er").c_str(), 0555), 0);
  ASSERT_EQ(::chmod((dir_ + "/t/deep").c_str(), 0555), 0);
  ASSERT_TRUE(RemoveTree(dir_ + "/t").ok());
  EXPECT_EQ(*ReadFile(dir_ + "/keep/file", 10), "x");
  EXPECT_TRUE(RemoveTree(dir_ + "/t").ok()) << "what is not there is removed already";
}

TEST_F(IoTest, AFileSystemThatStatesNoSizeIsNotFull) {
  EXPECT_GT(*FreeBytes(dir_), 0);
  EXPECT_EQ(*FreeBytes("/proc"), INT64_MAX);
  EXPECT_EQ(FreeBytes(dir_ + "/none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(IoTest, ALockIsHeldByOne) {
  absl::StatusOr<FileLock> first = FileLock::TryAcquire(dir_ + "/lock");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(FileLock::TryAcquire(dir_ + "/lock").status().code(), absl::StatusCode::kUnavailable);
}

class PrivateFolderTest : public IoTest {
 protected:
  PrivateFolderTest() : folder_(dir_ + "/a/cache") {}
  int Mode() const {
    struct stat info {};
    EXPECT_EQ(::stat(folder_.c_str(), &info), 0);
    return static_cast<int>(info.st_mode & 07777);
  }
  bool Private() {
    const absl::StatusOr<bool> made = MakePrivateFolder(folder_, {"toolchains"});
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() && *made;
  }
  void MakeOpen(int mode = 0755) {
    ASSERT_TRUE(MakeFolders(folder_).ok());
    ASSERT_EQ(::chmod(folder_.c_str(), static_cast<mode_t>(mode)), 0);
  }

  const std::string folder_;
};

TEST_F(PrivateFolderTest, ANewOneIsForThisUserAlone) {
  EXPECT_TRUE(Private());
  EXPECT_EQ(Mode(), 0700);
  EXPECT_TRUE(Private()) << "once more";
}

TEST_F(PrivateFolderTest, AnEmptyOneAndOneThatHoldsOurThingsAreMended) {
  MakeOpen();
  EXPECT_TRUE(Private());
  EXPECT_EQ(Mode(), 0700);
  MakeOpen(0775);
  ASSERT_TRUE(MakeFolders(folder_ + "/toolchains").ok());
  EXPECT_TRUE(Private());
  EXPECT_EQ(Mode(), 0700);
}

TEST_F(PrivateFolderTest, OneThatIsSomethingElseKeepsItsMode) {
  MakeOpen();
  ASSERT_TRUE(WriteFileAtomic(folder_ + "/letter.txt", "x").ok());
  EXPECT_FALSE(Private());
  EXPECT_EQ(Mode(), 0755);
  ASSERT_TRUE(MakeFolders(folder_ + "/toolchains").ok());
  MakeOpen(01777);
  EXPECT_FALSE(Private()) << "everybody's, such as /tmp";
  EXPECT_EQ(Mode(), 01777);
  ASSERT_TRUE(RemoveTree(folder_).ok());
  ASSERT_TRUE(WriteFileAtomic(folder_, "no folder").ok());
  EXPECT_FALSE(MakePrivateFolder(folder_, {}).ok());
}

TEST_F(IoTest, HttpClientReadsAFolderThatStandsInForAProxy) {
  ASSERT_TRUE(WriteFileAtomic(dir_ + "/list", "v1.0.0\n").ok());
  const HttpClient client("gofarm-test");
  const Scope scope = Scope::For(absl::Seconds(10));
  absl::StatusOr<HttpResponse> r = client.Get(scope, Cat("file://", dir_, "/list"));
  ASSERT_TRUE(r.ok()) << r.status();
  EXPECT_EQ(r->status, 200);
  EXPECT_EQ(r->body, "v1.0.0\n");
  EXPECT_EQ(client.Get(scope, Cat("file://", dir_, "/none"))->status, 404);
  EXPECT_EQ(client.Get(scope, Cat("file://", dir_, "/list"), {.body_bytes = 3}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(IoTest, HttpClientTellsNoAnswerFromABadAddress) {
  const HttpClient client("gofarm-test");
  EXPECT_EQ(client.Get(Scope::For(absl::Seconds(10)), "http://127.0.0.1:1/x").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(client.Get(Scope::For(absl::Seconds(10)), "ftp://127.0.0.1/x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gofarm::io
