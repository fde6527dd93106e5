#include "coordinator/catalog/index_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kWholeSecondsSize = std::string_view("2019-04-10T19:08:52").size();
constexpr size_t kDecimalsMax = 9;

// libcurl notices a body that is shorter than its announced length; a server or a relay between may cut one and
// announce what is left.
std::optional<BodyFault> JudgePage(const io::HttpResponse& response) {
  if (response.status != 200) return std::nullopt;
  if (response.body.empty() || response.body.back() == '\n') return std::nullopt;
  return BodyFault{.error = ErrorClass::kBadAnswer,
                   .why = Cat("but the last of its ", response.body.size(), " bytes is not the end of a line")};
}

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
  GOFARM_ASSIGN_OR_RETURN(io::HttpResponse response,
                          gate_.Ask(scope, {.url = url}, {.body_bytes = kIndexPageBytesMax, .judge = &JudgePage}));
  if (response.status != 200) {
    return absl::FailedPreconditionError(Cat("the index answers ", response.status, " to ", url, ": ",
                                             Clip(EscapeForPrint(response.body), 200), "; is its address right?"));
  }
  IndexPage page{.body = std::move(response.body)};
  page.lines = std::count(page.body.begin(), page.body.end(), '\n');
  page.full = page.lines >= lines_max;
  return page;
}

}  // namespace gofarm::catalog
