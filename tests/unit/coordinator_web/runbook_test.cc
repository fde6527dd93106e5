// The runbooks as they are served: each alert has one, each keeps to the Markdown that is understood, names lead on.
#include "coordinator/web/runbook.h"

#include <gmock/gmock.h>
#include <gofarm_runbooks.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Source(const std::string& path) {
  const char* const root = std::getenv("GOFARM_SOURCE_DIR");
  if (root == nullptr) {
    ADD_FAILURE() << "run by ctest, which sets GOFARM_SOURCE_DIR";
    return "";
  }
  return io::ReadFile(Cat(root, "/", path), 1 << 20).value_or("");
}

TEST(RunbookTest, ThereIsOneForEachAlertAndNoOther) {
  std::set<std::string> alerts, pages;
  for (const absl::string_view line : absl::StrSplit(Source("deploy/prometheus/gofarm.rules.yml"), '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() == 3 && words[1] == "alert:") alerts.insert(words[2]);
  }
  for (const runbooks::EmbeddedFile& file : runbooks::kAll) pages.emplace(file.name);
  EXPECT_GE(alerts.size(), 12u);
  EXPECT_EQ(pages, alerts);
}

TEST(RunbookTest, EachHasItsPartsAndNoMarkdownThatIsNotUnderstood) {
  for (const runbooks::EmbeddedFile& file : runbooks::kAll) {
    SCOPED_TRACE(file.name);
    const std::string text(file.text);
    EXPECT_EQ(text.rfind(Cat("# ", file.name, "\n\n"), 0), 0u);
    EXPECT_THAT(text, HasSubstr("\n## How to see it\n\n```\ngofarm "));
    EXPECT_THAT(text, HasSubstr("\n## What to do\n\n- "));
    for (const std::string_view other : {"\n### ", "\n1. ", "\n|", "](", "**", "\n* ", "```sh", "\n>"}) {
      EXPECT_THAT(text, Not(HasSubstr(std::string(other))));
    }
    EXPECT_EQ(std::count(text.begin(), text.end(), '`') % 2, 0);
    const Answer page = RunbookPage(file.name);
    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.body, Not(HasSubstr("`")));
    EXPECT_THAT(page.body, Not(HasSubstr("## ")));
    EXPECT_THAT(RunbookList().body, HasSubstr(Cat("href=\"/runbooks/", file.name, "\"")));
  }
}

TEST(RunbookTest, APageHasHeadingsListsCodeAndLinksToOtherRunbooks) {
  const Answer page = RunbookPage("GofarmLeaderMissing");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<h1>GofarmLeaderMissing</h1>"));
  EXPECT_THAT(page.body, HasSubstr("<h2>How to see it</h2>"));
  EXPECT_THAT(page.body, HasSubstr("<pre>\ngofarm status\ngofarm logs coordinator\n</pre>"));
  EXPECT_THAT(page.body, HasSubstr("<li><code>curl HTTP_URL/readyz</code> of each coordinator"));
  EXPECT_THAT(page.body, HasSubstr("<a href=\"/runbooks/GofarmDatabaseFails\">GofarmDatabaseFails</a> is what to"));
  EXPECT_THAT(page.body, Not(HasSubstr("href=\"/runbooks/GofarmLeaderMissing\"")));
  EXPECT_THAT(page.headers.Get("Content-Security-Policy"), HasSubstr("default-src 'none'"));
}

TEST(RunbookTest, ANameThatIsNoneIsEscapedAndGetsTheList) {
  const Answer page = RunbookPage("<img src=x onerror=alert(1)>" + std::string(10000, 'x'));
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.body, HasSubstr("&lt;img src=x"));
  EXPECT_THAT(page.body, Not(HasSubstr("<img")));
  EXPECT_THAT(page.body, Not(HasSubstr(std::string(200, 'x'))));
  EXPECT_THAT(page.body, HasSubstr("GofarmClockSkew"));
}

}  // namespace
}  // namespace gofarm::web
