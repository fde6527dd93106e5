#include "cli/install/place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"

namespace gofarm::install {
namespace {

constexpr size_t kDigitsOfPart = 32;

std::string Shown(const std::string& path) { return EscapeForPrint(path); }

absl::Status CannotWrite(const std::string& folder, const absl::Status& status) {
  return absl::FailedPreconditionError(Cat("cannot install into ", Shown(folder), ": ", Sv(status.message()),
                                           "; say with --dir into which folder to install"));
}

// Nothing where there is no note, or something else.
std::optional<publish::InstallNote> ReadNote(const std::string& path) {
  const absl::StatusOr<std::string> text = io::ReadFile(path, int64_t{publish::kNoteBytesMax});
  if (!text.ok()) return std::nullopt;
  absl::StatusOr<publish::InstallNote> note = publish::ParseNote(*text);
  return note.ok() ? std::optional(*std::move(note)) : std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> ProgramFolder(const std::string& flag, const std::string& environment,
                                          const std::string& home, const std::string& working_directory) {
  std::filesystem::path folder = !flag.empty() ? flag : environment;
  if (folder.empty() && home.empty()) {
    return absl::InvalidArgumentError("HOME is not set; say with --dir into which folder to install");
  }
  if (folder.empty()) folder = std::filesystem::path(home) / ".local/bin";
  if (folder.is_relative()) folder = std::filesystem::path(working_directory) / folder;
  std::string text = folder.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

absl::StatusOr<Occupant> LookAt(const Place& place) {
  Occupant occupant{.note = ReadNote(place.Note())};
  struct stat info {};
  if (lstat(place.Path().c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return occupant;
    return ErrnoStatus(errno, Cat("look at ", Shown(place.Path())));
  }
  occupant.kind = Occupant::Kind::kOther;
  if (stat(place.Path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return occupant;
  occupant.kind = Occupant::Kind::kFile;
  occupant.executable = (info.st_mode & 0111) != 0;
  if (const absl::StatusOr<digest::FileDigests> digests = digest::DigestFile(place.Path()); digests.ok()) {
    occupant.sha256 = digests->sha256;
  }
  return occupant;
}

absl::Status MayReplace(const Place& place, const Occupant& occupant, bool force) {
  const std::string path = Shown(place.Path());
  if (occupant.kind == Occupant::Kind::kNothing) return absl::OkStatus();
  if (occupant.kind == Occupant::Kind::kOther) {
    return absl::FailedPreconditionError(
        Cat(path, " is there and is no plain file; nothing was changed: move it away"));
  }
  if (occupant.Ours() || force) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat(path,
          " is there already and was not installed by gofarm, or was changed since; nothing was changed: "
          "--force replaces it"));
}

absl::StatusOr<PartFile> Prepare(const Place& place, const std::string& sha256) {
  if (const absl::Status made = io::MakeFolders(place.Notes()); !made.ok()) return CannotWrite(place.folder, made);
  absl::StatusOr<PartFile> part = PartFile::Open(Cat(place.Notes(), "/.part-", sha256.substr(0, kDigitsOfPart)));
  if (!part.ok() && !absl::IsUnavailable(part.status())) return CannotWrite(place.folder, part.status());
  return part;
}

void TidyUp(const Place& place) { rmdir(place.Notes().c_str()); }

absl::Status Put(const Place& place, PartFile& part, publish::InstallNote note, const Occupant& occupant) {
  note.before = occupant.sha256;
  const absl::StatusOr<std::string> old = io::ReadFile(place.Note(), int64_t{publish::kNoteBytesMax});
  if (const absl::Status noted = io::WriteFileAtomic(place.Note(), publish::WriteNote(note)); !noted.ok()) {
    return CannotWrite(place.folder, noted);
  }
  const absl::Status moved = part.MoveTo(place.Path());
  if (moved.ok()) return moved;
  old.ok() ? void(io::WriteFileAtomic(place.Note(), *old).IgnoreError()) : void(unlink(place.Note().c_str()));
  return CannotWrite(place.folder, moved);
}

absl::Status Remove(const Place& place, bool force) {
  GOFARM_ASSIGN_OR_RETURN(const Occupant occupant, LookAt(place));
  if (!occupant.note) {
    return absl::NotFoundError(Cat("gofarm did not install ", Shown(place.Path()), "; see: gofarm installed"));
  }
  if (occupant.kind != Occupant::Kind::kNothing) {
    if (const absl::Status may = MayReplace(place, occupant, force); !may.ok()) {
      return absl::FailedPreconditionError(Cat(Shown(place.Path()),
                                               " was changed since gofarm installed it; nothing "
                                               "was removed",
                                               occupant.kind == Occupant::Kind::kFile ? ": --force removes it" : ""));
    }
    if (unlink(place.Path().c_str()) != 0) return ErrnoStatus(errno, Cat("remove ", Shown(place.Path())));
  }
  if (unlink(place.Note().c_str()) != 0) return ErrnoStatus(errno, Cat("remove ", Shown(place.Note())));
  rmdir(place.Notes().c_str());
  return absl::OkStatus();
}

std::string_view NameOf(Installed::State state) {
  switch (state) {
    case Installed::State::kOk:
      return "ok";
    case Installed::State::kChanged:
      return "changed";
    case Installed::State::kMissing:
      return "missing";
  }
  return "";
}

absl::StatusOr<std::vector<Installed>> ListInstalled(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(Place{folder, ""}.Notes(), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (std::string name = entry->path().filename().string(); publish::IsInstallName(name)) {
      names.push_back(std::move(name));
    }
    if (names.size() > kInstalledMax) {
      return absl::ResourceExhaustedError(Cat("more than ", kInstalledMax, " programs in ", Shown(folder)));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    return ErrnoStatus(error.value(), Cat("list ", Shown(folder)));
  }
  std::sort(names.begin(), names.end());
  std::vector<Installed> out;
  for (std::string& name : names) {
    GOFARM_ASSIGN_OR_RETURN(Occupant occupant, LookAt({folder, name}));
    if (!occupant.note) continue;
    const Installed::State state = occupant.kind == Occupant::Kind::kNothing ? Installed::State::kMissing
                                   : occupant.Ours()                         ? Installed::State::kOk
                                                                             : Installed::State::kChanged;
    out.push_back({.name = std::move(name), .note = *std::move(occupant.note), .state = state});
  }
  return out;
}

}  // namespace gofarm::install
