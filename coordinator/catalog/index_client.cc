#include "coordinator/catalog/index_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/line_blocks.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kWholeSecondsSize = std::string_view("2019-04-10T19:08:52").size();
constexpr size_t kDecimalsMax = 9;
constexpr size_t kLineShownMax = 200;

// False: a text for people, or what another service says.
bool TellsTime(std::string_view lines) {
  IndexReader reader;
  IndexBlock block;
  while (!lines.empty()) {
    const size_t size = std::min(lines.find('\n'), lines.size() - 1);
    block.Clear();
    reader.ReadLine(lines.substr(0, size), block);
    if (!block.rows.empty() || (!block.bad.empty() && !block.bad.front().timestamp.empty())) return true;
    lines.remove_prefix(size + 1);
  }
  return false;
}

// The body of one try.
class PageBody {
 public:
  PageBody() : lines_(kIndexLineMax + 1, [this](const std::string& block) { return Keep(block); }) {}
  PageBody(const PageBody&) = delete;
  PageBody& operator=(const PageBody&) = delete;

  void Begin() {
    lines_.Clear();
    kept_.clear();
    received_ = 0;
    too_large_ = false;
  }
  absl::Status Add(std::string_view piece) {
    received_ += piece.size();
    return lines_.Add(piece);
  }
  // Nothing: it is a page.
  std::optional<BodyFault> Judge(const io::HttpResponse& response) {
    if (response.status != 200) return std::nullopt;
    // libcurl notices a body that is shorter than its announced length; a server or a relay between may cut one and
    // announce what is left.
    if (!lines_.EndsLine()) {
      return BodyFault{.error = ErrorClass::kBadAnswer,
                       .why = Cat("but the last of its ", received_, " bytes is not the end of a line")};
    }
    lines_.Finish().IgnoreError();  // Keep refuses nothing
    if (too_large_) {
      return BodyFault{.error = ErrorClass::kTooLarge,
                       .why = Cat("but its lines are more than ", kIndexPageKeptMax, " bytes"),
                       .may_change = false};
    }
    // Such a page is short, and would pass for the end of what there is.
    if (kept_.empty() || TellsTime(kept_)) return std::nullopt;
    return BodyFault{.error = ErrorClass::kBadAnswer,
                     .why = Cat("but none of its lines tells a time; the first: ",
                                EscapeAndClip(std::string_view(kept_).substr(0, kept_.find('\n')), kLineShownMax))};
  }
  std::string Take() { return std::move(kept_); }

 private:
  absl::Status Keep(const std::string& block) {
    too_large_ = too_large_ || kept_.size() + block.size() > kIndexPageKeptMax;
    if (!too_large_) kept_ += block;
    return absl::OkStatus();
  }

  LineBlocks lines_;
  std::string kept_;
  size_t received_ = 0;
  bool too_large_ = false;
};

}  // namespace

absl::Status CheckSince(std::string_view since) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(Cat("\"", Clip(EscapeForPrint(since), 60),
                                          "\" is no time as the index writes it, like 2019-04-10T19:08:52.997264Z"));
  };
  if (since.size() < kWholeSecondsSize + 1 || since.back() != 'Z') return wrong();
  const std::string_view decimals = since.substr(kWholeSecondsSize, since.size() - kWholeSecondsSize - 1);
  if (!decimals.empty()) {
    const std::string_view digits = decimals.substr(1);
    if (decimals.front() != '.' || digits.empty() || digits.size() > kDecimalsMax ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return wrong();
    }
  }
  absl::Time time;
  const std::string whole(since.substr(0, kWholeSecondsSize));
  // ParseTime takes blanks and signs, which a URL must not hold.
  if (whole.find_first_not_of("0123456789-:T") != std::string::npos || whole.front() == '-' ||
      !absl::ParseTime("%Y-%m-%dT%H:%M:%S", whole, &time, nullptr)) {
    return wrong();
  }
  return absl::OkStatus();
}

absl::StatusOr<IndexPage> IndexClient::Page(const Scope& scope, std::string_view since, int lines_max) {
  std::string url = Cat(gate_.url(), "/index?limit=", lines_max);
  if (!since.empty()) {
    GOFARM_RETURN_IF_ERROR(CheckSince(since));
    url += Cat("&since=", since);
  }
  PageBody body;
  AskOptions options{.body_bytes = kIndexPageBytesMax};
  options.judge = [&](const io::HttpResponse& response) { return body.Judge(response); };
  options.begin = [&] { body.Begin(); };
  const auto sink = [&](const io::HttpResponse&, std::string_view piece) { return body.Add(piece); };
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response, gate_.Ask(scope, {.url = url}, options, sink));
  if (response.status != 200) {
    return absl::FailedPreconditionError(Cat("the index answers ", response.status, " to ", url, ": ",
                                             Clip(EscapeForPrint(response.body), 200), "; is its address right?"));
  }
  IndexPage page{.body = body.Take()};
  page.lines = std::count(page.body.begin(), page.body.end(), '\n');
  page.full = page.lines >= lines_max;
  return page;
}

}  // namespace gofarm::catalog
