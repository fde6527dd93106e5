// Logs: an append is acknowledged when it is on disk, repeats do no harm, and a long log keeps its head and its tail.
#include "coordinator/blob/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::blob {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LogStoreTest : public ::testing::Test {
 protected:
  LogStoreTest() {
    char name[] = "/tmp/gofarm-log-XXXXXX";
    dir_ = ::mkdtemp(name);
    Open(1 << 20);
  }
  ~LogStoreTest() override {
    store_.reset();
    EXPECT_TRUE(io::RemoveTree(dir_).ok());
  }
  void Open(int64_t bytes_max) {
    store_.reset();
    store_ = OpenFolderLogStore(dir_, bytes_max).value();
  }
  // Appends and waits for the acknowledgement.
  absl::StatusOr<int64_t> Append(AttemptToken token, int64_t offset, std::string_view data) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<int64_t>>>();
    const absl::Status taken = store_->Append(
        token, offset, data, [answer](const absl::StatusOr<int64_t>& stored) { answer->set_value(stored); });
    if (!taken.ok()) return taken;
    return answer->get_future().get();
  }
  std::string ReadAll(AttemptToken token, int64_t offset = 0, size_t limit = 1000) {
    std::string out;
    while (true) {
      const LogSlice slice = store_->Read(token, offset, limit).value();
      out += slice.data;
      if (slice.at_end) return out;
      offset = slice.next_offset;
    }
  }

  std::string dir_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogStoreTest, AcknowledgesWhatIsStored) {
  EXPECT_EQ(store_->StoredOffset(AttemptToken{7}).value(), 0);
  EXPECT_EQ(Append(AttemptToken{7}, 0, "one\n").value(), 4);
  EXPECT_EQ(Append(AttemptToken{7}, 4, "two\n").value(), 8);
  EXPECT_EQ(store_->StoredOffset(AttemptToken{7}).value(), 8);
  EXPECT_EQ(ReadAll(AttemptToken{7}), "one\ntwo\n");
  EXPECT_EQ(ReadAll(AttemptToken{7}, 4), "two\n");
  EXPECT_EQ(io::ReadFile(Cat(dir_, "/logs/0/7.log"), 100).value(), "one\ntwo\n");
}

TEST_F(LogStoreTest, RepeatedAndOverlappingChunksAreStoredOnce) {
  ASSERT_TRUE(Append(AttemptToken{7}, 0, "abcdef").ok());
  EXPECT_EQ(Append(AttemptToken{7}, 0, "abcdef").value(), 6);
  EXPECT_EQ(Append(AttemptToken{7}, 2, "cd").value(), 6);
  EXPECT_EQ(Append(AttemptToken{7}, 4, "efgh").value(), 8);
  EXPECT_EQ(ReadAll(AttemptToken{7}), "abcdefgh");
}

TEST_F(LogStoreTest, GapIsRefusedWithTheOffsetToSendFrom) {
  ASSERT_TRUE(Append(AttemptToken{7}, 0, "abc").ok());
  const absl::Status status = Append(AttemptToken{7}, 10, "x").status();
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("send from 3"));
}

TEST_F(LogStoreTest, NegativeOffsetsAndHugeChunksAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Append(AttemptToken{7}, -1, "x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Append(AttemptToken{7}, 0, std::string(kLogChunkMax + 1, 'x')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Read(AttemptToken{7}, -1, 10).status()));
}

TEST_F(LogStoreTest, LogGoesOnInANewProcess) {
  ASSERT_TRUE(Append(AttemptToken{1234}, 0, "before ").ok());
  Open(1 << 20);
  EXPECT_EQ(store_->StoredOffset(AttemptToken{1234}).value(), 7);
  EXPECT_EQ(Append(AttemptToken{1234}, 7, "after").value(), 12);
  EXPECT_EQ(ReadAll(AttemptToken{1234}), "before after");
}

TEST_F(LogStoreTest, LongLogKeepsHeadAndTailWithinItsLimit) {
  Open(4096);
  std::string whole;
  for (int i = 0; i < 2000; ++i) {
    const std::string line = Cat("line ", i, "\n");
    ASSERT_TRUE(store_->Append(AttemptToken{9}, static_cast<int64_t>(whole.size()), line, [](const auto&) {}).ok());
    whole += line;
  }
  const auto check = [&] {
    const std::string kept = ReadAll(AttemptToken{9});
    EXPECT_THAT(kept, StartsWith("line 0\nline 1\n"));
    EXPECT_THAT(kept, EndsWith("line 1998\nline 1999\n"));
    EXPECT_THAT(kept, HasSubstr("bytes of this log were left out here"));
    uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    EXPECT_LE(bytes, 4096U);
    EXPECT_GE(bytes, 3072U);
    EXPECT_EQ(store_->StoredOffset(AttemptToken{9}).value(), static_cast<int64_t>(whole.size()));
  };
  EXPECT_EQ(Append(AttemptToken{9}, static_cast<int64_t>(whole.size()), "").value(),
            static_cast<int64_t>(whole.size()));
  check();
  Open(4096);
  check();
}

TEST_F(LogStoreTest, ManyLogsGrowAtOnceAndIdleOnesAreClosed) {
  const int logs = static_cast<int>(kOpenLogsMax) + 100;
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i <= logs; ++i) {
      ASSERT_TRUE(store_->Append(AttemptToken{i}, round * 5, "12345", [](const auto&) {}).ok()) << i;
    }
    EXPECT_EQ(Append(AttemptToken{1}, 0, "").value(), (round + 1) * 5);
  }
  for (const int i : {1, 100, logs}) EXPECT_EQ(ReadAll(AttemptToken{i}), "1234512345") << i;
}

TEST_F(LogStoreTest, ManyAppendsShareOneSync) {
  // 100 appends, all acknowledged by at most a few group commits: far quicker than one interval each.
  std::vector<std::shared_ptr<std::promise<void>>> done;
  const absl::Time start = absl::Now();
  for (int i = 0; i < 100; ++i) {
    done.push_back(std::make_shared<std::promise<void>>());
    ASSERT_TRUE(store_->Append(AttemptToken{3}, i, "x", [p = done.back()](const auto&) { p->set_value(); }).ok());
  }
  for (const auto& p : done) p->get_future().wait();
  EXPECT_LT(absl::Now() - start, 50 * kSyncInterval);
  EXPECT_EQ(store_->StoredOffset(AttemptToken{3}).value(), 100);
}

TEST_F(LogStoreTest, ATailThatSomebodyRemovedIsAnErrorAndNotAReadWithoutEnd) {
  Open(4000);  // head 2000, tails of 1000
  const AttemptToken token{7};
  ASSERT_TRUE(Append(token, 0, std::string(2500, 'x')).ok());
  ASSERT_EQ(::unlink(Cat(dir_, "/logs/0/7.2000.tail").c_str()), 0);
  const absl::StatusOr<LogSlice> slice = store_->Read(token, 2000, 100);
  EXPECT_EQ(slice.status().code(), absl::StatusCode::kNotFound) << slice.status();
}

TEST_F(LogStoreTest, ALogThatSomebodyCutIsAnErrorAndNotAReadWithoutEnd) {
  Open(4000);
  const AttemptToken token{7};
  ASSERT_TRUE(Append(token, 0, std::string(2500, 'x')).ok());
  ASSERT_EQ(::truncate(Cat(dir_, "/logs/0/7.2000.tail").c_str(), 100), 0);
  EXPECT_EQ(store_->Read(token, 2000, 1000)->data.size(), 100u);
  EXPECT_TRUE(absl::IsDataLoss(store_->Read(token, 2100, 1000).status()));
}

}  // namespace
}  // namespace gofarm::blob
