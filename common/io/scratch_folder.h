// Folders for what is written once and goes when it was used, and how much was written below one. Thread-safe: no
// state.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::io {

// A folder that is removed with the object, whatever was put into it.
class ScratchFolder {
 public:
  // Makes `parent`/`prefix`XXXXXX.
  static absl::StatusOr<ScratchFolder> Make(const std::string& parent, const std::string& prefix);
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Bytes of the files below `folder` that were written since `since`; looks at no more than `entries_max` entries.
int64_t BytesSince(const std::string& folder, absl::Time since, int64_t entries_max = 200'000);

}  // namespace gofarm::io
