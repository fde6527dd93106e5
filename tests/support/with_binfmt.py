#!/usr/bin/env python3
"""Runs a command where programs of another machine run by themselves, under qemu-user: with_binfmt.py TARGET COMMAND...

TARGET is aarch64, loongarch64 or riscv64. As root, in a user namespace of its own in which all ids stay what they are
and binfmt_misc (Linux 6.7 or newer) knows that machine; nothing outside it changes, and it goes with the command.
"""
import ctypes
import os
import shutil
import signal
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG = 1
MACHINES = {"aarch64": 0xB7, "loongarch64": 0x102, "riscv64": 0xF3}
ALL_IDS = "0 0 4294967295"

libc = ctypes.CDLL(None, use_errno=True)


def checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def escaped(data):
    return "".join(f"\\x{byte:02x}" for byte in data)


def registration(target):
    qemu = shutil.which(f"qemu-{target}-static") or shutil.which(f"qemu-{target}")
    if qemu is None:
        sys.exit(f"with_binfmt: there is no qemu-{target}-static")
    # The first 20 bytes of the ELF header; any ABI version, executables and shared objects (static PIEs are those).
    magic = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + MACHINES[target].to_bytes(2, "little")
    mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    # F: the emulator is opened now, and found in sandboxes too.
    return f":qemu-{target}:M::{escaped(magic)}:{escaped(mask)}:{qemu}:F"


def main():
    target, command = sys.argv[1], sys.argv[2:]
    entry = registration(target)
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready[0])
        os.close(go[1])
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        folder = b"/proc/sys/fs/binfmt_misc"
        checked(libc.mount(b"binfmt_misc", folder, b"binfmt_misc", 0, None), "mount binfmt_misc")
        with open(folder.decode() + "/register", "w", encoding="ascii") as register:
            register.write(entry)
        # Last: the kernel forgets it when credentials change, as they do in a new user namespace.
        checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
        os.execvp(command[0], command)
    os.close(ready[1])
    os.close(go[0])
    if os.read(ready[0], 1) != b"x":
        sys.exit("with_binfmt: no user namespace")
    for kind in ("uid_map", "gid_map"):
        with open(f"/proc/{child}/{kind}", "w", encoding="ascii") as ids:
            ids.write(ALL_IDS)
    os.write(go[1], b"x")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: os.kill(child, n))
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


main()
