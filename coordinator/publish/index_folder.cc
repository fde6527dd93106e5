#include "coordinator/publish/index_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "common/io/zstd_frames.h"

namespace gofarm::publish {
namespace {

constexpr std::string_view kSignature = ".sig";
constexpr std::string_view kPacked = ".json.zst";

int64_t NumberOf(std::string_view name) {
  int64_t number = 0;
  return absl::SimpleAtoi(Av(name), &number) && number > 0 && Cat(number) == name ? number : 0;
}

absl::Status WriteNew(const std::string& path, std::string_view bytes) {
  const io::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (fd.get() < 0) return ErrnoStatus(errno, Cat("create ", path));
  return io::WriteAll(fd.get(), bytes, path);
}

absl::StatusOr<std::string> Expanded(std::string_view packed) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<io::FramePlace> frames, io::FindZstdFrames(packed));
  std::string out;
  for (const io::FramePlace& frame : frames) {
    GOFARM_ASSIGN_OR_RETURN(
        const std::string text,
        io::ExpandZstdFrame(packed.substr(static_cast<size_t>(frame.offset), static_cast<size_t>(frame.size))));
    out += text;
  }
  return out;
}

}  // namespace

IndexFolder::IndexFolder(std::string folder, FolderOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

std::string IndexFolder::CurrentFolder() const { return folder_ + "/current"; }

int64_t IndexFolder::CurrentNumber() const {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(CurrentFolder().c_str(), target, sizeof target);
  return size <= 0 ? 0 : NumberOf(std::string_view(target, static_cast<size_t>(size)));
}

absl::Time IndexFolder::CurrentTime() const {
  struct stat made;
  return ::stat(CurrentFolder().c_str(), &made) == 0 ? absl::TimeFromTimespec(made.st_mtim) : absl::InfinitePast();
}

absl::Status IndexFolder::Write(const std::vector<IndexFile>& files, const Generation& generation, const SignFn& sign) {
  const int64_t before = CurrentNumber();
  const std::string doing = Cat("write generation ", generation.number, " of the index to ", folder_);
  if (generation.number <= before) {
    return absl::FailedPreconditionError(Cat(doing, ": ", before, " is served already"));
  }
  std::set<std::string_view> names;
  for (const IndexFile& file : files) {
    if (!IsIndexFile(file.name) || absl::EndsWith(file.name, Av(kSignature)) || !names.insert(file.name).second) {
      return absl::InvalidArgumentError(Cat(doing, ": \"", EscapeAndClip(file.name, 200), "\" is no name for a file"));
    }
  }
  const std::string made = Cat(folder_, "/", generation.number), link = folder_ + "/next";
  GOFARM_RETURN_IF_ERROR_CTX(io::MakeFolders(folder_), doing);
  GOFARM_RETURN_IF_ERROR_CTX(io::RemoveTree(made), doing);  // of a process that was killed here
  if (const absl::Status filled = Fill(made, files, generation, sign); !filled.ok()) {
    (void)io::RemoveTree(made);
    return Annotate(filled, doing);
  }
  (void)::unlink(link.c_str());
  if (::symlink(Cat(generation.number).c_str(), link.c_str()) != 0) return ErrnoStatus(errno, Cat("link ", link));
  if (::rename(link.c_str(), CurrentFolder().c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", link));
  written_.clear();
  for (const IndexFile& file : files) written_[file.name] = file.sha256;
  written_number_ = generation.number;
  return Annotate(RemoveOld(generation.number), Cat(doing, ": it is served; remove older ones"));
}

absl::Status IndexFolder::Fill(const std::string& made, const std::vector<IndexFile>& files,
                               const Generation& generation, const SignFn& sign) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(made));
  const bool known = written_number_ > 0 && written_number_ == CurrentNumber();
  std::set<std::string> folders;
  for (const IndexFile& file : files) {
    const size_t slash = file.name.find('/');
    if (slash != std::string::npos && folders.insert(file.name.substr(0, slash)).second) {
      GOFARM_RETURN_IF_ERROR(io::MakeFolders(Cat(made, "/", file.name.substr(0, slash))));
    }
    const auto old = written_.find(file.name);
    const bool unchanged = known && old != written_.end() && old->second == file.sha256;
    GOFARM_RETURN_IF_ERROR(Place(made, file.name, *file.bytes, unchanged));
    const std::string comment = TrustedComment({.generation = generation, .file = file.name});
    GOFARM_ASSIGN_OR_RETURN_CTX(const std::string signature, sign(*file.bytes, comment), Cat("sign ", file.name));
    GOFARM_RETURN_IF_ERROR(WriteNew(Cat(made, "/", file.name, kSignature), signature));
    if (!options_.plain_json || !absl::EndsWith(file.name, Av(kPacked))) continue;
    const std::string plain = file.name.substr(0, file.name.size() - (sizeof(".zst") - 1));
    std::string text;
    if (!unchanged) {
      GOFARM_ASSIGN_OR_RETURN_CTX(text, Expanded(*file.bytes), Cat("expand ", file.name));
    }
    GOFARM_RETURN_IF_ERROR(Place(made, plain, text, unchanged));
  }
  return absl::OkStatus();
}

absl::Status IndexFolder::Place(const std::string& made, const std::string& name, std::string_view bytes,
                                bool unchanged) {
  const std::string path = Cat(made, "/", name);
  if (!unchanged) return WriteNew(path, bytes);
  const std::string old = Cat(folder_, "/", written_number_, "/", name);
  return ::link(old.c_str(), path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, Cat("link ", old));
}

absl::Status IndexFolder::RemoveOld(int64_t current) const {
  std::vector<int64_t> numbers;
  {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder_.c_str()), ::closedir);
    if (entries == nullptr) return ErrnoStatus(errno, Cat("list ", folder_));
    while (const dirent* entry = ::readdir(entries.get())) {
      if (const int64_t number = NumberOf(entry->d_name); number > 0) numbers.push_back(number);
    }
  }
  // A higher number is what a killed process left: it was never served.
  std::sort(numbers.rbegin(), numbers.rend());
  int kept = 0;
  for (const int64_t number : numbers) {
    if (number <= current && kept++ < std::max(options_.generations_kept, 1)) continue;
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(Cat(folder_, "/", number)));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::publish
