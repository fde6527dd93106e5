// The folder that programs are installed into, with the notes that tell which of its files are ours
// (common/publish/install_note.h). Nothing that was not installed, or was changed since, is replaced or removed unless
// that is asked for. Thread-safe for different names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/install/part_file.h"
#include "common/publish/install_note.h"

namespace gofarm::install {

inline constexpr size_t kInstalledMax = 10'000;  // notes that are read

// --dir, else GOFARM_BIN, else ~/.local/bin; absolute. INVALID_ARGUMENT: there is not even a home folder.
absl::StatusOr<std::string> ProgramFolder(const std::string& flag, const std::string& environment,
                                          const std::string& home, const std::string& working_directory);

struct Place {
  std::string folder, name;  // name: IsInstallName
  std::string Path() const { return folder + "/" + name; }
  std::string Notes() const { return folder + "/" + publish::kNoteFolder; }
  std::string Note() const { return Notes() + "/" + name; }
};

// What stands there now.
struct Occupant {
  enum class Kind { kNothing, kFile, kOther };  // kFile: also a link to one; kOther: a folder, a device, a dead link
  Kind kind = Kind::kNothing;
  bool executable = false;
  std::string sha256;  // of kFile; empty: it cannot be read
  std::optional<publish::InstallNote> note;
  bool Ours() const { return note && publish::IsOwn(*note, sha256); }
};
absl::StatusOr<Occupant> LookAt(const Place& place);

// OK when `occupant` may be replaced. FAILED_PRECONDITION says how to do it all the same, where that is possible.
absl::Status MayReplace(const Place& place, const Occupant& occupant, bool force);

// The folders, and a part file in them. What cannot be written into is FAILED_PRECONDITION.
absl::StatusOr<PartFile> Prepare(const Place& place, const std::string& sha256);
// Takes the folder of the notes away again when it is empty.
void TidyUp(const Place& place);

// The note first, then the program, each by a rename, so that what is there is ours whenever this is killed. After an
// error the old note is back.
absl::Status Put(const Place& place, PartFile& part, publish::InstallNote note, const Occupant& occupant);

// Removes program and note. NOT_FOUND: there is no note of it; FAILED_PRECONDITION: it was changed since.
absl::Status Remove(const Place& place, bool force);

struct Installed {
  enum class State { kOk, kChanged, kMissing };
  std::string name;
  publish::InstallNote note;
  State state = State::kOk;
};
std::string_view NameOf(Installed::State state);  // "ok", "changed", "missing"
// By name. What is no note is passed over; a folder that is not there holds none.
absl::StatusOr<std::vector<Installed>> ListInstalled(const std::string& folder);

}  // namespace gofarm::install
