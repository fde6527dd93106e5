#include "coordinator/store/copy_writer.h"

#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/store/raw_connection.h"

namespace gofarm::store {
namespace {

// Signature, flags, length of the header's extension.
constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kTrailer("\377\377", 2);

}  // namespace

absl::StatusOr<std::unique_ptr<CopyWriter>> CopyWriter::Start(const Scope& scope, RawConnection& connection,
                                                              std::string_view name) {
  GOFARM_RETURN_IF_ERROR(connection.StartCopy(scope, name));
  std::unique_ptr<CopyWriter> writer(new CopyWriter(scope, connection));
  writer->buffer_.reserve(kCopyBlock + kCopyBlock / 8);
  writer->buffer_.append(kHeader);
  writer->sender_ = std::thread([w = writer.get()] { w->Send(); });
  return writer;
}

CopyWriter::~CopyWriter() {
  if (finished_) return;
  {
    const absl::MutexLock lock(&mutex_);
    blocks_.clear();
  }
  Join();
  const absl::MutexLock lock(&mutex_);
  if (failed_.ok()) connection_.EndCopy(scope_, "given up").IgnoreError();
}

absl::Status CopyWriter::Hand() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &CopyWriter::CanHand));
  if (!failed_.ok()) return failed_;
  std::string next = std::move(spare_);
  spare_.clear();
  next.clear();
  blocks_.push_back(std::exchange(buffer_, std::move(next)));
  return absl::OkStatus();
}

absl::Status CopyWriter::Put(std::string block) {
  if (!buffer_.empty()) GOFARM_RETURN_IF_ERROR(Hand());
  buffer_ = std::move(block);
  return Hand();
}

void CopyWriter::Send() {
  while (true) {
    std::string block;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &CopyWriter::CanSend));
      if (blocks_.empty()) return;
      block = std::move(blocks_.front());
      blocks_.pop_front();
    }
    absl::Status sent = connection_.PutCopy(scope_, block);
    if (!sent.ok()) {
      // What the server says of it tells more than a connection that takes no more.
      const absl::Status said = connection_.EndCopy(scope_, "given up").status();
      if (!said.ok()) sent = said;
    }
    const absl::MutexLock lock(&mutex_);
    spare_ = std::move(block);
    if (!sent.ok()) {
      failed_ = sent;
      blocks_.clear();
      return;
    }
  }
}

void CopyWriter::Join() {
  {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  if (sender_.joinable()) sender_.join();
}

absl::StatusOr<int64_t> CopyWriter::Finish() {
  buffer_.append(kTrailer);
  GOFARM_RETURN_IF_ERROR(Hand());
  Join();
  finished_ = true;
  {
    const absl::MutexLock lock(&mutex_);
    if (!failed_.ok()) return failed_;
  }
  return connection_.EndCopy(scope_);
}

}  // namespace gofarm::store
