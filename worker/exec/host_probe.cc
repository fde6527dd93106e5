#include "worker/exec/host_probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/process/proc_fs.h"

namespace gofarm::exec {
namespace {

int missing = 0;
bool disk_full = false;

void Expect(bool holds, std::string_view what) {
  if (holds) return;
  ++missing;
  printf("missing: %.*s\n", static_cast<int>(what.size()), what.data());
}

bool CanWrite(const std::string& path) {
  const io::Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  return fd && write(fd.get(), "x", 1) == 1;  // errno stays: closing what was open sets none
}

// A full disk says nothing about the mount that stands on it.
void ExpectWritable(const std::string& path, std::string_view what) {
  if (CanWrite(path)) return;
  const bool full = errno == ENOSPC || errno == EDQUOT;
  disk_full = disk_full || full;
  Expect(full, what);
}

std::string StatusLine(const std::string& status, std::string_view name) {
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    if (Sv(line).substr(0, name.size()) == name) return std::string(Sv(line).substr(name.size()));
  }
  return "";
}

int Interfaces() {
  int count = -2;  // the header of the table
  for (const absl::string_view line : absl::StrSplit(process::ReadProcFile("/proc/net/dev"), '\n')) {
    if (!line.empty()) ++count;
  }
  return count;
}

}  // namespace

void HostProbeMain() {
  const std::string folder = getenv(kHostProbeVariable);
  const std::string status = process::ReadProcFile("/proc/self/status");
  for (const char* set : {"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t"}) {
    Expect(StatusLine(status, set) == "0000000000000000", Cat("empty capability set ", std::string_view(set, 6)));
  }
  Expect(StatusLine(status, "NoNewPrivs:\t") == "1", "no_new_privs");
  Expect(StatusLine(status, "Seccomp:\t") == "2", "the system call filter");
  Expect(getuid() == 1000 && geteuid() == 1000, "uid 1000 inside");
  Expect(unshare(CLONE_NEWUSER) != 0, "refusal of nested user namespaces");
  Expect(mount("none", folder.c_str(), "tmpfs", 0, nullptr) != 0, "refusal of mounts");
  Expect(getppid() <= 1, "a process namespace of its own");
  Expect(Interfaces() <= 1, "a network namespace of its own");
  Expect(!CanWrite(folder + "/ro/file"), "read-only mounts");
  Expect(!CanWrite("/file") && !CanWrite("/dev/shm/file"), "a read-only root");
  ExpectWritable(folder + "/rw/file", "writable mounts");
  ExpectWritable(folder + "/ov/file", "writable overlays");
  ExpectWritable(folder + "/ov/seed", "overlays over files that are there");
  fflush(stdout);
  // Not by return: a sanitizer's leak check at exit needs ptrace, which is refused here.
  _exit(missing != 0 ? 1 : disk_full ? kHostProbeDiskFull : 0);
}

}  // namespace gofarm::exec
