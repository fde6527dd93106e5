#include "worker/exec/host_machine.h"

#include <sys/utsname.h>

#include "common/elf/elf_file.h"
#include "common/process/program.h"

namespace gofarm::exec {
namespace {

std::string FindHostArch() {
  if (const absl::StatusOr<std::string> bwrap = FindBwrap("bwrap"); bwrap.ok()) {
    return std::string(TargetName(MachineOf(*bwrap)));
  }
  utsname name{};
  return uname(&name) == 0 ? name.machine : "unknown";
}

}  // namespace

absl::StatusOr<std::string> FindBwrap(const std::string& bwrap) {
  return bwrap.find('/') != std::string::npos ? bwrap : process::FindSibling(bwrap);
}

Target MachineOf(const std::string& path) {
  if (const absl::StatusOr<elf::ElfFile> file = elf::ElfFile::Open(path); file.ok()) {
    for (const Target target : kAllTargets) {
      if (InfoOf(target).elf_machine == file->machine()) return target;
    }
  }
#if defined(__x86_64__)
  return Target::kX86_64;
#elif defined(__aarch64__)
  return Target::kAarch64;
#elif defined(__riscv)
  return Target::kRiscv64;
#else
  return Target::kLoongarch64;
#endif
}

const std::string& HostArch() {
  static const std::string arch = FindHostArch();
  return arch;
}

}  // namespace gofarm::exec
