// The folder of artifacts and logs: locked by the one process that may write it, with an id of its own by which a
// restarted coordinator knows its former self (domain/leadership.h).
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/files.h"

namespace gofarm::coordinator {

class DataDir {
 public:
  explicit DataDir(std::string path) : path_(std::move(path)) {}

  // Makes the folder if it is missing.
  absl::Status Prepare();
  // Locks it, once, for as long as this object lives. The id of this folder on this machine: a copy of the folder has
  // another one. UNAVAILABLE: another process holds it.
  absl::StatusOr<std::string> Hold();

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::optional<io::FileLock> lock_;
};

}  // namespace gofarm::coordinator
