#include "worker/host_check.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"
#include "common/json/writer.h"
#include "common/process/limits.h"
#include "worker/build/runner.h"
#include "worker/build/smoke_runner.h"
#include "worker/exec/host_machine.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::worker {
namespace {

constexpr int kKernelMajor = 5, kKernelMinor = 14;  // docs/sandbox.md
constexpr int64_t kOpenFilesMin = 4096;
constexpr int64_t kProcFileMax = 64 << 10;
constexpr int64_t kMemoryMin = int64_t{2} << 30;  // of a build of a middling module

std::optional<int64_t> Switch(const char* path) {
  const absl::StatusOr<std::string> text = io::ReadFile(path, kProcFileMax);
  int64_t value = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &value)) return std::nullopt;
  return value;
}

// Of "6.1.0-18-amd64".
bool KernelIsNewEnough(const std::string& release) {
  int major = 0, minor = 0;
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2) return false;
  return major > kKernelMajor || (major == kKernelMajor && minor >= kKernelMinor);
}

std::string GiB(int64_t bytes) { return absl::StrFormat("%.1f GiB", static_cast<double>(bytes) / (1 << 30)); }

std::string Text(const absl::Status& status) { return std::string(status.message()); }

HostFinding JudgeKernel(const HostFacts& facts) {
  if (KernelIsNewEnough(facts.kernel)) return {.what = "kernel", .detail = facts.kernel};
  return {.what = "kernel",
          .verdict = Verdict::kLacks,
          .detail = Cat("Linux ", facts.kernel),
          .fix = Cat("Linux ", kKernelMajor, ".", kKernelMinor, " or newer is needed")};
}

HostFinding JudgeArchitecture(const HostFacts& facts) {
  if (!facts.host_arch.empty()) return {.what = "architecture", .detail = facts.host_arch};
  return {.what = "architecture",
          .verdict = Verdict::kLacks,
          .detail = "none that a worker is made for",
          .fix = "use a host with aarch64, loongarch64, riscv64 or x86_64"};
}

HostFinding JudgeNamespaces(const HostFacts& facts) {
  HostFinding finding{.what = "user namespaces", .detail = facts.root ? "needed inside builds only" : "allowed"};
  const auto lacks = [&](std::string detail, std::string fix) {
    finding.verdict = Verdict::kLacks;
    finding.detail = std::move(detail);
    finding.fix = std::move(fix);
  };
  if (facts.max_user_namespaces == 0) {
    lacks("user.max_user_namespaces is 0", "sysctl -w user.max_user_namespaces=15000");
  } else if (!facts.root && facts.unprivileged_userns_clone == 0) {
    lacks("kernel.unprivileged_userns_clone is 0",
          "sysctl -w kernel.unprivileged_userns_clone=1, or run the worker as root");
  } else if (!facts.root && facts.apparmor_restricts_userns.value_or(0) != 0) {
    lacks("AppArmor keeps users from making namespaces (kernel.apparmor_restrict_unprivileged_userns)",
          "an AppArmor profile that allows userns to gofarm-worker and bwrap, "
          "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run the worker as root");
  }
  // Where the sandbox works all the same, a switch has forbidden nothing.
  if (facts.isolation.ok() && finding.verdict == Verdict::kLacks) {
    finding.verdict = Verdict::kOk;
    finding.fix.clear();
  }
  return finding;
}

HostFinding JudgeOverlay(const HostFacts& facts) {
  if (facts.overlay) return {.what = "overlayfs", .detail = "known to the kernel"};
  // A module that is loaded at the first mount is not listed before.
  return {.what = "overlayfs",
          .verdict = facts.isolation.ok() ? Verdict::kOk : Verdict::kWarning,
          .detail = "not in /proc/filesystems",
          .fix = facts.isolation.ok() ? "" : "modprobe overlay"};
}

HostFinding JudgeBwrap(const HostFacts& facts) {
  if (facts.bwrap.ok()) return {.what = "bubblewrap", .detail = *facts.bwrap};
  return {
      .what = "bubblewrap",
      .verdict = Verdict::kLacks,
      .detail = Text(facts.bwrap.status()),
      .fix = "install the package bubblewrap (0.8 or newer), or put the bwrap of gofarm's archive beside the worker"};
}

HostFinding JudgeIsolation(const HostFacts& facts) {
  if (facts.isolation.ok()) return {.what = "sandbox", .detail = "tried, with every defence"};
  const bool full = absl::IsResourceExhausted(facts.isolation);
  return {.what = "sandbox",
          .verdict = full ? Verdict::kWarning : Verdict::kLacks,
          .detail = Text(facts.isolation),
          .fix = full ? "make room on that disk" : "mend what is named above and in this line; docs/sandbox.md"};
}

HostFinding JudgeCertificates(const HostFacts& facts) {
  if (!facts.ca_bundle.empty()) return {.what = "certificates", .detail = facts.ca_bundle};
  return {.what = "certificates",
          .verdict = Verdict::kWarning,
          .detail = "none of the world's authorities",
          .fix = io::NoCaBundle()};
}

HostFinding JudgeMemory(const HostFacts& facts) {
  HostFinding finding{.what = "memory",
                      .detail = Cat(GiB(facts.memory_bytes), ", ", facts.slots, facts.slots == 1 ? " slot" : " slots",
                                    " of ", GiB(facts.memory_bytes_per_slot))};
  if (facts.memory_bytes_per_slot < kMemoryMin) {
    finding.verdict = Verdict::kWarning;
    finding.fix = "large modules will fail as out_of_memory here; give the host more memory or the worker fewer slots";
  }
  return finding;
}

HostFinding JudgeOpenFiles(const HostFacts& facts) {
  if (!facts.open_files.ok()) {
    return {.what = "open files", .verdict = Verdict::kWarning, .detail = Text(facts.open_files.status())};
  }
  HostFinding finding{.what = "open files", .detail = Cat("up to ", *facts.open_files)};
  if (*facts.open_files < kOpenFilesMin) {
    finding.verdict = Verdict::kWarning;
    finding.fix = Cat("raise the hard limit to ", kOpenFilesMin, " or more (LimitNOFILE= of a unit, ulimit -Hn)");
  }
  return finding;
}

HostFinding JudgeDisk(const HostFacts::Disk& disk) {
  HostFinding finding{.what = disk.what};
  if (!disk.free_bytes.ok()) {
    finding.verdict = Verdict::kLacks;
    finding.detail = Text(disk.free_bytes.status());
    finding.fix = Cat("make ", disk.path, " a folder that this user may write to, or name another");
    return finding;
  }
  finding.detail = Cat(GiB(*disk.free_bytes), " free in ", disk.path);
  if (*disk.free_bytes < build::kDiskFreeMin) {
    finding.verdict = Verdict::kWarning;
    finding.fix = Cat("no build begins below ", GiB(build::kDiskFreeMin), "; make room");
  }
  return finding;
}

std::vector<HostFinding> JudgeRunners(const HostFacts& facts) {
  std::vector<HostFinding> findings;
  for (const HostFacts::Runner& runner : facts.runners) {
    findings.push_back({.what = Cat("runs ", TargetName(runner.target)), .detail = runner.how});
  }
  return findings;
}

// The nearest folder above that is there already: where the space is taken from.
absl::StatusOr<int64_t> FreeBytesFor(std::string path) {
  while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0)
    path = path.substr(0, std::max<size_t>(1, path.rfind('/')));
  if (::access(path.c_str(), W_OK | X_OK) != 0) return ErrnoStatus(errno, Cat("write to ", path));
  return io::FreeBytes(path);
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWarning:
      return "warning";
    case Verdict::kLacks:
      return "lacks";
    case Verdict::kOk:
      break;
  }
  return "ok";
}

HostFacts ReadHost(const AppConfig& config, absl::Status isolation) {
  HostFacts facts{.host_arch = fetch::ToolchainStore::HostArch(),
                  .root = ::geteuid() == 0,
                  .max_user_namespaces = Switch("/proc/sys/user/max_user_namespaces"),
                  .unprivileged_userns_clone = Switch("/proc/sys/kernel/unprivileged_userns_clone"),
                  .apparmor_restricts_userns = Switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
                  .isolation = std::move(isolation),
                  .slots = config.slots,
                  .memory_bytes_per_slot = config.memory_bytes_per_slot};
  utsname system{};
  if (::uname(&system) == 0) facts.kernel = system.release;
  struct sysinfo memory {};
  if (::sysinfo(&memory) == 0) facts.memory_bytes = static_cast<int64_t>(memory.totalram) * memory.mem_unit;
  const std::string known = io::ReadFile("/proc/filesystems", kProcFileMax).value_or("");
  facts.overlay = known.find("\toverlay\n") != std::string::npos;
  const exec::SandboxOptions defaults;
  facts.bwrap = exec::FindBwrap(defaults.bwrap);
  facts.ca_bundle = io::FindCaBundle();
  facts.open_files = process::RaiseOpenFilesLimit();
  facts.disks = {{"cache_dir", config.cache_dir, FreeBytesFor(config.cache_dir)},
                 {"work_dir", config.work_dir, FreeBytesFor(config.work_dir)}};
  for (const Target target : config.targets) {
    const build::SmokeRunner runner = build::FindSmokeRunner(config.smoke, target, facts.host_arch);
    const std::string by = runner.emulator.empty() ? "natively" : Cat("by ", runner.emulator);
    facts.runners.push_back({target, runner.can_run,
                             runner.can_run ? by : Cat("no: ", runner.why_not, "; its programs are built, not tried")});
  }
  return facts;
}

std::vector<HostFinding> JudgeHost(const HostFacts& facts) {
  std::vector<HostFinding> findings = {JudgeKernel(facts),  JudgeArchitecture(facts), JudgeNamespaces(facts),
                                       JudgeOverlay(facts), JudgeBwrap(facts),        JudgeIsolation(facts),
                                       JudgeMemory(facts),  JudgeOpenFiles(facts),    JudgeCertificates(facts)};
  for (const HostFacts::Disk& disk : facts.disks) findings.push_back(JudgeDisk(disk));
  for (HostFinding& finding : JudgeRunners(facts)) findings.push_back(std::move(finding));
  return findings;
}

absl::Status Verdicts(const std::vector<HostFinding>& findings) {
  std::string lacks;
  for (const HostFinding& finding : findings) {
    if (finding.verdict != Verdict::kLacks) continue;
    lacks += Cat("\n  ", finding.what, ": ", finding.detail, finding.fix.empty() ? "" : "\n    ", finding.fix);
  }
  if (lacks.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("this host cannot work for a farm yet; gofarm-worker check says:", lacks));
}

std::string ShowFindings(const std::vector<HostFinding>& findings, bool json) {
  if (json) {
    JsonWriter writer;
    writer.BeginObject().Field("ok", Verdicts(findings).ok()).Key("checks").BeginArray();
    for (const HostFinding& finding : findings) {
      writer.BeginObject()
          .Field("what", finding.what)
          .Field("verdict", Name(finding.verdict))
          .Field("detail", finding.detail)
          .Field("fix", finding.fix)
          .EndObject();
    }
    writer.EndArray().EndObject();
    return writer.Take();
  }
  std::string text;
  for (const HostFinding& finding : findings) {
    text += absl::StrFormat("%-8s %-18s %s\n", Name(finding.verdict), finding.what, EscapeForPrint(finding.detail));
    if (!finding.fix.empty()) text += absl::StrFormat("%-27s -> %s\n", "", finding.fix);
  }
  return text;
}

}  // namespace gofarm::worker
