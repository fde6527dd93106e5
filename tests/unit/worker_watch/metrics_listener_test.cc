#include "worker/watch/metrics_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"

namespace gofarm::watch {
namespace {

class MetricsListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    token_file_ = ::testing::TempDir() + Cat("/token-", ::getpid());
    ASSERT_TRUE(io::WriteFileAtomic(token_file_, "a-word-of-enough-letters\n").ok());
  }
  void TearDown() override { ::unlink(token_file_.c_str()); }

  std::string token_file_;
};

TEST_F(MetricsListenerTest, AnAddressBeyondThisMachineTakesTls) {
  const auto server = ListenForScrapes({.address = "0.0.0.0:0"}, [](metrics::Format) { return ""; });
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition) << server.status();
}

TEST_F(MetricsListenerTest, TheWordOfTheFileIsAskedFor) {
  EXPECT_TRUE(CheckBearer(token_file_, "a-word-of-enough-letters").ok());
  EXPECT_TRUE(absl::IsUnauthenticated(CheckBearer(token_file_, "")));
  EXPECT_TRUE(absl::IsUnauthenticated(CheckBearer(token_file_, "a-word-of-enough-letters\n")));
  ASSERT_TRUE(io::WriteFileAtomic(token_file_, "short\n").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckBearer(token_file_, "short"))) << "anybody could guess it";
  EXPECT_TRUE(absl::IsNotFound(CheckBearer(token_file_ + ".gone", "x")));
}

}  // namespace
}  // namespace gofarm::watch
