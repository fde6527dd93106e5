// Zip files as module sources, from memory over HTTP ranges and from files; hostile ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/godetect/byte_reader.h"
#include "common/godetect/module_source.h"
#include "tests/support/raw_http_server.h"
#include "tests/support/zip_maker.h"

namespace gofarm::godetect {
namespace {

using ::gofarm::testing::MakeZip;
using ::gofarm::testing::RawHttpServer;
using ::gofarm::testing::ZipEntry;
using ::testing::HasSubstr;

constexpr char kPrefix[] = "a.test/m@v1.0.0/";

std::string Named(std::string_view name) { return Cat(kPrefix, name); }
std::string Incompressible(size_t size) {
  std::string text(size, ' ');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

// Answers ranges as servers do; `ranges` false: always the whole.
class ZipServer {
 public:
  explicit ZipServer(std::string zip, bool ranges = true)
      : zip_(std::move(zip)),
        ranges_(ranges),
        server_([this](const RawHttpServer::Request& request, RawHttpServer::Peer& peer) {
          return Answer(request, peer);
        }) {}
  const RawHttpServer& server() const { return server_; }
  void LieAboutTheRange() { lie_ = true; }
  void RefuseTheEnd() { no_end_ = true; }  // ranges from the end are refused with 416
  void StopRanges() { stopped_ = true; }
  void RedirectTo(std::string url) { redirect_ = std::move(url); }
  void Expire() { expired_ = true; }

 private:
  bool Answer(const RawHttpServer::Request& request, RawHttpServer::Peer& peer) {
    if (!redirect_.empty()) return peer.Answer(302, Cat("Location: ", redirect_, "\r\n"), "");
    if (expired_) return peer.Answer(403, "", "expired");
    const std::string range = request.Field("range");
    if (!ranges_ || stopped_ || !absl::StartsWith(range, "bytes=")) return peer.Answer(200, "", zip_);
    if (no_end_ && absl::StartsWith(range, "bytes=-")) {
      return peer.Answer(416, Cat("Content-Range: bytes */", zip_.size(), "\r\n"), "no such range");
    }
    const std::vector<std::string> ends = absl::StrSplit(range.substr(6), '-');
    size_t first = 0, last = zip_.size() - 1, number = 0;
    if (ends[0].empty() && absl::SimpleAtoi(ends[1], &number)) {
      first = zip_.size() - std::min(number, zip_.size());
    } else {
      (void)absl::SimpleAtoi(ends[0], &first);
      if (absl::SimpleAtoi(ends[1], &number)) last = std::min(number, last);
    }
    const std::string fields =
        Cat("Content-Range: bytes ", first, "-", last, "/", zip_.size() + (lie_ ? 1 : 0), "\r\n");
    return peer.Answer(206, fields, zip_.substr(first, last - first + 1));
  }

  const std::string zip_;
  const bool ranges_;
  std::atomic<bool> lie_ = false, expired_ = false, no_end_ = false, stopped_ = false;
  std::string redirect_;
  RawHttpServer server_;
};

const Scope& AMinute() {
  static const auto& scope = *new Scope(Scope::For(absl::Minutes(1)));
  return scope;
}

absl::StatusOr<std::unique_ptr<ModuleSource>> OpenUrl(const io::HttpClient& http, const std::string& url,
                                                      FetchStats* stats) {
  absl::StatusOr<std::unique_ptr<ByteReader>> reader =
      OpenHttpFile(AMinute(), io::AskDirectly(http), url, {}, {}, stats);
  if (!reader.ok()) return reader.status();
  return OpenZip(AMinute(), *std::move(reader), kPrefix);
}

std::vector<ZipEntry> LargeModule() {
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 20; ++i) {
    entries.push_back(
        {.name = Named(Cat("d", i, "/a.go")), .data = Cat("package d", i, "\n", Incompressible(150'000))});
  }
  entries.push_back({.name = Named("go.mod"), .data = "module a.test/m\n"});
  return entries;
}

TEST(ZipSourceTest, ReadsByRangesWhatIsNeededOnly) {
  const std::string zip = MakeZip(LargeModule());
  ZipServer server(zip);
  const io::HttpClient http("test");
  FetchStats stats;
  const auto source = OpenUrl(http, server.server().url(), &stats);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_EQ((*source)->files().size(), 21u);
  EXPECT_EQ((*source)->files()[0].name, "d0/a.go");
  std::vector<Wish> wishes;
  for (size_t i = 0; i < 20; ++i) wishes.push_back({.file = i, .head = true, .bytes_max = 1 << 20});
  wishes.push_back({.file = 20, .bytes_max = 1 << 20});
  const auto texts = (*source)->Read(AMinute(), wishes);
  ASSERT_TRUE(texts.ok()) << texts.status();
  EXPECT_TRUE(absl::StartsWith(
      (*texts)[7].text, Cat("package ", (*source)->files()[7].name.substr(0, (*source)->files()[7].name.find('/')))));
  EXPECT_FALSE((*texts)[7].whole);
  EXPECT_EQ((*texts)[20].text, "module a.test/m\n");
  EXPECT_TRUE((*texts)[20].whole);
  EXPECT_LT(stats.bytes, static_cast<int64_t>(zip.size()) / 3);
  EXPECT_EQ(stats.rounds, 2);
  EXPECT_FALSE(stats.whole);
  // Then a whole file: only what is not there yet.
  const int64_t before = stats.bytes;
  const auto whole = (*source)->Read(AMinute(), std::vector<Wish>{{.file = 3, .bytes_max = 1 << 20}});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ((*whole)[0].text.size(), static_cast<size_t>((*source)->files()[3].size));
  EXPECT_LT(stats.bytes - before, 151'000);
}

TEST(ZipSourceTest, SmallFilesAndServersWithoutRangesGiveTheWhole) {
  const io::HttpClient http("test");
  const std::string small = MakeZip(
      {{.name = Named("go.mod"), .data = "module a.test/m\n"}, {.name = Named("x"), .data = Incompressible(150'000)}});
  ZipServer ranges(small);
  FetchStats stats;
  ASSERT_TRUE(OpenUrl(http, ranges.server().url(), &stats).ok());
  EXPECT_EQ(stats.bytes, static_cast<int64_t>(small.size()));
  EXPECT_EQ(stats.requests, 2);

  ZipServer no_ranges(MakeZip(LargeModule()), false);
  stats = {};
  const auto source = OpenUrl(http, no_ranges.server().url(), &stats);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*(*source)->Read(AMinute(), std::vector<Wish>{{.file = 20, .bytes_max = 100}}))[0].text,
            "module a.test/m\n");
  EXPECT_EQ(stats.requests, 1);
  EXPECT_TRUE(stats.whole);
}

TEST(ZipSourceTest, AServerThatRefusesTheEndIsAskedForTheWhole) {
  const io::HttpClient http("test");
  for (const bool small : {true, false}) {
    const std::string zip =
        MakeZip(small ? std::vector<ZipEntry>{{.name = Named("go.mod"), .data = "module a.test/m\n"}} : LargeModule());
    ZipServer server(zip);
    server.RefuseTheEnd();
    FetchStats stats;
    const auto source = OpenUrl(http, server.server().url(), &stats);
    ASSERT_TRUE(source.ok()) << source.status();
    const size_t go_mod = (*source)->files().size() - 1;
    EXPECT_EQ((*(*source)->Read(AMinute(), std::vector<Wish>{{.file = go_mod, .bytes_max = 100}}))[0].text,
              "module a.test/m\n");
    EXPECT_TRUE(stats.whole);
    EXPECT_EQ(stats.requests, 2);
    EXPECT_EQ(stats.bytes, static_cast<int64_t>(zip.size()));
  }
  // The limit of a whole file holds here, too.
  ZipServer large(MakeZip(LargeModule()));
  large.RefuseTheEnd();
  EXPECT_TRUE(absl::IsResourceExhausted(
      OpenHttpFile(AMinute(), io::AskDirectly(http), large.server().url(), {}, {.file_bytes_max = 100'000}, nullptr)
          .status()));
}

TEST(ZipSourceTest, AServerThatGivesNoMoreRangesIsAskedForTheWhole) {
  const io::HttpClient http("test");
  const std::string zip = MakeZip(LargeModule());
  for (const int64_t memory_bytes : {int64_t{64} << 20, int64_t{200'000}}) {
    ZipServer server(zip);
    FetchStats stats;
    auto reader = OpenHttpFile(AMinute(), io::AskDirectly(http), server.server().url(), {},
                               {.memory_bytes = memory_bytes}, &stats);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto source = OpenZip(AMinute(), *std::move(reader), kPrefix);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_FALSE(stats.whole);
    server.StopRanges();
    // Several ranges at once, each answered with all of it.
    std::vector<Wish> heads;
    for (size_t i = 0; i < 20; i += 4) heads.push_back({.file = i, .head = true, .bytes_max = 1 << 20});
    const auto texts = (*source)->Read(AMinute(), heads);
    ASSERT_TRUE(texts.ok()) << texts.status();
    const std::string& name = (*source)->files()[4].name;
    EXPECT_TRUE(absl::StartsWith((*texts)[1].text, Cat("package ", name.substr(0, name.find('/')), "\n"))) << name;
    EXPECT_TRUE(stats.whole);
    EXPECT_EQ(stats.requests, 2) << "the end of it, then all of it";
    const size_t asked = server.server().requests().size();
    ASSERT_TRUE((*source)->Read(AMinute(), std::vector<Wish>{{.file = 3, .bytes_max = 1 << 20}}).ok());
    EXPECT_EQ(server.server().requests().size(), asked) << "all of it is there";
  }
}

TEST(ZipSourceTest, AWholeThatIsAnotherFileThanItsEndIsRefused) {
  const io::HttpClient http("test");
  ZipServer before(MakeZip(LargeModule())), after(MakeZip({{.name = Named("go.mod"), .data = "module a.test/m\n"}}));
  after.StopRanges();
  std::atomic<bool> changed = false;
  RawHttpServer proxy([&](const RawHttpServer::Request&, RawHttpServer::Peer& peer) {
    const std::string to = changed ? after.server().url() : before.server().url();
    return peer.Answer(302, Cat("Location: ", to, "\r\n"), "");
  });
  const auto source = OpenUrl(http, proxy.url(), nullptr);
  ASSERT_TRUE(source.ok()) << source.status();
  changed = true;
  before.Expire();
  const auto texts = (*source)->Read(AMinute(), std::vector<Wish>{{.file = 3, .bytes_max = 1 << 20}});
  EXPECT_TRUE(absl::IsInvalidArgument(texts.status())) << texts.status();
  EXPECT_THAT(std::string(texts.status().message()), HasSubstr("changed while it was read"));
}

TEST(ZipSourceTest, WhatTakesMuchMemoryGoesIntoAFile) {
  const std::string zip = MakeZip(LargeModule());
  for (const bool with_ranges : {true, false}) {
    ZipServer server(zip, with_ranges);
    const io::HttpClient http("test");
    auto reader =
        OpenHttpFile(AMinute(), io::AskDirectly(http), server.server().url(), {}, {.memory_bytes = 200'000}, nullptr);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto source = OpenZip(AMinute(), *std::move(reader), kPrefix);
    ASSERT_TRUE(source.ok()) << source.status();
    std::vector<Wish> all;
    for (size_t i = 0; i < 21; ++i) all.push_back({.file = i, .bytes_max = 1 << 20});
    const auto texts = (*source)->Read(AMinute(), all);
    ASSERT_TRUE(texts.ok()) << texts.status();
    for (const Text& text : *texts) EXPECT_TRUE(text.whole);
  }
}

TEST(ZipSourceTest, FollowsARedirectAndAsksAgainWhenItExpired) {
  const io::HttpClient http("test");
  ZipServer storage(MakeZip(LargeModule())), again(MakeZip(LargeModule()));
  RawHttpServer proxy([&, first = true](const RawHttpServer::Request&, RawHttpServer::Peer& peer) mutable {
    const std::string to = first ? storage.server().url() : again.server().url();
    first = false;
    return peer.Answer(302, Cat("Location: ", to, "\r\n"), "");
  });
  const auto source = OpenUrl(http, proxy.url(), nullptr);
  ASSERT_TRUE(source.ok()) << source.status();
  storage.Expire();
  const auto texts = (*source)->Read(AMinute(), std::vector<Wish>{{.file = 3, .bytes_max = 1 << 20}});
  ASSERT_TRUE(texts.ok()) << texts.status();
  EXPECT_TRUE((*texts)[0].whole);
  EXPECT_GE(again.server().requests().size(), 1u);
}

TEST(ZipSourceTest, AServerThatAnswersOtherRangesIsRefused) {
  ZipServer server(MakeZip(LargeModule()));
  server.LieAboutTheRange();
  const io::HttpClient http("test");
  EXPECT_TRUE(absl::IsInvalidArgument(OpenUrl(http, server.server().url(), nullptr).status()));
  RawHttpServer absent(
      [](const RawHttpServer::Request&, RawHttpServer::Peer& peer) { return peer.Answer(410, "", "gone"); });
  EXPECT_TRUE(absl::IsNotFound(OpenUrl(http, absent.url(), nullptr).status()));
  RawHttpServer slow([](const RawHttpServer::Request&, RawHttpServer::Peer& peer) {
    return peer.Answer(404, "", "not found: fetch timed out");
  });
  EXPECT_TRUE(absl::IsUnavailable(OpenUrl(http, slow.url(), nullptr).status()));
  RawHttpServer refused(
      [](const RawHttpServer::Request&, RawHttpServer::Peer& peer) { return peer.Answer(451, "", ""); });
  EXPECT_TRUE(absl::IsPermissionDenied(OpenUrl(http, refused.url(), nullptr).status()));
}

TEST(ZipSourceTest, NamesThatTheGoCommandRefusesAreRefused) {
  const io::HttpClient http("test");
  const auto refusal = [&](const std::vector<std::string>& names) {
    std::vector<ZipEntry> entries;
    for (const std::string& name : names) entries.push_back({.name = name, .data = "x"});
    ZipServer server(MakeZip(entries));
    return OpenUrl(http, server.server().url(), nullptr).status();
  };
  EXPECT_TRUE(refusal({Named("a.go"), Named("b/a.go")}).ok());
  for (const std::vector<std::string>& names : std::vector<std::vector<std::string>>{{"b.test/m@v1.0.0/a.go"},
                                                                                     {Named("../a.go")},
                                                                                     {Named("a/../b.go")},
                                                                                     {"/etc/passwd"},
                                                                                     {Named("a\\b.go")},
                                                                                     {Named("a.go"), Named("A.go")},
                                                                                     {Named("a.go"), Named("a.go")},
                                                                                     {Named("d/a.go"), Named("D/b.go")},
                                                                                     {Named("d"), Named("d/a.go")},
                                                                                     {Named("sub/go.mod")},
                                                                                     {Named("sub/GO.MOD")},
                                                                                     {Named("GO.mod")}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(refusal(names))) << names.back() << " " << refusal(names);
  }
}

TEST(JoinSpansTest, JoinsNearOnesAndTheNearestOfMany) {
  const RangeRules rules{.join_gap = 10, .ranges_max = 3};
  const auto joined = JoinSpans({{100, 110}, {0, 10}, {15, 20}, {18, 30}}, rules);
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].begin, 0);
  EXPECT_EQ(joined[0].end, 30);
  const auto fewer = JoinSpans({{0, 10}, {100, 110}, {1000, 1010}, {1100, 1110}, {5000, 5010}}, rules);
  ASSERT_EQ(fewer.size(), 3u);
  EXPECT_EQ(fewer[1].begin, 1000);
  EXPECT_EQ(fewer[1].end, 1110);
}

TEST(FolderSourceTest, LeavesOutOtherModulesLinksAndHiddenFolders) {
  const std::string folder = Cat(::testing::TempDir(), "folder_source_test");
  std::filesystem::remove_all(folder);
  for (const char* name :
       {"go.mod", "a/a.go", "nested/go.mod", "nested/b.go", ".git/x.go", ".github/workflows/ci.yml"}) {
    gofarm::testing::WriteFileOrDie(Cat(folder, "/", name), "text");
  }
  std::filesystem::create_symlink("/etc/passwd", Cat(folder, "/a/link.go"));
  const auto source = OpenFolder(folder);
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<std::string> names;
  for (const SourceFile& file : (*source)->files()) names.push_back(file.name);
  EXPECT_THAT(names, ::testing::ElementsAre(".github/workflows/ci.yml", "a/a.go", "go.mod"));
  EXPECT_EQ((*(*source)->Read(AMinute(), std::vector<Wish>{{.file = 2, .bytes_max = 2}}))[0].text, "te");
  EXPECT_FALSE(OpenFolder(Cat(folder, "/none")).ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gofarm::godetect
