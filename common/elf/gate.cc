#include "common/elf/gate.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::elf {
namespace {

constexpr uint32_t kNoteGnuBuildId = 3;
constexpr size_t kNamesShown = 5;

std::string TypeName(uint16_t type) {
  switch (type) {
    case 1:
      return "a relocatable object";
    case kTypeExec:
      return "an executable at a fixed address (EXEC)";
    case kTypeDyn:
      return "DYN";
    case 4:
      return "a core dump";
    default:
      return Cat("of type ", type);
  }
}

const Segment* FindSegment(const ElfFile& file, uint32_t type) {
  const auto& all = file.segments();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Segment& s) { return s.type == type; });
  return found == all.end() ? nullptr : &*found;
}

uint64_t DynamicValue(const ElfFile& file, int64_t tag) {
  for (const DynamicEntry& entry : file.dynamic()) {
    if (entry.tag == tag) return entry.value;
  }
  return 0;
}

bool HasDynamic(const ElfFile& file, int64_t tag) {
  const auto& all = file.dynamic();
  return std::any_of(all.begin(), all.end(), [&](const DynamicEntry& e) { return e.tag == tag; });
}

std::string NeededNames(const ElfFile& file) {
  std::string names;
  size_t count = 0;
  for (const DynamicEntry& entry : file.dynamic()) {
    if (entry.tag != kDynamicNeeded || ++count > kNamesShown) continue;
    const auto name = file.DynamicString(entry.value);
    if (!names.empty()) names += ", ";
    names += name ? Clip(EscapeForPrint(*name), 100) : std::string("?");
  }
  if (count > kNamesShown) names += ", ...";
  return names;
}

std::string InterpreterName(const ElfFile& file, const Segment& segment) {
  auto bytes = file.BytesAt(segment.address, std::min<uint64_t>(segment.file_size, 200));
  if (!bytes) return "?";
  return EscapeForPrint(bytes->substr(0, bytes->find('\0')));
}

}  // namespace

std::string MachineName(uint16_t machine) {
  switch (machine) {
    case 3:
      return "x86 (32-bit)";
    case 62:
      return "x86_64";
    case 183:
      return "aarch64";
    case 243:
      return "riscv64";
    case 258:
      return "loongarch64";
    default:
      return Cat("machine ", machine);
  }
}

GateReport GateFile(const ElfFile& file, const GateExpectations& expectations) {
  GateReport report;
  const auto refuse = [&](std::string reason) { report.reasons.push_back(std::move(reason)); };
  if (file.machine() != expectations.machine) {
    refuse(Cat("is for ", MachineName(file.machine()), ", not ", expectations.target_name));
  }
  if (file.type() != kTypeDyn) {
    refuse(Cat("is ", TypeName(file.type()), ", not DYN: no position-independent executable"));
  }
  const uint64_t flags1 = DynamicValue(file, kDynamicFlags1);
  if ((flags1 & kFlags1Pie) == 0) refuse("has no PIE flag (DF_1_PIE in DT_FLAGS_1)");
  if (const Segment* interpreter = FindSegment(file, kSegmentInterp)) {
    refuse(Cat("has an interpreter (", InterpreterName(file, *interpreter), "): it is not static"));
  }
  if (HasDynamic(file, kDynamicNeeded))
    refuse(Cat("needs shared libraries (", NeededNames(file), "): it is not static"));
  if (FindSegment(file, kSegmentGnuRelro) == nullptr) refuse("has no RELRO segment");
  if (!HasDynamic(file, kDynamicBindNow) && (DynamicValue(file, kDynamicFlags) & kFlagsBindNow) == 0 &&
      (flags1 & kFlags1Now) == 0) {
    refuse("does not bind its symbols at start (BIND_NOW), so RELRO is partial");
  }
  const Segment* stack = FindSegment(file, kSegmentGnuStack);
  if (stack == nullptr) {
    refuse("says nothing about its stack (no GNU_STACK), so the stack may be executable");
  } else if ((stack->flags & kFlagExecute) != 0) {
    refuse("has an executable stack");
  }
  const auto& sections = file.sections();
  if (std::any_of(sections.begin(), sections.end(), [](const Section& s) { return s.type == kSectionSymtab; })) {
    refuse("is not stripped (has a symbol table)");
  }
  const auto& notes = file.notes();
  if (std::any_of(notes.begin(), notes.end(),
                  [](const Note& n) { return n.name == "GNU" && n.type == kNoteGnuBuildId; })) {
    refuse("has a GNU build id, which differs between equal builds");
  }
  return report;
}

absl::StatusOr<GateReport> Gate(const std::string& path, const GateExpectations& expectations) {
  const absl::StatusOr<ElfFile> file = ElfFile::Open(path);
  if (file.ok()) return GateFile(*file, expectations);
  if (!absl::IsInvalidArgument(file.status())) return file.status();
  GateReport report;
  report.reasons.emplace_back(file.status().message());
  return report;
}

}  // namespace gofarm::elf
