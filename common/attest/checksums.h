// The file CHECKSUM beside what is published: two lines a file, sorted by name,
//
//   NAME:BLAKE3
//   SHA256 (NAME) = HEX
//
// The first is what soar's index knows (b3sum's digest), the second what `sha256sum -c CHECKSUM` takes; it warns about
// the lines of the other form and passes over them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gofarm::attest {

inline constexpr size_t kChecksumBytesMax = 4 << 20;
inline constexpr size_t kChecksumNameBytesMax = 255;  // as file systems take
inline constexpr size_t kChecksumFilesMax = 10'000;

struct FileSums {
  std::string name;
  std::string sha256, blake3;  // lower hex
  bool operator==(const FileSums&) const = default;
};

// False for CHECKSUM and its signatures, and for *.sigstore.json: those are made of it, or after it.
bool StandsInChecksums(std::string_view name);

// Of files in any order; what does not stand in it is passed over. INVALID_ARGUMENT: a name that one of the two forms
// could take for something else (only printable ASCII without blanks, "/", "\", ":" and parentheses; no "-" in front),
// a name twice, no digests, or too many files.
absl::StatusOr<std::string> ChecksumFile(absl::Span<const FileSums> files);

// What ChecksumFile wrote, sorted by name. INVALID_ARGUMENT: a line of another form, a file with only one of its lines
// or with one of them twice, or more than the limits above.
absl::StatusOr<std::vector<FileSums>> ParseChecksums(std::string_view text);

}  // namespace gofarm::attest
