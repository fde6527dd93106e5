// A log as server-sent events while it grows: what page/log_events.h writes, read through a service::LogTail. Occupies
// no thread while it waits. Of BodyStream's thread rules.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "common/http/router.h"
#include "coordinator/page/ansi.h"
#include "coordinator/service/log_tails.h"

namespace gofarm::coordinator {

// Of a log, for one piece: written down as JSON it is at most eight times as long, where each letter has a colour of
// its own.
inline constexpr size_t kLogReadMax = 31 << 10;

class LogStream final : public http::BodyStream {
 public:
  LogStream(std::shared_ptr<service::LogTail> tail, int64_t offset) : tail_(std::move(tail)), offset_(offset) {}

  void Start(std::function<void()> wake) override { tail_->OnNews(std::move(wake)); }
  absl::StatusOr<Piece> Next() override;

 private:
  const std::shared_ptr<service::LogTail> tail_;
  int64_t offset_;
  page::AnsiReader reader_;
  bool begun_ = false;
  absl::Time sent_at_ = absl::InfinitePast();
};

}  // namespace gofarm::coordinator
