// A file as the body of a request, read piece by piece. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/io/fd.h"
#include "common/io/http_client.h"

namespace gofarm::io {

class FileBody final : public BodySource {
 public:
  // NOT_FOUND and others name the path; INVALID_ARGUMENT: no regular file. The size is the one the file has now: a file
  // that grows later is sent up to it, one that shrinks is DATA_LOSS for the call that sends it.
  static absl::StatusOr<FileBody> Open(const std::string& path);

  int64_t size() const override { return size_; }
  absl::Status Rewind() override;
  absl::StatusOr<size_t> Read(char* out, size_t limit) override;

 private:
  FileBody(Fd fd, std::string path, int64_t size) : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}
  Fd fd_;
  std::string path_;
  int64_t size_;
  int64_t at_ = 0;
};

}  // namespace gofarm::io
