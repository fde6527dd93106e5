#include "coordinator/publish/folder_publisher.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "coordinator/oci/failure.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {
namespace {

namespace fs = std::filesystem;

constexpr char kIndexFolderName[] = "/index";
constexpr char kStateFile[] = ".state";  // which state of the index was copied
constexpr int64_t kStateBytesMax = 4096;

// Behind the name of a program, of everything that is its own.
const char* const kEnds[] = {"", kRecordEnd, kSbomEnd, kProvenanceEnd, kLicencesEnd, kVersionEnd, kLogEnd};

absl::Status Copy(const std::string& from, const std::string& to, mode_t mode) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) return ErrnoStatus(error.value(), Cat("copy ", from, " to ", to));
  return ::chmod(to.c_str(), mode) == 0 ? absl::OkStatus() : ErrnoStatus(errno, Cat("chmod ", to));
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  return names;
}

bool Holds(const std::string& folder, const ReleaseFile& file) {
  const absl::StatusOr<digest::FileDigests> there = digest::DigestFile(Cat(folder, "/", file.name));
  return there.ok() && there->sha256 == file.sha256;
}

std::vector<ReleaseFile> AllOf(const ReleaseFiles& files) {
  std::vector<ReleaseFile> all = files.beside;
  all.push_back(files.provenance);
  all.push_back(files.sbom);
  if (files.source) all.push_back(*files.source);
  return all;
}

}  // namespace

std::string FolderPublisher::FolderOf(const domain::Release& release) const {
  return Cat(parts_.folder, "/", release.module, "@", release.version, "/", HostName(release.target));
}

absl::Status FolderPublisher::Replace(const std::string& made, const std::string& path) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(fs::path(path).parent_path().string()));
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return absl::OkStatus();
  if (errno != EEXIST) return ErrnoStatus(errno, Cat("rename ", made, " to ", path));
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) {
    return ErrnoStatus(errno, Cat("exchange ", made, " and ", path));
  }
  return io::RemoveTree(made);
}

absl::Status FolderPublisher::Put(const Scope& scope, const domain::Release& release, const ReleaseFiles& files) {
  const std::string folder = FolderOf(release);
  const std::vector<ReleaseFile> wanted = AllOf(files);
  bool whole = true;
  for (const ReleaseFile& file : wanted) whole = whole && Holds(folder, file);
  if (whole) return absl::OkStatus();
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(parts_.folder + kNewFolder));
  GOFARM_ASSIGN_OR_RETURN(const io::ScratchFolder scratch,
                          io::ScratchFolder::Make(parts_.folder + kNewFolder, "target-"));
  const std::string made = scratch.path() + "/files";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(made));
  std::set<std::string> names;
  for (const ReleaseFile& file : wanted) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const std::string path = Cat(made, "/", file.name);
    GOFARM_RETURN_IF_ERROR(Copy(file.path, path, file.name == release.facts.program ? 0755 : 0644));
    if (!Holds(made, file)) return absl::DataLossError(Cat(path, " was written and has another digest"));
    names.insert(file.name);
  }
  // Other programs of the module.
  for (const std::string& name : NamesIn(folder)) {
    if (names.contains(name)) continue;
    const std::string from = Cat(folder, "/", name), to = Cat(made, "/", name);
    if (::link(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, Cat("link ", from));
  }
  return Replace(made, folder);
}

absl::Status FolderPublisher::Remove(const domain::Release& release) {
  const std::string folder = FolderOf(release);
  std::set<std::string> gone;
  for (const char* const end : kEnds) gone.insert(release.facts.program + end);
  std::vector<std::string> stay;
  bool programs = false;
  for (const std::string& name : NamesIn(folder)) {
    if (gone.contains(name)) continue;
    programs = programs || absl::EndsWith(name, kVersionEnd);
    stay.push_back(name);
  }
  // Of the last one nothing stays, LICENSE and CHECKSUM neither.
  if (!programs) {
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(folder));
    // Only when they are empty.
    ::rmdir(fs::path(folder).parent_path().c_str());
    return absl::OkStatus();
  }
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(parts_.folder + kNewFolder));
  GOFARM_ASSIGN_OR_RETURN(const io::ScratchFolder scratch,
                          io::ScratchFolder::Make(parts_.folder + kNewFolder, "target-"));
  const std::string made = scratch.path() + "/files";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(made));
  for (const std::string& name : stay) {
    const std::string from = Cat(folder, "/", name), to = Cat(made, "/", name);
    if (::link(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, Cat("link ", from));
  }
  return Replace(made, folder);
}

absl::Status FolderPublisher::Check(const Scope& scope, const domain::Publication& row) {
  const std::string folder = FolderOf(row.release);
  GOFARM_ASSIGN_OR_RETURN(const ReleaseFiles files, GatherFiles(scope, parts_.sources, row.release));
  for (const ReleaseFile& file : AllOf(files)) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const std::string path = Cat(folder, "/", file.name);
    const absl::StatusOr<digest::FileDigests> there = digest::DigestFile(path);
    GOFARM_RETURN_IF_ERROR(there.status());
    if (there->sha256 != file.sha256) {
      return absl::DataLossError(Cat(path, " has SHA-256 ", there->sha256, ", not ", file.sha256));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<absl::StatusOr<Carried>>> FolderPublisher::Carry(const Scope& scope,
                                                                            const ProgramWork& work) {
  const domain::Release& first = work.due.front().release;
  GOFARM_ASSIGN_OR_RETURN(const std::string why,
                          parts_.sources.outbox.WhyWithdrawn(scope, first.module, first.version));
  std::vector<absl::StatusOr<Carried>> results;
  for (const domain::Publication& row : work.due) {
    const std::string digest = Cat("sha256:", row.release.sha256);
    absl::Status done;
    if (row.withdraw) {
      done = Remove(row.release);
    } else {
      const absl::StatusOr<ReleaseFiles> files = GatherFiles(scope, parts_.sources, row.release);
      if (!files.ok() && IsOwnFault(scope, files.status())) return files.status();
      done = files.ok() ? Put(scope, row.release, *files) : files.status();
    }
    if (done.ok()) {
      results.push_back(Carried{.digest = digest, .detail = row.withdraw ? Cat("withdrawn: ", why) : ""});
    } else {
      results.push_back(LocalFailure(done));
    }
  }
  return results;
}

absl::Status FolderPublisher::Refresh(const Scope& scope) {
  if (parts_.index.empty()) return absl::OkStatus();
  std::error_code error;
  const fs::path state = fs::canonical(parts_.index, error);
  if (error) return absl::OkStatus();  // nothing was written yet
  const std::string target = parts_.folder + kIndexFolderName;
  const absl::StatusOr<std::string> copied = io::ReadFile(Cat(target, "/", kStateFile), kStateBytesMax);
  if (copied.ok() && *copied == state.string()) return absl::OkStatus();
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(parts_.folder + kNewFolder));
  GOFARM_ASSIGN_OR_RETURN(const io::ScratchFolder scratch,
                          io::ScratchFolder::Make(parts_.folder + kNewFolder, "index-"));
  const std::string made = scratch.path() + "/files";
  fs::copy(state, made, fs::copy_options::recursive, error);
  GOFARM_RETURN_IF_ERROR(scope.Check());
  if (error) return ErrnoStatus(error.value(), Cat("copy ", state.string(), " to ", made));
  if (::chmod(made.c_str(), 0755) != 0) return ErrnoStatus(errno, Cat("chmod ", made));
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(Cat(made, "/", kStateFile), state.string()));
  return Replace(made, target);
}

}  // namespace gofarm::publish
