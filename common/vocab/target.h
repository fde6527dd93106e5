// The Linux architectures the farm builds for, and their names in Go, zig and ELF.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gofarm {

// Numbers as in proto/gofarm/v1/ids.proto and in the database.
enum class Target : int { kX86_64 = 1, kAarch64 = 2, kRiscv64 = 3, kLoongarch64 = 4 };

inline constexpr std::array<Target, 4> kAllTargets = {Target::kX86_64, Target::kAarch64, Target::kRiscv64,
                                                      Target::kLoongarch64};

struct TargetInfo {
  Target target;
  std::string_view name;    // "x86_64": what operators type and see
  std::string_view goarch;  // "amd64"
  std::string_view zig;     // "x86_64-linux-musl"
  uint16_t elf_machine;     // e_machine
  std::string_view qemu;    // suffix of the qemu-user program: "x86_64"
};

const TargetInfo& InfoOf(Target target);
inline std::string_view TargetName(Target target) { return InfoOf(target).name; }
std::optional<Target> ParseTarget(std::string_view name);
inline constexpr std::string_view kTargetNames = "x86_64, aarch64, riscv64, loongarch64";

}  // namespace gofarm
