#include "common/io/http_client.h"

#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/ca_bundle.h"
#include "common/sync/wait.h"

namespace gofarm::io {
namespace {

constexpr absl::Duration kStopCheck = absl::Milliseconds(100);  // a wait for the budget sees a stop this late at most
constexpr int64_t kRedirectBodyMax = 64 << 10;                  // read, so that the connection can be kept

// One request of a call, without its redirects.
struct Transfer {
  const Scope* scope;
  const HttpLimits* limits;
  const HttpClient::BodySink* sink;  // null: the body is kept
  bool file = false;
  std::optional<ByteRange> range;
  bool part_only = false;
  BodySource* source = nullptr;
  HttpResponse head;
  size_t header_bytes = 0;
  int64_t received = 0;
  int64_t sent = 0;
  int redirects_left = 0;
  bool body_ended_early = false;  // on purpose: it is not wanted
  absl::Status refused;           // why a callback ended the transfer

  bool Follows() const { return IsRedirect(head.status) && redirects_left > 0 && head.headers.Find("location"); }
};

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto* t = static_cast<Transfer*>(user);
  const size_t n = size * count;
  std::string_view line(data, n);
  t->header_bytes += n;
  if (absl::StartsWith(Av(line), "HTTP/")) {
    // A new answer: the one before was "100 Continue" and the like.
    t->head.headers.Clear();
    t->head.status = 0;
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos) (void)absl::SimpleAtoi(Av(line.substr(blank + 1, 3)), &t->head.status);
    return n;
  }
  if (t->header_bytes > t->limits->header_bytes || t->head.headers.fields().size() >= size_t{kAnswerHeadersMax}) {
    t->refused = absl::ResourceExhaustedError(
        Cat("more than ", t->limits->header_bytes, " bytes or ", kAnswerHeadersMax, " fields in the answer's header"));
    return 0;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && colon > 0) {
    t->head.headers.Add(std::string(line.substr(0, colon)),
                        std::string(Sv(absl::StripAsciiWhitespace(Av(line.substr(colon + 1))))));
  }
  return n;
}

void ReadLength(HttpResponse& head) {
  int64_t length = 0;
  if (head.headers.Find("content-encoding") == nullptr &&
      absl::SimpleAtoi(Av(head.headers.Get("content-length")), &length)) {
    head.content_length = length;
  }
}

// file:// has no status and answers no range: both as an HTTP server would give them.
void CompleteFileAnswer(Transfer& t) {
  if (t.head.status != 0) return;
  t.head.status = 200;
  int64_t size = 0;
  if (!t.range || !absl::SimpleAtoi(Av(t.head.headers.Get("content-length")), &size)) return;
  const int64_t first = t.range->first < 0 ? std::max<int64_t>(size + t.range->first, 0) : t.range->first;
  int64_t last = size - 1;
  if (t.range->first >= 0 && t.range->length) last = std::min(last, first + *t.range->length - 1);
  t.head.status = 206;
  t.head.headers.Add("Content-Range", Cat("bytes ", first, "-", last, "/", size));
  t.head.headers.Remove("content-length");
  t.head.headers.Add("Content-Length", Cat(last - first + 1));
}

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* t = static_cast<Transfer*>(user);
  const size_t n = size * count;
  const bool first = t->received == 0;
  if (first && t->file) CompleteFileAnswer(*t);
  t->received += static_cast<int64_t>(n);
  if (t->Follows()) {
    t->body_ended_early = t->received > kRedirectBodyMax;
    return t->body_ended_early ? 0 : n;
  }
  if (t->part_only && t->range && t->head.status == 200) {
    t->body_ended_early = true;
    return 0;
  }
  if (t->sink != nullptr && t->head.status / 100 != 2) {
    t->head.body.append(data, std::min(n, kErrorBodyMax - std::min(t->head.body.size(), kErrorBodyMax)));
    t->body_ended_early = t->received > static_cast<int64_t>(kErrorBodyMax);
    return t->body_ended_early ? 0 : n;
  }
  if (t->received > t->limits->body_bytes) {
    t->refused = absl::ResourceExhaustedError(Cat("more than ", t->limits->body_bytes, " bytes"));
    return 0;
  }
  if (t->sink == nullptr) {
    t->head.body.append(data, n);
    return n;
  }
  if (first) ReadLength(t->head);
  t->refused = (*t->sink)(t->head, std::string_view(data, n));
  return t->refused.ok() ? n : 0;
}

size_t OnSend(char* out, size_t size, size_t count, void* user) {
  auto* t = static_cast<Transfer*>(user);
  const int64_t left = t->source->size() - t->sent;
  if (left <= 0) return 0;
  const absl::StatusOr<size_t> n = t->source->Read(out, std::min(size * count, static_cast<size_t>(left)));
  if (!n.ok()) {
    t->refused = n.status();
  } else if (*n == 0) {
    t->refused = absl::DataLossError(Cat("the body to send ends ", left, " bytes before its size"));
  }
  if (!t->refused.ok()) return CURL_READFUNC_ABORT;
  t->sent += static_cast<int64_t>(*n);
  return *n;
}

// libcurl found the kept connection closed and asks on a new one.
int OnSeek(void* user, curl_off_t offset, int origin) {
  auto* t = static_cast<Transfer*>(user);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  t->refused = t->source->Rewind();
  t->sent = 0;
  return t->refused.ok() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->scope->Done() ? 1 : 0;
}

absl::Status NotPublic(std::string_view what) {
  return absl::PermissionDeniedError(Cat(what, " is not a public address, and this URL comes from outside"));
}

// After names are resolved, so that no name leads to an address that its own text would be refused for.
curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto* t = static_cast<Transfer*>(user);
  if (!IsPublicAddress(address->addr)) {
    t->refused = NotPublic("where it leads");
    return CURL_SOCKET_BAD;
  }
  t->refused = absl::OkStatus();  // another address of the same name
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Also before a request on a kept connection, which may have been made under another rule.
int OnBeforeRequest(void* user, char* ip, char*, int, int) {
  auto* t = static_cast<Transfer*>(user);
  if (MayBePublicHost(ip)) return CURL_PREREQFUNC_OK;
  t->refused = NotPublic("where it leads");
  return CURL_PREREQFUNC_ABORT;
}

struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

bool IsCredential(std::string_view name) {
  for (const absl::string_view secret : {"authorization", "cookie", "proxy-authorization"}) {
    if (absl::EqualsIgnoreCase(Av(name), secret)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<size_t> StringBody::Read(char* out, size_t limit) {
  const size_t n = std::min(limit, text_.size() - at_);
  std::memcpy(out, text_.data() + at_, n);
  at_ += n;
  return n;
}

// Easy handles that are not in use, each with the connections of its last requests. A connection is not shared between
// handles: libcurl does not allow that between threads.
class HttpClient::Pool {
 public:
  ~Pool() {
    absl::MutexLock lock(&mutex_);
    for (const Idle& idle : idle_) curl_easy_cleanup(idle.handle);
  }

  CURL* Take(const std::string& origin) {
    {
      absl::MutexLock lock(&mutex_);
      // The newest of this origin, which is the likeliest to be open still; else the oldest of another.
      auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) { return idle.origin == origin; });
      auto at = found != idle_.rend() ? std::prev(found.base()) : idle_.begin();
      if (found != idle_.rend() || idle_.size() >= kIdleHandlesMax) {
        CURL* const handle = at->handle;
        idle_.erase(at);
        return handle;
      }
    }
    CURL* const handle = curl_easy_init();
    GOFARM_CHECK(handle != nullptr);
    return handle;
  }

  void Give(CURL* handle, std::string origin) {
    curl_easy_reset(handle);  // connections stay
    CURL* surplus = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      idle_.push_back({handle, std::move(origin)});
      if (idle_.size() > kIdleHandlesMax) {
        surplus = idle_.front().handle;
        idle_.erase(idle_.begin());
      }
    }
    if (surplus != nullptr) curl_easy_cleanup(surplus);
  }

 private:
  struct Idle {
    CURL* handle;
    std::string origin;
  };
  absl::Mutex mutex_;
  std::vector<Idle> idle_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

class HttpClient::Budgets {
 public:
  absl::Status Set(const std::string& host, const BudgetLimits& limits) {
    absl::MutexLock lock(&mutex_);
    if (budgets_.size() >= kBudgetHostsMax && budgets_.find(host) == budgets_.end()) {
      return absl::ResourceExhaustedError(Cat("budgets of more than ", kBudgetHostsMax, " hosts"));
    }
    budgets_[host].SetLimits(limits);
    changed_.SignalAll();
    return absl::OkStatus();
  }

  // After OK, Release must follow when `counted`.
  absl::Status Wait(const Scope& scope, const std::string& host, bool* counted) {
    absl::MutexLock lock(&mutex_);
    *counted = false;
    while (true) {
      GOFARM_RETURN_IF_ERROR(scope.Check());
      const auto it = budgets_.find(host);
      if (it == budgets_.end()) return absl::OkStatus();
      const absl::Time now = SteadyNow();
      if (it->second.TryTake(now)) {
        *counted = true;
        return absl::OkStatus();
      }
      const absl::Time next = it->second.NextAt(now);
      if (next != absl::InfiniteFuture() && next > scope.deadline) {
        return absl::DeadlineExceededError(Cat("the budget of ", host,
                                               " has no request left before the deadline, the next is in ",
                                               absl::FormatDuration(next - now)));
      }
      sync::WaitUntil(changed_, mutex_, std::min({next, scope.deadline, now + kStopCheck}));
    }
  }

  void Release(const std::string& host) {
    absl::MutexLock lock(&mutex_);
    budgets_[host].Release();
    changed_.SignalAll();
  }

 private:
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<std::string, RequestBudget> budgets_ ABSL_GUARDED_BY(mutex_);
};

HttpClient::HttpClient(std::string user_agent)
    : user_agent_(std::move(user_agent)), pool_(std::make_unique<Pool>()), budgets_(std::make_unique<Budgets>()) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  GOFARM_CHECK(once == CURLE_OK);
}

HttpClient::~HttpClient() = default;

absl::Status HttpClient::SetBudget(const std::string& host, const BudgetLimits& limits) {
  return budgets_->Set(host, limits);
}

absl::StatusOr<HttpResponse> HttpClient::Send(const Scope& scope, const HttpRequest& request,
                                              const HttpLimits& limits) const {
  return Send(scope, request, limits, nullptr);
}

namespace {

void SetMethod(CURL* h, HttpMethod method, bool with_body, Transfer& t) {
  const bool sends =
      with_body && (method == HttpMethod::kPost || method == HttpMethod::kPut || method == HttpMethod::kPatch);
  if (method == HttpMethod::kHead) {
    curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    return;
  }
  if (sends) {
    curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(t.source->size()));
    curl_easy_setopt(h, CURLOPT_READFUNCTION, &OnSend);
    curl_easy_setopt(h, CURLOPT_READDATA, &t);
    curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, &OnSeek);
    curl_easy_setopt(h, CURLOPT_SEEKDATA, &t);
  } else {
    curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, std::string(MethodName(method)).c_str());
}

void SetLimits(CURL* h, const HttpLimits& limits, bool public_only, absl::Duration left, Transfer& t) {
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(absl::ToInt64Milliseconds(left), 1)));
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(limits.connect_time)));
  curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits.low_speed_bytes));
  curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME,
                   static_cast<long>(std::max<int64_t>(absl::ToInt64Seconds(limits.low_speed_time), 1)));
  if (public_only) {
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, &OnOpenSocket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, &t);
    curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, &OnBeforeRequest);
    curl_easy_setopt(h, CURLOPT_PREREQDATA, &t);
  }
}

// What libcurl said, as a status; OK when there is an answer. `ca_bundle`: by which the server was to be known.
absl::Status StatusOfCode(CURLcode code, const Scope& scope, const Transfer& t, std::string_view ca_bundle) {
  if (code == CURLE_OK || t.body_ended_early) return absl::OkStatus();
  // The server answered before it had read the whole body, and closed.
  if ((code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) && t.head.status >= 400) return absl::OkStatus();
  if (!t.refused.ok()) return t.refused;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      // Either clock may be the first to see the deadline.
      if (scope.Remaining() <= absl::Milliseconds(20)) return absl::DeadlineExceededError("no answer in time");
      return absl::UnavailableError("no answer, or one that is too slow");
    case CURLE_ABORTED_BY_CALLBACK: {
      const absl::Status why = scope.Check();
      return why.ok() ? absl::CancelledError("ended") : why;
    }
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(curl_easy_strerror(code));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return absl::UnavailableError(
          Cat(curl_easy_strerror(code), ca_bundle.empty() ? "; " : "", ca_bundle.empty() ? NoCaBundle() : ""));
    default:
      return absl::UnavailableError(curl_easy_strerror(code));
  }
}

}  // namespace

absl::StatusOr<HttpResponse> HttpClient::Send(const Scope& scope, const HttpRequest& request, const HttpLimits& limits,
                                              const BodySink& sink) const {
  GOFARM_RETURN_IF_ERROR(CheckHeaders(request.headers));
  Hop hop{.method = request.method, .with_body = true, .with_credentials = true};
  GOFARM_ASSIGN_OR_RETURN(hop.url, ParseUrl(request.url));
  StringBody none{""};
  int connections = 0;
  for (int redirects = 0;; ++redirects) {
    const std::string what = Cat(MethodName(hop.method), " ", RedactUrl(hop.url.text));
    const bool file = hop.url.scheme == "file";
    const bool public_only = limits.public_addresses_only && !(limits.may_be_private && limits.may_be_private(hop.url));
    if (file && (request.method != HttpMethod::kGet || public_only)) {
      return absl::InvalidArgumentError(Cat(what, ": a file is not asked so"));
    }
    if (public_only && !MayBePublicHost(hop.url.host)) return Annotate(NotPublic(hop.url.host), what);

    Transfer t{.scope = &scope,
               .limits = &limits,
               .sink = sink ? &sink : nullptr,
               .file = file,
               .range = request.range,
               .part_only = request.part_only};
    t.source = request.body != nullptr ? request.body : &none;
    t.redirects_left = limits.redirects.limit > 0 ? 1 : 0;
    if (hop.with_body) GOFARM_RETURN_IF_ERROR_CTX(t.source->Rewind(), what);

    bool counted = false;
    GOFARM_RETURN_IF_ERROR_CTX(budgets_->Wait(scope, hop.url.host, &counted), what);
    const absl::Duration left = std::min(scope.Remaining(), absl::Hours(1));
    const std::string origin = Cat(hop.url.scheme, "://", hop.url.host, ":", hop.url.port);
    CURL* const h = pool_->Take(origin);
    std::unique_ptr<curl_slist, SlistFree> headers;
    const auto add = [&](const std::string& line) {
      curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
      GOFARM_CHECK(longer != nullptr);
      (void)headers.release();
      headers.reset(longer);
    };
    add("Expect:");  // a server that never says "100 Continue" would cost a second
    for (const auto& [name, value] : request.headers.fields()) {
      if (!hop.with_credentials && IsCredential(name)) continue;
      // ";" is how libcurl is given an empty value.
      add(value.empty() ? Cat(name, ";") : Cat(name, ": ", value));
    }
    curl_easy_setopt(h, CURLOPT_URL, hop.url.text.c_str());
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, file ? "file" : "http,https");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);  // the redirect rule is ours
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_USERAGENT, user_agent_.c_str());
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, &OnProgress);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, &t);
    // libcurl itself knows one place only, that of the system it was built on.
    const std::string ca_bundle = hop.url.scheme == "https" ? FindCaBundle() : "";
    if (!ca_bundle.empty()) {
      curl_easy_setopt(h, CURLOPT_CAINFO, ca_bundle.c_str());
      curl_easy_setopt(h, CURLOPT_PROXY_CAINFO, ca_bundle.c_str());
    }
    const std::string range = request.range ? RangeText(*request.range) : "";
    if (!range.empty()) curl_easy_setopt(h, CURLOPT_RANGE, range.c_str());
    if (request.compressed && range.empty()) curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    SetMethod(h, hop.method, hop.with_body, t);
    SetLimits(h, limits, public_only, left, t);
    // A proxy's own loopback is another machine's, and what is said to this machine is not to be said to a proxy.
    if (IsLoopbackHost(hop.url.host)) curl_easy_setopt(h, CURLOPT_PROXY, "");
    const CURLcode code = left <= absl::ZeroDuration() ? CURLE_OPERATION_TIMEDOUT : curl_easy_perform(h);
    long made = 0;
    curl_easy_getinfo(h, CURLINFO_NUM_CONNECTS, &made);
    connections += static_cast<int>(made);
    pool_->Give(h, origin);
    if (counted) budgets_->Release(hop.url.host);

    if (code == CURLE_FILE_COULDNT_READ_FILE) {
      t.head.status = 404;
    } else {
      GOFARM_RETURN_IF_ERROR_CTX(StatusOfCode(code, scope, t, ca_bundle), what);
      if (file) CompleteFileAnswer(t);
    }
    if (!t.Follows()) {
      ReadLength(t.head);
      HttpResponse response = std::move(t.head);
      response.url = hop.url.text;
      response.redirects = redirects;
      response.new_connections = connections;
      response.retry_after = ParseRetryAfter(response.headers.Get("retry-after"), WallNow());
      return response;
    }
    if (redirects >= limits.redirects.limit) {
      return absl::UnavailableError(Cat(what, ": more than ", limits.redirects.limit, " redirects"));
    }
    const bool had_credentials = hop.with_credentials;
    const bool had_body = hop.with_body;
    const std::string location(t.head.headers.Get("location"));
    absl::StatusOr<Hop> next = NextHop(limits.redirects, hop.url, hop.method, t.head.status, location);
    if (!next.ok()) return Annotate(next.status(), what);
    hop = *std::move(next);
    // What was dropped stays dropped, also on the way back.
    hop.with_credentials = hop.with_credentials && had_credentials;
    hop.with_body = hop.with_body && had_body;
  }
}

HttpAsk AskDirectly(const HttpClient& http) {
  return [&http](const Scope& scope, const HttpRequest& request, const HttpLimits& limits,
                 const HttpClient::BodySink& sink) { return http.Send(scope, request, limits, sink); };
}

}  // namespace gofarm::io
