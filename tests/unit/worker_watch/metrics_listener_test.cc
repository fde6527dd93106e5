#include "worker/watch/metrics_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"

namespace gofarm::watch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    token_file_ = ::testing::TempDir() + Cat("/token-", ::getpid());
    ASSERT_TRUE(io::WriteFileAtomic(token_file_, "a-word-of-enough-letters\n").ok());
  }
  void TearDown() override { ::unlink(token_file_.c_str()); }

  std::string token_file_;
  io::HttpClient client_{"test"};
};

TEST_F(MetricsListenerTest, AnAddressBeyondThisMachineTakesTls) {
  const auto server = ListenForScrapes({.address = "0.0.0.0:0"}, [](metrics::Format) { return ""; });
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition) << server.status();
}

TEST_F(MetricsListenerTest, TheWordOfTheFileIsAskedFor) {
  const auto server = ListenForScrapes({.address = "127.0.0.1:0", .token_file = token_file_},
                                       [](metrics::Format) { return "a_series 1\n"; });
  ASSERT_TRUE(server.ok()) << server.status();
  const auto ask = [&](const std::string& authorization) {
    io::HttpRequest request{.url = Cat("http://127.0.0.1:", (*server)->port(), "/metrics")};
    if (!authorization.empty()) request.headers.Add("Authorization", authorization);
    return client_.Send(Scope::For(absl::Seconds(10)), request);
  };
  for (const char* wrong : {"", "Bearer another-word-of-letters", "a-word-of-enough-letters"}) {
    const auto answer = ask(wrong);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 401) << wrong;
    EXPECT_THAT(answer->body, Not(HasSubstr("a_series")));
  }
  const auto answer = ask("Bearer a-word-of-enough-letters");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "a_series 1\n");

  // What is wrong with the file is the log's matter.
  ASSERT_TRUE(io::WriteFileAtomic(token_file_, "short\n").ok());
  const auto short_word = ask("Bearer short");
  ASSERT_TRUE(short_word.ok()) << short_word.status();
  EXPECT_EQ(short_word->status, 503) << "anybody could guess it";
  EXPECT_THAT(short_word->body, Not(HasSubstr(token_file_)));
}

TEST_F(MetricsListenerTest, WithoutAWordOfSomeLengthItDoesNotStart) {
  for (const std::string& file : {token_file_ + ".gone", token_file_}) {
    ASSERT_TRUE(io::WriteFileAtomic(token_file_, "short\n").ok());
    EXPECT_FALSE(
        ListenForScrapes({.address = "127.0.0.1:0", .token_file = file}, [](metrics::Format) { return ""; }).ok());
  }
}

}  // namespace
}  // namespace gofarm::watch
