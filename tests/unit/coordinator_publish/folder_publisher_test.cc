// Releases as static files.
#include "coordinator/publish/folder_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "tests/support/publish_farm.h"

namespace gofarm::publish {
namespace {

using domain::PublicationState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kModule[] = "github.com/fortio/logc";

class FolderPublisherTest : public ::testing::Test {
 protected:
  FolderPublisherTest() : out_(farm_.At("out")) {}

  void Run() {
    DestinationLoop loop({.name = out_,
                          .outbox = farm_.outbox(),
                          .carrier = std::make_unique<FolderPublisher>(FolderParts{
                              .folder = out_, .sources = farm_.sources(), .index = farm_.At("index/current")}),
                          .random = [] { return 0.5; }});
    const auto round = loop.RunOnce(Scope::For(absl::Minutes(1)));
    EXPECT_TRUE(round.ok()) << round.status();
  }
  absl::Status Check() {
    FolderPublisher publisher({.folder = out_, .sources = farm_.sources(), .index = ""});
    return publisher.Check(Scope::For(absl::Minutes(1)), farm_.outbox().rows().at(0));
  }
  domain::Release Order(const std::string& program) {
    const domain::Release release =
        farm_.Build({kModule, "v1.0.0", Cat(kModule, "/cmd/", program), program, Target::kX86_64});
    farm_.outbox().Order(release, out_);
    return release;
  }
  std::set<std::string> Files() const {
    std::set<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out_, error)) {
      if (entry.is_regular_file()) files.insert(entry.path().string().substr(out_.size() + 1));
    }
    return files;
  }

  testing::PublishFarm farm_;
  const std::string out_;
};

TEST_F(FolderPublisherTest, ProgramsOfAModuleStandTogetherAndGoOneByOne) {
  const domain::Release a = Order("a");
  Order("b");
  Run();
  const std::string folder = Cat(kModule, "@v1.0.0/x86_64-Linux/");
  for (const char* const name :
       {"a", "a.json", "a.cdx.json", "a.sigstore.json", "a.licenses.txt", "a.log", "a.version", "b", "b.version",
        "logc-v1.0.0.src.tar.zst", "CHECKSUM", "CHECKSUM.minisig", "LICENSE"}) {
    EXPECT_TRUE(Files().contains(folder + name)) << name;
  }
  EXPECT_EQ(digest::DigestFile(Cat(out_, "/", folder, "a"))->sha256, a.sha256);
  struct stat facts {};
  ASSERT_EQ(::stat(Cat(out_, "/", folder, "a").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0755u);
  EXPECT_EQ(farm_.outbox().rows()[0].state, PublicationState::kPublished);

  // A repeat leaves the folder as it is.
  ASSERT_EQ(::stat(Cat(out_, "/", folder).c_str(), &facts), 0);
  const ino_t before = facts.st_ino;
  Run();
  ASSERT_EQ(::stat(Cat(out_, "/", folder).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_ino, before);

  farm_.outbox().Withdraw(kModule, "v1.0.0", Target::kX86_64);
  // Of both, but one after the other.
  Run();
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_EQ(farm_.outbox().rows()[0].state, PublicationState::kWithdrawn);
  EXPECT_FALSE(std::filesystem::exists(Cat(out_, "/", kModule, "@v1.0.0")));
}

TEST_F(FolderPublisherTest, SpoiltFilesAreMadeAnew) {
  const domain::Release a = Order("a");
  Run();
  const std::string path = Cat(out_, "/", kModule, "@v1.0.0/x86_64-Linux/a");
  EXPECT_TRUE(Check().ok()) << Check();
  ASSERT_TRUE(io::WriteFileAtomic(path, "other").ok());
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
  farm_.outbox().StartAgain();
  Run();
  EXPECT_EQ(digest::DigestFile(path)->sha256, a.sha256);
  EXPECT_TRUE(Check().ok()) << Check();
  ASSERT_TRUE(io::RemoveTree(out_).ok());
  EXPECT_TRUE(absl::IsNotFound(Check())) << Check();
}

TEST_F(FolderPublisherTest, TheIndexIsCopiedWhenThereIsANewState) {
  ASSERT_TRUE(io::MakeFolders(farm_.At("index/1/shards")).ok());
  ASSERT_TRUE(io::WriteFileAtomic(farm_.At("index/1/x.json.zst"), "one").ok());
  ASSERT_TRUE(io::WriteFileAtomic(farm_.At("index/1/shards/00.json"), "{}").ok());
  Run();
  EXPECT_THAT(Files(), IsEmpty()) << "no state is served yet";
  ASSERT_EQ(::symlink("1", farm_.At("index/current").c_str()), 0);
  Run();
  EXPECT_EQ(io::ReadFile(out_ + "/index/x.json.zst", 100).value(), "one");
  EXPECT_EQ(io::ReadFile(out_ + "/index/shards/00.json", 100).value(), "{}");
  ASSERT_TRUE(io::MakeFolders(farm_.At("index/2")).ok());
  ASSERT_TRUE(io::WriteFileAtomic(farm_.At("index/2/x.json.zst"), "two").ok());
  ASSERT_EQ(::unlink(farm_.At("index/current").c_str()), 0);
  ASSERT_EQ(::symlink("2", farm_.At("index/current").c_str()), 0);
  Run();
  EXPECT_EQ(io::ReadFile(out_ + "/index/x.json.zst", 100).value(), "two");
  EXPECT_FALSE(std::filesystem::exists(out_ + "/index/shards"));
}

TEST_F(FolderPublisherTest, AFolderThatCannotBeWrittenParksItsRows) {
  Order("a");
  ASSERT_TRUE(io::WriteFileAtomic(out_, "a file is in the way").ok());
  Run();
  const domain::Publication row = farm_.outbox().rows()[0];
  EXPECT_NE(row.state, PublicationState::kPublished);
  EXPECT_THAT(row.detail, HasSubstr(out_));
}

}  // namespace
}  // namespace gofarm::publish
