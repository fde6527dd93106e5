// Blobs: visible only when whole and right, resumable, and never taken away from under an attempt.
#include "coordinator/blob/blob_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "tests/support/small_disk.h"

namespace gofarm::blob {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Sha(std::string_view bytes) {
  digest::Sha256 hash;
  hash.Update(bytes);
  return hash.HexAndReset();
}

std::string Megabytes(int n) {
  std::string out(static_cast<size_t>(n) << 20, '\0');
  uint64_t x = 88172645463325252ULL;
  for (char& c : out) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    c = static_cast<char>(x);
  }
  return out;
}

class BlobStoreTest : public ::testing::Test {
 protected:
  BlobStoreTest() {
    char name[] = "/tmp/gofarm-blob-XXXXXX";
    dir_ = ::mkdtemp(name);
    store_ = OpenFolderBlobStore(dir_).value();
  }
  ~BlobStoreTest() override { EXPECT_TRUE(io::RemoveTree(dir_).ok()); }

  absl::Status Put(const std::string& bytes) {
    auto upload = store_->BeginUpload(Sha(bytes), static_cast<int64_t>(bytes.size()));
    if (!upload.ok() || *upload == nullptr) return upload.status();
    if (absl::Status s = (*upload)->Append(std::string_view(bytes).substr(static_cast<size_t>((*upload)->offset())));
        !s.ok())
      return s;
    return (*upload)->Finish();
  }
  std::string Get(const std::string& sha256, int64_t offset = 0) {
    auto reader = store_->Open(sha256, offset);
    if (!reader.ok()) return std::string(reader.status().message());
    std::string out;
    while (true) {
      std::string piece = (*reader)->Read(100'000).value();
      if (piece.empty()) return out;
      out += piece;
    }
  }
  bool Stored(const std::string& sha256) { return store_->Open(sha256, 0).ok(); }
  void MakeOld(const std::string& sha256) {
    const std::string path = Cat(dir_, "/blobs/", sha256.substr(0, 2), "/", sha256.substr(2));
    const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0) << path;
  }

  std::string dir_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(BlobStoreTest, ABlobThatTheDiskCutOffIsTakenAgain) {
  const std::string bytes = Megabytes(2);
  ASSERT_TRUE(Put(bytes).ok());
  const std::string sha256 = Sha(bytes);
  ASSERT_EQ(::truncate(Cat(dir_, "/blobs/", sha256.substr(0, 2), "/", sha256.substr(2)).c_str(), 100), 0);
  ASSERT_TRUE(Put(bytes).ok()) << "else no worker could ever bring this program again";
  EXPECT_EQ(Get(sha256), bytes);
}

TEST_F(BlobStoreTest, StoredBytesComeBackFromAnyOffset) {
  const std::string bytes = Megabytes(2);
  ASSERT_TRUE(Put(bytes).ok());
  EXPECT_EQ(Get(Sha(bytes)), bytes);
  EXPECT_EQ(Get(Sha(bytes), 1'500'000), bytes.substr(1'500'000));
  EXPECT_TRUE(Stored(Sha(bytes)));
  EXPECT_FALSE(Stored(Sha("other")));
  EXPECT_TRUE(absl::IsOutOfRange(store_->Open(Sha(bytes), (2 << 20) + 1).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Open(Sha("other"), 0).status()));
}

TEST_F(BlobStoreTest, EmptyBlobIsABlob) {
  ASSERT_TRUE(Put("").ok());
  EXPECT_EQ(store_->Renew(Sha("")).value(), 0);
}

TEST_F(BlobStoreTest, UploadGoesOnWhereItBrokeOffAlsoInANewProcess) {
  const std::string bytes = Megabytes(1);
  {
    auto upload = store_->BeginUpload(Sha(bytes), static_cast<int64_t>(bytes.size())).value();
    ASSERT_TRUE(upload->Append(bytes.substr(0, 300'000)).ok());
  }
  store_ = OpenFolderBlobStore(dir_).value();
  auto upload = store_->BeginUpload(Sha(bytes), static_cast<int64_t>(bytes.size())).value();
  EXPECT_EQ(upload->offset(), 300'000);
  EXPECT_FALSE(Stored(Sha(bytes)));
  EXPECT_TRUE(absl::IsFailedPrecondition(upload->Finish()));
  ASSERT_TRUE(upload->Append(bytes.substr(300'000)).ok());
  ASSERT_TRUE(upload->Finish().ok());
  EXPECT_EQ(Get(Sha(bytes)), bytes);
}

TEST_F(BlobStoreTest, WrongBytesAreDataLossAndTheirPartialIsGone) {
  const std::string bytes = "right bytes";
  {
    auto upload = store_->BeginUpload(Sha(bytes), static_cast<int64_t>(bytes.size())).value();
    ASSERT_TRUE(upload->Append("wrong bytes").ok());
    const absl::Status status = upload->Finish();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(Sha("wrong bytes")));
  }
  EXPECT_FALSE(Stored(Sha(bytes)));
  auto again = store_->BeginUpload(Sha(bytes), static_cast<int64_t>(bytes.size())).value();
  EXPECT_EQ(again->offset(), 0);
  ASSERT_TRUE(again->Append(bytes).ok());
  EXPECT_TRUE(again->Finish().ok());
}

TEST_F(BlobStoreTest, MoreBytesThanAnnouncedAreRefused) {
  auto upload = store_->BeginUpload(Sha("abc"), 3).value();
  EXPECT_TRUE(absl::IsDataLoss(upload->Append("abcd")));
}

TEST_F(BlobStoreTest, BadDigestsAndSizesAreRefused) {
  for (const std::string bad : {"", "abc", "../../../../etc/passwd"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store_->BeginUpload(bad, 1).status())) << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Open(bad, 0).status())) << bad;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(store_->BeginUpload(std::string(64, 'A'), 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->BeginUpload(Sha("x"), -1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->BeginUpload(Sha("x"), kBlobBytesMax + 1).status()));
}

TEST_F(BlobStoreTest, KnownDigestIsSkippedAndAnotherSizeIsALie) {
  ASSERT_TRUE(Put("known").ok());
  EXPECT_EQ(store_->BeginUpload(Sha("known"), 5).value(), nullptr);
  EXPECT_TRUE(absl::IsInvalidArgument(store_->BeginUpload(Sha("known"), 6).status()));
}

TEST_F(BlobStoreTest, ManyUploadsOfOneDigestAtOnceAllSucceed) {
  const std::string bytes = Megabytes(1);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += Put(bytes).ok(); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(Get(Sha(bytes)), bytes);
  EXPECT_EQ(io::TreeBytes(Cat(dir_, "/partial")), 0);
}

TEST_F(BlobStoreTest, CollectionTakesOnlyOldUnreferencedBlobs) {
  for (const std::string b : {"young", "wanted", "renewed", "waste"}) ASSERT_TRUE(Put(b).ok());
  for (const std::string b : {"wanted", "renewed", "waste"}) MakeOld(Sha(b));
  { auto broken_off = store_->BeginUpload(Sha("never ended"), 11).value(); }
  ASSERT_EQ(store_->Renew(Sha("renewed")).value(), 7);
  std::vector<std::string> asked;
  const Collected sum =
      store_
          ->Collect(kUnreferencedMinAge,
                    [&](const std::vector<std::string>& digests) {
                      asked.insert(asked.end(), digests.begin(), digests.end());
                      return absl::StatusOr<std::vector<std::string>>(std::vector<std::string>{Sha("wanted")});
                    })
          .value();
  EXPECT_THAT(asked, ::testing::UnorderedElementsAre(Sha("wanted"), Sha("waste")));
  EXPECT_EQ(sum.blobs, 1);
  EXPECT_EQ(sum.partials, 0);
  EXPECT_FALSE(Stored(Sha("waste")));
  for (const std::string b : {"young", "wanted", "renewed"}) EXPECT_TRUE(Stored(Sha(b))) << b;
  EXPECT_EQ(store_
                ->Collect(absl::ZeroDuration(),
                          [](const std::vector<std::string>& d) { return absl::StatusOr<std::vector<std::string>>(d); })
                .value()
                .partials,
            1);
}

TEST_F(BlobStoreTest, BlobRenewedWhileTheStoreIsAskedStays) {
  ASSERT_TRUE(Put("late").ok());
  MakeOld(Sha("late"));
  const Collected sum = store_
                            ->Collect(kUnreferencedMinAge,
                                      [&](const std::vector<std::string>&) {
                                        EXPECT_EQ(store_->BeginUpload(Sha("late"), 4).value(), nullptr);
                                        return absl::StatusOr<std::vector<std::string>>(std::vector<std::string>{});
                                      })
                            .value();
  EXPECT_EQ(sum.blobs, 0);
  EXPECT_TRUE(Stored(Sha("late")));
}

TEST_F(BlobStoreTest, UnansweredQuestionDeletesNothing) {
  ASSERT_TRUE(Put("precious").ok());
  MakeOld(Sha("precious"));
  const auto sum = store_->Collect(kUnreferencedMinAge, [](const std::vector<std::string>&) {
    return absl::StatusOr<std::vector<std::string>>(absl::UnavailableError("database is away"));
  });
  EXPECT_TRUE(absl::IsUnavailable(sum.status()));
  EXPECT_TRUE(Stored(Sha("precious")));
}

TEST_F(BlobStoreTest, DeletedBlobIsGone) {
  ASSERT_TRUE(Put("x").ok());
  EXPECT_TRUE(store_->Delete(Sha("x")).ok());
  EXPECT_TRUE(store_->Delete(Sha("x")).ok());
  EXPECT_FALSE(Stored(Sha("x")));
}

TEST_F(BlobStoreTest, FailingFsyncStoresNothing) {
  FileOps ops = RealFileOps();
  ops.fsync = [](int) {
    errno = EIO;
    return -1;
  };
  store_ = OpenFolderBlobStore(dir_, ops).value();
  EXPECT_FALSE(Put("not on disk").ok());
  EXPECT_FALSE(Stored(Sha("not on disk")));
}

TEST_F(BlobStoreTest, FullDiskIsResourceExhaustedAndTheUploadGoesOnWhenThereIsRoom) {
  bool full = true;
  FileOps ops = RealFileOps();
  ops.pwrite = [&](int fd, const char* data, size_t size, int64_t offset) -> int64_t {
    if (!full) return ::pwrite(fd, data, size, offset);
    if (offset >= 4) {
      errno = ENOSPC;
      return -1;
    }
    return ::pwrite(fd, data, 4, offset);  // a short write, as a nearly full disk does it
  };
  store_ = OpenFolderBlobStore(dir_, ops).value();
  EXPECT_TRUE(absl::IsResourceExhausted(Put("ten bytes!")));
  full = false;
  EXPECT_EQ(store_->BeginUpload(Sha("ten bytes!"), 10).value()->offset(), 4);
  EXPECT_TRUE(Put("ten bytes!").ok());
  EXPECT_EQ(Get(Sha("ten bytes!")), "ten bytes!");
}

// In a child with mount (and, for an ordinary user, user) namespaces of its own: a real file system of 1 MiB.
TEST_F(BlobStoreTest, RealFullFileSystemIsResourceExhausted) {
  const std::string small = Cat(dir_, "/small");
  ASSERT_EQ(::mkdir(small.c_str(), 0755), 0);
  EXPECT_EXIT(
      {
        gofarm::testing::EnterOwnMounts();
        const gofarm::testing::SmallDisk disk(small, "size=1m");
        if (HasFailure()) ::_exit(12);
        store_ = OpenFolderBlobStore(small).value();
        if (!absl::IsResourceExhausted(Put(Megabytes(3)))) ::_exit(13);
        if (!store_
                 ->Collect(
                     absl::ZeroDuration(),
                     [](const std::vector<std::string>& d) { return absl::StatusOr<std::vector<std::string>>(d); })
                 .ok())
          ::_exit(14);
        ::_exit(Put("fits again").ok() ? 0 : 15);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gofarm::blob
