#include "common/http/file_response.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::http {
namespace {

class FileStream final : public BodyStream {
 public:
  FileStream(io::Fd fd, int64_t first, int64_t size) : fd_(std::move(fd)), at_(first), end_(first + size) {}
  std::optional<int64_t> size() const override { return end_ - at_; }
  std::optional<FilePart> file() const override { return FilePart{fd_.get(), at_, end_ - at_}; }

  absl::StatusOr<Piece> Next() override {
    Piece piece;
    piece.data.resize(static_cast<size_t>(std::min<int64_t>(end_ - at_, kPieceBytesMax)));
    ssize_t n;
    do {
      n = ::pread(fd_.get(), piece.data.data(), piece.data.size(), at_);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return ErrnoStatus(errno, "read the file that is served");
    if (n == 0 && !piece.data.empty()) return absl::DataLossError("the file that is served is shorter than it was");
    piece.data.resize(static_cast<size_t>(n));
    at_ += n;
    if (at_ == end_) piece.then = Piece::Then::kEnd;
    return piece;
  }

 private:
  const io::Fd fd_;
  int64_t at_;
  const int64_t end_;
};

std::optional<int64_t> Number(absl::string_view text) {
  int64_t value = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != absl::string_view::npos) return std::nullopt;
  if (!absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

// If-None-Match compares weakly.
bool Matches(std::string_view list, std::string_view etag) {
  for (absl::string_view one : absl::StrSplit(Av(list), ',')) {
    one = absl::StripAsciiWhitespace(one);
    absl::ConsumePrefix(&one, "W/");
    if (one == "*" || Sv(one) == etag) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::optional<Part>> PartOf(std::string_view range, int64_t size) {
  const std::optional<Part> whole;
  absl::string_view text = absl::StripAsciiWhitespace(Av(range));
  if (!absl::ConsumePrefix(&text, "bytes=") || absl::StrContains(text, ",")) return whole;
  const size_t dash = text.find('-');
  if (dash == absl::string_view::npos) return whole;
  const std::optional<int64_t> first = Number(text.substr(0, dash));
  const std::optional<int64_t> last = Number(text.substr(dash + 1));
  const auto beyond = [size] { return absl::OutOfRangeError(Cat("the body has ", size, " bytes")); };
  if (!first) {
    if (dash != 0 || !last) return whole;
    if (*last == 0 || size == 0) return beyond();
    return std::optional<Part>(Part{std::max<int64_t>(size - *last, 0), size - 1});
  }
  if (!last && dash + 1 != text.size()) return whole;
  if (last && *last < *first) return whole;
  if (*first >= size) return beyond();
  return std::optional<Part>(Part{*first, std::min(last.value_or(size - 1), size - 1)});
}

Response FileResponse(const Request& request, FileToServe file) {
  Response response{.content_type = std::move(file.content_type)};
  response.headers.Add("ETag", file.etag);
  response.headers.Add("Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.headers.Add("Accept-Ranges", "bytes");
  if (Matches(request.headers.Get("if-none-match"), file.etag)) {
    response.status = 304;
    return response;
  }
  Part part{0, file.size - 1};
  const std::string* const if_range = request.headers.Find("if-range");
  const std::string_view range = request.headers.Get("range");
  if (!range.empty() && (if_range == nullptr || *if_range == file.etag)) {
    const absl::StatusOr<std::optional<Part>> asked = PartOf(range, file.size);
    if (!asked.ok()) {
      response.status = 416;
      response.headers.Add("Content-Range", Cat("bytes */", file.size));
      return response;
    }
    if (*asked) {
      part = **asked;
      response.status = 206;
      response.headers.Add("Content-Range", Cat("bytes ", part.first, "-", part.last, "/", file.size));
    }
  }
  response.stream = std::make_shared<FileStream>(std::move(file.fd), part.first, part.last - part.first + 1);
  return response;
}

}  // namespace gofarm::http
