#include "coordinator/publish/build_diff.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/elf/build_info.h"
#include "common/elf/elf_file.h"
#include "common/io/fd.h"

namespace gofarm::publish {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value)); }
std::string Shown(std::string_view text) { return EscapeAndClip(text, kDiffLineMax); }

struct ByteDiff {
  int64_t first_size = 0, second_size = 0;
  int64_t at = -1;        // the first byte that differs; the end of the shorter one where that is all; -1: none does
  int64_t differing = 0;  // bytes of the common length
};

absl::StatusOr<io::Fd> Open(const std::string& path, int64_t& size) {
  io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (!fd || fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("open ", path));
  size = info.st_size;
  return fd;
}

// Exactly `size` bytes at `offset`.
absl::Status ReadAt(const io::Fd& fd, const std::string& path, int64_t offset, std::string& piece, size_t size) {
  piece.resize(size);
  for (size_t have = 0; have < size;) {
    const ssize_t got = pread(fd.get(), piece.data() + have, size - have, offset + static_cast<int64_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, Cat("read ", path));
    if (got == 0) return absl::DataLossError(Cat(path, " became shorter while it was read"));
    have += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<ByteDiff> CompareBytes(const std::string& first, const std::string& second) {
  ByteDiff diff;
  GOFARM_ASSIGN_OR_RETURN(const io::Fd a, Open(first, diff.first_size));
  GOFARM_ASSIGN_OR_RETURN(const io::Fd b, Open(second, diff.second_size));
  const int64_t common = std::min(diff.first_size, diff.second_size);
  std::string left, right;
  for (int64_t offset = 0; offset < common;) {
    const auto size = static_cast<size_t>(std::min<int64_t>(common - offset, kPieceBytes));
    GOFARM_RETURN_IF_ERROR(ReadAt(a, first, offset, left, size));
    GOFARM_RETURN_IF_ERROR(ReadAt(b, second, offset, right, size));
    if (left != right) {
      for (size_t i = 0; i < size; ++i) {
        if (left[i] == right[i]) continue;
        if (diff.at < 0) diff.at = offset + static_cast<int64_t>(i);
        ++diff.differing;
      }
    }
    offset += static_cast<int64_t>(size);
  }
  if (diff.at < 0 && diff.first_size != diff.second_size) diff.at = common;
  return diff;
}

// The section that holds a byte of the file; empty: none does.
std::string SectionAt(const elf::ElfFile& file, int64_t offset) {
  const auto at = static_cast<uint64_t>(offset);
  for (const elf::Section& section : file.sections()) {
    if (section.type == elf::kSectionNobits || section.size == 0) continue;
    if (at >= section.offset && at - section.offset < section.size) return Shown(section.name);
  }
  return "";
}

struct SectionPair {
  const elf::Section* first = nullptr;
  const elf::Section* second = nullptr;
};

// What is said of a pair; empty: both are the same.
std::string SectionLine(const elf::ElfFile& first, const elf::ElfFile& second, const SectionPair& pair) {
  if (pair.second == nullptr) return Cat("only in the first build, ", pair.first->size, " bytes");
  if (pair.first == nullptr) return Cat("only in the rebuild, ", pair.second->size, " bytes");
  const std::string_view a = first.SectionBytes(*pair.first).value_or(std::string_view());
  const std::string_view b = second.SectionBytes(*pair.second).value_or(std::string_view());
  std::string line;
  if (pair.first->size != pair.second->size) line = Cat(pair.first->size, " and ", pair.second->size, " bytes");
  if (a != b) {
    const auto differ =
        std::mismatch(a.begin(), a.begin() + static_cast<int64_t>(std::min(a.size(), b.size())), b.begin());
    line += Cat(line.empty() ? Cat(a.size(), " bytes") : "", ", differ from ",
                Hex(static_cast<uint64_t>(differ.first - a.begin())), " of the section on");
  }
  if (line.empty() && pair.first->address != pair.second->address) {
    line = Cat("same bytes, at ", Hex(pair.first->address), " and ", Hex(pair.second->address));
  }
  return line;
}

// How many differ, listed in `text`.
size_t CompareSections(const elf::ElfFile& first, const elf::ElfFile& second, std::string& text) {
  // Names may stand several times: by name and how often it came before.
  std::map<std::pair<std::string, int>, SectionPair> pairs;
  std::vector<std::pair<std::string, int>> order;
  const auto add = [&](const elf::ElfFile& file, const elf::Section* SectionPair::*side) {
    std::map<std::string, int> seen;
    for (const elf::Section& section : file.sections()) {
      const std::pair<std::string, int> key(section.name, seen[section.name]++);
      const auto [at, fresh] = pairs.try_emplace(key);
      if (fresh) order.push_back(key);
      at->second.*side = &section;
    }
  };
  add(first, &SectionPair::first);
  add(second, &SectionPair::second);
  size_t differing = 0;
  for (const auto& key : order) {
    const std::string line = SectionLine(first, second, pairs.at(key));
    if (line.empty()) continue;
    if (++differing <= kDiffSectionsMax) {
      text += Cat("  ", key.first.empty() ? "(no name)" : Shown(key.first), ": ", line, "\n");
    }
  }
  if (differing > kDiffSectionsMax) text += Cat("  and ", differing - kDiffSectionsMax, " more\n");
  text += Cat("  the same: ", order.size() - differing, "\n");
  return differing;
}

std::set<std::string> Lines(const elf::ElfFile& file, std::string& none) {
  const absl::StatusOr<elf::BuildInfo> info = elf::ReadBuildInfo(file);
  if (!info.ok()) {
    none = Shown(Sv(info.status().message()));
    return {};
  }
  std::set<std::string> lines = absl::StrSplit(info->text, '\n', absl::SkipEmpty());
  lines.insert(Cat("go\t", info->go_version));
  return lines;
}

void AddMissing(const std::set<std::string>& from, const std::set<std::string>& other, char mark, std::string& text) {
  size_t found = 0;
  for (const std::string& line : from) {
    if (other.contains(line)) continue;
    if (++found <= kDiffLinesMax) text += Cat("  ", std::string(1, mark), " ", Shown(line), "\n");
  }
  if (found > kDiffLinesMax) text += Cat("  ", std::string(1, mark), " and ", found - kDiffLinesMax, " more\n");
}

std::string CompareBuildInfo(const elf::ElfFile& first, const elf::ElfFile& second) {
  std::string none_first, none_second, text;
  const std::set<std::string> a = Lines(first, none_first), b = Lines(second, none_second);
  if (!none_first.empty()) text += Cat("  first build: ", none_first, "\n");
  if (!none_second.empty()) text += Cat("  rebuild: ", none_second, "\n");
  AddMissing(a, b, '-', text);
  AddMissing(b, a, '+', text);
  return text.empty() ? "  the same\n" : text;
}

std::string SideLine(std::string_view what, const DiffSide& side, int64_t size) {
  return Cat(what, Shown(side.title), ", ", size, " bytes, sha256 ", Shown(side.sha256), ", ",
             side.go_version.empty() ? "Go not known" : Shown(side.go_version), "\n");
}

}  // namespace

absl::StatusOr<BuildDiff> DiffBuilds(const std::string& program, const DiffSide& first, const DiffSide& second) {
  GOFARM_ASSIGN_OR_RETURN(const ByteDiff bytes, CompareBytes(first.path, second.path));
  BuildDiff diff;
  diff.report = Cat(Shown(program), ": the rebuild differs\n", SideLine("first build: ", first, bytes.first_size),
                    SideLine("rebuild:     ", second, bytes.second_size));
  if (bytes.at < 0) {
    diff.summary = "the files are the same, only what was reported of them differs";
    diff.report += diff.summary + "\n";
    return diff;
  }
  const absl::StatusOr<elf::ElfFile> a = elf::ElfFile::Open(first.path), b = elf::ElfFile::Open(second.path);
  const std::string where = a.ok() ? SectionAt(*a, bytes.at) : "";
  diff.summary = bytes.first_size == bytes.second_size
                     ? Cat(bytes.differing, " of ", bytes.first_size, " bytes differ")
                     : Cat(bytes.first_size, " bytes and ", bytes.second_size, " bytes");
  diff.summary += Cat(", the first difference is at ", Hex(static_cast<uint64_t>(bytes.at)),
                      where.empty() ? "" : Cat(" in ", where));
  diff.report += Cat(diff.summary, "\n");
  if (a.ok() && b.ok()) {
    std::string sections;
    const size_t differing = CompareSections(*a, *b, sections);
    diff.summary += Cat("; ", differing, differing == 1 ? " section differs" : " sections differ");
    diff.report += Cat("sections that differ:\n", sections, "build information:\n", CompareBuildInfo(*a, *b));
  } else {
    diff.report += Cat("no sections are compared: ", Shown(Sv((a.ok() ? b : a).status().message())), "\n");
  }
  diff.summary = Clip(diff.summary, kDiffSummaryMax);
  if (diff.report.size() > kDiffBytesMax) diff.report = Clip(diff.report, kDiffBytesMax - 1) + "\n";
  return diff;
}

}  // namespace gofarm::publish
