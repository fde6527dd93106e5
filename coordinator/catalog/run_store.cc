#include "coordinator/catalog/run_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "coordinator/catalog/room_rule.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kWindow = size_t{256} << 10;
constexpr size_t kRecordMax = 4096;  // longer than any path or version with what belongs to it
constexpr int64_t kLookEvery = int64_t{64} << 20;
constexpr size_t kFingerprintsInMemory = size_t{4} << 20;

}  // namespace

absl::Status RunStore::OpenFile() {
  const int fd = open(options_.folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) {
    file_ = io::Fd(fd);
    return absl::OkStatus();
  }
  // Some file systems have no O_TMPFILE.
  std::string name = Cat(options_.folder, "/keying-XXXXXX");
  file_ = io::Fd(mkostemp(name.data(), O_CLOEXEC));
  if (!file_) return ErrnoStatus(errno, Cat("make a file for keying in ", options_.folder));
  unlink(name.c_str());
  return absl::OkStatus();
}

absl::StatusOr<RunStore::Blob> RunStore::Put(std::string bytes) {
  Blob blob;
  blob.size = bytes.size();
  if (memory_ + bytes.size() <= options_.memory_max) {
    bytes.shrink_to_fit();
    memory_ += bytes.size();
    blob.memory = std::move(bytes);
    return blob;
  }
  if (!file_) GOFARM_RETURN_IF_ERROR(OpenFile());
  if (looked_at_ == 0 || file_bytes_ + static_cast<int64_t>(bytes.size()) > looked_at_ + kLookEvery) {
    GOFARM_ASSIGN_OR_RETURN(const int64_t left, io::FreeBytes(options_.folder));
    if (left - static_cast<int64_t>(bytes.size()) < options_.free_floor) {
      return NoRoomError(Cat("keying needs ", bytes.size(), " bytes more in ", options_.folder, ", where ", left,
                             " are free and ", options_.free_floor, " stay free: make room there, then ask again"));
    }
    looked_at_ = file_bytes_ + 1;
  }
  blob.offset = file_bytes_;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = pwrite(file_.get(), bytes.data() + done, bytes.size() - done, file_bytes_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("write what keying keeps in ", options_.folder));
    done += static_cast<size_t>(n);
    file_bytes_ += n;
  }
  return blob;
}

absl::StatusOr<size_t> RunStore::Read(const Blob& blob, size_t at, absl::Span<char> out) const {
  const size_t size = std::min(out.size(), blob.size - at);
  if (blob.offset < 0) {
    std::memcpy(out.data(), blob.memory.data() + at, size);
    return size;
  }
  for (size_t done = 0; done < size;) {
    const ssize_t n = pread(file_.get(), out.data() + done, size - done,
                            static_cast<off_t>(blob.offset + static_cast<int64_t>(at + done)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("read what keying keeps in ", options_.folder));
    if (n == 0) return absl::InternalError(Cat("what keying keeps in ", options_.folder, " lost its end"));
    done += static_cast<size_t>(n);
  }
  return size;
}

void RunEncoder::Length(size_t length) {
  const uint16_t little = static_cast<uint16_t>(length);
  out_.append(reinterpret_cast<const char*>(&little), sizeof(little));
}

void RunEncoder::BeginPath(std::string_view path, int32_t id) {
  Length(path.size());
  out_.append(path);
  out_.append(reinterpret_cast<const char*>(&id), sizeof(id));
}

void RunEncoder::Version(std::string_view version, int64_t micros) {
  Length(version.size());
  out_.append(version);
  out_.append(reinterpret_cast<const char*>(&micros), sizeof(micros));
}

std::string RunEncoder::Finish() { return std::exchange(out_, {}); }

RunReader::RunReader(const RunStore& store, std::vector<RunStore::Blob> blobs)
    : store_(store), blobs_(std::move(blobs)) {}

absl::Status RunReader::Fill() {
  if (left_.size() >= kRecordMax) return absl::OkStatus();
  while (left_.size() < kRecordMax && blob_ < blobs_.size()) {
    std::string next(left_);
    const size_t kept = next.size();
    next.resize(kept + kWindow);
    GOFARM_ASSIGN_OR_RETURN(const size_t got,
                            store_.Read(blobs_[blob_], blob_at_, absl::MakeSpan(next.data() + kept, kWindow)));
    next.resize(kept + got);
    window_ = std::move(next);
    left_ = window_;
    blob_at_ += got;
    if (blob_at_ == blobs_[blob_].size) {
      blobs_[blob_].memory = {};  // read once only
      ++blob_;
      blob_at_ = 0;
    }
  }
  return absl::OkStatus();
}

template <typename T>
T RunReader::Take() {
  T value;
  GOFARM_CHECK(left_.size() >= sizeof(T));
  std::memcpy(&value, left_.data(), sizeof(T));
  left_.remove_prefix(sizeof(T));
  return value;
}

absl::StatusOr<bool> RunReader::NextPath() {
  while (in_path_) {
    GOFARM_ASSIGN_OR_RETURN(const bool more, NextVersion());
    if (!more) break;
  }
  GOFARM_RETURN_IF_ERROR(Fill());
  if (left_.empty()) return false;
  const uint16_t length = Take<uint16_t>();
  path_.assign(left_.substr(0, length));
  left_.remove_prefix(length);
  id_ = Take<int32_t>();
  in_path_ = true;
  return true;
}

absl::StatusOr<bool> RunReader::NextVersion() {
  if (!in_path_) return false;
  GOFARM_RETURN_IF_ERROR(Fill());
  const uint16_t length = Take<uint16_t>();
  if (length == 0) {
    in_path_ = false;
    return false;
  }
  version_ = left_.substr(0, length);
  left_.remove_prefix(length);
  micros_ = Take<int64_t>();
  return true;
}

absl::Status DayFingerprints::Add(int32_t day, uint64_t fingerprint) {
  if (last_ == nullptr || day != last_day_) {
    last_ = &days_[day];
    last_day_ = day;
  }
  last_->buffer.push_back(fingerprint);
  return ++buffered_ < kFingerprintsInMemory ? absl::OkStatus() : Spill();
}

absl::Status DayFingerprints::Spill() {
  for (auto& [day, at] : days_) {
    if (at.buffer.empty()) continue;
    GOFARM_ASSIGN_OR_RETURN(RunStore::Blob blob,
                            store_.Put({reinterpret_cast<const char*>(at.buffer.data()), at.buffer.size() * 8}));
    at.blobs.push_back(std::move(blob));
    at.buffer = {};
  }
  buffered_ = 0;
  return absl::OkStatus();
}

absl::Status DayFingerprints::ForEachPart(const Each& each) {
  std::vector<uint64_t> part;
  for (auto& [day, at] : days_) {
    const int32_t of_day = day;
    const auto flush = [&]() -> absl::Status {
      std::sort(part.begin(), part.end());
      part.erase(std::unique(part.begin(), part.end()), part.end());
      absl::Status status = part.empty() ? absl::OkStatus() : each(of_day, part);
      part.clear();
      return status;
    };
    const auto take = [&](absl::Span<const uint64_t> some) -> absl::Status {
      while (!some.empty()) {
        const size_t n = std::min(some.size(), kKnownPartMax - part.size());
        part.insert(part.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(n));
        some.remove_prefix(n);
        if (part.size() == kKnownPartMax) GOFARM_RETURN_IF_ERROR(flush());
      }
      return absl::OkStatus();
    };
    for (RunStore::Blob& blob : at.blobs) {
      std::vector<uint64_t> some(blob.size / 8);
      GOFARM_RETURN_IF_ERROR(
          store_.Read(blob, 0, absl::MakeSpan(reinterpret_cast<char*>(some.data()), blob.size)).status());
      blob.memory = {};
      GOFARM_RETURN_IF_ERROR(take(some));
    }
    GOFARM_RETURN_IF_ERROR(take(at.buffer));
    at.buffer = {};
    GOFARM_RETURN_IF_ERROR(flush());
  }
  days_.clear();
  last_ = nullptr;
  buffered_ = 0;
  return absl::OkStatus();
}

}  // namespace gofarm::catalog
