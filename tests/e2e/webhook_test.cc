// A farm that tells of its batches: one message over a rate limit, a killed coordinator and an `up` that repairs, and
// nothing of the farm knows the webhook's URL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/text.h"
#include "common/digest/hmac.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/support/fake_webhooks.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Files below `folder` that hold the webhook's token.
std::vector<std::string> WhoKnows(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    std::ifstream in(it->path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (text.str().find(kWebhookToken) != std::string::npos) files.push_back(it->path().string());
  }
  return files;
}

TEST(WebhookFarmTest, OneMessageIsEditedToTheEndOverAKilledCoordinator) {
  const LocalProxy proxy;
  FakeWebhooks hooks;
  hooks.Inject({.method = "POST", .status = 429, .fields = "Retry-After: 1\r\n", .body = R"({"retry_after": 1.0})"});
  std::string pattern = "/tmp/gofarm-webhook-XXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  ASSERT_TRUE(io::WriteFileAtomic(folder + "/d", hooks.discord_url(), 0600).ok());
  ASSERT_TRUE(io::WriteFileAtomic(folder + "/j", hooks.json_url(), 0600).ok());
  ASSERT_TRUE(io::WriteFileAtomic(folder + "/k", "key\n", 0600).ok());
  std::vector<std::string> environment = proxy.Environment("hook.test");
  environment.push_back(Cat("GOFARM_WEBHOOK_DISCORD_URL_FILE=", folder, "/d"));
  environment.push_back(Cat("GOFARM_WEBHOOK_URL_FILE=", folder, "/j"));
  environment.push_back(Cat("GOFARM_WEBHOOK_SECRET_FILE=", folder, "/k"));
  const std::string module = proxy.AddSlow("hook.test/slow", 2'000);
  Farm farm(1, environment);
  const int64_t batch = farm.Submit({module, "--target", "x86_64", "--name", "@everyone *look*"});
  ASSERT_TRUE(farm.WaitUntil([&] { return hooks.posts() > 0; }, absl::Minutes(1)));
  ASSERT_EQ(kill(farm.CoordinatorPid(), SIGKILL), 0);
  farm.Watch(batch);
  ASSERT_TRUE(farm.WaitUntil([&] { return hooks.messages().begin()->second.find("1/1 jobs") != std::string::npos; },
                             absl::Minutes(1)));
  EXPECT_EQ(hooks.posts(), 1) << "one message";
  EXPECT_GE(hooks.edits(), 1);
  const std::string message = hooks.messages().begin()->second;
  EXPECT_THAT(message, HasSubstr(R"("allowed_mentions":{"parse":[]})"));
  EXPECT_THAT(message, HasSubstr("\\\\*look\\\\*"));
  ASSERT_TRUE(farm.WaitUntil([&] { return hooks.json().back().body.find("batch_ended") != std::string::npos; },
                             absl::Minutes(1)));
  for (const FakeWebhooks::Posted& posted : hooks.json()) {
    EXPECT_EQ(posted.signature, Cat("sha256=", digest::HmacSha256Hex("key", posted.body)));
    EXPECT_EQ(Number(At(Json(posted.body).root(), "batch"), "id"), batch);
  }
  EXPECT_TRUE(farm.Up()) << "a repair keeps the webhooks";
  EXPECT_THAT(WhoKnows(farm.dir()), IsEmpty());
  (void)io::RemoveTree(folder);
}

TEST(WebhookFarmTest, AWebhookThatIsAwayCostsNobodyAnything) {
  const LocalProxy proxy;
  std::string pattern = "/tmp/gofarm-webhook-XXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  ASSERT_TRUE(io::WriteFileAtomic(folder + "/d", Cat("http://127.0.0.1:1/", kWebhookToken), 0600).ok());
  std::vector<std::string> environment = proxy.Environment("hook.test");
  environment.push_back(Cat("GOFARM_WEBHOOK_DISCORD_URL_FILE=", folder, "/d"));
  Farm farm(1, environment);
  farm.Watch(
      farm.Submit({proxy.Add("hook.test/away", {"main.go=package main\n\nfunc main() {}\n"}), "--target", "x86_64"}));
  const CommandResult logs = farm.Gofarm({"logs", "coordinator"});
  EXPECT_THAT(logs.out, HasSubstr("event=webhook_failed"));
  EXPECT_THAT(WhoKnows(farm.dir()), IsEmpty());
  (void)io::RemoveTree(folder);
}

}  // namespace
}  // namespace gofarm::testing
