#include "coordinator/webhook/config.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>

#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::webhook {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = Cat(::testing::TempDir(), "/gofarm-webhook-XXXXXX");
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { (void)io::RemoveTree(folder_); }
  std::string File(const std::string& name, const std::string& text, int mode = 0600) const {
    const std::string path = Cat(folder_, "/", name);
    EXPECT_TRUE(io::WriteFileAtomic(path, text, mode).ok());
    return path;
  }
  // The configuration, or the faults.
  static std::pair<Config, std::string> Load(const std::string& toml) {
    config::Table table = config::Table::Parse(toml, "c.toml");
    Config config = LoadConfig(table);
    return {config, std::string(table.Finish().message())};
  }
  static std::string Key(const char* key, const std::string& file) { return Cat(key, " = \"", file, "\"\n"); }

  std::string folder_;
};

TEST_F(ConfigTest, UrlsAndSecretComeFromFiles) {
  const auto [config, faults] = Load(Cat(
      Key("webhook_discord_url_file", File("d", "https://discord.test/api/webhooks/7/sEcReT\n")),
      Key("webhook_url_file", File("j", " http://127.0.0.1:8080/x ")), Key("webhook_secret_file", File("s", " k \n"))));
  EXPECT_EQ(faults, "");
  ASSERT_THAT(config.destinations, SizeIs(2));
  EXPECT_EQ(config.destinations[0].url, "https://discord.test/api/webhooks/7/sEcReT");
  EXPECT_EQ(config.destinations[0].Shown(), "https://discord.test:443");
  EXPECT_EQ(config.destinations[1].url, "http://127.0.0.1:8080/x");
  EXPECT_EQ(config.destinations[1].secret, " k ") << "only the line's end is none of it";
  EXPECT_THAT(config.destinations[0].Id(), SizeIs(64));
  Destination other = config.destinations[0];
  other.kind = Kind::kJson;
  EXPECT_NE(other.Id(), config.destinations[0].Id());
}

TEST_F(ConfigTest, WhatIsNotNamedIsOff) { EXPECT_THAT(Load("").first.destinations, IsEmpty()); }

TEST_F(ConfigTest, AFileThatOthersMayReadIsRefused) {
  const std::string file = File("d", "https://discord.test/sEcReT", 0640);
  const auto [config, faults] = Load(Key("webhook_discord_url_file", file));
  EXPECT_THAT(config.destinations, IsEmpty());
  EXPECT_THAT(faults, HasSubstr("webhook_discord_url_file"));
  EXPECT_THAT(faults, HasSubstr(Cat("chmod 600 ", file)));
}

TEST_F(ConfigTest, FaultsNameTheFileAndNoSecret) {
  const std::pair<const char*, const char*> wrong[] = {
      {"http://discord.test/sEcReT", "https"},
      {"https://u:sEcReT@discord.test/", "user"},
      {"https://discord.test/#sEcReT", "fragment"},
      {"file:///sEcReT", "no http or https"},
      {"sEcReT", "no http or https"},
      {"\n", "is empty"},
  };
  for (const auto& [url, why] : wrong) {
    const std::string file = File("d", url);
    const auto [config, faults] = Load(Key("webhook_url_file", file));
    EXPECT_THAT(config.destinations, IsEmpty()) << url;
    EXPECT_THAT(faults, Not(HasSubstr("sEcReT"))) << url;
    EXPECT_THAT(faults, HasSubstr(why)) << url;
    EXPECT_THAT(faults, HasSubstr(file)) << url;
  }
}

TEST_F(ConfigTest, AnAddressWhereAFileIsNamedIsRefusedAndNotRepeated) {
  for (const char* value : {"https://discord.test/api/webhooks/7/sEcReT", "/home/ann/https:/discord.test/sEcReT"}) {
    for (const char* key : {"webhook_discord_url_file", "webhook_url_file"}) {
      const auto [config, faults] = Load(Key(key, value));
      EXPECT_THAT(config.destinations, IsEmpty()) << value;
      EXPECT_THAT(faults, HasSubstr("names a file; put the address into one")) << value;
      EXPECT_THAT(faults, Not(HasSubstr("sEcReT")));
    }
  }
}

TEST_F(ConfigTest, ASecretGoesWithAUrl) {
  EXPECT_THAT(Load(Key("webhook_secret_file", File("s", "k"))).second, HasSubstr("goes with webhook_url_file"));
  EXPECT_THAT(
      Load(Cat(Key("webhook_url_file", File("j", "https://x.test/")), Key("webhook_secret_file", File("s", "\n"))))
          .second,
      HasSubstr("is empty"));
  EXPECT_THAT(Load(Key("webhook_url_file", folder_ + "/none")).second, HasSubstr("webhook_url_file"));
}

}  // namespace
}  // namespace gofarm::webhook
