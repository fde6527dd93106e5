// Bodies that are made while they are sent: files and parts of them, streams without an end, readers that are slow or
// leave.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/http/file_response.h"
#include "common/http/http_server.h"
#include "common/io/files.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::http {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Then = BodyStream::Piece::Then;

// Events that a test publishes, as a page would follow them; counts the streams that live.
class Events {
 public:
  class Follower final : public BodyStream {
   public:
    explicit Follower(Events& events) : events_(events) { ++events_.alive; }
    ~Follower() override { --events_.alive; }
    void Start(std::function<void()> wake) override {
      absl::MutexLock lock(&events_.mutex_);
      events_.wakes_.push_back(std::move(wake));
    }
    absl::StatusOr<Piece> Next() override {
      absl::MutexLock lock(&events_.mutex_);
      Piece piece;
      for (; seen_ < events_.published_.size(); ++seen_) piece.data += Cat("data: ", events_.published_[seen_], "\n\n");
      piece.then = events_.ended_ ? Then::kEnd : Then::kWait;
      return piece;
    }

   private:
    Events& events_;
    size_t seen_ = 0;
  };

  void Publish(const std::string& event, bool end = false) {
    std::vector<std::function<void()>> wakes;
    {
      absl::MutexLock lock(&mutex_);
      published_.push_back(event);
      ended_ = end;
      wakes = wakes_;
    }
    for (const auto& wake : wakes) wake();
  }
  void Reopen() {
    const absl::MutexLock lock(&mutex_);
    ended_ = false;
    published_.clear();
  }
  bool AwaitAlive(int n) {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (alive != n && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
    return alive == n;
  }
  std::atomic<int> alive = 0;

 private:
  absl::Mutex mutex_;
  std::vector<std::string> published_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> wakes_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

// Bytes without an end, as fast as they are taken.
class Endless final : public BodyStream {
 public:
  explicit Endless(std::atomic<int64_t>& made) : made_(made) {}
  absl::StatusOr<Piece> Next() override {
    made_ += kPieceBytesMax;
    return Piece{std::string(kPieceBytesMax, 'x'), Then::kMore};
  }

 private:
  std::atomic<int64_t>& made_;
};

class Fails final : public BodyStream {
 public:
  absl::StatusOr<Piece> Next() override {
    if (std::exchange(first_, false)) return Piece{"begun", Then::kMore};
    return absl::DataLossError("the rest is gone");
  }

 private:
  bool first_ = true;
};

// A page whose content comes when it is let go.
class Page final : public BodyStream {
 public:
  Page(std::atomic<int>& blocked, absl::Notification& go_on) : blocked_(blocked), go_on_(go_on) {}
  absl::StatusOr<Piece> Next() override {
    ++blocked_;
    go_on_.WaitForNotification();
    return Piece{"the page", Then::kEnd};
  }
  bool blocks() const override { return true; }

 private:
  std::atomic<int>& blocked_;
  absl::Notification& go_on_;
};

class StreamTest : public ::testing::Test {
 protected:
  explicit StreamTest(HttpServerOptions options = {.pace_time = absl::Seconds(1)}) {
    std::filesystem::create_directories(dir_);
    for (int i = 0; content_.size() < 1'000'000; ++i) content_ += Cat(i, ",");
    EXPECT_TRUE(io::WriteFileAtomic(dir_ + "/f", content_).ok());
    Router router;
    AddOperations(router, {.metrics = [](metrics::Format) { return std::string("metrics"); },
                           .alive = [] { return absl::OkStatus(); },
                           .ready = [] { return absl::OkStatus(); }});
    router.Get("/file", Router::Kind::kBlocking, [this](const Request& request) {
      io::Fd fd(::open((dir_ + "/f").c_str(), O_RDONLY | O_CLOEXEC));
      return FileResponse(request, {.fd = std::move(fd),
                                    .size = static_cast<int64_t>(content_.size()),
                                    .content_type = "text/csv",
                                    .etag = "\"1\"",
                                    .immutable = true});
    });
    router.Get("/events", Router::Kind::kQuick, [this](const Request&) {
      return Response{.content_type = "text/event-stream", .stream = std::make_shared<Events::Follower>(events_)};
    });
    router.Get("/endless", Router::Kind::kQuick,
               [this](const Request&) { return Response{.stream = std::make_shared<Endless>(made_)}; });
    router.Get("/page", Router::Kind::kQuick,
               [this](const Request&) { return Response{.stream = std::make_shared<Page>(blocked_, go_on_)}; });
    router.Get("/fails", Router::Kind::kQuick,
               [](const Request&) { return Response{.stream = std::make_shared<Fails>()}; });
    router.Get("/blocks", Router::Kind::kBlocking, [this](const Request&) {
      ++blocked_;
      go_on_.WaitForNotification();
      return Response{.body = "went on\n"};
    });
    server_ = HttpServer::Start("127.0.0.1:0", std::move(router), std::move(options)).value();
    port_ = server_->port();
  }
  ~StreamTest() override {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
    server_.reset();
    std::filesystem::remove_all(dir_);
  }
  int Ask(const std::string& path, const std::string& fields = "") {
    const int fd = Connect(port_);
    const std::string request = Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n", fields, "\r\n");
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return fd;
  }
  // Until `text` came.
  static std::string ReadUntil(int fd, const std::string& text) {
    std::string got;
    char c;
    while (got.find(text) == std::string::npos && ::recv(fd, &c, 1, 0) == 1) got += c;
    return got;
  }
  static std::string Body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
  std::string File(const std::string& fields, const std::string& method = "GET") {
    return Say(port_, Cat(method, " /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", fields, "\r\n"));
  }

  const std::string dir_ = ::testing::TempDir() + Cat("http_stream_", ::getpid());
  std::string content_;
  Events events_;
  std::atomic<int64_t> made_ = 0;
  std::atomic<int> blocked_ = 0;
  absl::Notification go_on_;
  std::unique_ptr<HttpServer> server_;
  int port_ = 0;
};

TEST_F(StreamTest, AFileIsServedWholeAndInParts) {
  const std::string whole = File("");
  EXPECT_THAT(whole, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(Cat("Content-Length: ", content_.size())),
                           HasSubstr("ETag: \"1\""), HasSubstr("immutable"), Not(HasSubstr("no-store"))));
  EXPECT_TRUE(Body(whole) == content_);
  const std::string middle = File("Range: bytes=100000-699999\r\n");
  EXPECT_THAT(middle, AllOf(StartsWith("HTTP/1.1 206"),
                            HasSubstr(Cat("Content-Range: bytes 100000-699999/", content_.size()))));
  EXPECT_TRUE(Body(middle) == content_.substr(100'000, 600'000));
  EXPECT_EQ(Body(File("Range: bytes=-10\r\n")), content_.substr(content_.size() - 10));
  EXPECT_THAT(File("Range: bytes=99999999-\r\n"),
              AllOf(StartsWith("HTTP/1.1 416"), HasSubstr(Cat("Content-Range: bytes */", content_.size()))));
  EXPECT_THAT(File("Range: bytes=0-1\r\nIf-Range: \"2\"\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(File("Range: bytes=0-1\r\nIf-Range: \"1\"\r\n"), StartsWith("HTTP/1.1 206"));
}

TEST_F(StreamTest, AFileThatIsKnownIsNotSentAndHeadSendsNone) {
  for (const char* known : {"\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"}) {
    const std::string answer = File(Cat("If-None-Match: ", known, "\r\n"));
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 304"), HasSubstr("ETag: \"1\"")));
    EXPECT_EQ(Body(answer), "");
  }
  EXPECT_THAT(
      File("If-None-Match: \"2\"\r\n", "HEAD"),
      AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(Cat("Content-Length: ", content_.size())), EndsWith("\r\n\r\n")));
}

TEST(PartOfTest, WhatIsNoPartIsTheWholeAndWhatIsNotThereIsRefused) {
  const auto text = [](std::string_view range, int64_t size) -> std::string {
    const auto part = PartOf(range, size);
    if (!part.ok()) return "416";
    return *part ? Cat((*part)->first, "-", (*part)->last) : "whole";
  };
  EXPECT_EQ(text("bytes=0-0", 10), "0-0");
  EXPECT_EQ(text("bytes=5-", 10), "5-9");
  EXPECT_EQ(text("bytes=5-99", 10), "5-9");
  EXPECT_EQ(text("bytes=-3", 10), "7-9");
  EXPECT_EQ(text("bytes=-30", 10), "0-9");
  for (const char* whole : {"", "items=0-1", "bytes=0-1,3-4", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes=1",
                            "bytes=+1-2", "bytes=0-99999999999999999999"}) {
    EXPECT_EQ(text(whole, 10), "whole") << whole;
  }
  for (const char* none : {"bytes=10-", "bytes=-0", "bytes=11-12"}) EXPECT_EQ(text(none, 10), "416") << none;
  EXPECT_EQ(text("bytes=-1", 0), "416");
}

TEST_F(StreamTest, SeveralStreamsFollowEachOtherOnOneConnection) {
  const std::string both = Say(port_,
                               "GET /file HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-2\r\n\r\n"
                               "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(both, AllOf(HasSubstr("206"), HasSubstr("ok\n")));
}

TEST_F(StreamTest, EventsArriveWhenTheyArePublishedUntilTheEnd) {
  const int fd = Ask("/events");
  EXPECT_THAT(ReadUntil(fd, "\r\n\r\n"), AllOf(HasSubstr("text/event-stream"), HasSubstr("chunked")));
  ASSERT_TRUE(events_.AwaitAlive(1));
  events_.Publish("one");
  EXPECT_THAT(ReadUntil(fd, "one\n\n"), HasSubstr("data: one\n\n"));
  events_.Publish("two", true);
  EXPECT_THAT(ReadUntil(fd, "0\r\n\r\n"), HasSubstr("data: two\n\n"));
  EXPECT_TRUE(events_.AwaitAlive(0));
  ::close(fd);
  events_.Publish("three");  // the wakes outlive their streams
}

TEST_F(StreamTest, AStreamThatWaitedIsFollowedByAFileOnItsConnection) {
  for (int i = 0; i < 20; ++i) {
    const int fd = Ask("/events");
    EXPECT_THAT(ReadUntil(fd, "\r\n\r\n"), HasSubstr("chunked"));
    ASSERT_TRUE(events_.AwaitAlive(1));
    events_.Publish("one", true);
    EXPECT_THAT(ReadUntil(fd, "0\r\n\r\n"), HasSubstr("data: one\n\n"));
    const std::string request = "GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    EXPECT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
    EXPECT_TRUE(Body(ReadToEnd(fd)) == content_);
    ::close(fd);
    events_.Reopen();
  }
}

TEST_F(StreamTest, AnOldClientGetsAStreamWithoutChunksUntilTheConnectionEnds) {
  events_.Publish("all", true);
  const std::string answer = Say(port_, "GET /events HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, AllOf(Not(HasSubstr("chunked")), EndsWith("\r\n\r\ndata: all\n\n")));
}

// Hundreds of streams begin at once: on a busy machine their first pieces take longer than a second.
class CrowdTest : public StreamTest {
 protected:
  CrowdTest() : StreamTest(HttpServerOptions()) {}
};

TEST_F(CrowdTest, ManyFollowersLeaveRoomForHealth) {
  std::vector<int> followers;
  for (int i = 0; i < 200; ++i) followers.push_back(Ask("/events"));
  ASSERT_TRUE(events_.AwaitAlive(200));
  EXPECT_THAT(Get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(port_, "/metrics"), StartsWith("HTTP/1.1 200"));
  events_.Publish("to all");
  for (const int fd : followers) EXPECT_THAT(ReadUntil(fd, "to all\n\n"), HasSubstr("data: to all"));
  for (const int fd : followers) ::close(fd);
  EXPECT_TRUE(events_.AwaitAlive(0)) << "clients that left are noticed while nothing is sent";
}

TEST_F(CrowdTest, MoreStreamsThanTheLimitAreToldToComeLater) {
  std::vector<int> followers;
  for (int i = 0; i < kPlainLimits.streams; ++i) followers.push_back(Ask("/events"));
  ASSERT_TRUE(events_.AwaitAlive(kPlainLimits.streams));
  EXPECT_THAT(Get(port_, "/events"), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After")));
  EXPECT_THAT(Get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
  for (const int fd : followers) ::close(fd);
  EXPECT_TRUE(events_.AwaitAlive(0));
}

TEST_F(StreamTest, AReaderThatDoesNotReadIsCutAndHoldsNoMoreThanBuffers) {
  const int fd = Ask("/endless");
  const absl::Time until = absl::Now() + absl::Seconds(20);
  int64_t before = -1;
  // It makes as much as the sockets buffer, and no more.
  while (made_ != before && absl::Now() < until) {
    before = made_;
    absl::SleepFor(absl::Milliseconds(300));
  }
  EXPECT_LT(made_, 64 << 20);
  // The first look may see what was taken before it stood still.
  absl::SleepFor(absl::Seconds(2.5));
  // What is buffered, then the end.
  (void)ReadToEnd(fd);
  ::close(fd);
  EXPECT_LE(made_, before + static_cast<int64_t>(kPieceBytesMax));
}

TEST_F(StreamTest, AReaderThatLeavesEndsItsStream) {
  const int fd = Ask("/endless");
  EXPECT_THAT(ReadUntil(fd, "xxxx"), StartsWith("HTTP/1.1 200"));
  ::close(fd);
  absl::SleepFor(absl::Milliseconds(300));
  const int64_t made = made_;
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(made_, made);
}

TEST_F(StreamTest, AFollowerThatHadAskedForMoreAndLeavesIsNoticed) {
  const int fd = Ask("/events");
  ASSERT_TRUE(events_.AwaitAlive(1));
  events_.Publish("one");
  EXPECT_THAT(ReadUntil(fd, "one\n\n"), HasSubstr("data: one"));
  const std::string next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::send(fd, next.data(), next.size(), MSG_NOSIGNAL), static_cast<ssize_t>(next.size()));
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(events_.alive, 1) << "what it asks meanwhile is no end";
  ::close(fd);
  EXPECT_TRUE(events_.AwaitAlive(0));
}

// While other connections keep the threads busy, an event of the request is told only after the request has been read.
TEST_F(CrowdTest, FollowersOfABusyListenerAreNotTakenForGone) {
  std::atomic<bool> enough = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      while (!enough) (void)Get(port_, "/healthz");
    });
  }
  for (int round = 0; round < 10; ++round) {
    std::vector<int> followers;
    for (int i = 0; i < 100; ++i) followers.push_back(Ask("/events"));
    EXPECT_TRUE(events_.AwaitAlive(100)) << "round " << round;
    events_.Publish("to all");
    for (const int fd : followers) EXPECT_THAT(ReadUntil(fd, "to all\n\n"), HasSubstr("data: to all"));
    for (const int fd : followers) ::close(fd);
    EXPECT_TRUE(events_.AwaitAlive(0));
    if (HasFailure()) break;
    events_.Reopen();
  }
  enough = true;
  for (std::thread& other : others) other.join();
}

TEST_F(StreamTest, AStreamThatFailsIsCutAndNotEnded) {
  const std::string answer = Say(port_, "GET /fails HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(answer, AllOf(HasSubstr("begun"), Not(HasSubstr("0\r\n\r\n"))));
}

TEST_F(StreamTest, HandlersThatBlockAreBoundedAndHideNothing) {
  std::vector<int> waiting;
  for (int i = 0; i < kHandlerThreads; ++i) waiting.push_back(Ask("/blocks"));
  while (blocked_ < kHandlerThreads) absl::SleepFor(absl::Milliseconds(5));
  for (int i = 0; i < kPlainLimits.waiting_requests; ++i) waiting.push_back(Ask("/blocks"));
  // These wait in the queue; when it is full, one more is refused. They arrive on connections of their own, in no
  // order.
  std::string refused;
  for (int i = 0; i < 200 && refused.empty(); ++i) {
    const int fd = Ask("/blocks", "Connection: close\r\n");
    const timeval limit = {.tv_sec = 0, .tv_usec = 20'000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    refused = ReadToEnd(fd);
    waiting.push_back(fd);
  }
  EXPECT_THAT(refused, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("too many requests")));
  for (const char* of_operations : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_THAT(Get(port_, of_operations), StartsWith("HTTP/1.1 200")) << of_operations;
  }
  go_on_.Notify();
  EXPECT_THAT(ReadUntil(waiting.front(), "went on\n"), StartsWith("HTTP/1.1 200"));
  for (const int fd : waiting) ::close(fd);
}

// Pages that wait for a slow database, more than there are threads for streams.
TEST_F(StreamTest, StreamsThatBlockHoldUpNoFollower) {
  std::vector<int> pages;
  for (int i = 0; i < 2 * kStreamThreads; ++i) pages.push_back(Ask("/page"));
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (blocked_ < kHandlerThreads && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_EQ(blocked_, kHandlerThreads);
  const int follower = Ask("/events");
  ASSERT_TRUE(events_.AwaitAlive(1));
  events_.Publish("meanwhile");
  EXPECT_THAT(ReadUntil(follower, "meanwhile\n\n"), HasSubstr("data: meanwhile"));
  ::close(follower);
  go_on_.Notify();
  for (const int fd : pages) {
    EXPECT_THAT(ReadUntil(fd, "the page"), HasSubstr("the page"));
    ::close(fd);
  }
}

TEST_F(StreamTest, TheServerEndsWithStreamsOpen) {
  std::vector<int> followers;
  for (int i = 0; i < 10; ++i) followers.push_back(Ask(i % 2 ? "/events" : "/endless"));
  ASSERT_TRUE(events_.AwaitAlive(5));
  server_.reset();
  EXPECT_EQ(events_.alive, 0);
  events_.Publish("after the end");
  for (const int fd : followers) ::close(fd);
}

}  // namespace
}  // namespace gofarm::http
