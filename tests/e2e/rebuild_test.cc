// What one worker built, another one builds again with cold caches, with real Go and zig: the same bytes, and everybody
// is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(RebuildTest, AnotherWorkerMakesTheSameBytesAndIndexPageAndVerifySaySo) {
  const LocalProxy proxy;
  Farm farm(2, proxy.Environment("example.com/again"));
  // Its licence is what lets it be published.
  const std::string module = proxy.Add(
      "example.com/again/tool",
      {"main.go=package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"made twice\") }\n",
       "LICENSE=Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is "
       "hereby granted.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS "
       "SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE "
       "FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, "
       "DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN "
       "CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n"});
  farm.Watch(farm.Submit({module, "--target", "x86_64"}));
  const auto settled = [&] {
    return farm.WaitUntil(
        [&] {
          const Json status = farm.GofarmJson({"publish", "status"});
          return Number(status.root(), "pending") == 0 && Number(status.root(), "published") == 1;
        },
        absl::Minutes(2));
  };
  ASSERT_TRUE(settled()) << farm.Gofarm({"publish", "list"}).out;

  const Json rebuilt = farm.GofarmJson({"publish", "rebuild", "--all", "--wait"});
  ASSERT_THAT(Items(At(rebuilt.root(), "results")), SizeIs(1));
  const simdjson::dom::element result = Items(At(rebuilt.root(), "results"))[0];
  EXPECT_EQ(Text(result, "result"), "reproduced") << Text(result, "detail");
  const Json first = farm.GofarmJson({"job", "show", Cat(Number(result, "rebuild_of"))});
  EXPECT_NE(Text(Items(At(first.root(), "attempts"))[0], "worker"), Text(result, "worker"));

  ASSERT_TRUE(settled());
  EXPECT_EQ(Number(farm.GofarmJson({"publish", "status"}).root(), "reproduced"), 1);
  const std::string http = Text(farm.GofarmJson({"status"}).root(), "http_url");
  EXPECT_THAT(RunCommand({"curl", "-sf", http + "/index/x86_64-Linux.json"}).out, HasSubstr("\"reproduced\":\"true\""));
  EXPECT_THAT(RunCommand({"curl", "-sf", http + "/p/example.com/again/tool"}).out,
              HasSubstr("yes: a second build gave the same bytes"));
  const CommandResult verified = farm.Gofarm({"verify", module});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("yes, by another build"));
  // It is nobody's artifact, and nothing of it is published.
  EXPECT_THAT(Items(farm.GofarmJson({"artifact", "list"}).root()), SizeIs(1));
}

}  // namespace
}  // namespace gofarm::testing
