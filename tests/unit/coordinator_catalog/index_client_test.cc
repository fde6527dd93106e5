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

TEST_F(IndexClientTest, ATextForPeopleIsNoPageThoughItHasLines) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    if (++asked == 1) return peer.Answer(200, "", "<html>\n<body>Back soon</body>\n</html>\n");
    return peer.Answer(200, "", Cat("odd\n", kLine));
  });
  const auto gate = MakeGate(Service::kIndex, server.url());
  EXPECT_EQ(IndexClient(*gate).Page(Soon(), "2026-01-01T00:00:00Z").value().lines, 2) << "one line that is none";
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"bad_answer", 1}}));
  // A bad line that tells its time is one of the index's: the last that it has may be such a one.
  Server bad([](const Request&, Peer& peer) {
    return peer.Answer(200, "", "{\"Path\":\"a.org/b\",\"Version\":\"v1\",\"Timestamp\":\"2026-01-01T00:00:00Z\"}\n");
  });
  const auto bad_gate = MakeGate(Service::kIndex, bad.url());
  EXPECT_EQ(IndexClient(*bad_gate).Page(Soon(), "2026-01-01T00:00:00Z").value().lines, 1);
}

TEST_F(IndexClientTest, ATextForPeopleThatStaysIsUnavailable) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", "Back soon.\n"); });
  const auto gate = MakeGate(Service::kIndex, server.url());
  const absl::Status status = IndexClient(*gate).Page(Soon(), "").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("none of its lines tells a time; the first: Back soon."));
  // As many lines as a page has are no page either.
  EXPECT_TRUE(absl::IsUnavailable(IndexClient(*gate).Page(Soon(), "", 1).status()));
}

TEST_F(IndexClientTest, OneLineOfAnySizeSpoilsNoPage) {
  Server server([](const Request&, Peer& peer) {
    return peer.Answer(200, "", Cat(kLine, std::string(20 << 20, 'x'), "\n", kLine));
  });
  const auto gate = MakeGate(Service::kIndex, server.url());
  const absl::StatusOr<IndexPage> page = IndexClient(*gate).Page(Soon(), "2026-01-01T00:00:00Z", 3);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->lines, 3);
  EXPECT_TRUE(page->full) << "it counts as a line";
  IndexBlock block;
  IndexReader().Read(page->body, block);
  EXPECT_EQ(block.rows.size(), 2u);
  ASSERT_EQ(block.bad.size(), 1u);
  EXPECT_THAT(block.bad[0].reason, HasSubstr("longer than"));
  EXPECT_EQ(page->body.size(), 2 * (sizeof kLine - 1) + kIndexLineMax + 2) << "no more of it is kept";
  EXPECT_GT(gate->Status().bytes, 20 << 20) << "what came is counted";
}

TEST_F(IndexClientTest, APageHasItsLimits) {
  // More than the longest lines of a page take.
  Server many([](const Request&, Peer& peer) {
    return peer.Answer(200, "", Cat(kLine, std::string(kIndexPageKeptMax, '\n')));
  });
  const auto many_gate = MakeGate(Service::kIndex, many.url());
  const absl::Status kept = IndexClient(*many_gate).Page(Soon(), "").status();
  EXPECT_TRUE(absl::IsResourceExhausted(kept)) << kept;
  EXPECT_EQ(many_gate->Status().errors, (std::map<std::string, int64_t>{{"too_large", 1}}));
  // A line without end.
  Server endless([](const Request&, Peer& peer) {
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    while (peer.Send(piece)) continue;
    return false;
  });
  const auto endless_gate = MakeGate(Service::kIndex, endless.url());
  const absl::Status received = IndexClient(*endless_gate).Page(Soon(), "").status();
  EXPECT_TRUE(absl::IsResourceExhausted(received)) << received;
  EXPECT_THAT(std::string(received.message()), HasSubstr(Cat("more than ", kIndexPageBytesMax, " bytes")));
  EXPECT_EQ(endless.requests().size(), 1u);
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
