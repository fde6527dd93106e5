#include "coordinator/log_stream.h"

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "coordinator/page/log_events.h"

namespace gofarm::coordinator {

static_assert(8 * kLogReadMax + 4'096 <= http::kPieceBytesMax);

absl::StatusOr<http::BodyStream::Piece> LogStream::Next() {
  GOFARM_ASSIGN_OR_RETURN(const service::LogTail::Piece read, tail_->Read(offset_, kLogReadMax));
  const blob::LogSlice& slice = read.slice;
  const std::string_view data = slice.data;
  const bool ended = read.ended && slice.at_end;
  // Where the middle of a log was left out, what is read is no part of it.
  const bool gap = slice.next_offset != offset_ + static_cast<int64_t>(data.size());
  size_t shown = gap ? data.size() : page::ShownBytes(data, ended);
  if (shown == 0 && !slice.at_end) shown = data.size();
  offset_ = gap ? slice.next_offset : offset_ + static_cast<int64_t>(shown);
  Piece piece;
  // Browsers wait some seconds before they connect again, each another time; here it is said.
  if (!begun_) piece.data = "retry: 2000\n\n";
  begun_ = true;
  if (shown > 0) piece.data += page::LogEvent(reader_, data.substr(0, shown), offset_);
  if (ended) {
    piece.data += page::EndEvent(offset_);
    piece.then = Piece::Then::kEnd;
  } else if (slice.at_end) {
    piece.then = Piece::Then::kWait;
  }
  const absl::Time now = SteadyNow();
  // A wake that comes for this at kTailStillThere may come a moment before sent_at_ is as old.
  if (piece.data.empty() && now - sent_at_ >= service::kTailStillThere / 2) {
    piece.data = std::string(page::StillThere());
  }
  if (!piece.data.empty()) sent_at_ = now;
  return piece;
}

}  // namespace gofarm::coordinator
