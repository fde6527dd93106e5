#include "tests/support/small_disk.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "common/base/text.h"

namespace gofarm::testing {

void EnterOwnMounts() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  ASSERT_EQ(unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS), 0) << std::strerror(errno);
  if (uid != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << uid << " " << uid << " 1";
    std::ofstream("/proc/self/gid_map") << gid << " " << gid << " 1";
  }
  ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
}

SmallDisk::SmallDisk(std::string folder, const std::string& options) : folder_(std::move(folder)) {
  EXPECT_EQ(mount("tmpfs", folder_.c_str(), "tmpfs", MS_NOSUID, Cat("mode=0700,", options).c_str()), 0)
      << folder_ << ": " << std::strerror(errno);
}

SmallDisk::~SmallDisk() {
  EXPECT_EQ(umount2(folder_.c_str(), MNT_DETACH), 0) << folder_ << ": " << std::strerror(errno);
}

void SmallDisk::Remount(const std::string& options) {
  EXPECT_EQ(mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_NOSUID, options.c_str()), 0)
      << folder_ << ": " << std::strerror(errno);
}

void SmallDisk::Fill() const {
  std::ofstream out(folder_ + "/filler");
  while (out << 'x' << std::flush) {
  }
}

}  // namespace gofarm::testing
