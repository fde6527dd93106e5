// What was downloaded of a program so far, beside the place where it will stand: FOLDER/.gofarm/.part-DIGEST. It stays
// when a download is cut or ended, and the next one goes on from there. One process has it at a time.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/fd.h"

namespace gofarm::install {

class PartFile {
 public:
  // Makes or takes up the file. UNAVAILABLE: another process downloads it; else what the file system said.
  static absl::StatusOr<PartFile> Open(const std::string& path);
  PartFile(PartFile&&) = default;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  absl::StatusOr<int64_t> Size() const;
  // Empty again, to be written from the start.
  absl::Status Restart() const;
  void Remove() const;
  // Executable, and renamed to `path`; closed then, so that it can be run.
  absl::Status MoveTo(const std::string& path);

 private:
  PartFile(std::string path, io::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  io::Fd fd_;
};

}  // namespace gofarm::install
