#include "cli/list_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Server = testing::RawHttpServer;

Scope Soon() { return Scope::For(absl::Seconds(20)); }

std::string MessageOf(const std::string& url) {
  const absl::StatusOr<std::string> list = FetchList(Soon(), url);
  EXPECT_TRUE(absl::IsInvalidArgument(list.status())) << list.status();
  return std::string(list.status().message());
}

TEST(ListUrlTest, UrlsAreToldFromFiles) {
  EXPECT_TRUE(IsListUrl("https://example.org/list"));
  EXPECT_TRUE(IsListUrl("HTTP://example.org/list"));
  EXPECT_FALSE(IsListUrl("README.md"));
  EXPECT_FALSE(IsListUrl("-"));
  EXPECT_FALSE(IsListUrl("file:///etc/passwd"));
  EXPECT_FALSE(IsListUrl("http/list"));
}

TEST(ListUrlTest, TheTypedAddressMayBePrivateAndRedirectsOnItsServerAreFollowed) {
  Server server([](const Server::Request& request, Server::Peer& peer) {
    if (request.target == "/old") return peer.Answer(302, "Location: /new\r\n", "");
    return peer.Answer(200, "Content-Type: text/plain\r\n", "github.com/o/r\n");
  });
  EXPECT_EQ(FetchList(Soon(), Cat(server.url(), "/old")).value(), "github.com/o/r\n");
}

TEST(ListUrlTest, ARedirectToAnotherPrivateAddressIsRefusedUnasked) {
  Server inside([](const Server::Request&, Server::Peer& peer) { return peer.Answer(200, "", "secret"); });
  Server server([&](const Server::Request&, Server::Peer& peer) {
    return peer.Answer(302, Cat("Location: ", inside.url(), "/\r\n"), "");
  });
  MessageOf(server.url());
  EXPECT_TRUE(inside.requests().empty());
}

TEST(ListUrlTest, WhatIsNoListIsToldWithoutItsSecrets) {
  Server server([](const Server::Request& request, Server::Peer& peer) {
    if (request.target.find("/page") == 0) return peer.Answer(200, "Content-Type: text/html; charset=utf-8\r\n", "<p>");
    return peer.Answer(404, "", "no");
  });
  EXPECT_THAT(MessageOf(Cat(server.url(), "/none?token=secret")),
              AllOf(HasSubstr("/none"), HasSubstr("answers 404"), Not(HasSubstr("secret"))));
  EXPECT_THAT(MessageOf(Cat(server.url(), "/page")), HasSubstr("HTML"));
  EXPECT_THAT(MessageOf("http://127.0.0.1:1/list"), HasSubstr("cannot be fetched"));
  EXPECT_THAT(MessageOf("file:///etc/hostname"), HasSubstr("no http"));
}

TEST(ListUrlTest, ALongListIsEndedAtItsLimit) {
  Server server([](const Server::Request&, Server::Peer& peer) {
    return peer.Answer(200, "", std::string(static_cast<size_t>(kListUrlBytesMax) + 1, '\n'));
  });
  MessageOf(server.url());
}

}  // namespace
}  // namespace gofarm::cli
