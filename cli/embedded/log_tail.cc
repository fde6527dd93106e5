#include "cli/embedded/log_tail.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

constexpr int64_t kTailMax = 64 << 10;

}  // namespace

int64_t LogSize(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

std::string Tail(const std::string& path, int lines, int64_t from) {
  io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0) return "";
  // A file that has become shorter was emptied in between: all of it is new.
  if (from > info.st_size) from = 0;
  std::string text(static_cast<size_t>(std::min<int64_t>(info.st_size - from, kTailMax)), '\0');
  const ssize_t n = pread(fd.get(), text.data(), text.size(), info.st_size - static_cast<int64_t>(text.size()));
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t begin = text.size();
  for (; lines > 0 && begin != std::string::npos && begin > 0; --lines) begin = text.rfind('\n', begin - 1);
  if (begin != std::string::npos && begin < text.size()) text.erase(0, text[begin] == '\n' ? begin + 1 : begin);
  return EscapeForPrint(text, /*keep_newlines=*/true);
}

std::string LastLine(const std::string& path) { return Tail(path, 1); }

absl::Status RotateLog(const std::string& path, int64_t limit) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || info.st_size <= limit) return absl::OkStatus();
  const std::string old = path + ".1";
  io::Fd from(open(path.c_str(), O_RDWR | O_CLOEXEC));
  io::Fd to(open(old.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!from || !to) return ErrnoStatus(errno, Cat("copy ", path, " to ", old));
  while (true) {
    const ssize_t n = sendfile(to.get(), from.get(), nullptr, 16 << 20);
    if (n < 0) return ErrnoStatus(errno, Cat("copy ", path, " to ", old));
    if (n == 0) break;
  }
  if (ftruncate(from.get(), 0) != 0) return ErrnoStatus(errno, Cat("empty ", path));
  return absl::OkStatus();
}

}  // namespace gofarm::embedded
