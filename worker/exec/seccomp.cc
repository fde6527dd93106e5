#include "worker/exec/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace gofarm::exec {
namespace {

#if defined(__x86_64__)
constexpr Target kOwn = Target::kX86_64;
#elif defined(__aarch64__)
constexpr Target kOwn = Target::kAarch64;
#elif defined(__riscv)
constexpr Target kOwn = Target::kRiscv64;
#elif defined(__loongarch64)
constexpr Target kOwn = Target::kLoongarch64;
#else
#error "add the numbers of this host's system calls"
#endif

constexpr uint32_t AuditArch(Target machine) {
  switch (machine) {
    case Target::kX86_64:
      return AUDIT_ARCH_X86_64;
    case Target::kAarch64:
      return AUDIT_ARCH_AARCH64;
    case Target::kRiscv64:
      return AUDIT_ARCH_RISCV64;
    case Target::kLoongarch64:
      return 0xC0000102;  // AUDIT_ARCH_LOONGARCH64, younger than some headers
  }
  return 0;
}

// One system call: its number on x86_64 and on the three others, which share the kernel's generic table; and what this
// host's own headers say, by which each host's compiler checks its column.
struct Call {
  uint32_t x86_64;
  uint32_t generic;
  uint32_t own;
  constexpr uint32_t On(Target machine) const { return machine == Target::kX86_64 ? x86_64 : generic; }
};

// Numbers above 400 are the same on every architecture and younger than some headers.
constexpr Call kDenied[] = {
    {319, 279, SYS_memfd_create},
    {447, 447, 447},  // memfd_secret
    {29, 194, SYS_shmget},
    {30, 196, SYS_shmat},
    {240, 180, SYS_mq_open},
    {68, 186, SYS_msgget},
    {64, 190, SYS_semget},
    {425, 425, 425},  // io_uring_setup
    {426, 426, 426},  // io_uring_enter
    {427, 427, 427},  // io_uring_register
    {321, 280, SYS_bpf},
    {298, 241, SYS_perf_event_open},
    {323, 282, SYS_userfaultfd},
    {248, 217, SYS_add_key},
    {249, 218, SYS_request_key},
    {250, 219, SYS_keyctl},
    {165, 40, SYS_mount},
    {166, 39, SYS_umount2},
    {155, 41, SYS_pivot_root},
    {161, 51, SYS_chroot},
    {308, 268, SYS_setns},
    {272, 97, SYS_unshare},
    {428, 428, 428},  // open_tree
    {429, 429, 429},  // move_mount
    {430, 430, 430},  // fsopen
    {432, 432, 432},  // fsmount
    {442, 442, 442},  // mount_setattr
    {101, 117, SYS_ptrace},
    {310, 270, SYS_process_vm_readv},
    {311, 271, SYS_process_vm_writev},
    {438, 438, 438},  // pidfd_getfd
    {304, 265, SYS_open_by_handle_at},
    {303, 264, SYS_name_to_handle_at},
    {175, 105, SYS_init_module},
    {313, 273, SYS_finit_module},
    {176, 106, SYS_delete_module},
    {246, 104, SYS_kexec_load},
    {169, 142, SYS_reboot},
    {167, 224, SYS_swapon},
    {168, 225, SYS_swapoff},
    {163, 89, SYS_acct},
    {179, 60, SYS_quotactl},
    {153, 58, SYS_vhangup},
    {103, 116, SYS_syslog},
    {135, 92, SYS_personality},
    {300, 262, SYS_fanotify_init},
    {212, 18, SYS_lookup_dcookie},
};
constexpr Call kSocket = {41, 198, SYS_socket};
constexpr Call kSocketpair = {53, 199, SYS_socketpair};

constexpr bool OwnNumbersHold() {
  for (const Call& call : kDenied) {
    if (call.On(kOwn) != call.own) return false;
  }
  return kSocket.On(kOwn) == kSocket.own && kSocketpair.On(kOwn) == kSocketpair.own;
}
static_assert(OwnNumbersHold());

// The families builds may use. Others are more kernel for an attacker to call, and AF_VSOCK is not kept in by a network
// namespace: it reaches the host of a virtual machine.
constexpr uint32_t kSocketFamilies[] = {AF_UNIX, AF_INET, AF_INET6};

sock_filter Statement(uint16_t code, uint32_t k) { return {code, 0, 0, k}; }
sock_filter Jump(uint16_t code, uint32_t k, uint8_t yes, uint8_t no) { return {code, yes, no, k}; }

}  // namespace

std::string SeccompProgram(Target machine) {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | ENOSYS;
  std::vector<sock_filter> code;
  code.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, AuditArch(machine), 1, 0));
  code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
  code.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  if (machine == Target::kX86_64) {
    // x32 calls carry the native architecture and bit 30.
    code.push_back(Jump(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));
    code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
  }
  for (const Call& call : kDenied) {
    code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, call.On(machine), 0, 1));
    code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
  }
  constexpr uint8_t kFamilies = std::size(kSocketFamilies);
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, kSocket.On(machine), 1, 0));
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, kSocketpair.On(machine), 0, kFamilies + 2));
  // The kernel takes the family as an int: the low half of the argument, which comes first on all our hosts.
  code.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
  for (uint8_t i = 0; i < kFamilies; ++i) {
    code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, kSocketFamilies[i], static_cast<uint8_t>(kFamilies - i), 0));
  }
  code.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT));
  code.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return std::string(reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter));
}

}  // namespace gofarm::exec
