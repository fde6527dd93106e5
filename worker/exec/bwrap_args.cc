#include "worker/exec/bwrap_args.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::exec {

std::vector<std::string> BwrapOptions(const InitSpec& spec, const Staged& staged) {
  const SandboxSpec& s = spec.sandbox;
  std::vector<std::string> args = {
      "--unshare-user",
      "--uid",
      "1000",
      "--gid",
      "1000",
      "--unshare-pid",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup-try",
      "--die-with-parent",
      "--new-session",
      "--cap-drop",
      "ALL",
      "--hostname",
      "gofarm",
  };
  const auto add = [&args](std::initializer_list<std::string> more) { args.insert(args.end(), more); };
  if (spec.defences.no_nested_user_namespaces) add({"--disable-userns"});
  if (!s.network) add({"--unshare-net"});

  add({"--clearenv"});
  for (const auto& [name, value] : s.environment) add({"--setenv", name, value});

  add({"--proc", "/proc", "--dev", "/dev"});
  // A folder comes before what is mounted inside it.
  std::vector<Staged::Mount> mounts = staged.mounts;
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const Staged::Mount& a, const Staged::Mount& b) { return a.dest < b.dest; });
  for (const Staged::Mount& mount : mounts) add({mount.writable ? "--bind" : "--ro-bind", mount.source, mount.dest});
  add({"--symlink", "/job/tmp", "/tmp"});
  // The root and /dev (with /dev/shm) are tmpfs of bubblewrap's, without a size limit: memory that no sampler sees.
  add({"--remount-ro", "/dev", "--remount-ro", "/"});

  add({"--chdir", s.working_directory});
  add({"--json-status-fd", Cat(staged.status_fd), "--block-fd", Cat(staged.block_fd)});
  if (staged.seccomp_fd >= 0) add({"--seccomp", Cat(staged.seccomp_fd)});
  return args;
}

}  // namespace gofarm::exec
