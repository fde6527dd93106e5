#include "tests/support/elf_maker.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "common/elf/elf_file.h"

namespace gofarm::testing {
namespace {

constexpr size_t kHeader = 64, kSegment = 56, kDynamic = 16;
constexpr size_t kSegments = 5;  // the last one is free
constexpr size_t kDynamicAt = kHeader + kSegments * kSegment;
constexpr size_t kInterpreterAt = kDynamicAt + 2 * kDynamic;
constexpr std::string_view kInterpreter("/lib64/ld-linux-x86-64.so.2\0", 28);
constexpr size_t kEnd = kInterpreterAt + kInterpreter.size();

template <typename T>
void Put(std::string& file, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) file[at + i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}

void PutSegment(std::string& file, size_t number, uint32_t type, uint32_t flags, uint64_t offset, uint64_t size) {
  const size_t at = kHeader + number * kSegment;
  Put<uint32_t>(file, at, type);
  Put<uint32_t>(file, at + 4, flags);
  Put<uint64_t>(file, at + 8, offset);
  Put<uint64_t>(file, at + 16, offset);
  Put<uint64_t>(file, at + 24, offset);
  Put<uint64_t>(file, at + 32, size);
  Put<uint64_t>(file, at + 40, size);
  Put<uint64_t>(file, at + 48, 8);
}

}  // namespace

std::string StaticPie(Target target, size_t size) {
  std::string file(std::max(size, kEnd), '\0');
  file.replace(0, 7,
               std::string_view("\x7f"
                                "ELF\x02\x01\x01",
                                7));
  Put<uint16_t>(file, 16, elf::kTypeDyn);
  Put<uint16_t>(file, 18, InfoOf(target).elf_machine);
  Put<uint32_t>(file, 20, 1);
  Put<uint64_t>(file, 32, kHeader);
  Put<uint16_t>(file, 52, kHeader);
  Put<uint16_t>(file, 54, kSegment);
  Put<uint16_t>(file, 56, kSegments);
  PutSegment(file, 0, elf::kSegmentLoad, elf::kFlagRead, 0, file.size());
  PutSegment(file, 1, elf::kSegmentDynamic, elf::kFlagRead, kDynamicAt, 2 * kDynamic);
  PutSegment(file, 2, elf::kSegmentGnuStack, elf::kFlagRead | elf::kFlagWrite, 0, 0);
  PutSegment(file, 3, elf::kSegmentGnuRelro, elf::kFlagRead, kDynamicAt, 2 * kDynamic);
  Put<int64_t>(file, kDynamicAt, elf::kDynamicFlags1);
  Put<uint64_t>(file, kDynamicAt + 8, elf::kFlags1Now | elf::kFlags1Pie);
  return file;
}

std::string WithInterpreter(std::string file) {
  file.replace(kInterpreterAt, kInterpreter.size(), kInterpreter);
  PutSegment(file, 4, elf::kSegmentInterp, elf::kFlagRead, kInterpreterAt, kInterpreter.size());
  return file;
}

}  // namespace gofarm::testing
