#include "worker/exec/staging.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"

namespace gofarm::exec {
namespace {

// Folders of the root directory that nothing here needs; the first that is there and does not hold bubblewrap is
// covered.
constexpr const char* kStageCandidates[] = {"/mnt", "/media", "/srv", "/opt", "/tmp"};

constexpr const char* kEndlessDevices[] = {"/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

// What name resolution and TLS need inside. Missing ones are left out.
constexpr const char* kNetworkFiles[] = {"/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts"};
constexpr const char* kCaBundle = "/etc/ssl/certs/ca-certificates.crt";

absl::Status WriteFile(const std::string& path, std::string_view text) {
  const io::Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(errno, Cat("open ", path));
  return io::WriteAll(fd.get(), text, path);
}

absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0) return ErrnoStatus(errno, Cat("make folder ", path));
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, Cat("chmod ", path));
  return absl::OkStatus();
}

struct Source {
  io::Fd fd;
  bool folder = false;
};

absl::StatusOr<Source> OpenSource(const std::string& path) {
  Source source;
  source.fd = io::Fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st;
  if (!source.fd || fstat(source.fd.get(), &st) != 0) {
    return ErrnoStatus(errno, Cat("open ", EscapeForPrint(path), " to mount it"));
  }
  source.folder = S_ISDIR(st.st_mode);
  return source;
}

// Binds an opened file or folder over one that is there.
absl::Status BindOver(const Source& source, const std::string& target) {
  const std::string by_handle = Cat("/proc/self/fd/", source.fd.get());
  if (mount(by_handle.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return ErrnoStatus(errno, Cat("bind ", target));
  }
  return absl::OkStatus();
}

// Binds an opened file or folder at `target`, which is made for it.
absl::Status Bind(const Source& source, const std::string& target) {
  if (source.folder) {
    GOFARM_RETURN_IF_ERROR(MakeFolder(target, 0755));
  } else {
    GOFARM_RETURN_IF_ERROR(WriteFile(target, ""));
  }
  return BindOver(source, target);
}

bool IsUsableStage(const std::string& folder, const std::string& bwrap) {
  struct stat st;
  return lstat(folder.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & S_IXOTH) != 0 &&
         bwrap.compare(0, folder.size() + 1, folder + "/") != 0;
}

absl::StatusOr<std::string> MountStage(const std::string& bwrap) {
  for (const std::string folder : kStageCandidates) {
    if (!IsUsableStage(folder, bwrap)) continue;
    if (mount("gofarm", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m") != 0) {
      return ErrnoStatus(errno, Cat("mount a tmpfs over ", folder));
    }
    return folder;
  }
  return absl::FailedPreconditionError("none of /mnt, /media, /srv, /opt and /tmp is a plain folder: make /mnt");
}

absl::Status MountOverlay(const std::string& lower, const std::string& scratch, const std::string& target, int uid,
                          bool keep) {
  if (!keep || access((scratch + "/upper").c_str(), F_OK) != 0)
    GOFARM_RETURN_IF_ERROR(MakeFolder(scratch + "/upper", 0777));
  GOFARM_RETURN_IF_ERROR(MakeFolder(scratch + "/work", 0700));
  // The merged root has the owner and mode of the upper folder.
  if (uid >= 0 && chown((scratch + "/upper").c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(uid)) != 0) {
    return ErrnoStatus(errno, "give the upper folder to the build");
  }
  GOFARM_RETURN_IF_ERROR(MakeFolder(target, 0755));
  std::string options = Cat("lowerdir=", lower, ",upperdir=", scratch, "/upper,workdir=", scratch, "/work");
  if (uid < 0) options += ",userxattr";
  // volatile: what is thrown away need not be synced; without it each unmount syncs the whole disk below.
  const std::string quick = options + ",volatile";
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV;
  if (mount("overlay", target.c_str(), "overlay", kFlags, quick.c_str()) == 0) return absl::OkStatus();
  if (errno == EINVAL && mount("overlay", target.c_str(), "overlay", kFlags, options.c_str()) == 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, Cat("mount an overlay (", options, "): needs overlayfs",
                                uid < 0 ? " usable by ordinary users, Linux 5.11 or newer" : ""));
}

absl::Status StageEtc(const InitSpec& spec, const std::string& stage, Staged& staged) {
  const std::string etc = stage + "/etc";
  GOFARM_RETURN_IF_ERROR(MakeFolder(etc, 0755));
  GOFARM_RETURN_IF_ERROR(WriteFile(etc + "/passwd", "build:x:1000:1000::/job/home:/nonexistent\n"));
  GOFARM_RETURN_IF_ERROR(WriteFile(etc + "/group", "build:x:1000:\n"));
  staged.mounts.push_back({etc, "/etc", false});
  if (!spec.sandbox.network) return WriteFile(etc + "/hosts", "127.0.0.1 localhost\n");
  GOFARM_RETURN_IF_ERROR(MakeFolder(etc + "/ssl", 0755));
  GOFARM_RETURN_IF_ERROR(MakeFolder(etc + "/ssl/certs", 0755));
  const auto copy = [&](const std::string& source, const std::string& dest) -> absl::Status {
    const io::Fd from(open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return absl::OkStatus();
    GOFARM_ASSIGN_OR_RETURN(const std::string text, io::ReadAll(from.get(), int64_t{1} << 20, source));
    return WriteFile(stage + dest, text);
  };
  for (const char* const file : kNetworkFiles) GOFARM_RETURN_IF_ERROR(copy(file, file));
  GOFARM_RETURN_IF_ERROR(copy(io::FindCaBundle(), kCaBundle));
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterNamespaces(const InitSpec& spec) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (spec.uid >= 0) {
    if (unshare(CLONE_NEWNS) != 0) {
      return ErrnoStatus(errno,
                         "make a mount namespace: as root this needs CAP_SYS_ADMIN (in a container: add it, or run "
                         "the worker as an ordinary user where user namespaces are allowed)");
    }
  } else {
    constexpr std::string_view kAllow =
        "allow it (sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0) or run the worker as root";
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return ErrnoStatus(errno, Cat("make a user namespace: ", kAllow));
    // AppArmor lets one be made and takes its rights away: then this is what fails.
    const std::string without_rights = Cat("a user namespace without rights: ", kAllow);
    GOFARM_RETURN_IF_ERROR_CTX(WriteFile("/proc/self/setgroups", "deny"), without_rights);
    GOFARM_RETURN_IF_ERROR_CTX(WriteFile("/proc/self/uid_map", Cat("0 ", uid, " 1")), without_rights);
    GOFARM_RETURN_IF_ERROR_CTX(WriteFile("/proc/self/gid_map", Cat("0 ", gid, " 1")), without_rights);
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus(errno, "make the mounts of this run private");
  }
  return absl::OkStatus();
}

absl::StatusOr<Staged> StageMounts(const InitSpec& spec) {
  const SandboxSpec& s = spec.sandbox;
  // All are opened before the stage covers a folder that may hold some of them.
  std::vector<Source> binds, lowers, scratches;
  for (const BindMount& bind : s.binds) {
    GOFARM_ASSIGN_OR_RETURN(Source source, OpenSource(bind.source));
    binds.push_back(std::move(source));
  }
  for (const OverlayMount& overlay : s.overlays) {
    GOFARM_ASSIGN_OR_RETURN(Source lower, OpenSource(overlay.lower));
    GOFARM_ASSIGN_OR_RETURN(Source scratch, OpenSource(overlay.scratch));
    if (!lower.folder || !scratch.folder) {
      return absl::InvalidArgumentError(Cat("overlay at ", overlay.dest, ": source or scratch is no folder"));
    }
    lowers.push_back(std::move(lower));
    scratches.push_back(std::move(scratch));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string stage, MountStage(spec.bwrap));

  Staged staged;
  for (size_t i = 0; i < binds.size(); ++i) {
    if (const BindMount* outer = OuterBind(s.binds, s.binds[i]); outer != nullptr) {
      const std::string inside = Cat(stage, "/m", outer - s.binds.data(), s.binds[i].dest.substr(outer->dest.size()));
      GOFARM_RETURN_IF_ERROR_CTX(BindOver(binds[i], inside), s.binds[i].dest);
      continue;
    }
    const std::string target = Cat(stage, "/m", i);
    GOFARM_RETURN_IF_ERROR_CTX(Bind(binds[i], target), s.binds[i].dest);
    staged.mounts.push_back({target, s.binds[i].dest, s.binds[i].writable});
  }
  for (size_t i = 0; i < lowers.size(); ++i) {
    const std::string lower = Cat(stage, "/l", i), scratch = Cat(stage, "/s", i), target = Cat(stage, "/o", i);
    GOFARM_RETURN_IF_ERROR_CTX(Bind(lowers[i], lower), s.overlays[i].dest);
    GOFARM_RETURN_IF_ERROR_CTX(Bind(scratches[i], scratch), s.overlays[i].dest);
    GOFARM_RETURN_IF_ERROR_CTX(MountOverlay(lower, scratch, target, spec.uid, s.overlays[i].keep), s.overlays[i].dest);
    staged.mounts.push_back({target, s.overlays[i].dest, true});
  }
  GOFARM_RETURN_IF_ERROR_CTX(StageEtc(spec, stage, staged), "/etc of the sandbox");
  if (s.endless_devices) return staged;
  // A device without an end is no source: `#include "/dev/zero"` would fill a compiler until a limit ends the build.
  const std::string empty = stage + "/empty";
  GOFARM_RETURN_IF_ERROR(WriteFile(empty, ""));
  for (const char* device : kEndlessDevices) staged.mounts.push_back({empty, device, false});
  return staged;
}

absl::Status DropPrivileges(const InitSpec& spec) {
  if (spec.uid >= 0) {
    const uid_t uid = static_cast<uid_t>(spec.uid);
    const gid_t gid = static_cast<gid_t>(spec.uid);
    if (setgroups(0, nullptr) != 0) return ErrnoStatus(errno, "drop the groups");
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
      return ErrnoStatus(errno, Cat("become uid ", uid, " (is it mapped in this container?)"));
    }
    if (uid == 0 || setuid(0) == 0) return absl::InternalError("still root after dropping the uid");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "set no_new_privs");
  return absl::OkStatus();
}

}  // namespace gofarm::exec
