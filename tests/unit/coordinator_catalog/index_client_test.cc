#include "coordinator/catalog/index_client.h"

#include <atomic>

#include "common/base/text.h"
#include "tests/unit/coordinator_catalog/gate_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

constexpr char kLine[] =
    "{\"Path\":\"golang.org/x/text\",\"Version\":\"v0.3.0\",\"Timestamp\":\"2019-04-10T19:08:52.997264Z\"}\n";

class IndexClientTest : public GateFixture {};

TEST_F(IndexClientTest, APageIsAskedForWithEveryDigitOfItsTimeAndKeptAsItCame) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", Cat(kLine, kLine)); });
  const auto gate = MakeGate(Service::kIndex, server.url() + "/idx/");
  const IndexPage page = IndexClient(*gate).Page(Soon(), "2019-04-10T19:08:52.997264Z").value();
  EXPECT_EQ(page.body, Cat(kLine, kLine));
  EXPECT_EQ(page.lines, 2);
  EXPECT_FALSE(page.full);
  EXPECT_EQ(server.requests().back().target, "/idx/index?limit=2000&since=2019-04-10T19:08:52.997264Z");
  EXPECT_TRUE(IndexClient(*gate).Page(Soon(), "", 2).value().full);
  EXPECT_EQ(server.requests().back().target, "/idx/index?limit=2");
}

TEST_F(IndexClientTest, NothingSinceThenIsAnEmptyPage) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", ""); });
  const auto gate = MakeGate(Service::kIndex, server.url());
  const IndexPage page = IndexClient(*gate).Page(Soon(), "2026-01-01T00:00:00Z").value();
  EXPECT_EQ(page.lines, 0);
  EXPECT_FALSE(page.full);
}

TEST_F(IndexClientTest, ACutPageIsAskedForAgainAndNeverReturned) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    switch (++asked) {
      case 1:  // the last newline is lost, and the length fits
        return peer.Answer(200, "", std::string(kLine).substr(0, sizeof kLine - 2));
      case 2:  // shorter than announced
        peer.Send(Cat("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", kLine));
        return false;
      case 3:  // a chunked body without its last chunk
        peer.Send(Cat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n"));
        return false;
      default:
        return peer.Answer(200, "", kLine);
    }
  });
  const auto gate = MakeGate(Service::kIndex, server.url());
  EXPECT_EQ(IndexClient(*gate).Page(Soon(), "2026-01-01T00:00:00Z").value().body, kLine);
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"bad_answer", 1}, {"unreachable", 2}}));
}

TEST_F(IndexClientTest, APageThatIsAlwaysCutIsUnavailable) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", "{\"Path\":"); });
  const auto gate = MakeGate(Service::kIndex, server.url());
  const absl::Status status = IndexClient(*gate).Page(Soon(), "").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("not the end of a line after 4 tries"));
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST_F(IndexClientTest, ARefusedQuestionSaysWhatTheIndexSaid) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(400, "", "invalid since"); });
  const auto gate = MakeGate(Service::kIndex, server.url());
  const absl::Status status = IndexClient(*gate).Page(Soon(), "2026-01-01T00:00:00Z").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("400"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("invalid since"));
}

TEST_F(IndexClientTest, OnlyTimesAsTheIndexWritesThemAreSent) {
  for (const char* good : {"2019-04-10T19:08:52.997264Z", "2019-04-10T19:08:52Z", "2026-10-01T00:00:00.000000001Z"}) {
    EXPECT_TRUE(CheckSince(good).ok()) << good;
  }
  for (const char* bad : {"", "Z", "2019-04-10", "2019-04-10T19:08:52", "2019-04-10T19:08:52.Z",
                          "2019-04-10T19:08:52.1234567890Z", "2019-04-10T19:08:52+00:00", "2019-13-10T19:08:52Z",
                          "2019-04-10T19:08:52.9&limit=1Z", "2019-04-10T19:08: 2Z", "-019-04-10T19:08:52Z"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckSince(bad))) << bad;
  }
}

}  // namespace
}  // namespace gofarm::catalog
