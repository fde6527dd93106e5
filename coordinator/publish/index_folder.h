// Where the files of the index stand for everybody to fetch: a state of them all, with their signatures, appears in one
// step.
//
//   FOLDER/current -> 17                          what is served
//   FOLDER/17/x86_64-Linux.json.zst               files that did not change are links to those of the state before
//   FOLDER/17/x86_64-Linux.json.zst.sig           made anew for each state: all of one state name its number
//   FOLDER/16/ ...                                for downloads under way
//
// A process that is killed leaves the old or the new state. After a loss of power the newest state may lack bytes,
// which clients see by the signatures: write a new one when a coordinator starts. One writer at a time; any number of
// readers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/publish/generation.h"
#include "coordinator/publish/index.h"

namespace gofarm::publish {

inline constexpr int kGenerationsKept = 4;

// The content of a signature file for these bytes and this trusted comment.
using SignFn = std::function<absl::StatusOr<std::string>(std::string_view bytes, std::string_view trusted_comment)>;

struct FolderOptions {
  int generations_kept = kGenerationsKept;  // the new one among them; at least 1
  // Also HOST.json beside HOST.json.zst, for web servers that cannot expand it.
  bool plain_json = false;
};

class IndexFolder {
 public:
  explicit IndexFolder(std::string folder, FolderOptions options = {});

  // Makes `generation` the one that is served, of these files and no others. `sign` is called once for each.
  // FAILED_PRECONDITION: one with a number that is not lower is served already; INVALID_ARGUMENT: a file name that
  // IsIndexFile does not take, twice the same, or one that ends in .sig; else what `sign` or the disk said. After an
  // error the old state is served on, but for one that says that an older state could not be removed.
  absl::Status Write(const std::vector<IndexFile>& files, const Generation& generation, const SignFn& sign);

  // Of what is served; 0: nothing yet.
  int64_t CurrentNumber() const;
  // When that was made, by the disk; InfinitePast: nothing yet.
  absl::Time CurrentTime() const;
  // "FOLDER/current".
  std::string CurrentFolder() const;

 private:
  absl::Status Fill(const std::string& made, const std::vector<IndexFile>& files, const Generation& generation,
                    const SignFn& sign);
  absl::Status Place(const std::string& made, const std::string& name, std::string_view bytes, bool unchanged);
  absl::Status RemoveOld(int64_t current) const;

  const std::string folder_;
  const FolderOptions options_;
  std::map<std::string, std::string> written_;  // of the served state, when this object wrote it: SHA-256 by name
  int64_t written_number_ = 0;
};

}  // namespace gofarm::publish
