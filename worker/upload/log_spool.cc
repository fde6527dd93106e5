#include "worker/upload/log_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/obs/log.h"

namespace gofarm::upload {

absl::StatusOr<std::unique_ptr<LogSpool>> LogSpool::Create(const std::string& path, int64_t limit) {
  io::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(errno, Cat("create the log's spool file ", path));
  return std::unique_ptr<LogSpool>(new LogSpool(path, std::move(fd), limit > 0 ? limit : kLogBytesDefault));
}

LogSpool::LogSpool(std::string path, io::Fd fd, int64_t limit)
    : path_(std::move(path)), fd_(std::move(fd)), limit_(limit), tail_max_(std::min(limit / 2, kLogTailMax)) {}

LogSpool::~LogSpool() { ::unlink(path_.c_str()); }

void LogSpool::Append(std::string_view lines) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  if (!head_full_) {
    const auto room = static_cast<size_t>(std::max<int64_t>(0, limit_ - tail_max_ - size_));
    if (lines.size() <= room) {
      Write(lines);
      return;
    }
    // The head ends with a whole line.
    head_full_ = true;
    const size_t newline = room == 0 ? std::string_view::npos : lines.rfind('\n', room - 1);
    const size_t fits = newline == std::string_view::npos ? 0 : newline + 1;
    Write(lines.substr(0, fits));
    lines.remove_prefix(fits);
  }
  KeepInTail(lines);
}

void LogSpool::KeepInTail(std::string_view bytes) {
  const auto max = static_cast<size_t>(tail_max_);
  if (bytes.size() > max) {
    left_out_ += static_cast<int64_t>(bytes.size() - max);
    bytes.remove_prefix(bytes.size() - max);
  }
  if (tail_.size() < max) {
    const size_t fits = std::min(max - tail_.size(), bytes.size());
    tail_ += bytes.substr(0, fits);
    bytes.remove_prefix(fits);
  }
  // Full: the oldest bytes give way.
  left_out_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), max - tail_start_);
    std::copy_n(bytes.begin(), n, tail_.begin() + static_cast<std::ptrdiff_t>(tail_start_));
    tail_start_ = (tail_start_ + n) % max;
    bytes.remove_prefix(n);
  }
}

void LogSpool::Close() {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  closed_ = true;
  std::rotate(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(tail_start_), tail_.end());
  std::string_view tail = tail_;
  if (left_out_ > 0 && head_full_) {
    // What is left of a line that was cut says nothing.
    const size_t newline = tail.find('\n');
    const size_t cut = newline == std::string_view::npos ? tail.size() : newline + 1;
    left_out_ += static_cast<int64_t>(cut);
    tail.remove_prefix(cut);
  }
  if (left_out_ > 0) {
    const std::string why = write_failed_ ? std::string("the worker's disk was full")
                                          : Cat("the log is longer than its limit of ", limit_, " bytes");
    write_failed_ = false;  // there may be room again
    Write(Cat("log| ", left_out_, " bytes left out: ", why, "\n"));
  }
  Write(tail);
  tail_ = std::string();
  sha256_ = hasher_.HexAndReset();
}

void LogSpool::Write(std::string_view bytes) {
  while (!bytes.empty() && !write_failed_) {
    const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), size_);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      obs::Warn("log_spool_write_failed", {{"path", path_}, {"error", ErrnoStatus(errno, "write").ToString()}});
      write_failed_ = true;
      break;
    }
    hasher_.Update(bytes.substr(0, static_cast<size_t>(n)));
    size_ += n;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  left_out_ += static_cast<int64_t>(bytes.size());
}

int64_t LogSpool::size() const {
  absl::MutexLock lock(&mutex_);
  return size_;
}

bool LogSpool::closed() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

std::string LogSpool::sha256() const {
  absl::MutexLock lock(&mutex_);
  return sha256_;
}

int64_t LogSpool::left_out() const {
  absl::MutexLock lock(&mutex_);
  return left_out_;
}

absl::StatusOr<std::string> LogSpool::Read(int64_t offset, size_t limit) const {
  const int64_t end = size();
  if (offset < 0 || offset > end) {
    return absl::OutOfRangeError(Cat("offset ", offset, " of the log's spool file, which has ", end, " bytes"));
  }
  std::string data(std::min<size_t>(limit, static_cast<size_t>(end - offset)), '\0');
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = ::pread(fd_.get(), data.data() + done, data.size() - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("read ", path_));
    if (n == 0) return absl::DataLossError(Cat(path_, " was cut by somebody else"));
    done += static_cast<size_t>(n);
  }
  return data;
}

}  // namespace gofarm::upload
