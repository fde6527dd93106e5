#include "common/elf/build_info.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::elf {
namespace {

// The linker puts a header of 32 bytes at a multiple of 16: 14 bytes of magic, pointer size, flags. With flag 2
// (Go 1.18 and later) two strings follow it, each behind its length as a varint: the Go version, then the modules' text
// between two marks of 16 bytes.
constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr size_t kHeaderBytes = 32;
constexpr size_t kAlignment = 16;
constexpr size_t kFlagsAt = 15;
constexpr uint8_t kFlagInline = 2;
constexpr size_t kMarkBytes = 16;
constexpr size_t kVersionMax = 200;

absl::Status Damaged(std::string_view why) { return absl::InvalidArgumentError(Cat("Go build info: ", why)); }

// A varint length and that many bytes.
std::optional<std::string_view> TakeText(std::string_view& rest) {
  uint64_t length = 0;
  for (int shift = 0; shift <= 28; shift += 7) {
    if (rest.empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      if (length > kBuildInfoTextMax || length > rest.size()) return std::nullopt;
      const std::string_view text = rest.substr(0, length);
      rest.remove_prefix(length);
      return text;
    }
  }
  return std::nullopt;
}

// From the header on; `address` is where the bytes lie in memory, for the alignment.
std::optional<std::string_view> FindHeader(std::string_view bytes, uint64_t address) {
  size_t at = bytes.find(kMagic);
  while (at != std::string_view::npos) {
    if ((address + at) % kAlignment == 0 && bytes.size() - at >= kHeaderBytes) return bytes.substr(at);
    at = bytes.find(kMagic, at + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> FindInFile(const ElfFile& file) {
  if (const Section* section = file.FindSection(".go.buildinfo")) {
    if (const auto bytes = file.SectionBytes(*section)) {
      if (const auto found = FindHeader(*bytes, section->address)) return found;
    }
  }
  // Without section headers: the writable data, then the read-only data, where newer linkers put it.
  for (const bool writable : {true, false}) {
    for (const Segment& segment : file.segments()) {
      if (segment.type != kSegmentLoad || ((segment.flags & kFlagWrite) != 0) != writable) continue;
      if (const auto bytes = file.BytesAt(segment.address, segment.file_size)) {
        if (const auto found = FindHeader(*bytes, segment.address)) return found;
      }
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> SplitTabs(std::string_view text) {
  std::vector<std::string_view> columns;
  while (true) {
    const size_t tab = text.find('\t');
    columns.push_back(text.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    text.remove_prefix(tab + 1);
  }
}

absl::StatusOr<ModuleInfo> ReadModule(std::string_view columns) {
  const auto parts = SplitTabs(columns);
  if (parts.size() < 2 || parts.size() > 3) return Damaged(Cat("a module line with ", parts.size(), " columns"));
  return ModuleInfo{std::string(parts[0]), std::string(parts[1]), parts.size() == 3 ? std::string(parts[2]) : ""};
}

// A value that Go quoted, with the escapes its %q writes. `rest` begins with the quote and ends after the closing one.
std::optional<std::string> Unquote(std::string_view& rest) {
  const char quote = rest[0];
  std::string out;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == quote) {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (quote == '`' || rest[i] != '\\') {
      out += rest[i];
      continue;
    }
    if (++i == rest.size()) return std::nullopt;
    static constexpr std::string_view kEscapes = "abfnrtv\\\"'";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'";
    const size_t simple = kEscapes.find(rest[i]);
    if (simple != std::string_view::npos) {
      out += kMeanings[simple];
    } else {
      out += '\\';  // \x.., \u....: kept as they stand, they are only shown
      out += rest[i];
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::pair<std::string, std::string>> ReadSetting(std::string_view text) {
  std::pair<std::string, std::string> setting;
  if (!text.empty() && (text[0] == '"' || text[0] == '`')) {
    const auto key = Unquote(text);
    if (!key || text.empty() || text[0] != '=') return Damaged("a build line with a broken key");
    setting.first = *key;
    text.remove_prefix(1);
  } else {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) return Damaged("a build line without key=value");
    setting.first = std::string(text.substr(0, equals));
    text.remove_prefix(equals + 1);
  }
  if (!text.empty() && (text[0] == '"' || text[0] == '`')) {
    const auto value = Unquote(text);
    if (!value || !text.empty()) return Damaged("a build line with a broken value");
    setting.second = *value;
  } else {
    setting.second = std::string(text);
  }
  return setting;
}

class TextReader {
 public:
  absl::Status Take(std::string_view line);
  BuildInfo info;

 private:
  absl::Status TakeReplacement(std::string_view columns);
  enum class Last { kNone, kMain, kDependency };
  Last last_ = Last::kNone;  // what a "=>" line replaces
};

absl::Status TextReader::TakeReplacement(std::string_view columns) {
  GOFARM_ASSIGN_OR_RETURN(ModuleInfo module, ReadModule(columns));
  if (last_ == Last::kNone) return Damaged("a replacement of nothing");
  (last_ == Last::kMain ? info.main_replacement : info.dependencies.back().replacement) = std::move(module);
  last_ = Last::kNone;
  return absl::OkStatus();
}

absl::Status TextReader::Take(std::string_view line) {
  const auto after = [&](std::string_view prefix) -> std::optional<std::string_view> {
    if (!absl::StartsWith(Av(line), Av(prefix))) return std::nullopt;
    return line.substr(prefix.size());
  };
  if (const auto path = after("path\t")) {
    info.package_path = std::string(*path);
  } else if (const auto main = after("mod\t")) {
    GOFARM_ASSIGN_OR_RETURN(info.main, ReadModule(*main));
    last_ = Last::kMain;
  } else if (const auto dependency = after("dep\t")) {
    if (info.dependencies.size() == kBuildInfoDependenciesMax) {
      return Damaged(Cat("more than ", kBuildInfoDependenciesMax, " dependencies"));
    }
    GOFARM_ASSIGN_OR_RETURN(ModuleInfo module, ReadModule(*dependency));
    info.dependencies.push_back({std::move(module), {}});
    last_ = Last::kDependency;
  } else if (const auto replacement = after("=>\t")) {
    return TakeReplacement(*replacement);
  } else if (const auto setting = after("build\t")) {
    GOFARM_ASSIGN_OR_RETURN(auto pair, ReadSetting(*setting));
    info.settings.push_back(std::move(pair));
  }
  return absl::OkStatus();  // lines that newer Go versions add are passed over
}

}  // namespace

absl::StatusOr<BuildInfo> ParseBuildInfoText(std::string_view text) {
  if (text.size() > kBuildInfoTextMax) return Damaged("it is too large");
  TextReader reader;
  reader.info.text = std::string(text);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    GOFARM_RETURN_IF_ERROR(reader.Take(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::move(reader.info);
}

absl::StatusOr<BuildInfo> ReadBuildInfo(const ElfFile& file) {
  const auto found = FindInFile(file);
  if (!found) return absl::NotFoundError("it carries no Go build info: it is no Go program");
  if ((static_cast<uint8_t>((*found)[kFlagsAt]) & kFlagInline) == 0) return Damaged("its format is older than Go 1.18");
  std::string_view rest = found->substr(kHeaderBytes);
  const auto version = TakeText(rest);
  const auto framed = version ? TakeText(rest) : std::nullopt;
  if (!version || !framed) return Damaged("its texts reach beyond the file or are longer than 1 MiB");
  if (version->empty() || version->size() > kVersionMax) return Damaged("its Go version has an impossible length");
  std::string_view text;  // without modules there is none
  if (framed->size() >= 2 * kMarkBytes + 1 && (*framed)[framed->size() - kMarkBytes - 1] == '\n') {
    text = framed->substr(kMarkBytes, framed->size() - 2 * kMarkBytes);
  }
  GOFARM_ASSIGN_OR_RETURN(BuildInfo info, ParseBuildInfoText(text));
  info.go_version = std::string(*version);
  return info;
}

absl::StatusOr<BuildInfo> ReadBuildInfo(const std::string& path) {
  GOFARM_ASSIGN_OR_RETURN(const ElfFile file, ElfFile::Open(path));
  GOFARM_ASSIGN_OR_RETURN_CTX(BuildInfo info, ReadBuildInfo(file), EscapeForPrint(path));
  return info;
}

}  // namespace gofarm::elf
