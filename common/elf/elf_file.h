// A bounded reader of 64-bit little-endian ELF files, for untrusted files: no offset, size or count
// of the file is used before it was checked against the bytes that are there. Thread-safe once made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::elf {

// Files larger than this are refused rather than read.
inline constexpr int64_t kFileBytesMax = int64_t{2} << 30;
inline constexpr size_t kSectionsMax = 4096;
inline constexpr size_t kSegmentsMax = 512;
inline constexpr size_t kDynamicEntriesMax = 4096;

// Field values of the ELF specification that more than one place needs.
inline constexpr uint16_t kTypeExec = 2, kTypeDyn = 3;
inline constexpr uint32_t kSegmentLoad = 1, kSegmentDynamic = 2, kSegmentInterp = 3, kSegmentNote = 4,
                          kSegmentGnuStack = 0x6474e551, kSegmentGnuRelro = 0x6474e552;
inline constexpr uint32_t kFlagExecute = 1, kFlagWrite = 2, kFlagRead = 4;
inline constexpr uint32_t kSectionSymtab = 2, kSectionNote = 7, kSectionNobits = 8;
inline constexpr int64_t kDynamicNeeded = 1, kDynamicStringTable = 5, kDynamicBindNow = 24, kDynamicFlags = 30,
                         kDynamicFlags1 = 0x6ffffffb;
inline constexpr uint64_t kFlagsBindNow = 8, kFlags1Now = 1, kFlags1Pie = 0x08000000;

struct Segment {
  uint32_t type = 0;
  uint32_t flags = 0;
  uint64_t offset = 0, address = 0, file_size = 0, memory_size = 0, alignment = 0;
};

struct Section {
  std::string name;
  uint32_t type = 0;
  uint64_t flags = 0, address = 0, offset = 0, size = 0, alignment = 0;
};

struct DynamicEntry {
  int64_t tag = 0;
  uint64_t value = 0;
};

struct Note {
  std::string name;  // without its closing NUL: "GNU", "Go"
  uint32_t type = 0;
};

// The bytes of a file and its parsed headers. The file is mapped privately; it must not be truncated while in use, so
// callers look at files that no other process can write any more (the build has ended).
class ElfFile {
 public:
  // INVALID_ARGUMENT: not a 64-bit little-endian ELF file, or its headers point outside it (the message says which).
  static absl::StatusOr<ElfFile> Open(const std::string& path);
  // Parses bytes that the caller keeps alive.
  static absl::StatusOr<ElfFile> Parse(std::string_view bytes);
  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  uint16_t type() const { return type_; }
  uint16_t machine() const { return machine_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<DynamicEntry>& dynamic() const { return dynamic_; }
  const std::vector<Note>& notes() const { return notes_; }

  const Section* FindSection(std::string_view name) const;
  // The file's bytes of a section; nothing for one without bytes in the file.
  std::optional<std::string_view> SectionBytes(const Section& section) const;
  // At most `size` bytes at a virtual address, from one loadable segment; fewer when it ends before. Nothing when no
  // segment holds the address.
  std::optional<std::string_view> BytesAt(uint64_t address, uint64_t size) const;
  // The NUL-terminated text at an offset of the dynamic string table; nothing when there is none.
  std::optional<std::string_view> DynamicString(uint64_t offset) const;

 private:
  ElfFile() = default;
  std::optional<std::string_view> Slice(uint64_t offset, uint64_t size) const;
  absl::Status ReadHeaders();
  absl::Status ReadSegments(uint64_t offset, uint16_t entry_size, uint64_t count);
  absl::Status ReadSections(uint64_t offset, uint16_t entry_size, uint64_t count, uint64_t names_index);
  absl::Status ReadDynamic(const Segment& segment);
  absl::Status ReadNotes(uint64_t offset, uint64_t size, uint64_t alignment, std::string_view where);

  std::string_view bytes_;
  bool mapped_ = false;
  uint16_t type_ = 0;
  uint16_t machine_ = 0;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
  std::vector<DynamicEntry> dynamic_;
  std::vector<Note> notes_;
};

}  // namespace gofarm::elf
