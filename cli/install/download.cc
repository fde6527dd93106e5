#include "cli/install/download.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "cli/install/index_reader.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/redact_url.h"
#include "common/sync/wait.h"

namespace gofarm::install {
namespace {

constexpr size_t kReadBytes = 256 << 10;
// Beyond the size, so that it is this code that sees too long a body and not the client's limit.
constexpr int64_t kBodySlack = 1 << 20;

class Transfer {
 public:
  Transfer(const io::HttpAsk& ask, const Wanted& wanted, const PartFile& part, const Progress& progress)
      : ask_(ask), wanted_(wanted), part_(part), progress_(progress), where_(io::RedactUrl(wanted.url)) {}

  absl::Status Run(const Scope& scope) {
    GOFARM_RETURN_IF_ERROR(TakeUp());
    while (true) {
      if (have_ < wanted_.size) GOFARM_RETURN_IF_ERROR(Fill(scope));
      const std::string got = hash_.HexAndReset();
      if (got == wanted_.sha256) return absl::OkStatus();
      if (!of_before_) {
        return Lost(Cat("the SHA-256 of what ", where_, " gave differs: expected ", wanted_.sha256, ", got ", got,
                        "; it was changed on its way"));
      }
      // An earlier download left something else there.
      GOFARM_RETURN_IF_ERROR(Restart());
    }
  }

 private:
  absl::Status Lost(std::string_view why) {
    part_.Remove();
    return absl::DataLossError(Cat(why, "; nothing was installed"));
  }

  absl::Status Restart() {
    hash_ = digest::Sha256();
    have_ = 0;
    of_before_ = false;
    return part_.Restart();
  }

  // Hashes what an earlier download left.
  absl::Status TakeUp() {
    GOFARM_ASSIGN_OR_RETURN(const int64_t size, part_.Size());
    if (size > wanted_.size) return Restart();
    of_before_ = size > 0;
    std::vector<char> buffer(of_before_ ? kReadBytes : 0);
    while (have_ < size) {
      const ssize_t n = pread(part_.fd(), buffer.data(), buffer.size(), have_);
      if (n <= 0) return ErrnoStatus(n < 0 ? errno : EIO, Cat("read ", part_.path()));
      hash_.Update({buffer.data(), static_cast<size_t>(n)});
      have_ += n;
    }
    if (lseek(part_.fd(), have_, SEEK_SET) == have_) return absl::OkStatus();
    return ErrnoStatus(errno, Cat("read ", part_.path()));
  }

  absl::Status Take(const io::HttpResponse& head, std::string_view piece, bool& first) {
    if (std::exchange(first, false)) {
      etag_ = std::string(head.headers.Get("etag"));
      if (head.status != 206) {
        if (have_ > 0) GOFARM_RETURN_IF_ERROR(Restart());
      } else if (const auto range = io::ParseContentRange(head.headers.Get("content-range"));
                 !range || range->first != have_) {
        return absl::UnavailableError(Cat(where_, " sent another part than the one that it was asked for"));
      }
    }
    if (static_cast<int64_t>(piece.size()) > wanted_.size - have_) {
      return Lost(Cat(where_, " gave more than the ", wanted_.size, " bytes that were signed"));
    }
    GOFARM_RETURN_IF_ERROR(io::WriteAll(part_.fd(), piece, part_.path()));
    hash_.Update(piece);
    have_ += static_cast<int64_t>(piece.size());
    if (progress_) progress_(have_, wanted_.size);
    return absl::OkStatus();
  }

  // One request. OK: ask again unless all is there.
  absl::Status Ask(const Scope& scope, absl::Duration& wait, absl::Status& passing) {
    io::HttpRequest request{.url = wanted_.url, .compressed = false};
    if (have_ > 0) {
      request.range = io::ByteRange{.first = have_};
      // Weak ones do not promise the same bytes (RFC 9110, 13.1.5).
      if (!etag_.empty() && !etag_.starts_with("W/")) request.headers.Add("If-Range", etag_);
    }
    bool first = true;
    const absl::StatusOr<io::HttpResponse> answer =
        ask_(scope, request, {.body_bytes = wanted_.size + kBodySlack},
             [&](const io::HttpResponse& head, std::string_view piece) { return Take(head, piece, first); });
    if (!answer.ok()) {
      if (!absl::IsUnavailable(answer.status()) || scope.Done()) return answer.status();
      passing = answer.status();
      return absl::OkStatus();
    }
    if (answer->status / 100 == 2) {
      if (have_ == wanted_.size) return absl::OkStatus();
      return Lost(Cat(where_, " gave ", have_, " bytes instead of the ", wanted_.size, " that were signed"));
    }
    passing = absl::UnavailableError(Cat("GET ", where_, ": HTTP status ", answer->status));
    if (answer->status == 416 && have_ > 0) return Restart();
    if (answer->status != 429 && answer->status < 500) return passing;
    wait = std::min(answer->retry_after.value_or(absl::ZeroDuration()), kRetryAfterMax);
    return absl::OkStatus();
  }

  absl::Status Fill(const Scope& scope) {
    for (int fruitless = 0; have_ < wanted_.size;) {
      const int64_t before = have_;
      absl::Duration wait;
      absl::Status passing;
      GOFARM_RETURN_IF_ERROR(Ask(scope, wait, passing));
      if (have_ == wanted_.size) break;
      fruitless = have_ > before ? 0 : fruitless + 1;
      if (fruitless >= kFruitlessTries) return passing;
      if (!sync::SleepFor(scope, std::max(wait, kDownloadRetry * fruitless))) return scope.Check();
    }
    return absl::OkStatus();
  }

  const io::HttpAsk& ask_;
  const Wanted& wanted_;
  const PartFile& part_;
  const Progress& progress_;
  const std::string where_;
  digest::Sha256 hash_;
  int64_t have_ = 0;
  bool of_before_ = false;  // some of it is from an earlier download
  std::string etag_;
};

}  // namespace

absl::Status Download(const Scope& scope, const io::HttpAsk& ask, const Wanted& wanted, const PartFile& part,
                      const Progress& progress) {
  return Transfer(ask, wanted, part, progress).Run(scope);
}

}  // namespace gofarm::install
