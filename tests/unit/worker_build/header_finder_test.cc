#include "worker/build/header_finder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

class HeaderFinderTest : public ::testing::Test {
 protected:
  HeaderFinderTest() {
    char name[] = "/tmp/gofarm-headers-XXXXXX";
    root_ = mkdtemp(name);
    Put("mod/a.b/dep@v1/c/dep.h");
    Put("mod/a.b/dep/sub@v1/sub.h");
    Put("source/own.h");
    target_.modules = {{.path = "a.b/dep", .dir = "a.b/dep@v1"}, {.path = "a.b/dep/sub", .dir = "a.b/dep/sub@v1"}};
  }
  ~HeaderFinderTest() override { fs::remove_all(root_); }

  void Put(const std::string& file) {
    fs::create_directories(fs::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << "x";
  }

  std::string root_;
  fetch::TargetListing target_;
};

TEST_F(HeaderFinderTest, LooksInTheModuleThatHoldsThePackage) {
  HeaderFinder headers(root_ + "/mod", "a.b/main", root_ + "/source", target_);
  EXPECT_TRUE(headers.Has("a.b/dep/x", "dep.h"));
  EXPECT_FALSE(headers.Has("a.b/dep/x", "sub.h")) << "that one is another module's";
  EXPECT_TRUE(headers.Has("a.b/dep/sub/x", "sub.h")) << "the longest path holds it";
  EXPECT_TRUE(headers.Has("a.b/main", "own.h"));
  EXPECT_TRUE(headers.Has("a.b/main/cmd", "own.h"));
  EXPECT_FALSE(headers.Has("a.b/mainly", "own.h")) << "no package of it";
  EXPECT_FALSE(headers.Has("c.d/other", "own.h"));
}

}  // namespace
}  // namespace gofarm::build
