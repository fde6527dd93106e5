// The folder of one attempt on disk, and the copy of a module's source that some variants build from. One thread at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "worker/build/runner.h"

namespace gofarm::build {

// WORK/attempts/<token>-XXXXXX with 0700: builds reach what is bound into their sandbox only. Removed with the object.
class AttemptFolder : public Workspace {
 public:
  static absl::StatusOr<std::unique_ptr<AttemptFolder>> Make(const std::string& work_dir, AttemptToken token);
  ~AttemptFolder() override;
  AttemptFolder(const AttemptFolder&) = delete;
  AttemptFolder& operator=(const AttemptFolder&) = delete;

  const std::string& path() const { return path_; }
  // A new, empty folder of this name inside.
  absl::StatusOr<std::string> MakeInside(const std::string& name) const;
  // Ahead of the rest: what a try left has no use for the next one and would lie on the disk beside it.
  void RemoveInside(const std::string& folder) const;

 private:
  explicit AttemptFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// What an earlier process left there: nothing of it belongs to anybody any more.
void RemoveStaleAttempts(const std::string& work_dir);

inline constexpr int64_t kSourceFilesMax = 500'000;
inline constexpr int64_t kSourceBytesMax = int64_t{2} << 30;  // a zip unpacks to at most 500 MiB; more is not from one

// Copies regular files and folders of `from` (a verified module in the module cache) to the empty folder `to`,
// writable. Anything else in it is INVALID_ARGUMENT: a module zip holds nothing else.
absl::Status CopySource(const Scope& scope, const std::string& from, const std::string& to);

// Which names there are below module folders. Each folder is walked once, all together no further than kSourceFilesMax
// entries, links are not followed. One thread at a time.
class FileNames {
 public:
  // Whether a file of this name, as a C source includes it ("own.h", "sub/own.h"), lies anywhere below `folder`.
  bool HasBelow(const std::string& folder, std::string_view include_name);

 private:
  std::map<std::string, absl::flat_hash_set<std::string>> by_folder_;
  int64_t entries_left_ = kSourceFilesMax;
};

}  // namespace gofarm::build
