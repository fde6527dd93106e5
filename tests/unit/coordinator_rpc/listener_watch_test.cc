#include "coordinator/rpc/listener_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "coordinator/rpc/standby_server.h"

namespace gofarm::rpc {
namespace {

using ::testing::HasSubstr;

constexpr ListenerWatch::Pace kQuick = {
    .every = absl::Milliseconds(10), .dial_max = absl::Milliseconds(300), .silence_max = absl::Milliseconds(100)};

class ListenerWatchTest : public ::testing::Test {
 protected:
  ListenerWatchTest() {
    char name[] = "/tmp/gofarm-listener-XXXXXX";  // short: a socket's path is at most 107 bytes
    dir_ = ::mkdtemp(name);
  }
  ~ListenerWatchTest() override { std::filesystem::remove_all(dir_); }
  std::string Path(const std::string& name) const { return Cat(dir_, "/", name); }
  // True once Check is as wanted, within half a minute.
  static bool Becomes(const ListenerWatch& watch, bool well) {
    for (int i = 0; i < 3000; ++i) {
      if (watch.Check().ok() == well) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  std::string dir_;
};

TEST_F(ListenerWatchTest, OneThatAcceptsNobodyIsFoundAndOneThatAnswersIsWellAgain) {
  // As a listener whose accepting ended: the kernel takes the connection, nobody reads it.
  const std::string path = Path("dead");
  const io::Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(dead.get(), 16), 0);
  EXPECT_FALSE(DialListener(Scope::For(absl::Milliseconds(300)), "unix:" + path).ok());

  ListenerWatch watch(kQuick);
  EXPECT_TRUE(watch.Check().ok()) << "nothing listens yet";
  watch.Watch("unix:" + path);
  EXPECT_TRUE(Becomes(watch, false));
  EXPECT_THAT(std::string(watch.Check().message()), HasSubstr("has not answered for"));

  const auto server = StandbyServer::Start({.addresses = {"unix:" + Path("alive")}}, FarmFacts{},
                                           [] { return service::LeadershipView{}; });
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(DialListener(Scope::For(absl::Seconds(30)), (*server)->address()).ok());
  watch.Watch((*server)->address());
  EXPECT_TRUE(Becomes(watch, true));
  (*server)->Stop();
  EXPECT_TRUE(Becomes(watch, false));
  watch.Watch("");
  EXPECT_TRUE(watch.Check().ok());
}

}  // namespace
}  // namespace gofarm::rpc
