#include "common/io/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

struct Transfer {
  const Scope* scope;
  const HttpLimits* limits;
  const HttpClient::BodySink* sink;
  CURL* handle;
  int64_t received = 0;
  bool too_large = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* t = static_cast<Transfer*>(user);
  const size_t n = size * count;
  t->received += static_cast<int64_t>(n);
  if (t->received > t->limits->body_bytes) {
    t->too_large = true;
    return 0;
  }
  curl_off_t total = 0;
  curl_easy_getinfo(t->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
  return (*t->sink)(std::string_view(data, n), std::max<int64_t>(total, 0)) ? n : 0;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->scope->Done() ? 1 : 0;
}

}  // namespace

std::string RedactUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return EscapeForPrint(url.substr(0, url.find('?')));
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("?#"));
  const size_t slash = std::min(rest.find('/'), rest.size());
  const size_t at = rest.substr(0, slash).rfind('@');
  if (at != std::string_view::npos) rest.remove_prefix(at + 1);
  return EscapeForPrint(Cat(url.substr(0, scheme + 3), rest));
}

HttpClient::HttpClient(std::string user_agent) : user_agent_(std::move(user_agent)) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  GOFARM_CHECK(once == CURLE_OK);
}

HttpClient::~HttpClient() = default;

absl::StatusOr<int> HttpClient::Download(const Scope& scope, const std::string& url, const HttpLimits& limits,
                                         const BodySink& sink) const {
  const std::string shown = RedactUrl(url);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(), &curl_easy_cleanup);
  GOFARM_CHECK(handle != nullptr);
  CURL* const h = handle.get();
  Transfer transfer{&scope, &limits, &sink, h};
  const absl::Duration left = std::min(scope.Remaining(), absl::Hours(1));
  if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError(Cat("GET ", shown, ": no time left"));
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, limits.redirects > 0 ? 1L : 0L);
  curl_easy_setopt(h, CURLOPT_MAXREDIRS, static_cast<long>(limits.redirects));
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(absl::ToInt64Milliseconds(left), 1)));
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, 15'000L);
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_USERAGENT, user_agent_.c_str());
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(h, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(h);
  long status = 0;
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
  switch (code) {
    case CURLE_OK:
      // file:// has no status of its own.
      return status == 0 ? 200 : static_cast<int>(status);
    case CURLE_FILE_COULDNT_READ_FILE:
      return 404;
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(Cat("GET ", shown, ": no answer in time"));
    case CURLE_ABORTED_BY_CALLBACK: {
      const absl::Status why = scope.Check();
      return why.ok() ? absl::CancelledError(Cat("GET ", shown, ": ended")) : why;
    }
    case CURLE_WRITE_ERROR:
      if (transfer.too_large) {
        return absl::ResourceExhaustedError(Cat("GET ", shown, ": more than ", limits.body_bytes, " bytes"));
      }
      return absl::CancelledError(Cat("GET ", shown, ": ended by its reader"));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(Cat("GET ", shown, ": ", curl_easy_strerror(code)));
    default:
      return absl::UnavailableError(Cat("GET ", shown, ": ", curl_easy_strerror(code)));
  }
}

absl::StatusOr<HttpResponse> HttpClient::Get(const Scope& scope, const std::string& url,
                                             const HttpLimits& limits) const {
  HttpResponse response;
  const absl::StatusOr<int> status = Download(scope, url, limits, [&](std::string_view piece, int64_t) {
    response.body.append(piece);
    return true;
  });
  if (!status.ok()) return status.status();
  response.status = *status;
  return response;
}

}  // namespace gofarm::io
