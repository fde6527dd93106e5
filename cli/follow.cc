#include "cli/follow.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kFollowPoll = absl::Milliseconds(200);

struct GrowingFile {
  GrowingFile(const std::string& p, const std::function<void(std::string_view)>& out)
      : path(p), fd(open(p.c_str(), O_RDONLY | O_CLOEXEC)), lines(out) {}

  bool HasMore() {
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return false;
    // Emptied by the supervisor because it had grown too long: go on from its new beginning.
    if (info.st_size < offset) offset = 0;
    return info.st_size > offset;
  }
  absl::Status ReadAll() {
    char buffer[64 << 10];
    while (HasMore()) {
      const ssize_t n = pread(fd.get(), buffer, sizeof buffer, offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, Cat("read ", path));
      if (n == 0) break;
      offset += n;
      lines.Add(std::string_view(buffer, static_cast<size_t>(n)));
    }
    return absl::OkStatus();
  }

  const std::string path;
  io::Fd fd;
  LineEscaper lines;
  int64_t offset = 0;
};

}  // namespace

void LineEscaper::Add(std::string_view bytes) {
  waiting_ += bytes;
  size_t end = waiting_.rfind('\n');
  end = end == std::string::npos ? 0 : end + 1;
  if (end == 0 && waiting_.size() > kLineMax) end = waiting_.size();
  if (end == 0) return;
  out_(EscapeForPrint(std::string_view(waiting_).substr(0, end), /*keep_newlines=*/true));
  waiting_.erase(0, end);
}

void LineEscaper::Finish() {
  if (waiting_.empty()) return;
  out_(EscapeForPrint(waiting_, /*keep_newlines=*/true) + "\n");
  waiting_.clear();
}

absl::Status PrintFiles(const std::vector<std::string>& paths, bool follow,
                        const std::function<void(std::string_view)>& out) {
  std::deque<GrowingFile> files;
  for (const std::string& path : paths) {
    GrowingFile& file = files.emplace_back(path, out);
    if (!file.fd) return ErrnoStatus(errno, Cat("open ", path));
  }
  const GrowingFile* last = nullptr;
  do {
    for (GrowingFile& file : files) {
      if (files.size() > 1 && last != &file && file.HasMore()) {
        out(Cat("==> ", file.path, " <==\n"));
        last = &file;
      }
      GOFARM_RETURN_IF_ERROR(file.ReadAll());
      if (!follow) file.lines.Finish();
    }
    if (follow) absl::SleepFor(kFollowPoll);
  } while (follow);
  return absl::OkStatus();
}

}  // namespace gofarm::cli
