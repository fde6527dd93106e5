// The folder of an attempt goes away with it, whatever a hostile build made in it.
#include "worker/build/attempt_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/text.h"
#include "worker/exec/tree.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

// As a worker that is not root: for root no folder is closed.
class AttemptFolderTest : public ::testing::Test {
 protected:
  AttemptFolderTest() {
    if (::geteuid() == 0) was_root_ = ::seteuid(kNobody) == 0;
    char name[] = "/tmp/gofarm-attempt-XXXXXX";
    work_ = mkdtemp(name);
  }
  ~AttemptFolderTest() override {
    EXPECT_EQ(::seteuid(was_root_ ? 0 : ::geteuid()), 0);
    EXPECT_TRUE(exec::RemoveTree(work_).ok());
  }

  std::string MakeAttempt(std::unique_ptr<AttemptFolder>& folder) {
    auto made = AttemptFolder::Make(work_, AttemptToken{7});
    EXPECT_TRUE(made.ok()) << made.status();
    folder = *std::move(made);
    return folder->MakeInside("out").value();
  }

  static constexpr uid_t kNobody = 65534;
  bool was_root_ = false;
  std::string work_;
};

// Folders so deep that no path names the last one, which is closed and holds a file.
void MakeDeepClosedFolder(const std::string& top) {
  const std::string name(200, 'd');
  int at = open(top.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_GE(at, 0);
  for (int depth = 0; depth < 30; ++depth) {
    ASSERT_EQ(mkdirat(at, name.c_str(), 0700), 0);
    const int next = openat(at, name.c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_GE(next, 0);
    close(at);
    at = next;
  }
  const int file = openat(at, "file", O_WRONLY | O_CREAT, 0400);
  ASSERT_GE(file, 0);
  close(file);
  ASSERT_EQ(fchmod(at, 0), 0);
  close(at);
}

TEST_F(AttemptFolderTest, GoesAwayWithDeepClosedFoldersAndLinksInIt) {
  const std::string outside = work_ + "/outside";
  std::ofstream(outside) << "stays";
  std::unique_ptr<AttemptFolder> folder;
  const std::string out = MakeAttempt(folder);
  MakeDeepClosedFolder(out);
  fs::create_symlink(outside, out + "/link");
  fs::create_directory_symlink(work_, out + "/folder-link");
  const std::string path = folder->path();
  folder.reset();
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(outside));
}

TEST_F(AttemptFolderTest, LeftoversOfAnEarlierProcessGoAwayTogether) {
  std::unique_ptr<AttemptFolder> first, second;
  MakeDeepClosedFolder(MakeAttempt(first));
  MakeAttempt(second);
  RemoveStaleAttempts(work_);
  EXPECT_FALSE(fs::exists(work_ + "/attempts"));
}

}  // namespace
}  // namespace gofarm::build
