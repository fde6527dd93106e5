#include "common/io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::io {
namespace {

constexpr size_t kBlock = 256 << 10;
constexpr int64_t kProgressEvery = 4 << 20;
constexpr size_t kNameMax = 4096;  // PATH_MAX: longer names cannot be opened anyway
constexpr size_t kDepthMax = 64;

struct ArchiveCloser {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveCloser>;

absl::Status Refused(std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(Cat("archive entry \"", Clip(EscapeForPrint(name), 200), "\": ", why));
}

std::string_view LibraryError(archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "unknown error" : text;
}

// "a//b/./c/" -> {a, b, c}. Refuses what would leave the folder.
absl::StatusOr<std::vector<std::string>> CleanName(std::string_view name) {
  if (name.empty()) return Refused(name, "empty name");
  if (name.size() > kNameMax) return Refused(name, "name is too long");
  if (name.front() == '/') return Refused(name, "absolute name");
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(Av(name), '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Refused(name, "\"..\" in the name");
    parts.emplace_back(part.data(), part.size());
  }
  if (parts.size() > kDepthMax) return Refused(name, "too many folders inside each other");
  return parts;
}

// A link stands in a real folder (never behind another link), so leading ".." climb real folders and may be counted.
// After a name no ".." may follow: that name may be a link itself, and then the count would be wrong.
bool LinkStaysInside(std::string_view target, size_t depth) {
  if (target.empty() || target.size() > kNameMax || target.front() == '/') return false;
  size_t up = 0;
  bool named = false;
  for (const absl::string_view part : absl::StrSplit(Av(target), '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (named || ++up > depth) return false;
    } else {
      named = true;
    }
  }
  return true;
}

class Extraction {
 public:
  Extraction(const Scope& scope, archive* source, const ExtractOptions& options, Fd root,
             std::vector<std::string> prefix)
      : scope_(scope), source_(source), options_(options), root_(std::move(root)), prefix_(std::move(prefix)) {}

  absl::StatusOr<Extracted> Run() {
    while (true) {
      GOFARM_RETURN_IF_ERROR(scope_.Check());
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(source_, &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
        return absl::InvalidArgumentError(Cat("damaged archive: ", EscapeForPrint(LibraryError(source_))));
      }
      if (++seen_ > options_.entries_max) {
        return absl::ResourceExhaustedError(Cat("archive has more than ", options_.entries_max, " entries"));
      }
      GOFARM_RETURN_IF_ERROR(Entry(entry));
      if (options_.progress && done_.bytes - reported_ >= kProgressEvery) Report();
    }
    if (!prefix_.empty() && !prefix_found_) {
      return absl::InvalidArgumentError(Cat("archive has no folder ", options_.strip_prefix));
    }
    if (options_.progress) Report();
    return done_;
  }

 private:
  void Report() {
    reported_ = done_.bytes;
    options_.progress(done_.bytes);
  }

  // False: the entry stands outside the wanted folder, or is that folder itself.
  bool StripPrefix(std::vector<std::string>& parts) {
    if (parts.size() < prefix_.size()) return false;
    for (size_t i = 0; i < prefix_.size(); ++i) {
      if (parts[i] != prefix_[i]) return false;
    }
    parts.erase(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(prefix_.size()));
    prefix_found_ = true;
    return !parts.empty();
  }

  absl::Status Entry(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) raw = archive_entry_pathname_utf8(entry);
    const std::string name = raw == nullptr ? "" : raw;
    GOFARM_ASSIGN_OR_RETURN(std::vector<std::string> parts, CleanName(name));
    const std::string hard_link = archive_entry_hardlink(entry) == nullptr ? "" : archive_entry_hardlink(entry);
    if (!StripPrefix(parts)) return absl::OkStatus();
    ++done_.entries;
    if (!hard_link.empty()) return HardLink(name, parts, hard_link);
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return OpenFolder(parts, parts.size(), name).status();
      case AE_IFREG:
        return File(name, parts, (archive_entry_mode(entry) & 0111) != 0);
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(entry);
        return SymbolicLink(name, parts, target == nullptr ? "" : target);
      }
      default:
        return Refused(name, "neither file, folder nor link");
    }
  }

  // The folder of the first `count` parts, made where it is missing. Never passes a link: each step is O_NOFOLLOW.
  absl::StatusOr<int> OpenFolder(const std::vector<std::string>& parts, size_t count, std::string_view name) {
    std::string path;
    for (size_t i = 0; i < count; ++i) path += parts[i] + '/';
    if (count == 0) return root_.get();
    if (last_folder_ && path == last_path_) return last_folder_.get();
    Fd current;
    int at = root_.get();
    for (size_t i = 0; i < count; ++i) {
      const char* part = parts[i].c_str();
      bool made = false;
      if (mkdirat(at, part, 0755) == 0) {
        made = true;
      } else if (errno != EEXIST) {
        return ErrnoStatus(errno, Cat("make folder of ", EscapeForPrint(name)));
      }
      Fd next(openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next) {
        if (errno == ELOOP || errno == ENOTDIR) return Refused(name, "stands below a link or a file");
        return ErrnoStatus(errno, Cat("open folder of ", EscapeForPrint(name)));
      }
      if (made && fchmod(next.get(), 0755) != 0)
        return ErrnoStatus(errno, Cat("chmod folder of ", EscapeForPrint(name)));
      current = std::move(next);
      at = current.get();
    }
    last_folder_ = std::move(current);
    last_path_ = std::move(path);
    return last_folder_.get();
  }

  absl::Status File(const std::string& name, const std::vector<std::string>& parts, bool executable) {
    GOFARM_ASSIGN_OR_RETURN(const int folder, OpenFolder(parts, parts.size() - 1, name));
    Fd file(openat(folder, parts.back().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) {
      if (errno == EEXIST) return Refused(name, "stands twice in the archive");
      return ErrnoStatus(errno, Cat("create ", EscapeForPrint(name)));
    }
    buffer_.resize(kBlock);
    while (true) {
      const la_ssize_t n = archive_read_data(source_, buffer_.data(), buffer_.size());
      if (n == 0) break;
      if (n < 0) return Refused(name, EscapeForPrint(LibraryError(source_)));
      done_.bytes += n;
      if (done_.bytes > options_.bytes_max) {
        return absl::ResourceExhaustedError(Cat("archive unpacks to more than ", options_.bytes_max, " bytes"));
      }
      GOFARM_RETURN_IF_ERROR(WriteAll(file.get(), std::string_view(buffer_.data(), static_cast<size_t>(n)), name));
      GOFARM_RETURN_IF_ERROR(scope_.Check());
      if (options_.progress && done_.bytes - reported_ >= kProgressEvery) Report();
    }
    if (fchmod(file.get(), executable ? 0755 : 0644) != 0)
      return ErrnoStatus(errno, Cat("chmod ", EscapeForPrint(name)));
    return absl::OkStatus();
  }

  absl::Status SymbolicLink(const std::string& name, const std::vector<std::string>& parts, const std::string& target) {
    if (!LinkStaysInside(target, parts.size() - 1)) {
      return Refused(name, Cat("link leads out of the folder: ", Clip(EscapeForPrint(target), 200)));
    }
    GOFARM_ASSIGN_OR_RETURN(const int folder, OpenFolder(parts, parts.size() - 1, name));
    if (symlinkat(target.c_str(), folder, parts.back().c_str()) == 0) return absl::OkStatus();
    if (errno == EEXIST) return Refused(name, "stands twice in the archive");
    return ErrnoStatus(errno, Cat("link ", EscapeForPrint(name)));
  }

  absl::Status HardLink(const std::string& name, const std::vector<std::string>& parts, const std::string& target) {
    absl::StatusOr<std::vector<std::string>> source = CleanName(target);
    if (!source.ok() || !StripPrefix(*source)) return Refused(name, "link leads out of the folder");
    GOFARM_ASSIGN_OR_RETURN(const int source_folder, OpenFolder(*source, source->size() - 1, name));
    Fd kept(fcntl(source_folder, F_DUPFD_CLOEXEC, 0));  // the next OpenFolder may close it
    if (!kept) return ErrnoStatus(errno, "dup");
    GOFARM_ASSIGN_OR_RETURN(const int folder, OpenFolder(parts, parts.size() - 1, name));
    struct stat info {};
    if (fstatat(kept.get(), source->back().c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
      return Refused(name, "link to no file of the archive");
    }
    if (linkat(kept.get(), source->back().c_str(), folder, parts.back().c_str(), 0) == 0) return absl::OkStatus();
    if (errno == EEXIST) return Refused(name, "stands twice in the archive");
    return ErrnoStatus(errno, Cat("link ", EscapeForPrint(name)));
  }

  const Scope& scope_;
  archive* const source_;
  const ExtractOptions& options_;
  const Fd root_;
  const std::vector<std::string> prefix_;
  bool prefix_found_ = false;
  int64_t seen_ = 0;
  int64_t reported_ = 0;
  Extracted done_;
  std::string last_path_;
  Fd last_folder_;
  std::vector<char> buffer_;
};

}  // namespace

absl::StatusOr<Extracted> ExtractArchive(const Scope& scope, const std::string& archive_path, const std::string& folder,
                                         const ExtractOptions& options) {
  Fd root(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, Cat("open folder ", folder));
  Fd file(open(archive_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, Cat("open archive ", archive_path));
  std::vector<std::string> prefix;
  if (!options.strip_prefix.empty()) {
    GOFARM_ASSIGN_OR_RETURN(prefix, CleanName(options.strip_prefix));
  }
  const ArchivePtr source(archive_read_new());
  if (source == nullptr) return absl::ResourceExhaustedError("no memory to read an archive");
  archive_read_support_filter_gzip(source.get());
  archive_read_support_filter_xz(source.get());
  archive_read_support_filter_zstd(source.get());
  archive_read_support_format_zip(source.get());
  archive_read_support_format_tar(source.get());
  if (archive_read_open_fd(source.get(), file.get(), kBlock) != ARCHIVE_OK) {
    return absl::InvalidArgumentError(
        Cat("open archive ", archive_path, ": ", EscapeForPrint(LibraryError(source.get()))));
  }
  absl::StatusOr<Extracted> done = Extraction(scope, source.get(), options, std::move(root), std::move(prefix)).Run();
  if (!done.ok()) return Annotate(done.status(), Cat("unpack ", archive_path));
  return done;
}

}  // namespace gofarm::io
