#include "common/elf/elf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::elf {
namespace {

constexpr size_t kHeaderBytes = 64;
constexpr size_t kSegmentEntryBytes = 56;
constexpr size_t kSectionEntryBytes = 64;
constexpr size_t kDynamicEntryBytes = 16;
constexpr size_t kNoteHeaderBytes = 12;
constexpr size_t kNotesMax = 4096;
constexpr size_t kNameMax = 4096;
constexpr uint16_t kManySegments = 0xffff;  // the real count stands elsewhere

// Byte by byte: no alignment, no host byte order. `at` + sizeof(T) must lie inside `bytes`.
template <typename T>
T Load(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<uint8_t>(bytes[at + i])) << (8 * i));
  }
  return value;
}

absl::Status Broken(std::string_view why) { return absl::InvalidArgumentError(Cat("broken ELF file: ", why)); }

std::optional<std::string_view> TextAt(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return std::nullopt;
  const std::string_view rest = table.substr(offset, kNameMax);
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

}  // namespace

ElfFile::ElfFile(ElfFile&& other) noexcept { *this = std::move(other); }

ElfFile& ElfFile::operator=(ElfFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  std::swap(type_, other.type_);
  std::swap(machine_, other.machine_);
  segments_.swap(other.segments_);
  sections_.swap(other.sections_);
  dynamic_.swap(other.dynamic_);
  notes_.swap(other.notes_);
  return *this;
}

ElfFile::~ElfFile() {
  if (mapped_) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

absl::StatusOr<ElfFile> ElfFile::Open(const std::string& path) {
  // O_NONBLOCK: a pipe put in a file's place must not hold us; O_NOFOLLOW: nor may a link lead elsewhere.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) {
    const int error = errno;
    if (error == ELOOP) return absl::InvalidArgumentError(Cat(EscapeForPrint(path), ": is a symbolic link"));
    return ErrnoStatus(error, Cat("open ", EscapeForPrint(path)));
  }
  ElfFile file;
  absl::Status status;
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    status = ErrnoStatus(errno, Cat("stat ", EscapeForPrint(path)));
  } else if (!S_ISREG(info.st_mode)) {
    status = absl::InvalidArgumentError(Cat(EscapeForPrint(path), ": is not a regular file"));
  } else if (info.st_size > kFileBytesMax) {
    status = absl::InvalidArgumentError(Cat(EscapeForPrint(path), ": has ", static_cast<int64_t>(info.st_size),
                                            " bytes; the limit is ", kFileBytesMax));
  } else if (info.st_size > 0) {
    void* address = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      status = ErrnoStatus(errno, Cat("map ", EscapeForPrint(path)));
    } else {
      file.bytes_ = std::string_view(static_cast<const char*>(address), static_cast<size_t>(info.st_size));
      file.mapped_ = true;
    }
  }
  ::close(fd);
  GOFARM_RETURN_IF_ERROR(status);
  GOFARM_RETURN_IF_ERROR_CTX(file.ReadHeaders(), EscapeForPrint(path));
  return file;
}

absl::StatusOr<ElfFile> ElfFile::Parse(std::string_view bytes) {
  ElfFile file;
  file.bytes_ = bytes;
  GOFARM_RETURN_IF_ERROR(file.ReadHeaders());
  return file;
}

std::optional<std::string_view> ElfFile::Slice(uint64_t offset, uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
  return bytes_.substr(offset, size);
}

absl::Status ElfFile::ReadHeaders() {
  if (bytes_.size() < 4 || bytes_.substr(0, 4) !=
                               "\x7f"
                               "ELF")
    return absl::InvalidArgumentError("not an ELF file");
  if (bytes_.size() < kHeaderBytes) return Broken("it ends inside its header");
  if (bytes_[4] != 2) return absl::InvalidArgumentError("not a 64-bit ELF file");
  if (bytes_[5] != 1) return absl::InvalidArgumentError("not a little-endian ELF file");
  type_ = Load<uint16_t>(bytes_, 16);
  machine_ = Load<uint16_t>(bytes_, 18);
  const uint64_t segments_offset = Load<uint64_t>(bytes_, 32);
  const uint64_t sections_offset = Load<uint64_t>(bytes_, 40);
  const uint16_t segment_entry = Load<uint16_t>(bytes_, 54);
  const uint16_t segment_count = Load<uint16_t>(bytes_, 56);
  const uint16_t section_entry = Load<uint16_t>(bytes_, 58);
  uint64_t section_count = Load<uint16_t>(bytes_, 60);
  uint64_t names_index = Load<uint16_t>(bytes_, 62);
  if (segment_count == kManySegments) return Broken("it has 65535 segments or more");
  GOFARM_RETURN_IF_ERROR(ReadSegments(segments_offset, segment_entry, segment_count));
  if (sections_offset != 0) {
    if (section_entry != kSectionEntryBytes) return Broken("its section headers have a wrong size");
    if (section_count == 0 || names_index == 0xffff) {
      // Large counts stand in the first section header.
      const auto first = Slice(sections_offset, kSectionEntryBytes);
      if (!first) return Broken("its section headers lie outside the file");
      if (section_count == 0) section_count = Load<uint64_t>(*first, 32);
      if (names_index == 0xffff) names_index = Load<uint32_t>(*first, 40);
    }
    GOFARM_RETURN_IF_ERROR(ReadSections(sections_offset, section_entry, section_count, names_index));
  }
  for (const Segment& segment : segments_) {
    if (segment.type == kSegmentDynamic) GOFARM_RETURN_IF_ERROR(ReadDynamic(segment));
    if (segment.type == kSegmentNote) {
      GOFARM_RETURN_IF_ERROR(ReadNotes(segment.offset, segment.file_size, segment.alignment, "a note segment"));
    }
  }
  for (const Section& section : sections_) {
    if (section.type == kSectionNote) {
      GOFARM_RETURN_IF_ERROR(ReadNotes(section.offset, section.size, section.alignment, "a note section"));
    }
  }
  return absl::OkStatus();
}

absl::Status ElfFile::ReadSegments(uint64_t offset, uint16_t entry_size, uint64_t count) {
  if (count == 0) return absl::OkStatus();
  if (entry_size != kSegmentEntryBytes) return Broken("its program headers have a wrong size");
  if (count > kSegmentsMax) return Broken(Cat("it has more than ", kSegmentsMax, " segments"));
  const auto table = Slice(offset, count * kSegmentEntryBytes);
  if (!table) return Broken("its program headers lie outside the file");
  for (size_t i = 0; i < count; ++i) {
    const std::string_view entry = table->substr(i * kSegmentEntryBytes, kSegmentEntryBytes);
    Segment segment;
    segment.type = Load<uint32_t>(entry, 0);
    segment.flags = Load<uint32_t>(entry, 4);
    segment.offset = Load<uint64_t>(entry, 8);
    segment.address = Load<uint64_t>(entry, 16);
    segment.file_size = Load<uint64_t>(entry, 32);
    segment.memory_size = Load<uint64_t>(entry, 40);
    segment.alignment = Load<uint64_t>(entry, 48);
    // GNU_STACK and the like have no bytes; their offset means nothing.
    if (segment.file_size != 0 && !Slice(segment.offset, segment.file_size)) {
      return Broken(Cat("segment ", i, " lies outside the file"));
    }
    segments_.push_back(segment);
  }
  return absl::OkStatus();
}

absl::Status ElfFile::ReadSections(uint64_t offset, uint16_t entry_size, uint64_t count, uint64_t names_index) {
  if (count > kSectionsMax) return Broken(Cat("it has more than ", kSectionsMax, " sections"));
  const auto table = Slice(offset, count * entry_size);
  if (!table) return Broken("its section headers lie outside the file");
  std::vector<uint32_t> name_offsets;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view entry = table->substr(i * kSectionEntryBytes, kSectionEntryBytes);
    Section section;
    name_offsets.push_back(Load<uint32_t>(entry, 0));
    section.type = Load<uint32_t>(entry, 4);
    section.flags = Load<uint64_t>(entry, 8);
    section.address = Load<uint64_t>(entry, 16);
    section.offset = Load<uint64_t>(entry, 24);
    section.size = Load<uint64_t>(entry, 32);
    section.alignment = Load<uint64_t>(entry, 48);
    if (section.type != 0 && section.type != kSectionNobits && !Slice(section.offset, section.size)) {
      return Broken(Cat("section ", i, " lies outside the file"));
    }
    sections_.push_back(section);
  }
  if (names_index == 0) return absl::OkStatus();
  if (names_index >= count) return Broken("its section names lie outside the file");
  const auto names = SectionBytes(sections_[names_index]);
  if (!names) return Broken("its section names have no bytes");
  for (size_t i = 0; i < count; ++i) {
    const auto name = TextAt(*names, name_offsets[i]);
    if (!name) return Broken(Cat("the name of section ", i, " lies outside the names"));
    sections_[i].name = std::string(*name);
  }
  return absl::OkStatus();
}

absl::Status ElfFile::ReadDynamic(const Segment& segment) {
  const auto bytes = Slice(segment.offset, segment.file_size);
  if (!bytes) return Broken("its dynamic segment lies outside the file");
  for (size_t at = 0; at + kDynamicEntryBytes <= bytes->size(); at += kDynamicEntryBytes) {
    if (dynamic_.size() == kDynamicEntriesMax)
      return Broken(Cat("it has more than ", kDynamicEntriesMax, " dynamic entries"));
    const DynamicEntry entry{static_cast<int64_t>(Load<uint64_t>(*bytes, at)), Load<uint64_t>(*bytes, at + 8)};
    if (entry.tag == 0) break;
    dynamic_.push_back(entry);
  }
  return absl::OkStatus();
}

absl::Status ElfFile::ReadNotes(uint64_t offset, uint64_t size, uint64_t alignment, std::string_view where) {
  const auto bytes = Slice(offset, size);
  if (!bytes) return Broken(Cat(where, " lies outside the file"));
  const uint64_t step = alignment == 8 ? 8 : 4;
  const auto padded = [step](uint64_t n) { return (n + step - 1) / step * step; };
  uint64_t at = 0;
  while (at < bytes->size()) {
    if (bytes->size() - at < kNoteHeaderBytes) return Broken(Cat(where, " ends inside a note"));
    if (notes_.size() == kNotesMax) return Broken(Cat("it has more than ", kNotesMax, " notes"));
    const uint64_t name_size = Load<uint32_t>(*bytes, at);
    const uint64_t content_size = Load<uint32_t>(*bytes, at + 4);
    const uint32_t type = Load<uint32_t>(*bytes, at + 8);
    // The content begins at the next multiple of `step`, counted from the note's start; the last one may lack padding.
    const uint64_t content_at = padded(kNoteHeaderBytes + name_size);
    if (name_size > kNameMax || content_at + content_size > bytes->size() - at) {
      return Broken(Cat(where, " holds a note that is longer than it"));
    }
    std::string_view name = bytes->substr(at + kNoteHeaderBytes, name_size);
    while (!name.empty() && name.back() == '\0') name.remove_suffix(1);
    notes_.push_back({std::string(name), type});
    at += padded(content_at + content_size);
  }
  return absl::OkStatus();
}

const Section* ElfFile::FindSection(std::string_view name) const {
  const auto found =
      std::find_if(sections_.begin(), sections_.end(), [&](const Section& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

std::optional<std::string_view> ElfFile::SectionBytes(const Section& section) const {
  if (section.type == 0 || section.type == kSectionNobits) return std::nullopt;
  return Slice(section.offset, section.size);
}

std::optional<std::string_view> ElfFile::BytesAt(uint64_t address, uint64_t size) const {
  for (const Segment& segment : segments_) {
    if (segment.type != kSegmentLoad || address < segment.address || address - segment.address >= segment.file_size) {
      continue;
    }
    const uint64_t inside = address - segment.address;
    return Slice(segment.offset + inside, std::min(size, segment.file_size - inside));
  }
  return std::nullopt;
}

std::optional<std::string_view> ElfFile::DynamicString(uint64_t offset) const {
  for (const DynamicEntry& entry : dynamic_) {
    if (entry.tag != kDynamicStringTable || offset > UINT64_MAX - entry.value) continue;
    const auto bytes = BytesAt(entry.value + offset, kNameMax);
    return bytes ? TextAt(*bytes, 0) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gofarm::elf
