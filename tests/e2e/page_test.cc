// The operators' page of a real farm in Debian's headless Chromium: hostile names, failures and logs stay text, nothing
// is asked of other hosts, the phone scrolls in one direction, and a log is followed while its build runs. Pictures of
// all pages stay in BUILD/page-pictures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kEvil[] = "<img src=x onerror=alert(1)>";
constexpr char kMain[] = "package main\\n\\nimport \\x22fmt\\x22\\n\\nfunc main() { fmt.Println(1) }\\n";

// What Go prints of a package it cannot find, with markup and terminal colours in it.
constexpr char kBroken[] =
    "package main\\n\\nfunc main() { undefined_here() }\\n// </pre><script>alert(2)</script>\\n"
    "//line \\x22</pre><script>alert(3)</script>\\x1b[31m.go\\x22:1\\nfunc other() { x_y_z() }\\n";

class PageTest : public ::testing::Test {
 protected:
  Json Look(const std::vector<std::string>& urls) const {
    const std::string pictures = Cat(BinDir(), "/../page-pictures");
    std::vector<std::string> argv = {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/e2e/page_look.py"),
                                     "--out", pictures};
    argv.insert(argv.end(), urls.begin(), urls.end());
    const CommandResult seen = RunCommand(argv);
    EXPECT_EQ(seen.exit_code, 0) << seen.err;
    return Json(seen.out);
  }
  // A job's page that stays open; `more`: what goes wrong meanwhile.
  static Json Watch(const std::string& url, const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/e2e/page_look.py"),
                                     "--watch", "sha256 "};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(url);
    const CommandResult seen = RunCommand(argv);
    EXPECT_EQ(seen.exit_code, 0) << seen.err;
    return Json(seen.out);
  }
  static std::string Curl(const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"curl", "-s", "--max-time", "20"};
    argv.insert(argv.end(), words.begin(), words.end());
    return RunCommand(argv).out;
  }

  const LocalProxy proxy_;
  Farm farm_{1, proxy_.Environment("page.example")};
};

TEST_F(PageTest, PagesAreReadableHostileTextIsInertAndALogIsFollowed) {
  const std::string good = proxy_.Add("page.example/good", {Cat("main.go=", kMain)});
  const std::string broken = proxy_.Add("page.example/broken", {Cat("main.go=", kBroken)});
  const CommandResult built = farm_.Gofarm({"submit", good, broken, "--name", kEvil, "--target", "x86_64", "--target",
                                            "riscv64", "--wait", "--output", "json"});
  ASSERT_EQ(built.exit_code, 1) << built.err;
  const Json batch(built.out);
  const int64_t id = Number(batch.root(), "id");
  int64_t failed = 0;
  const Json jobs = farm_.Jobs(id);
  for (const simdjson::dom::element job : Items(jobs.root())) {
    if (Text(job, "state") == "failed") failed = Number(job, "id");
  }
  ASSERT_GT(failed, 0);
  const std::string url = Text(farm_.GofarmJson({"status"}).root(), "http_url");

  // One that is under way while its page is looked at.
  const int64_t slow = farm_.Submit({proxy_.AddSlow("page.example/slow", 3'000), "--target", "x86_64"});
  ASSERT_TRUE(farm_.WaitUntilBuilding(slow));
  const int64_t running = Number(Items(farm_.Jobs(slow).root()).at(0), "id");

  const std::vector<std::string> urls = {
      Cat(url, "/"),         Cat(url, "/batches/", id), Cat(url, "/jobs/", failed), Cat(url, "/workers"),
      Cat(url, "/failures"), Cat(url, "/catalog"),      Cat(url, "/jobs/", running)};
  const Json seen = Look(urls);
  const std::vector<simdjson::dom::element> pages = Items(seen.root());
  ASSERT_EQ(pages.size(), urls.size());
  for (const simdjson::dom::element page : pages) {
    SCOPED_TRACE(Text(page, "url"));
    for (const char* way : {"light", "dark", "phone", "plain"}) {
      SCOPED_TRACE(way);
      const simdjson::dom::element look = At(page, way);
      EXPECT_EQ(Count(look, "dialogs"), 0u);
      EXPECT_EQ(Count(look, "errors"), 0u) << simdjson::minify(At(look, "errors"));
      EXPECT_EQ(Number(look, "images"), 0);
      EXPECT_LE(Number(look, "wider"), 0) << "the page scrolls sideways";
      for (const simdjson::dom::element asked : Items(At(look, "asked"))) {
        EXPECT_THAT(std::string(asked.get_string().value()), StartsWith(url));
      }
    }
    EXPECT_NE(Text(At(page, "light"), "ground"), Text(At(page, "dark"), "ground"));
  }
  const auto text = [&](size_t page, const char* way) { return Text(At(pages.at(page), way), "text"); };
  for (const char* way : {"light", "plain"}) {
    SCOPED_TRACE(way);
    EXPECT_THAT(text(0, way), HasSubstr(kEvil));
    EXPECT_THAT(text(1, way), HasSubstr("page.example/broken"));
    EXPECT_THAT(text(1, way), HasSubstr("compile_error"));
    EXPECT_THAT(text(2, way), HasSubstr("undefined: undefined_here"));
    EXPECT_THAT(text(3, way), HasSubstr("connected"));
    EXPECT_THAT(text(4, way), HasSubstr("undefined: undefined_here"));
    EXPECT_THAT(text(5, way), HasSubstr("indexed"));
    EXPECT_THAT(text(6, way), HasSubstr("page.example/slow"));
  }
  EXPECT_THAT(Text(At(pages.at(6), "plain"), "log"), HasSubstr("bytes fetched")) << "the log, without a script";
  EXPECT_THAT(Text(At(pages.at(2), "plain"), "red"), HasSubstr("undefined: x_y_z"))
      << "the colour that the build printed";
  EXPECT_THAT(Text(At(pages.at(2), "plain"), "log"), Not(HasSubstr("\\x1b[31m")));

  const std::string log = Cat(url, "/jobs/", failed, "/log");
  const std::string events = Curl({"-N", Cat(log, "?offset=0")});
  EXPECT_THAT(events, HasSubstr("data: [["));
  EXPECT_THAT(events, HasSubstr("event: end"));
  EXPECT_THAT(events, HasSubstr("[\"red\",\""));
  EXPECT_THAT(events, Not(HasSubstr("\\u001b")));
  EXPECT_THAT(events, Not(HasSubstr("\\\\x1b[31m"))) << "a backslash, as JSON writes it";
  const std::string last = events.substr(events.rfind("id: ") + 4, events.rfind("\ndata:") - events.rfind("id: ") - 4);
  EXPECT_EQ(Curl({"-o", "/dev/null", "-w", "%{http_code}", "-H", Cat("Last-Event-ID: ", last), log}), "204");
  EXPECT_EQ(Curl({"-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", Cat(url, "/")}), "405");

  EXPECT_EQ(Curl({Cat(url, "/api/batches/", id)}), farm_.Gofarm({"batch", "show", Cat(id), "--output", "json"}).out);
  EXPECT_EQ(Curl({Cat(url, "/api/jobs/", failed)}), farm_.Gofarm({"job", "show", Cat(failed), "--output", "json"}).out);
  EXPECT_EQ(Curl({Cat(url, "/api/failures")}), farm_.Gofarm({"failures", "--output", "json"}).out);
  EXPECT_EQ(farm_.Gofarm({"batch", "cancel", Cat(slow)}).exit_code, 0);
}

TEST_F(PageTest, APageThatStaysOpenFollowsItsJobToTheEnd) {
  const int64_t batch = farm_.Submit({proxy_.AddSlow("page.example/watched", 6'000), "--target", "x86_64"});
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  const int64_t job = Number(Items(farm_.Jobs(batch).root()).at(0), "id");
  const std::string url = Text(farm_.GofarmJson({"status"}).root(), "http_url");
  const Json seen = Watch(Cat(url, "/jobs/", job));
  EXPECT_EQ(Text(seen.root(), "state_before"), "running");
  EXPECT_THAT(Text(seen.root(), "log_before"), Not(HasSubstr("sha256 ")));
  EXPECT_EQ(Text(seen.root(), "state"), "built");
  EXPECT_THAT(Text(seen.root(), "log"), StartsWith(Text(seen.root(), "log_before")));
  EXPECT_THAT(Text(seen.root(), "log"), HasSubstr("sha256 "));
  EXPECT_TRUE(At(seen.root(), "same_document").get_bool().value()) << "it was not loaded again";
  EXPECT_EQ(Count(seen.root(), "notes"), 0u) << simdjson::minify(At(seen.root(), "notes"));
}

TEST_F(PageTest, APageSaysThatItIsNotAnsweredAndRecovers) {
  // Compiled for longer than all of this takes.
  const int64_t batch = farm_.Submit({proxy_.AddSlow("page.example/outage", 30'000), "--target", "x86_64"});
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  const int64_t job = Number(Items(farm_.Jobs(batch).root()).at(0), "id");
  const std::string url = Text(farm_.GofarmJson({"status"}).root(), "http_url");
  const int coordinator = farm_.CoordinatorPid();
  const Json file(RunCommand({"cat", Cat(farm_.dir(), "/farm.json")}).out);
  const int64_t supervisor = Number(At(file.root(), "supervisor"), "pid");
  const Json seen = Watch(Cat(url, "/jobs/", job), {"--faults", "--stop", Cat(supervisor), "--kill", Cat(coordinator)});
  const std::string notes(simdjson::minify(At(seen.root(), "notes")));
  EXPECT_THAT(notes, StartsWith("[\"The log is interrupted.\",\"The farm does not answer now;"))
      << "a log refused, a page empty";
  EXPECT_GE(Count(seen.root(), "notes"), 3u) << notes << ": a coordinator that is gone";
  EXPECT_EQ(Text(seen.root(), "state"), "running");
  EXPECT_GE(Number(seen.root(), "logs_got"), 2) << "it is followed again each time";
  EXPECT_TRUE(At(seen.root(), "same_document").get_bool().value());
  EXPECT_NE(farm_.CoordinatorPid(), coordinator);
  EXPECT_EQ(farm_.Gofarm({"batch", "cancel", Cat(batch)}).exit_code, 0);
}

}  // namespace
}  // namespace gofarm::testing
