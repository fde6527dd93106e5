// Reads zip files piece by piece: where the directory is, what it lists, one entry's bytes. Pure, so that the pieces
// may come from memory, a file or ranges of an HTTP answer. For hostile files: nothing a header says is believed before
// it is checked against the file's size and the other headers, and no more is inflated than the directory declares.
// Only stored and deflated entries; zip64 where a field asks for it. The only home of zlib.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::io {

// The end record may have a comment of up to 64 KiB behind it.
inline constexpr int64_t kZipEndBytes = 22;
inline constexpr int64_t kZipEndSearchMax = kZipEndBytes + 65535;
inline constexpr int64_t kZipLocalHeaderBytes = 30;  // without name and extra field
inline constexpr size_t kZipNameMax = 4096;

struct ZipLimits {
  int64_t entries = 200'000;
  int64_t directory_bytes = int64_t{64} << 20;
  int64_t file_bytes = int64_t{500} << 20;      // of the zip file
  int64_t unpacked_bytes = int64_t{500} << 20;  // sum of the declared sizes
};

struct ZipDirectory {
  int64_t offset = 0;
  int64_t bytes = 0;
  int64_t entries = 0;
};

struct ZipEntry {
  std::string name;
  int method = 0;  // 0: stored, 8: deflated
  uint32_t crc = 0;
  int64_t packed = 0;
  int64_t size = 0;
  int64_t offset = 0;  // of the local header
  int64_t end = 0;     // where the next entry or the directory begins: local header and packed bytes lie before it
};

// `tail`: the last bytes of a file of `file_bytes`; the whole file, or at least kZipEndBytes. INVALID_ARGUMENT: no zip,
// or one whose records contradict each other; RESOURCE_EXHAUSTED: a limit.
absl::StatusOr<ZipDirectory> FindZipDirectory(std::string_view tail, int64_t file_bytes, const ZipLimits& limits);

// `bytes`: those of `directory`. In the order of the directory. Refused: entries that overlap, that reach into the
// directory, that are encrypted or packed in other ways, names with NUL or longer than kZipNameMax.
absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(std::string_view bytes, const ZipDirectory& directory,
                                                       const ZipLimits& limits);

// `bytes` begin at the entry's local header; up to `entry.end` they are enough for the whole entry, fewer for a part.
// At most `size_max` bytes of text come back: the whole entry (its CRC is checked), or its beginning. INVALID_ARGUMENT:
// damaged; OUT_OF_RANGE: `bytes` end before anything of the text.
struct ZipText {
  std::string text;
  bool whole = false;
};
absl::StatusOr<ZipText> ReadZipEntry(std::string_view bytes, const ZipEntry& entry, int64_t size_max);

}  // namespace gofarm::io
