// The dashboards on a real farm: each query of each panel has data in a real Prometheus, or says why it may have none;
// the report that gofarm makes of them is drawn by a real browser; runbooks are served, and what they tell people to
// type is taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/monitoring.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kExcusedMax = 4;

std::string Curl(const std::string& url) {
  const CommandResult answer = RunCommand({"curl", "-sf", "--max-time", "30", url});
  EXPECT_EQ(answer.exit_code, 0) << url;
  return answer.out;
}

// A farm that built one module, failed with another, and was scraped meanwhile.
class DashboardsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    proxy_ = new LocalProxy;
    farm_ = new Farm(1, proxy_->Environment("watch.example"));
    url_ = new std::string(Text(farm_->GofarmJson({"status"}).root(), "http_url"));
    ASSERT_TRUE(absl::StartsWith(*url_, "http://")) << *url_;
    prometheus_ = new PrometheusServer(
        {.targets = {url_->substr(7)}, .rule_files = {Path("deploy/prometheus/gofarm.rules.yml")}, .alertmanager = ""});
    // Its first scrape comes some seconds after it is ready; what happened before has no rate.
    ASSERT_TRUE(farm_->WaitUntil([] { return prometheus_->HasData("up == 1"); }, absl::Seconds(60)));
    const std::string good =
        proxy_->Add("watch.example/good",
                    {"main.go=package main\\n\\nimport \\x22fmt\\x22\\n\\nfunc main() { fmt.Println(1) }\\n"});
    const std::string bad = proxy_->Add("watch.example/bad", {"main.go=package main\\n\\nfunc main() { none() }\\n"});
    farm_->Watch(farm_->Submit({good, bad, "--target", "x86_64", "--target", "aarch64"}));
    // Two scrapes behind what ended last.
    absl::SleepFor(absl::Seconds(5));
  }
  static void TearDownTestSuite() {
    delete prometheus_;
    delete url_;
    delete farm_;
    delete proxy_;
  }
  static std::string Path(const std::string& path) { return Cat(std::getenv("GOFARM_SOURCE_DIR"), "/", path); }

  static LocalProxy* proxy_;
  static Farm* farm_;
  static std::string* url_;
  static PrometheusServer* prometheus_;
};
LocalProxy* DashboardsTest::proxy_ = nullptr;
Farm* DashboardsTest::farm_ = nullptr;
std::string* DashboardsTest::url_ = nullptr;
PrometheusServer* DashboardsTest::prometheus_ = nullptr;

TEST_F(DashboardsTest, EveryQueryOfEveryPanelHasDataOrSaysWhyNot) {
  const std::string metrics = Curl(*url_ + "/metrics");
  const std::regex series("\\b(gofarm|process)_[a-z0-9_]+");
  int queries = 0, excused = 0, boards = 0;
  for (const auto& file : std::filesystem::directory_iterator(Path("deploy/grafana/dashboards"))) {
    ++boards;
    const Json board(SourceFile(Cat("deploy/grafana/dashboards/", file.path().filename().string())));
    for (const simdjson::dom::element panel : Items(At(board.root(), "panels"))) {
      if (Text(panel, "type") == "row") continue;
      const bool may_be_empty = absl::StrContains(Text(panel, "description"), "no data here: ");
      for (const simdjson::dom::element target : Items(At(panel, "targets"))) {
        ++queries;
        const std::string expr = Text(target, "expr");
        const std::string asked = absl::StrReplaceAll(
            expr,
            {{"$__rate_interval", "1m"}, {"$__range", "1h"}, {"\"$target\"", "\".*\""}, {"\"$worker\"", "\".*\""}});
        SCOPED_TRACE(Cat(Text(board.root(), "title"), ", ", Text(panel, "title"), ": ", asked));
        if (!prometheus_->HasData(asked)) {
          EXPECT_TRUE(may_be_empty) << "it has no data and gives no reason";
          ++excused;
          continue;
        }
        for (std::sregex_iterator name(expr.begin(), expr.end(), series), end; name != end; ++name) {
          EXPECT_THAT(metrics, HasSubstr(name->str())) << "the coordinator does not serve it";
        }
      }
    }
  }
  EXPECT_GE(boards, 7);
  EXPECT_GE(queries, 40);
  EXPECT_LE(excused, kExcusedMax);
}

TEST_F(DashboardsTest, WhatRulesAskIsServed) {
  const std::string metrics = Curl(*url_ + "/metrics");
  // Of farms with TLS alone.
  const std::set<std::string> elsewhere = {"gofarm_certificate_left_seconds", "gofarm_worker_certificate_left_seconds"};
  const std::string rules = SourceFile("deploy/prometheus/gofarm.rules.yml");
  const std::regex series("\\bgofarm_[a-z0-9_]+");
  for (std::sregex_iterator name(rules.begin(), rules.end(), series), end; name != end; ++name) {
    if (name->str() == "gofarm_url" || elsewhere.count(name->str()) != 0) continue;
    EXPECT_THAT(metrics, HasSubstr(name->str())) << "a rule waits for a series that is never there";
  }
  EXPECT_THAT(prometheus_->Alerts(), Not(::testing::Contains(HasSubstr(" firing")))) << "this farm is well";
}

TEST_F(DashboardsTest, TheReportHasNoEmptyPanelAndABrowserDrawsIt) {
  const std::string page = farm_->scratch() + "/dashboards.html";
  const Json made =
      farm_->GofarmJson({"report", "dashboards", "--prometheus", prometheus_->url(), "--html", page, "--since", "5m"});
  EXPECT_THAT(Items(At(made.root(), "empty")), IsEmpty()) << simdjson::minify(made.root());
  EXPECT_LE(Number(made.root(), "excused"), kExcusedMax);

  const std::vector<std::string> browser = {"chromium",
                                            "--headless",
                                            "--no-sandbox",
                                            "--disable-gpu",
                                            "--disable-quic",
                                            "--no-first-run",
                                            "--disable-background-networking",
                                            "--disable-component-update",
                                            "--disable-sync",
                                            "--host-resolver-rules=MAP * ~NOTFOUND",
                                            Cat("--user-data-dir=", farm_->scratch(), "/browser"),
                                            "--timeout=10000"};
  std::vector<std::string> dump = browser;
  dump.insert(dump.end(), {"--dump-dom", "file://" + page});
  const std::string dom = RunCommand(dump, {}, absl::Minutes(3)).out;
  size_t panels = 0, data = 0;
  for (size_t at = dom.find("data-state=\""); at != std::string::npos; at = dom.find("data-state=\"", at + 1)) {
    ++panels;
    data += dom.compare(at, 17, "data-state=\"data\"") == 0;
    EXPECT_NE(dom.compare(at, 18, "data-state=\"empty\""), 0) << dom.substr(at, 300);
  }
  EXPECT_EQ(static_cast<int64_t>(panels), Number(made.root(), "panels"));
  EXPECT_GE(data + kExcusedMax, panels);
  EXPECT_THAT(dom, HasSubstr("<polyline class=\"c0 line\""));
  EXPECT_THAT(dom, ::testing::ContainsRegex("data-unit=\"bytes\"[^\n]*[0-9] [KMGT]iB<"));
  EXPECT_THAT(dom, ::testing::ContainsRegex("data-unit=\"percentunit\"[^\n]*[0-9] %<"));
  EXPECT_THAT(dom, ::testing::ContainsRegex("data-unit=\"s\"[^\n]*[0-9] (s|ms|µs|min)<"));

  std::vector<std::string> shot = browser;
  const std::string picture = farm_->scratch() + "/dashboards.png";
  shot.insert(shot.end(), {"--window-size=1400,900", "--screenshot=" + picture, "file://" + page});
  RunCommand(shot, {}, absl::Minutes(3));
  struct stat facts {};
  ASSERT_EQ(stat(picture.c_str(), &facts), 0);
  EXPECT_GT(facts.st_size, 20'000) << "little is drawn";
  // Kept for those who want to look: GOFARM_TEST_PICTURES names a folder.
  if (const char* const kept = std::getenv("GOFARM_TEST_PICTURES"); kept != nullptr) {
    std::filesystem::create_directories(kept);
    for (const std::string& file : {page, picture}) {
      std::filesystem::copy(file, kept, std::filesystem::copy_options::overwrite_existing);
    }
  }
}

TEST_F(DashboardsTest, RunbooksAreServedAndTheirCommandsAreTaken) {
  EXPECT_THAT(Curl(*url_ + "/runbooks"), HasSubstr("href=\"/runbooks/GofarmLeaderMissing\""));
  EXPECT_THAT(Curl(*url_ + "/runbooks/GofarmLeaderMissing"), HasSubstr("<h1>GofarmLeaderMissing</h1>"));
  EXPECT_EQ(RunCommand({"curl", "-sf", *url_ + "/runbooks/None"}).exit_code, 22);
  std::set<std::string> commands;
  for (const auto& file : std::filesystem::directory_iterator(Path("docs/runbooks"))) {
    const std::string text = SourceFile(Cat("docs/runbooks/", file.path().filename().string()));
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (absl::StartsWith(line, "gofarm ")) commands.emplace(line);
    }
  }
  EXPECT_GE(commands.size(), 8u);
  for (const std::string& command : commands) {
    std::vector<std::string> words = absl::StrSplit(absl::StrReplaceAll(command, {{"NAME", "worker-1"}}), ' ');
    words.erase(words.begin());
    const CommandResult result = farm_->Gofarm(words, absl::Minutes(2));
    // A farm of one machine has no authority, so what asks for it is told that.
    if (words[0] == "ca" || words[0] == "identity") {
      EXPECT_THAT(result.err, Not(HasSubstr("--help"))) << command;
    } else {
      EXPECT_EQ(result.exit_code, 0) << command << ": " << result.err;
    }
  }
}

}  // namespace
}  // namespace gofarm::testing
