#include "common/io/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"

namespace gofarm::io {
namespace {

constexpr size_t kPiece = 256 << 10;

struct ArchiveFree {
  void operator()(archive* a) const { archive_write_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveFree>;

struct EntryFree {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

struct LocaleFree {
  void operator()(locale_t locale) const { ::freelocale(locale); }
};
using LocalePtr = std::unique_ptr<std::remove_pointer_t<locale_t>, LocaleFree>;

// libarchive takes names for texts of the thread's locale, and a service has none: there it knows ASCII alone.
class InUtf8 {
 public:
  explicit InUtf8(const LocalePtr& utf8) : before_(::uselocale(utf8.get())) {}
  ~InUtf8() { ::uselocale(before_); }
  InUtf8(const InUtf8&) = delete;
  InUtf8& operator=(const InUtf8&) = delete;

 private:
  const locale_t before_;
};

absl::Status CheckName(std::string_view name) {
  const auto refused = [&](std::string_view why) {
    return absl::InvalidArgumentError(Cat("tar entry \"", EscapeAndClip(name, 100), "\": ", why));
  };
  if (name.empty() || name.size() > kTarNameMax) return refused("its name is empty or too long");
  for (const absl::string_view part : absl::StrSplit(Av(name), '/')) {
    if (part.empty() || part == "." || part == "..") return refused("its name is no plain relative path");
  }
  if (EscapeForPrint(name) != name) return refused("its name holds control characters");
  return absl::OkStatus();
}

}  // namespace

// Two archives of libarchive, one behind the other: the first makes the tar, the second takes its bytes as one raw
// entry and compresses them. So both forms pass by here.
class TarWriter::State {
 public:
  State(std::string path, Fd file, TarOptions options)
      : path_(std::move(path)), file_(std::move(file)), options_(std::move(options)) {}

  absl::Status Open() {
    stored_.reset(archive_write_new());
    tar_.reset(archive_write_new());
    if (stored_ == nullptr || tar_ == nullptr) return absl::ResourceExhaustedError("no memory to write an archive");
    int result = archive_write_set_format_raw(stored_.get());
    if (options_.compression == TarCompression::kGzip) {
      result = std::min(result, archive_write_add_filter_gzip(stored_.get()));
      // Without it the time of the call stands in the header.
      result = std::min(result, archive_write_set_filter_option(stored_.get(), "gzip", "timestamp", nullptr));
      result = std::min(result, Level("gzip"));
    } else if (options_.compression == TarCompression::kZstd) {
      result = std::min(result, archive_write_add_filter_zstd(stored_.get()));
      result = std::min(result, Level("zstd"));
    }
    if (result != ARCHIVE_OK) return Failed(stored_.get(), "set up");
    // No padding behind the compressed bytes, and none behind the tar but its own.
    archive_write_set_bytes_per_block(stored_.get(), kPiece);
    archive_write_set_bytes_in_last_block(stored_.get(), 1);
    if (archive_write_open(stored_.get(), this, nullptr, &OnStored, nullptr) != ARCHIVE_OK) {
      return Failed(stored_.get(), "open");
    }
    const std::unique_ptr<archive_entry, EntryFree> whole(archive_entry_new());
    archive_entry_set_pathname(whole.get(), "tar");
    archive_entry_set_filetype(whole.get(), AE_IFREG);
    if (archive_write_header(stored_.get(), whole.get()) != ARCHIVE_OK) return Failed(stored_.get(), "begin");

    if (archive_write_set_format_pax_restricted(tar_.get()) != ARCHIVE_OK) return Failed(tar_.get(), "set up");
    archive_write_set_bytes_per_block(tar_.get(), kPiece);
    archive_write_set_bytes_in_last_block(tar_.get(), 1);
    if (archive_write_open(tar_.get(), this, nullptr, &OnTar, nullptr) != ARCHIVE_OK) return Failed(tar_.get(), "open");
    return absl::OkStatus();
  }

  absl::Status Header(const TarEntry& entry, unsigned type, int64_t size) {
    GOFARM_RETURN_IF_ERROR(CheckName(entry.name));
    const InUtf8 in_utf8(utf8_);
    const std::unique_ptr<archive_entry, EntryFree> e(archive_entry_new());
    archive_entry_set_pathname(e.get(), entry.name.c_str());
    archive_entry_set_filetype(e.get(), type);
    archive_entry_set_perm(e.get(), static_cast<mode_t>(entry.mode & 07777));
    archive_entry_set_uid(e.get(), entry.uid);
    archive_entry_set_gid(e.get(), entry.gid);
    archive_entry_set_mtime(e.get(), static_cast<time_t>(absl::ToUnixSeconds(options_.modified)), 0);
    archive_entry_set_size(e.get(), size);
    if (archive_write_header(tar_.get(), e.get()) != ARCHIVE_OK) return Failed(tar_.get(), entry.name);
    return absl::OkStatus();
  }

  absl::Status Data(std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
      const la_ssize_t n = archive_write_data(tar_.get(), bytes.data(), bytes.size());
      if (n <= 0) return Failed(tar_.get(), name);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (archive_write_close(tar_.get()) != ARCHIVE_OK) return Failed(tar_.get(), "end");
    if (archive_write_close(stored_.get()) != ARCHIVE_OK) return Failed(stored_.get(), "end");
    return absl::OkStatus();
  }

 private:
  int Level(const char* filter) {
    return archive_write_set_filter_option(stored_.get(), filter, "compression-level", Cat(options_.level).c_str());
  }

  absl::Status Failed(archive* a, std::string_view what) const {
    if (!why_.ok()) return why_;
    const char* const text = archive_error_string(a);
    return absl::InternalError(
        Cat("write ", path_, ": ", what, ": ", EscapeForPrint(text == nullptr ? "unknown error" : text)));
  }

  static la_ssize_t OnTar(archive*, void* user, const void* data, size_t size) {
    auto* const s = static_cast<State*>(user);
    const std::string_view bytes(static_cast<const char*>(data), size);
    if (s->options_.on_tar) s->options_.on_tar(bytes);
    size_t done = 0;
    while (done < size) {
      const la_ssize_t n = archive_write_data(s->stored_.get(), bytes.data() + done, size - done);
      if (n <= 0) {
        s->why_ = s->Failed(s->stored_.get(), "compress");
        return -1;
      }
      done += static_cast<size_t>(n);
    }
    return static_cast<la_ssize_t>(size);
  }

  static la_ssize_t OnStored(archive*, void* user, const void* data, size_t size) {
    auto* const s = static_cast<State*>(user);
    const std::string_view bytes(static_cast<const char*>(data), size);
    s->why_ = WriteAll(s->file_.get(), bytes, s->path_);
    if (!s->why_.ok()) return -1;
    if (s->options_.on_stored) s->options_.on_stored(bytes);
    return static_cast<la_ssize_t>(size);
  }

  const std::string path_;
  const Fd file_;
  const TarOptions options_;
  const LocalePtr utf8_{::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})};
  absl::Status why_;  // what a callback met
  // The tar is freed first: it writes into the other.
  ArchivePtr stored_;
  ArchivePtr tar_;
};

TarWriter::TarWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarWriter::~TarWriter() = default;

absl::StatusOr<std::unique_ptr<TarWriter>> TarWriter::Create(const std::string& path, const TarOptions& options) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return ErrnoStatus(errno, Cat("create ", path));
  auto state = std::make_unique<State>(path, std::move(file), options);
  GOFARM_RETURN_IF_ERROR(state->Open());
  return std::unique_ptr<TarWriter>(new TarWriter(std::move(state)));
}

absl::Status TarWriter::AddFolder(const TarEntry& entry) { return state_->Header(entry, AE_IFDIR, 0); }

absl::Status TarWriter::AddBytes(const TarEntry& entry, std::string_view content) {
  GOFARM_RETURN_IF_ERROR(state_->Header(entry, AE_IFREG, static_cast<int64_t>(content.size())));
  return state_->Data(content, entry.name);
}

absl::Status TarWriter::AddFile(const Scope& scope, const TarEntry& entry, const std::string& source) {
  const Fd file(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, Cat("open ", source));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", source));
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(Cat(source, " is no regular file"));
  GOFARM_RETURN_IF_ERROR(state_->Header(entry, AE_IFREG, info.st_size));
  std::vector<char> buffer(kPiece);
  for (int64_t left = info.st_size; left > 0;) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const ssize_t n = ::read(file.get(), buffer.data(), std::min(buffer.size(), static_cast<size_t>(left)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("read ", source));
    if (n == 0) return absl::DataLossError(Cat(source, " became shorter while it was read"));
    GOFARM_RETURN_IF_ERROR(state_->Data(std::string_view(buffer.data(), static_cast<size_t>(n)), entry.name));
    left -= n;
  }
  return absl::OkStatus();
}

absl::Status TarWriter::Finish() { return state_->Finish(); }

}  // namespace gofarm::io
