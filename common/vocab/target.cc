#include "common/vocab/target.h"

#include "common/base/check.h"

namespace gofarm {
namespace {

constexpr std::array<TargetInfo, 4> kTargets = {{
    {Target::kX86_64, "x86_64", "amd64", "x86_64-linux-musl", 62, "x86_64"},
    {Target::kAarch64, "aarch64", "arm64", "aarch64-linux-musl", 183, "aarch64"},
    {Target::kRiscv64, "riscv64", "riscv64", "riscv64-linux-musl", 243, "riscv64"},
    {Target::kLoongarch64, "loongarch64", "loong64", "loongarch64-linux-musl", 258, "loongarch64"},
}};

}  // namespace

const TargetInfo& InfoOf(Target target) {
  const int index = static_cast<int>(target) - 1;
  GOFARM_CHECK(index >= 0 && index < 4);
  return kTargets[static_cast<size_t>(index)];
}

std::optional<Target> ParseTarget(std::string_view name) {
  for (const TargetInfo& info : kTargets) {
    if (info.name == name) return info.target;
  }
  return std::nullopt;
}

}  // namespace gofarm
