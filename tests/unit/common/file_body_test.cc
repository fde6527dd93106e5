#include "common/io/file_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::io {
namespace {

using Server = testing::RawHttpServer;

class FileBodyTest : public ::testing::Test {
 protected:
  std::string At(const std::string& name) const { return Cat(folder_.path(), "/", name); }
  absl::StatusOr<HttpResponse> Put(const std::string& url, FileBody& body) const {
    return client_.Send(Scope::For(absl::Seconds(20)), {.method = HttpMethod::kPut, .url = url, .body = &body});
  }
  const ScratchFolder folder_ = *ScratchFolder::Make("/tmp", "body");
  const HttpClient client_{"gofarm-test"};
};

TEST_F(FileBodyTest, AFileArrivesWithItsLength) {
  Server server([](const Server::Request&, Server::Peer& peer) { return peer.Answer(201, "", ""); });
  for (const size_t size : {size_t{0}, size_t{1}, size_t{3'000'000}}) {
    std::string content(size, 'a');
    if (size > 0) content.back() = 'z';
    ASSERT_TRUE(WriteFileAtomic(At("f"), content).ok());
    FileBody body = *FileBody::Open(At("f"));
    EXPECT_EQ(body.size(), static_cast<int64_t>(size));
    EXPECT_EQ(Put(server.url(), body)->status, 201);
    EXPECT_EQ(server.requests().back().Field("content-length"), Cat(size));
    EXPECT_EQ(server.requests().back().body, content);
  }
}

TEST_F(FileBodyTest, ARedirectSendsItAgainFromTheStart) {
  Server target([](const Server::Request&, Server::Peer& peer) { return peer.Answer(201, "", ""); });
  Server server([&](const Server::Request&, Server::Peer& peer) {
    return peer.Answer(307, Cat("Location: ", target.url(), "/there\r\n"), "");
  });
  ASSERT_TRUE(WriteFileAtomic(At("f"), "content").ok());
  FileBody body = *FileBody::Open(At("f"));
  EXPECT_EQ(Put(server.url(), body)->status, 201);
  EXPECT_EQ(target.requests().back().body, "content");
}

TEST_F(FileBodyTest, OneThatShrinksIsDataLoss) {
  Server server([](const Server::Request&, Server::Peer& peer) { return peer.Answer(201, "", ""); });
  ASSERT_TRUE(WriteFileAtomic(At("f"), std::string(100, 'a')).ok());
  FileBody body = *FileBody::Open(At("f"));
  ASSERT_EQ(::truncate(At("f").c_str(), 10), 0);
  EXPECT_EQ(Put(server.url(), body).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FileBodyTest, WhatIsNoFileIsRefusedAtOnce) {
  EXPECT_EQ(FileBody::Open(At("missing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FileBody::Open(folder_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo(At("fifo").c_str(), 0600), 0);
  EXPECT_EQ(FileBody::Open(At("fifo")).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gofarm::io
