// Writes a tar archive whose bytes depend on its entries alone: no time, no user and no name of this machine goes in
// but those of the entries. The compressed bytes depend also on the version of zlib or libzstd, so whoever refers to
// them by digest keeps them. With archive.h the home of libarchive. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::io {

inline constexpr size_t kTarNameMax = 255;

enum class TarCompression { kNone, kGzip, kZstd };

struct TarOptions {
  TarCompression compression = TarCompression::kNone;
  int level = 6;        // gzip 1 to 9, zstd 1 to 19
  absl::Time modified;  // of every entry; whole seconds, the Unix epoch unless it is set
  // Asked for every piece of the tar before compression, and for every piece as it is stored: for digests.
  std::function<void(std::string_view bytes)> on_tar;
  std::function<void(std::string_view bytes)> on_stored;
};

// A name is relative, without "." and "..", at most kTarNameMax bytes; modes hold permission bits (07777).
struct TarEntry {
  std::string name;
  int mode = 0644;
  int64_t uid = 0;
  int64_t gid = 0;
};

class TarWriter {
 public:
  // Writes over a file that is there. The file is complete after Finish alone.
  static absl::StatusOr<std::unique_ptr<TarWriter>> Create(const std::string& path, const TarOptions& options);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  // INVALID_ARGUMENT: the name; errors of the disk name the file.
  absl::Status AddFolder(const TarEntry& entry);
  absl::Status AddBytes(const TarEntry& entry, std::string_view content);
  // Streamed. DATA_LOSS: the file became shorter meanwhile.
  absl::Status AddFile(const Scope& scope, const TarEntry& entry, const std::string& source);
  absl::Status Finish();

 private:
  class State;
  explicit TarWriter(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace gofarm::io
