// Descriptors that go to children: pipes, sockets, files in memory. All are close-on-exec and above the low numbers
// that children get theirs at, so that dup2 never overwrites one that is still needed. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/io/fd.h"

namespace gofarm::process {

struct PipeEnds {
  io::Fd read;
  io::Fd write;
};

absl::StatusOr<PipeEnds> MakePipe();
absl::StatusOr<PipeEnds> MakeSocketPair();  // stream, bidirectional; "read" is the parent's end

// An anonymous file with `content`, positioned at its start.
absl::StatusOr<io::Fd> MakeMemoryFile(std::string_view content);

// open(2) with `flags` (O_CLOEXEC is added) and `mode`; the error names the path.
absl::StatusOr<io::Fd> OpenForChild(const std::string& path, int flags, int mode = 0600);
// Another descriptor of the same file.
absl::StatusOr<io::Fd> CopyForChild(int fd);

void SetNonBlocking(int fd);

// Closes every descriptor from `first` up.
void CloseFrom(int first);

}  // namespace gofarm::process
