#include "worker/build/smoke_runner.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/status/statusor.h"
#include "common/base/text.h"
#include "common/elf/elf_file.h"
#include "common/process/program.h"

namespace gofarm::build {
namespace {

// One that needs the host's libraries would need them mounted beside hostile code.
bool IsStatic(const std::string& path) {
  const absl::StatusOr<elf::ElfFile> file = elf::ElfFile::Open(path);
  return file.ok() && std::none_of(file->segments().begin(), file->segments().end(),
                                   [](const elf::Segment& s) { return s.type == elf::kSegmentInterp; });
}

}  // namespace

SmokeRunner FindSmokeRunner(SmokeMode mode, Target target, std::string_view host_arch) {
  if (mode == SmokeMode::kOff) return {.why_not = "disabled"};
  if (TargetName(target) == host_arch) return {.can_run = true};
  if (mode == SmokeMode::kEmulator) {
    for (const std::string_view ending : {"-static", ""}) {
      const absl::StatusOr<std::string> found = process::FindProgram(Cat("qemu-", TargetName(target), ending));
      if (!found.ok()) continue;
      std::error_code error;
      const std::string path = std::filesystem::canonical(*found, error).native();
      if (!error && IsStatic(path)) return {.can_run = true, .emulator = path};
    }
  }
  return {.why_not = "no runner for this target"};
}

}  // namespace gofarm::build
