#include "coordinator/publish/public_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/io/scratch_folder.h"

namespace gofarm::publish {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(PublicLogTest, ALongLogKeepsHeadAndTailAndNothingThatTerminalsObey) {
  const io::ScratchFolder folder = *io::ScratchFolder::Make("/tmp", "public-log-");
  const auto logs = *blob::OpenFolderLogStore(folder.path(), 64 << 20);
  EXPECT_EQ(PublicLog(*logs, AttemptToken{1}).value(), "");
  int64_t at = 0;
  const auto append = [&](const std::string& text) {
    EXPECT_TRUE(logs->Append(AttemptToken{1}, at, text, [](const auto&) {}).ok());
    at += static_cast<int64_t>(text.size());
  };
  append("first \x1b[31mred\n");
  EXPECT_THAT(PublicLog(*logs, AttemptToken{1}).value(), Not(HasSubstr("\x1b")));
  for (int i = 0; i < 8; ++i) append(std::string(200'000, 'm'));
  append("last\n");
  const std::string text = PublicLog(*logs, AttemptToken{1}).value();
  EXPECT_THAT(text, StartsWith("first "));
  EXPECT_THAT(text, EndsWith("last\n"));
  EXPECT_THAT(text, HasSubstr(" bytes left out "));
  EXPECT_LE(text.size(), kPublicLogMax + 100);
}

}  // namespace
}  // namespace gofarm::publish
