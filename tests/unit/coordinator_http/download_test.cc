// Files that go out by sendfile(2): what arrives, to many at once and over slow lines; who is cut; what one listener
// and one address may have.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/http/file_response.h"
#include "common/http/http_server.h"
#include "common/http/socket_calls.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kAsk[] = "GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr int kWindow = 128 << 10;

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    for (int i = 0; content_.size() < 6'000'000; ++i) content_ += Cat(i, ",");
    EXPECT_TRUE(io::WriteFileAtomic(path_, content_).ok());
  }
  ~DownloadTest() override {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
  }
  void Serve(HttpServerOptions options) {
    Router router;
    router.Get("/file", Router::Kind::kBlocking, [this](const Request& request) {
      return FileResponse(request, {.fd = io::Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)),
                                    .size = static_cast<int64_t>(content_.size()),
                                    .content_type = "text/csv",
                                    .etag = "\"1\""});
    });
    router.Get("/empty", Router::Kind::kBlocking, [](const Request& request) {
      return FileResponse(request, {.fd = io::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), .etag = "\"0\""});
    });
    router.Get("/blocks", Router::Kind::kBlocking, [this](const Request&) {
      ++blocked_;
      go_on_.WaitForNotification();
      return Response{.body = "went on\n"};
    });
    server_ = HttpServer::Start("127.0.0.1:0", std::move(router), std::move(options)).value();
  }
  // A line with little room, which has asked for the file.
  int AskByASlowLine() {
    const int fd = Connect(server_->port(), kWindow);
    EXPECT_EQ(::send(fd, kAsk, sizeof kAsk - 1, MSG_NOSIGNAL), static_cast<ssize_t>(sizeof kAsk - 1));
    return fd;
  }
  static std::string Body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  const io::ScratchFolder folder_ = io::ScratchFolder::Make(::testing::TempDir(), "http-download-").value();
  const std::string path_ = folder_.path() + "/f";
  std::string content_;
  std::atomic<int> blocked_ = 0;
  absl::Notification go_on_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(DownloadTest, ManyAtOnceGetTheWholeFile) {
  Serve({});
  std::vector<std::string> answers(60);
  std::vector<std::thread> clients;
  for (std::string& answer : answers) clients.emplace_back([&] { answer = Say(server_->port(), kAsk); });
  for (std::thread& client : clients) client.join();
  for (const std::string& answer : answers) {
    EXPECT_THAT(answer.substr(0, 200), HasSubstr(Cat("Content-Length: ", content_.size())));
    EXPECT_TRUE(Body(answer) == content_);
  }
}

TEST_F(DownloadTest, AnotherRequestFollowsAFileOnItsConnection) {
  Serve({});
  const std::string both =
      Say(server_->port(), Cat("GET /file HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1000000-4999999\r\n\r\n",
                               "GET /empty HTTP/1.1\r\nHost: localhost\r\n\r\n", kAsk));
  const std::string part = content_.substr(1'000'000, 4'000'000);
  EXPECT_THAT(both.substr(0, 300), AllOf(StartsWith("HTTP/1.1 206"), HasSubstr("bytes 1000000-4999999/")));
  EXPECT_TRUE(Body(both).substr(0, part.size()) == part);
  const std::string rest = Body(both).substr(part.size());
  EXPECT_THAT(rest.substr(0, 300), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 0\r\n")));
  EXPECT_TRUE(Body(Body(rest)) == content_);
}

// 160 KB a second: a piece of 256 KiB does not go out in a whole pace_time, and the file takes many of them.
TEST_F(DownloadTest, ASlowLineGetsAllOfIt) {
  content_.resize(1'000'000);
  Serve({.pace_time = absl::Seconds(1), .pace_bytes = 16 << 10});
  const int fd = AskByASlowLine();
  const absl::Time begin = SteadyNow();
  std::string answer, buffer(32 << 10, '\0');
  while (true) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_WAITALL);
    if (n <= 0) break;
    answer.append(buffer, 0, static_cast<size_t>(n));
    absl::SleepFor(absl::Milliseconds(200));
  }
  ::close(fd);
  EXPECT_GT(SteadyNow() - begin, absl::Seconds(5));
  EXPECT_TRUE(Body(answer) == content_);
}

TEST_F(DownloadTest, AReaderThatStandsStillIsCutAndSoIsOneThatTrickles) {
  Serve({.pace_time = absl::Milliseconds(500), .pace_bytes = 16 << 10});
  const int still = AskByASlowLine(), trickles = AskByASlowLine();
  const absl::Time end = SteadyNow() + absl::Seconds(4);
  std::string taken;
  for (char some[200]; SteadyNow() < end; absl::SleepFor(absl::Milliseconds(100))) {
    const ssize_t n = ::recv(trickles, some, sizeof some, 0);
    if (n > 0) taken.append(some, static_cast<size_t>(n));
  }
  for (const int fd : {still, trickles}) {
    EXPECT_LT(ReadToEnd(fd).size(), content_.size() / 2) << "what was under way, then the end";
    ::close(fd);
  }
}

TEST_F(DownloadTest, AClientThatLeavesTakesNobodyWithIt) {
  Serve({});
  for (int i = 0; i < 20; ++i) {
    const int fd = AskByASlowLine();
    char some[1000];
    EXPECT_GT(::recv(fd, some, sizeof some, 0), 0);
    const linger reset = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::close(fd);
  }
  EXPECT_TRUE(Body(Say(server_->port(), kAsk)) == content_);
}

TEST_F(DownloadTest, AFileThatGotShorterIsCutAndNotEnded) {
  Serve({});
  ASSERT_EQ(::truncate(path_.c_str(), 3'000'000), 0);
  const std::string answer = Say(server_->port(), kAsk);
  EXPECT_THAT(answer.substr(0, 200), HasSubstr(Cat("Content-Length: ", content_.size())));
  EXPECT_EQ(Body(answer).size(), 3'000'000u);
}

TEST_F(DownloadTest, DownloadsGiveNoWayToMoreThanThereMayBe) {
  Serve({.limits = {.connections = 2}});
  const int first = AskByASlowLine(), second = AskByASlowLine();
  char byte = 0;
  for (const int fd : {first, second}) EXPECT_EQ(::recv(fd, &byte, 1, MSG_PEEK), 1) << "it is under way";
  EXPECT_EQ(Say(server_->port(), kAsk), "") << "one more is shut at once";
  for (const int fd : {first, second}) {
    EXPECT_TRUE(Body(ReadToEnd(fd)) == content_);
    ::close(fd);
  }
  EXPECT_TRUE(Body(Say(server_->port(), kAsk)) == content_);
}

TEST_F(DownloadTest, MoreDownloadsThanTheLimitAreToldToComeLater) {
  Serve({.limits = {.streams = 1}});
  const int first = AskByASlowLine();
  char byte = 0;
  EXPECT_EQ(::recv(first, &byte, 1, MSG_PEEK), 1);
  EXPECT_THAT(Say(server_->port(), kAsk), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After")));
  EXPECT_TRUE(Body(ReadToEnd(first)) == content_);
  ::close(first);
}

TEST_F(DownloadTest, OneAddressHasItsShareWithoutTlsToo) {
  Serve({.limits = {.per_address = 3}});
  std::vector<int> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(Connect(server_->port()));
  EXPECT_EQ(Say(server_->port(), kAsk), "");
  const int elsewhere = Connect(server_->port(), 0, "127.0.0.2");
  ::send(elsewhere, kAsk, sizeof kAsk - 1, MSG_NOSIGNAL);
  EXPECT_TRUE(Body(ReadToEnd(elsewhere)) == content_);
  ::close(elsewhere);
  ::close(silent.back());
  // The place is free when the listener has seen the end.
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i, absl::SleepFor(absl::Milliseconds(20))) {
    answer = Say(server_->port(), kAsk);
  }
  EXPECT_TRUE(Body(answer) == content_);
  for (size_t i = 0; i + 1 < silent.size(); ++i) ::close(silent[i]);
}

TEST_F(DownloadTest, ARequestThatWaitedTooLongForAThreadIsNotBegun) {
  Serve({.thread_patience = absl::Milliseconds(200)});
  const std::string ask = "GET /blocks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  std::vector<int> fds;
  for (int i = 0; i <= kHandlerThreads; ++i) {
    while (i == kHandlerThreads && blocked_ < kHandlerThreads) absl::SleepFor(absl::Milliseconds(5));
    fds.push_back(Connect(server_->port()));
    ::send(fds.back(), ask.data(), ask.size(), MSG_NOSIGNAL);
  }
  absl::SleepFor(absl::Milliseconds(500));
  go_on_.Notify();
  EXPECT_THAT(ReadToEnd(fds.back()), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(ReadToEnd(fds.front()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(blocked_, kHandlerThreads);
  for (const int fd : fds) ::close(fd);
}

TEST_F(DownloadTest, WhatTheOtherEndConfirmedIsCounted) {
  Serve({});
  const int fd = Connect(server_->port());
  const int64_t before = TakenBytes(fd);
  ASSERT_GE(before, 0) << "the kernel does not say";
  ASSERT_EQ(::send(fd, kAsk, sizeof kAsk - 1, MSG_NOSIGNAL), static_cast<ssize_t>(sizeof kAsk - 1));
  char byte = 0;
  ASSERT_EQ(::recv(fd, &byte, 1, 0), 1) << "the answer confirms the request";
  EXPECT_EQ(TakenBytes(fd) - before, static_cast<int64_t>(sizeof kAsk - 1));
  ::close(fd);
  EXPECT_EQ(TakenBytes(-1), -1);
}

class SendFilePartTest : public DownloadTest {
 protected:
  SendFilePartTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    near_ = io::Fd(pair[0]);
    far_ = io::Fd(pair[1]);
  }
  io::Fd near_, far_;
  const io::Fd file_{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
};

TEST_F(SendFilePartTest, SendsWhatFitsAndSaysThatItIsFull) {
  FilePart part{.fd = file_.get(), .first = 10, .size = 100};
  auto turn = SendFilePart(near_.get(), part);
  ASSERT_TRUE(turn.ok()) << turn.status();
  EXPECT_EQ(turn->sent, 100);
  EXPECT_FALSE(turn->blocked);
  std::string got(100, '\0');
  EXPECT_EQ(::recv(far_.get(), got.data(), got.size(), 0), 100);
  EXPECT_EQ(got, content_.substr(10, 100));
  part = {.fd = file_.get(), .first = 0, .size = static_cast<int64_t>(content_.size())};
  turn = SendFilePart(near_.get(), part);
  ASSERT_TRUE(turn.ok()) << turn.status();
  EXPECT_TRUE(turn->blocked);
  EXPECT_GT(turn->sent, 0);
  EXPECT_LT(turn->sent, kFileTurnBytesMax);
}

// Whether a file system can tell differs; what it must not say is that something is there which is not.
TEST_F(SendFilePartTest, WhatTheFileDoesNotHaveIsNotInMemory) {
  const int64_t size = static_cast<int64_t>(content_.size());
  EXPECT_FALSE(IsInMemory({.fd = file_.get(), .first = 0, .size = 0}));
  EXPECT_FALSE(IsInMemory({.fd = file_.get(), .first = size, .size = 1}));
  EXPECT_FALSE(IsInMemory({.fd = file_.get(), .first = size - 10, .size = 11}));
  EXPECT_FALSE(IsInMemory({.fd = -1, .first = 0, .size = 1}));
}

TEST_F(SendFilePartTest, AShorterFileAndAClientThatLeftAreErrorsAndNoSignal) {
  const int64_t size = static_cast<int64_t>(content_.size());
  EXPECT_TRUE(absl::IsDataLoss(SendFilePart(near_.get(), {.fd = file_.get(), .first = size - 5, .size = 6}).status()));
  far_.Close();
  EXPECT_TRUE(absl::IsUnavailable(SendFilePart(near_.get(), {.fd = file_.get(), .first = 0, .size = 6}).status()));
}

}  // namespace
}  // namespace gofarm::http
