#include "common/attest/checksums.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::attest {
namespace {

constexpr std::string_view kSha256Begin = "SHA256 (";
constexpr std::string_view kSha256Middle = ") = ";

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(Cat("CHECKSUM: ", what)); }

std::string Shown(std::string_view text) { return Cat("\"", EscapeAndClip(text, 200), "\""); }

absl::Status CheckName(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) &&
           std::string_view("/\\:()").find(c) == std::string_view::npos;
  });
  if (plain && !name.empty() && name.size() <= kChecksumNameBytesMax && name[0] != '-' && name != "." && name != "..") {
    return absl::OkStatus();
  }
  return Wrong(Cat("no file of this name can be listed: ", Shown(name)));
}

// Cuts the line into name and digest. A name holds neither ":" nor ")".
absl::Status TakeLine(std::string_view line, std::map<std::string, FileSums>& files) {
  const bool is_sha256 = absl::StartsWith(Av(line), Av(kSha256Begin));
  std::string_view rest = line.substr(is_sha256 ? kSha256Begin.size() : 0);
  const std::string_view between = is_sha256 ? kSha256Middle : ":";
  const size_t at = rest.find(between);
  if (at == std::string_view::npos) return Wrong(Cat("a line of another form: ", Shown(line)));
  const std::string_view name = rest.substr(0, at), hex = rest.substr(at + between.size());
  GOFARM_RETURN_IF_ERROR(CheckName(name));
  if (!IsLowerHex(hex)) return Wrong(Cat("no digest in the line ", Shown(line)));
  FileSums& sums = files[std::string(name)];
  std::string& digest = is_sha256 ? sums.sha256 : sums.blake3;
  if (!digest.empty()) return Wrong(Cat("two lines of one kind for ", Shown(name)));
  digest = std::string(hex);
  if (files.size() > kChecksumFilesMax) return Wrong(Cat("more than ", kChecksumFilesMax, " files"));
  return absl::OkStatus();
}

}  // namespace

bool StandsInChecksums(std::string_view name) {
  return !absl::StartsWith(Av(name), "CHECKSUM") && !absl::EndsWith(Av(name), ".sigstore.json");
}

absl::StatusOr<std::string> ChecksumFile(absl::Span<const FileSums> files) {
  std::map<std::string_view, const FileSums*> sorted;
  for (const FileSums& file : files) {
    if (!StandsInChecksums(file.name)) continue;
    GOFARM_RETURN_IF_ERROR(CheckName(file.name));
    if (!IsLowerHex(file.sha256) || !IsLowerHex(file.blake3)) return Wrong(Cat("no digests of ", Shown(file.name)));
    if (!sorted.emplace(file.name, &file).second) return Wrong(Cat(Shown(file.name), " stands twice among the files"));
  }
  if (sorted.size() > kChecksumFilesMax) {
    return Wrong(Cat(sorted.size(), " files, at most ", kChecksumFilesMax, " are listed"));
  }
  std::string text;
  for (const auto& [name, file] : sorted) {
    text += Cat(name, ":", file->blake3, "\n", kSha256Begin, name, kSha256Middle, file->sha256, "\n");
  }
  return text;
}

absl::StatusOr<std::vector<FileSums>> ParseChecksums(std::string_view text) {
  if (text.size() > kChecksumBytesMax) {
    return Wrong(Cat("it has ", text.size(), " bytes, at most ", kChecksumBytesMax, " are read"));
  }
  std::map<std::string, FileSums> files;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return Wrong("its last line has no end");
    GOFARM_RETURN_IF_ERROR(TakeLine(text.substr(0, end), files));
    text.remove_prefix(end + 1);
  }
  std::vector<FileSums> sorted;
  sorted.reserve(files.size());
  for (auto& [name, sums] : files) {
    if (sums.sha256.empty() || sums.blake3.empty()) return Wrong(Cat("only one line for ", Shown(name)));
    sums.name = name;
    sorted.push_back(std::move(sums));
  }
  return sorted;
}

}  // namespace gofarm::attest
