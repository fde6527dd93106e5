// URLs as libcurl reads them, so that what is checked here is what is asked later; which addresses are public; and the
// redirect rule. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/io/http_headers.h"
#include "common/io/redact_url.h"

struct sockaddr;

namespace gofarm::io {

struct Url {
  std::string scheme;  // lower case
  std::string host;    // lower case; an IPv6 address without brackets
  int port = 0;        // the scheme's own when none is written
  std::string text;    // the whole, normalized

  bool SameOrigin(const Url& other) const { return scheme == other.scheme && host == other.host && port == other.port; }
};

// INVALID_ARGUMENT names the URL redacted. Schemes: http, https, file.
absl::StatusOr<Url> ParseUrl(std::string_view text);
// `reference` as a Location header gives it, relative or absolute.
absl::StatusOr<Url> ResolveUrl(const Url& base, std::string_view reference);

// What is neither a letter, a digit, one of "-._~" nor in `kept` becomes %XX: for a part of a path or a query.
std::string PercentEncode(std::string_view text, std::string_view kept = "");

// False for loopback, private, link-local, shared, multicast, documentation and reserved addresses, also of IPv4 inside
// IPv6.
bool IsPublicAddress(const sockaddr& address);
// Of a numeric host; other names are judged when they are resolved, but for localhost and its kind.
bool MayBePublicHost(const std::string& host);

// This machine: 127.0.0.0/8, ::1 and localhost. Decided by the text alone, so no resolver has a say in it.
bool IsLoopbackHost(std::string_view host);

enum class HttpMethod { kGet, kHead, kPost, kPut, kPatch, kDelete };
std::string_view MethodName(HttpMethod method);

struct RedirectPolicy {
  int limit = 5;  // 0: a redirect is the answer
  // What is asked by https is never asked again by http, unless this says so.
  bool allow_https_to_http = false;
  bool same_host_only = false;
  // Asked last, when set: false refuses the target.
  std::function<bool(const Url& target)> allow;
};

// What is asked after a redirect.
struct Hop {
  Url url;
  HttpMethod method = HttpMethod::kGet;
  bool with_body = false;
  bool with_credentials = false;  // false: Authorization, Cookie and Proxy-Authorization are dropped
};
bool IsRedirect(int status);
// 303 asks with GET, as do 301 and 302 after a POST; else the method and its body stay. PERMISSION_DENIED says which
// rule the target breaks.
absl::StatusOr<Hop> NextHop(const RedirectPolicy& policy, const Url& from, HttpMethod method, int status,
                            std::string_view location);

}  // namespace gofarm::io
