// Carries releases to a folder of static files that any web server may serve:
//
//   FOLDER/MODULE@VERSION/TARGET/   PROGRAM, its files, CHECKSUM, LICENSE: what `sha256sum -c CHECKSUM` takes
//   FOLDER/index/                   a copy of the newest state of the signed index
//   FOLDER/.new/                    what is being made
//
// A folder of a target, or of the index, is made beside the old one and takes its place in one step. What is withdrawn
// is removed. One caller at a time.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/publish/release_files.h"

namespace gofarm::publish {

inline constexpr char kNewFolder[] = "/.new";  // may be removed when nobody publishes to the folder

struct FolderParts {
  std::string folder;
  FileSources sources;
  std::string index;  // "…/current" of an IndexFolder; empty: no index is copied
};

class FolderPublisher final : public Carrier {
 public:
  explicit FolderPublisher(FolderParts parts) : parts_(std::move(parts)) {}
  absl::StatusOr<std::vector<absl::StatusOr<Carried>>> Carry(const Scope& scope, const ProgramWork& work) override;
  absl::Status Check(const Scope& scope, const domain::Publication& row) override;
  // Copies the index when there is a newer state.
  absl::Status Refresh(const Scope& scope) override;

 private:
  absl::Status Put(const Scope& scope, const domain::Release& release, const ReleaseFiles& files);
  absl::Status Remove(const domain::Release& release);
  // `made` takes the place of `path`, which may be missing, and what was there goes.
  absl::Status Replace(const std::string& made, const std::string& path);
  std::string FolderOf(const domain::Release& release) const;

  const FolderParts parts_;
};

}  // namespace gofarm::publish
