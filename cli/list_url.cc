#include "cli/list_url.h"

#include <utility>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/http_client.h"
#include "common/io/url.h"

namespace gofarm::cli {

bool IsListUrl(std::string_view text) {
  return absl::StartsWithIgnoreCase(Av(text), "http://") || absl::StartsWithIgnoreCase(Av(text), "https://");
}

absl::StatusOr<std::string> FetchList(const Scope& scope, const std::string& url) {
  GOFARM_ASSIGN_OR_RETURN(const io::Url typed, io::ParseUrl(url));
  const auto failed = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        Cat("the list ", EscapeForPrint(io::RedactUrl(url)), " cannot be fetched: ", why));
  };
  if (!IsListUrl(url)) return failed("it is no http or https address");
  const io::HttpClient http(Cat("gofarm/", GOFARM_VERSION));
  io::HttpLimits limits{.body_bytes = kListUrlBytesMax, .public_addresses_only = true};
  limits.may_be_private = [&](const io::Url& asked) { return asked.SameOrigin(typed); };
  absl::StatusOr<io::HttpResponse> response = http.Get(scope, url, limits);
  if (absl::IsCancelled(response.status())) return response.status();
  if (!response.ok()) return failed(EscapeForPrint(Sv(response.status().message())));
  if (response->status != 200) return failed(Cat("its server answers ", response->status));
  if (absl::StartsWithIgnoreCase(Av(response->headers.Get("content-type")), "text/html")) {
    return failed("it is a page of HTML; give the address of the file itself (GitHub: the one behind \"Raw\")");
  }
  return std::move(response->body);
}

}  // namespace gofarm::cli
