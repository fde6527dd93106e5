#include "common/io/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string Part(const Handle& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK || text == nullptr) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

absl::StatusOr<Url> Read(const Handle& handle, std::string_view shown) {
  Url url;
  url.scheme = absl::AsciiStrToLower(Part(handle, CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "file") {
    return absl::InvalidArgumentError(Cat(RedactUrl(shown), ": only http, https and file URLs are asked"));
  }
  url.host = absl::AsciiStrToLower(Part(handle, CURLUPART_HOST));
  if (url.host.size() > 2 && url.host.front() == '[') url.host = url.host.substr(1, url.host.size() - 2);
  (void)absl::SimpleAtoi(Part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT), &url.port);
  url.text = Part(handle, CURLUPART_URL);
  return url;
}

absl::Status Malformed(std::string_view text, CURLUcode code) {
  return absl::InvalidArgumentError(Cat(RedactUrl(text), ": not a URL: ", curl_url_strerror(code)));
}

bool InNet(uint32_t address, uint32_t net, int bits) { return (address >> (32 - bits)) == (net >> (32 - bits)); }

bool IsPublicV4(uint32_t a) {
  struct Net {
    uint32_t net;
    int bits;
  };
  // RFC 6890 and later: what is not to be reached through the Internet.
  static constexpr Net kNets[] = {
      {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
      {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
      {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3},  // multicast, reserved, broadcast
  };
  return std::none_of(std::begin(kNets), std::end(kNets), [a](const Net& n) { return InNet(a, n.net, n.bits); });
}

uint32_t V4At(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

bool IsPublicV6(const uint8_t* b) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  if (std::memcmp(b, kMapped, sizeof kMapped) == 0) return IsPublicV4(V4At(b + 12));
  if (std::memcmp(b, kNat64, sizeof kNat64) == 0) return IsPublicV4(V4At(b + 12));
  if (b[0] == 0x20 && b[1] == 0x02) return IsPublicV4(V4At(b + 2));  // 6to4
  // 2001::/23 holds Teredo, ORCHID and benchmarks; 2001:db8::/32 is for documentation.
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) return false;
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) return false;
  return (b[0] & 0xe0) == 0x20;  // global unicast is 2000::/3
}

}  // namespace

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  const Handle handle(curl_url(), &curl_url_cleanup);
  GOFARM_CHECK(handle != nullptr);
  const std::string copy(text);
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, copy.c_str(), 0);
  if (code != CURLUE_OK) return Malformed(text, code);
  return Read(handle, text);
}

absl::StatusOr<Url> ResolveUrl(const Url& base, std::string_view reference) {
  const Handle handle(curl_url(), &curl_url_cleanup);
  GOFARM_CHECK(handle != nullptr);
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, base.text.c_str(), 0);
  const std::string copy(reference);
  if (code == CURLUE_OK) code = curl_url_set(handle.get(), CURLUPART_URL, copy.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) return Malformed(reference, code);
  return Read(handle, reference);
}

std::string PercentEncode(std::string_view text, std::string_view kept) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = absl::ascii_isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return IsPublicV4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    return IsPublicV6(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr);
  }
  return false;
}

bool MayBePublicHost(const std::string& host) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    return IsPublicAddress(reinterpret_cast<const sockaddr&>(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &v6.sin6_addr) == 1) {
    return IsPublicAddress(reinterpret_cast<const sockaddr&>(v6));
  }
  return !host.empty() && host != "localhost" && !absl::EndsWith(host, ".localhost") &&
         !absl::EndsWith(host, ".local") && !absl::EndsWith(host, ".internal");
}

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  const std::vector<std::string> parts = absl::StrSplit(Av(host), '.');
  if (parts.size() != 4 || parts[0] != "127") return false;
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    return !part.empty() && part.size() <= 3 && part.find_first_not_of("0123456789") == std::string::npos;
  });
}

std::string_view MethodName(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kHead:
      return "HEAD";
    case HttpMethod::kPost:
      return "POST";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kPatch:
      return "PATCH";
    case HttpMethod::kDelete:
      return "DELETE";
  }
  return "GET";
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

absl::StatusOr<Hop> NextHop(const RedirectPolicy& policy, const Url& from, HttpMethod method, int status,
                            std::string_view location) {
  GOFARM_ASSIGN_OR_RETURN(Url target, ResolveUrl(from, location));
  const auto refused = [&](std::string_view why) {
    return absl::PermissionDeniedError(Cat("redirect to ", RedactUrl(target.text), " is not followed: ", why));
  };
  if (target.scheme == "file") return refused("a server may not send to a file");
  if (from.scheme == "https" && target.scheme == "http" && !policy.allow_https_to_http) {
    return refused("it leads from https to http");
  }
  if (policy.same_host_only && target.host != from.host) return refused("it leads to another host");
  if (policy.allow && !policy.allow(target)) return refused("its target is not allowed");
  Hop hop;
  hop.with_credentials = target.SameOrigin(from);
  hop.method = method;
  hop.with_body = true;
  if (method != HttpMethod::kHead &&
      (status == 303 || ((status == 301 || status == 302) && method == HttpMethod::kPost))) {
    hop.method = HttpMethod::kGet;
    hop.with_body = false;
  }
  hop.url = std::move(target);
  return hop;
}

}  // namespace gofarm::io
