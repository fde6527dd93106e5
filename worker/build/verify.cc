#include "worker/build/verify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/elf/build_info.h"
#include "common/elf/elf_file.h"
#include "common/elf/gate.h"
#include "common/io/files.h"

namespace gofarm::build {
namespace {

// Opens `relative` below `folder` without following a link in any element of it. O_NONBLOCK: a pipe does not wait.
absl::StatusOr<io::Fd> OpenPlainBelow(const std::string& folder, const std::string& relative) {
  io::Fd at(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return ErrnoStatus(errno, Cat("open ", folder));
  std::string_view rest = relative;
  while (true) {
    const size_t slash = rest.find('/');
    const bool last = slash == std::string_view::npos;
    const std::string element(rest.substr(0, slash));
    if (element.empty() || element == "." || element == "..") {
      return absl::InvalidArgumentError(Cat("no plain path: ", EscapeForPrint(relative)));
    }
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY);
    io::Fd next(openat(at.get(), element.c_str(), flags));
    if (!next) {
      const int error = errno;
      if (error == ELOOP || error == ENOTDIR)
        return absl::NotFoundError(Cat(EscapeForPrint(relative), ": a link or no folder"));
      return ErrnoStatus(error, Cat("open ", EscapeForPrint(relative)));
    }
    at = std::move(next);
    if (last) break;
    rest.remove_prefix(slash + 1);
  }
  struct stat info;
  if (fstat(at.get(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", EscapeForPrint(relative)));
  if (!S_ISREG(info.st_mode)) return absl::NotFoundError(Cat(EscapeForPrint(relative), ": no regular file"));
  return at;
}

void Expect(std::string_view what, std::string_view have, std::string_view want, std::string& reasons) {
  if (have == want) return;
  if (!reasons.empty()) reasons += "; ";
  reasons += Cat("build info: ", what, " is ",
                 have.empty() ? std::string("not stated") : EscapeForPrint(Clip(have, 256)), " and not ", want);
}

VerifiedExecutable FromBuildInfo(const elf::BuildInfo& info) {
  VerifiedExecutable verified;
  Executable& executable = verified.executable;
  executable.main_version = info.main.version;
  executable.go_version = info.go_version;
  executable.build_info = EscapeForPrint(info.text, /*keep_newlines=*/true);
  for (const elf::DependencyInfo& d : info.dependencies) {
    // A replaced module's code, and so its h1, is the replacement's.
    const bool replaced = !d.replacement.path.empty();
    verified.dependencies.push_back({EscapeForPrint(d.module.path), EscapeForPrint(d.module.version),
                                     EscapeForPrint(replaced ? d.replacement.h1 : d.module.h1),
                                     EscapeForPrint(d.replacement.path), EscapeForPrint(d.replacement.version)});
  }
  return verified;
}

}  // namespace

bool IsPlainFileBelow(const std::string& folder, const std::string& relative) {
  return OpenPlainBelow(folder, relative).ok();
}

absl::StatusOr<VerifiedExecutable> VerifyExecutable(const std::string& folder, const std::string& relative,
                                                    const ExpectedExecutable& expected) {
  const std::string path = Cat(folder, "/", relative);
  {
    GOFARM_ASSIGN_OR_RETURN(const io::Fd fd, OpenPlainBelow(folder, relative));
    if (fchmod(fd.get(), 0755) != 0) return ErrnoStatus(errno, Cat("chmod ", EscapeForPrint(relative)));
  }
  const TargetInfo& target = InfoOf(expected.target);
  GOFARM_ASSIGN_OR_RETURN(const elf::GateReport gate, elf::Gate(path, {target.elf_machine, std::string(target.name)}));
  std::string reasons;
  for (const std::string& reason : gate.reasons) {
    if (!reasons.empty()) reasons += "; ";
    reasons += reason;
  }
  const absl::StatusOr<elf::BuildInfo> info = elf::ReadBuildInfo(path);
  if (info.ok()) {
    Expect("main module", info->main.path, expected.module, reasons);
    Expect("version", info->main.version, expected.main_version, reasons);
    Expect("package", info->package_path, expected.import_path, reasons);
    Expect("Go", info->go_version, expected.go_version, reasons);
  } else if (gate.passes()) {
    reasons = Cat("build info: ", Sv(info.status().message()));
  }
  if (!reasons.empty()) return absl::FailedPreconditionError(Cat(expected.name, ": ", reasons));

  VerifiedExecutable verified = FromBuildInfo(*info);
  GOFARM_ASSIGN_OR_RETURN(digest::FileDigests digests, digest::DigestFile(path));
  verified.file = path;
  Executable& executable = verified.executable;
  executable.name = expected.name;
  executable.import_path = expected.import_path;
  executable.size = digests.size;
  executable.sha256 = std::move(digests.sha256);
  executable.blake3 = std::move(digests.blake3);
  return verified;
}

}  // namespace gofarm::build
