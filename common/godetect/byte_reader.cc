#include "common/godetect/byte_reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "common/io/redact_url.h"

namespace gofarm::godetect {
namespace {

class LocalFile final : public ByteReader {
 public:
  LocalFile(io::Fd fd, int64_t size, std::string name) : fd_(std::move(fd)), name_(std::move(name)) { size_ = size; }

  absl::Status Prepare(const Scope& scope, std::vector<ByteSpan>) override { return scope.Check(); }

  absl::StatusOr<std::string> At(ByteSpan span) const override {
    std::string bytes(static_cast<size_t>(span.size()), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(span.begin) + static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, Cat("read ", name_));
      if (n == 0) return absl::DataLossError(Cat(name_, " became shorter while it was read"));
      done += static_cast<size_t>(n);
    }
    return bytes;
  }

 private:
  const io::Fd fd_;
  const std::string name_;
};

// An unlinked file in the folder for temporary files.
absl::StatusOr<io::Fd> MakeTemporaryFile() {
  const char* const folder = getenv("TMPDIR");
  std::string path = Cat(folder != nullptr && *folder != '\0' ? folder : "/tmp", "/gofarm-zip.XXXXXX");
  io::Fd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cat("create a temporary file ", path));
  unlink(path.c_str());
  return fd;
}

class HttpFile final : public ByteReader {
 public:
  HttpFile(io::HttpAsk ask, std::string url, io::HttpLimits limits, RangeRules rules, FetchStats* stats)
      : ask_(std::move(ask)), url_(std::move(url)), limits_(std::move(limits)), rules_(rules), stats_(stats) {}

  absl::Status Open(const Scope& scope) {
    Round();
    io::HttpRequest request{.url = url_, .range = io::ByteRange{.first = -rules_.tail_bytes}};
    // A folder that stands in for a server: libcurl refuses a range that is longer than the file.
    if (absl::StartsWith(url_, "file:")) request.range.reset();
    // A server without ranges sends all: into memory up to a limit, then into a file.
    std::string body;
    io::HttpLimits limits = limits_;
    limits.body_bytes = rules_.file_bytes_max;
    GOFARM_ASSIGN_OR_RETURN(
        const io::HttpResponse response,
        ask_(scope, request, limits, [&](const io::HttpResponse& head, std::string_view piece) {
          if (head.status == 206 && static_cast<int64_t>(body.size() + piece.size()) > rules_.tail_bytes) {
            return absl::InvalidArgumentError("a range longer than what was asked for");
          }
          return Keep(body, piece);
        }));
    CountBytes(static_cast<int64_t>(body.size()) + spooled_);
    if (response.status == 200) return TakeWhole(std::move(body));
    // No range of it can be had, or none from its end: the file is shorter, or the server knows no such ranges.
    if (response.status == 416) return Download(scope, std::nullopt);
    if (response.status != 206) return StatusOfAnswer(response, io::RedactUrl(url_));
    const absl::StatusOr<Part> part = PartOf(response);
    if (!part.ok()) return part.status();
    size_ = part->total;
    if (size_ > rules_.file_bytes_max) {
      return absl::ResourceExhaustedError(Cat(size_, " bytes, the limit is ", rules_.file_bytes_max));
    }
    if (part->span.end != size_ || part->span.size() != static_cast<int64_t>(body.size()) ||
        part->span.size() != std::min(size_, rules_.tail_bytes)) {
      return absl::InvalidArgumentError(Cat(io::RedactUrl(url_), ": another range than the last bytes"));
    }
    // A redirect leads to a signed URL: the next ranges are asked there, at the price of no redirect.
    ranged_url_ = response.url;
    Insert(part->span.begin, std::move(body));
    if (size_ <= rules_.whole_below && part->span.begin > 0) return Prepare(scope, {{0, size_}});
    return absl::OkStatus();
  }

  absl::Status Prepare(const Scope& scope, std::vector<ByteSpan> spans) override {
    if (local_ != nullptr) return scope.Check();
    std::vector<ByteSpan> missing = Joined(spans);
    if (missing.empty()) return scope.Check();
    int64_t wanted = SizeOf(missing);
    if (static_cast<double>(wanted) >= rules_.whole_share * static_cast<double>(size_ - held_)) {
      missing.clear();
      AddMissing({0, size_}, missing);
      if (stats_ != nullptr) stats_->whole = true;
    }
    // Joined ranges may cover what is there already; that is cheaper than another request.
    wanted = SizeOf(missing);
    if (held_ + wanted > rules_.memory_bytes) return Download(scope, size_);
    return FetchAll(scope, missing);
  }

  int64_t BytesToFetch(std::vector<ByteSpan> spans) const override {
    return local_ != nullptr ? 0 : SizeOf(Joined(spans));
  }

  absl::StatusOr<std::string> At(ByteSpan span) const override {
    if (local_ != nullptr) return local_->At(span);
    std::string bytes;
    bytes.reserve(static_cast<size_t>(span.size()));
    auto piece = pieces_.upper_bound(span.begin);
    if (piece != pieces_.begin()) --piece;
    for (int64_t at = span.begin; at < span.end; ++piece) {
      if (piece == pieces_.end() || piece->first > at || End(*piece) <= at) {
        return absl::InternalError(Cat("bytes ", span.begin, " to ", span.end, " were not prepared"));
      }
      const int64_t until = std::min(span.end, End(*piece));
      bytes.append(piece->second, static_cast<size_t>(at - piece->first), static_cast<size_t>(until - at));
      at = until;
    }
    return bytes;
  }

 private:
  struct Part {
    ByteSpan span;
    int64_t total = 0;
  };

  static int64_t End(const std::pair<const int64_t, std::string>& piece) {
    return piece.first + static_cast<int64_t>(piece.second.size());
  }

  void Round() {
    if (stats_ != nullptr) ++stats_->rounds;
  }
  void CountBytes(int64_t bytes) {
    if (stats_ == nullptr) return;
    stats_->bytes += bytes;
    ++stats_->requests;
  }

  static absl::StatusOr<Part> PartOf(const io::HttpResponse& response) {
    const std::optional<io::ContentRange> range = io::ParseContentRange(response.headers.Get("content-range"));
    if (!range || !range->total) {
      return absl::InvalidArgumentError("an answer 206 whose Content-Range says no range or no size");
    }
    return Part{.span = {range->first, range->last + 1}, .total = *range->total};
  }

  // Of a whole file: what does not fit into memory goes into a temporary file.
  absl::Status Keep(std::string& body, std::string_view piece) {
    if (!spool_ && static_cast<int64_t>(body.size() + piece.size()) <= rules_.memory_bytes) {
      body.append(piece);
      return absl::OkStatus();
    }
    if (!spool_) {
      GOFARM_ASSIGN_OR_RETURN(spool_, MakeTemporaryFile());
      GOFARM_RETURN_IF_ERROR(io::WriteAll(spool_.get(), body, "a temporary file"));
      spooled_ = static_cast<int64_t>(body.size());
      std::string().swap(body);
    }
    spooled_ += static_cast<int64_t>(piece.size());
    return io::WriteAll(spool_.get(), piece, "a temporary file");
  }

  absl::Status TakeWhole(std::string body) {
    if (stats_ != nullptr) stats_->whole = true;
    if (spool_) {
      size_ = spooled_;
      local_ = std::make_unique<LocalFile>(std::move(spool_), spooled_, "a temporary file");
      pieces_.clear();
    } else {
      size_ = static_cast<int64_t>(body.size());
      pieces_.clear();
      held_ = 0;
      Insert(0, std::move(body));
    }
    return absl::OkStatus();
  }

  // `size`: what it must have; null: nothing is known of it.
  absl::Status Download(const Scope& scope, std::optional<int64_t> size) {
    Round();
    std::string body;
    io::HttpLimits limits = limits_;
    limits.body_bytes = rules_.file_bytes_max;
    GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response,
                            ask_(scope, {.url = url_, .compressed = false}, limits,
                                 [&](const io::HttpResponse&, std::string_view piece) { return Keep(body, piece); }));
    CountBytes(static_cast<int64_t>(body.size()) + spooled_);
    if (response.status != 200) return StatusOfAnswer(response, io::RedactUrl(url_));
    GOFARM_RETURN_IF_ERROR(TakeWhole(std::move(body)));
    if (size && size_ != *size) {
      return absl::InvalidArgumentError(Cat(io::RedactUrl(url_), " changed while it was read"));
    }
    return absl::OkStatus();
  }

  void Insert(int64_t begin, std::string bytes) {
    if (bytes.empty()) return;
    held_ += static_cast<int64_t>(bytes.size());
    pieces_.insert_or_assign(begin, std::move(bytes));
  }

  // What is not there of a round's spans, as it is asked for.
  std::vector<ByteSpan> Joined(const std::vector<ByteSpan>& spans) const {
    std::vector<ByteSpan> missing;
    for (const ByteSpan& span : spans) AddMissing(span, missing);
    return missing.empty() ? missing : JoinSpans(std::move(missing), rules_, size_ / rules_.spare_share);
  }
  static int64_t SizeOf(const std::vector<ByteSpan>& spans) {
    int64_t bytes = 0;
    for (const ByteSpan& span : spans) bytes += span.size();
    return bytes;
  }

  // The parts of `span` that are not there.
  void AddMissing(ByteSpan span, std::vector<ByteSpan>& missing) const {
    span = {std::max<int64_t>(span.begin, 0), std::min(span.end, size_)};
    auto piece = pieces_.upper_bound(span.begin);
    if (piece != pieces_.begin()) --piece;
    int64_t at = span.begin;
    for (; at < span.end && piece != pieces_.end(); ++piece) {
      if (End(*piece) <= at) continue;
      if (piece->first > at) missing.push_back({at, std::min(piece->first, span.end)});
      at = std::max(at, End(*piece));
    }
    if (at < span.end) missing.push_back({at, span.end});
  }

  // Null: the server gives ranges no more, only the whole.
  absl::StatusOr<std::optional<std::string>> Fetch(const Scope& scope, ByteSpan span) const {
    for (const std::string* url : {&ranged_url_, &url_}) {
      io::HttpLimits limits = limits_;
      limits.body_bytes = span.size();
      const io::HttpRequest request{
          .url = *url, .range = io::ByteRange{.first = span.begin, .length = span.size()}, .part_only = true};
      absl::StatusOr<io::HttpResponse> response = ask_(scope, request, limits, nullptr);
      const bool last = url == &url_ || ranged_url_ == url_;
      if (!last && (!response.ok() || response->status != 206) && scope.Check().ok()) continue;  // it expired
      if (!response.ok()) return response.status();
      if (response->status == 200 || response->status == 416) return std::optional<std::string>();
      if (response->status != 206) return StatusOfAnswer(*response, io::RedactUrl(*url));
      const absl::StatusOr<Part> part = PartOf(*response);
      if (!part.ok()) return part.status();
      if (part->span.begin != span.begin || part->span.end != span.end || part->total != size_ ||
          static_cast<int64_t>(response->body.size()) != span.size()) {
        return absl::InvalidArgumentError(Cat(io::RedactUrl(*url), ": another range than what was asked for"));
      }
      return std::optional<std::string>(std::move(response->body));
    }
    return absl::InternalError("no URL");
  }

  absl::Status FetchAll(const Scope& scope, const std::vector<ByteSpan>& spans) {
    Round();
    std::vector<absl::StatusOr<std::optional<std::string>>> bodies(spans.size(), absl::UnknownError("not fetched"));
    std::atomic<size_t> next = 0;
    std::atomic<bool> whole_only = false;
    const auto work = [&] {
      for (size_t i = next++; i < spans.size(); i = next++) {
        bodies[i] = Fetch(scope, spans[i]);
        if (bodies[i].ok() && bodies[i]->has_value()) continue;
        if (bodies[i].ok()) whole_only = true;
        next = spans.size();
      }
    };
    {
      std::vector<std::jthread> helpers;
      for (size_t i = 1; i < std::min(rules_.at_once, spans.size()); ++i) helpers.emplace_back(work);
      work();
    }
    if (whole_only) return Download(scope, size_);
    for (size_t i = 0; i < spans.size(); ++i) {
      if (!bodies[i].ok() && !absl::IsUnknown(bodies[i].status())) return bodies[i].status();
    }
    for (size_t i = 0; i < spans.size(); ++i) {
      CountBytes(spans[i].size());
      // The part of a joined range that is there already is dropped.
      std::vector<ByteSpan> fresh;
      AddMissing(spans[i], fresh);
      for (const ByteSpan& part : fresh) {
        Insert(
            part.begin,
            (*bodies[i])->substr(static_cast<size_t>(part.begin - spans[i].begin), static_cast<size_t>(part.size())));
      }
    }
    return absl::OkStatus();
  }

  const io::HttpAsk ask_;
  const std::string url_;
  const io::HttpLimits limits_;
  const RangeRules rules_;
  FetchStats* const stats_;
  std::string ranged_url_;
  std::map<int64_t, std::string> pieces_;  // by their offsets, disjoint
  int64_t held_ = 0;
  io::Fd spool_;
  int64_t spooled_ = 0;
  std::unique_ptr<LocalFile> local_;  // a whole file that is too large for memory
};

}  // namespace

absl::Status StatusOfAnswer(const io::HttpResponse& response, const std::string& what) {
  const std::string reason = Clip(EscapeForPrint(response.body.substr(0, response.body.find('\n'))), 160);
  const std::string text = Cat(what, " answers ", response.status, reason.empty() ? "" : ": ", reason);
  if (response.status == 404 || response.status == 410) {
    // The proxy gave up on the origin, which says nothing about the version.
    if (absl::StrContains(response.body, "fetch timed out")) return absl::UnavailableError(text);
    return absl::NotFoundError(text);
  }
  if (response.status == 403 || response.status == 451) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

std::vector<ByteSpan> JoinSpans(std::vector<ByteSpan> spans, const RangeRules& rules, int64_t spare) {
  std::sort(spans.begin(), spans.end(), [](const ByteSpan& a, const ByteSpan& b) { return a.begin < b.begin; });
  const auto join = [&spans](int64_t gap_max) {
    std::vector<ByteSpan> joined;
    for (const ByteSpan& span : spans) {
      if (!joined.empty() && span.begin - joined.back().end <= gap_max) {
        joined.back().end = std::max(joined.back().end, span.end);
      } else {
        joined.push_back(span);
      }
    }
    spans = std::move(joined);
  };
  join(rules.join_gap);
  const auto gaps_now = [&spans] {
    std::vector<int64_t> gaps;
    for (size_t i = 1; i < spans.size(); ++i) gaps.push_back(spans[i].begin - spans[i - 1].end);
    return gaps;
  };
  std::vector<int64_t> nearest = gaps_now();
  std::sort(nearest.begin(), nearest.end());
  int64_t closed = 0;
  for (const int64_t gap : nearest) {
    if (gap > spare) break;
    spare -= gap;
    closed = gap;
  }
  join(closed);
  if (spans.size() <= rules.ranges_max) return spans;
  // All but the widest gaps are closed.
  std::vector<int64_t> gaps = gaps_now();
  const auto widest = gaps.begin() + static_cast<std::ptrdiff_t>(rules.ranges_max) - 1;
  std::nth_element(gaps.begin(), widest, gaps.end(), std::greater<>());
  join(*widest);
  return spans;
}

absl::StatusOr<std::unique_ptr<ByteReader>> OpenLocalFile(const std::string& path) {
  io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cat("open ", path));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", path));
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(Cat(path, " is no file"));
  return std::make_unique<LocalFile>(std::move(fd), info.st_size, path);
}

absl::StatusOr<std::unique_ptr<ByteReader>> OpenHttpFile(const Scope& scope, io::HttpAsk ask, const std::string& url,
                                                         const io::HttpLimits& limits, const RangeRules& rules,
                                                         FetchStats* stats) {
  auto file = std::make_unique<HttpFile>(std::move(ask), url, limits, rules, stats);
  GOFARM_RETURN_IF_ERROR_CTX(file->Open(scope), Cat("read ", io::RedactUrl(url)));
  return file;
}

}  // namespace gofarm::godetect
