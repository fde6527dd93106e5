// A file descriptor with an owner, and the few calls on it that this folder needs. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::exec {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};

// Close-on-exec, both above the low numbers that children get theirs at, so that dup2 never hits a live source.
absl::StatusOr<PipeEnds> MakePipe();
absl::StatusOr<PipeEnds> MakeSocketPair();  // stream, bidirectional; "read" is the parent's end

// An anonymous file with `content`, positioned at its start.
absl::StatusOr<UniqueFd> MakeMemoryFile(std::string_view content);

// Whole, or an error. ReadAll refuses more than `limit` bytes.
absl::Status WriteAll(int fd, std::string_view data);
absl::StatusOr<std::string> ReadAll(int fd, size_t limit);

void SetNonBlocking(int fd);

// Closes every descriptor from `first` up: what a careless library left open must not reach a build.
void CloseFrom(int first);

// A small file of /proc, at most 64 KiB; empty when it cannot be read. Async-signal-unsafe.
std::string ReadProcFile(const std::string& path);

}  // namespace gofarm::exec
