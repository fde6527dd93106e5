#include "worker/upload/log_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::upload {
namespace {

using testing::HasSubstr;

class LogSpoolTest : public testing::Test {
 protected:
  std::unique_ptr<LogSpool> Make(int64_t limit) {
    auto spool = LogSpool::Create(path_, limit);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }
  static std::string All(const LogSpool& spool) { return spool.Read(0, 1 << 24).value_or("unreadable"); }

  const std::string path_ = Cat(testing::TempDir(), "/log_spool_", ::getpid());
};

TEST_F(LogSpoolTest, AShortLogIsKeptWholeAndReadableAtOnce) {
  const auto spool = Make(1000);
  spool->Append("build/install| one\n");
  spool->Append("build/install| two\n");
  EXPECT_EQ(All(*spool), "build/install| one\nbuild/install| two\n");
  spool->Close();
  spool->Append("too late\n");
  EXPECT_EQ(All(*spool), "build/install| one\nbuild/install| two\n");
  EXPECT_EQ(spool->sha256(), digest::Sha256Hex(All(*spool)));
  EXPECT_EQ(spool->left_out(), 0);
}

TEST_F(LogSpoolTest, ReadsFromAnyOffsetAndRefusesOthers) {
  const auto spool = Make(1000);
  spool->Append("0123456789\n");
  EXPECT_EQ(*spool->Read(4, 3), "456");
  EXPECT_EQ(*spool->Read(11, 3), "");
  EXPECT_EQ(spool->Read(12, 3).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LogSpoolTest, ALongLogKeepsItsHeadAndItsTailAndSaysWhatIsMissing) {
  const auto spool = Make(2000);
  std::string whole;
  for (int i = 1000; i < 2000; ++i) {
    const std::string line = Cat("line ", i, "\n");
    whole += line;
    spool->Append(line);
  }
  const std::string head = All(*spool);
  EXPECT_EQ(head, whole.substr(0, 1000));
  spool->Close();
  const std::string kept = All(*spool);
  const size_t middle = kept.find("log| ");
  ASSERT_EQ(middle, 1000u);
  const size_t tail_at = kept.find('\n', middle) + 1;
  const std::string tail = kept.substr(tail_at);
  EXPECT_EQ(tail, whole.substr(whole.size() - tail.size()));
  EXPECT_GT(tail.size(), 980u);
  EXPECT_EQ(tail.substr(0, 5), "line ");
  const auto missing = static_cast<int64_t>(whole.size() - 1000 - tail.size());
  EXPECT_EQ(spool->left_out(), missing);
  EXPECT_THAT(kept,
              HasSubstr(Cat("log| ", missing, " bytes left out: the log is longer than its limit of 2000 bytes\n")));
  EXPECT_EQ(spool->sha256(), digest::Sha256Hex(kept));
}

TEST_F(LogSpoolTest, ALogThatFitsHeadAndTailExactlyLosesNothing) {
  const auto spool = Make(200);
  std::string whole;
  for (int i = 0; i < 20; ++i) {
    const std::string line = Cat("line ", 1000 + i);
    whole += line + "\n";
    spool->Append(line + "\n");
  }
  ASSERT_EQ(whole.size(), 200u);
  spool->Close();
  EXPECT_EQ(All(*spool), whole);
}

TEST_F(LogSpoolTest, OneLineLongerThanEverythingIsCut) {
  const auto spool = Make(100);
  spool->Append(Cat(std::string(10'000, 'x'), "\nlast\n"));
  spool->Close();
  EXPECT_EQ(All(*spool), "log| 10001 bytes left out: the log is longer than its limit of 100 bytes\nlast\n");
}

TEST_F(LogSpoolTest, AFullDiskLosesLinesButNotTheBuild) {
  // A file size limit fails writes like a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto spool = Make(1000);
  spool->Append("first\n");
  rlimit small = before;
  small.rlim_cur = 6;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  spool->Append("lost\n");
  spool->Append("lost too\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  spool->Close();
  EXPECT_EQ(All(*spool), "first\nlog| 14 bytes left out: the worker's disk was full\n");
}

TEST_F(LogSpoolTest, TheFileGoesWithTheObject) {
  Make(1000)->Append("x\n");
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace gofarm::upload
