// The acceptance gate: is this file the static PIE executable the farm promises? Looks only at the file's bytes and
// names every reason at once, in words fit for an operator. Pure but for reading the file; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/elf/elf_file.h"

namespace gofarm::elf {

struct GateExpectations {
  uint16_t machine = 0;     // e_machine of the target: InfoOf(target).elf_machine
  std::string target_name;  // for messages: "riscv64"
};

struct GateReport {
  // Empty: the file passes. Each entry is one sentence: "has an interpreter (/lib64/ld-linux-x86-64.so.2)".
  std::vector<std::string> reasons;
  bool passes() const { return reasons.empty(); }
};

// An error only when the file cannot be read at all (NOT_FOUND, PERMISSION_DENIED, INTERNAL). A file that is no ELF, or
// a broken one, is a report with a reason.
absl::StatusOr<GateReport> Gate(const std::string& path, const GateExpectations& expectations);

// The same over a parsed file.
GateReport GateFile(const ElfFile& file, const GateExpectations& expectations);

// "EM_X86_64" and so on for the farm's four, else "machine 40".
std::string MachineName(uint16_t machine);

}  // namespace gofarm::elf
