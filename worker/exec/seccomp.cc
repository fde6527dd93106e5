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
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr uint32_t kArch = AUDIT_ARCH_RISCV64;
#elif defined(__loongarch64)
constexpr uint32_t kArch = 0xC0000102;  // AUDIT_ARCH_LOONGARCH64, younger than some headers
#else
#error "add the audit architecture of this host"
#endif

// Numbers above 400 are the same on every architecture and younger than some headers.
constexpr uint32_t kDenied[] = {
    SYS_memfd_create,
    447 /* memfd_secret */,
    SYS_shmget,
    SYS_shmat,
    SYS_mq_open,
    SYS_msgget,
    SYS_semget,
    425 /* io_uring_setup */,
    426 /* io_uring_enter */,
    427 /* io_uring_register */,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    428 /* open_tree */,
    429 /* move_mount */,
    430 /* fsopen */,
    432 /* fsmount */,
    442 /* mount_setattr */,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    438 /* pidfd_getfd */,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_vhangup,
    SYS_syslog,
    SYS_personality,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
};

// The families builds may use. Others are more kernel for an attacker to call, and AF_VSOCK is not kept in by a network
// namespace: it reaches the host of a virtual machine.
constexpr uint32_t kSocketFamilies[] = {AF_UNIX, AF_INET, AF_INET6};

sock_filter Statement(uint16_t code, uint32_t k) { return {code, 0, 0, k}; }
sock_filter Jump(uint16_t code, uint32_t k, uint8_t yes, uint8_t no) { return {code, yes, no, k}; }

}  // namespace

std::string SeccompProgram() {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | ENOSYS;
  std::vector<sock_filter> code;
  code.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0));
  code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
  code.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
#if defined(__x86_64__)
  // x32 calls carry the native architecture and bit 30.
  code.push_back(Jump(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));
  code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
#endif
  for (const uint32_t number : kDenied) {
    code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    code.push_back(Statement(BPF_RET | BPF_K, kRefuse));
  }
  constexpr uint8_t kFamilies = std::size(kSocketFamilies);
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0));
  code.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, kFamilies + 2));
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
