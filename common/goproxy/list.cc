#include "common/goproxy/list.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/redact_url.h"

namespace gofarm::goproxy {
namespace {

// Single words are reserved for go's own meanings; what holds ":/" or is an absolute path must be a whole URL.
bool IsBareHost(absl::string_view text) {
  return text.find_first_of(".:/") != absl::string_view::npos && !absl::StrContains(text, ":/") && text[0] != '/';
}

bool IsProxyUrl(absl::string_view url) {
  const auto unfit = [](unsigned char c) { return absl::ascii_iscntrl(c) || absl::ascii_isspace(c); };
  if (std::any_of(url.begin(), url.end(), unfit)) return false;
  // A file URL has no host.
  if (absl::StartsWith(url, "file:///")) return true;
  if (!absl::ConsumePrefix(&url, "https://") && !absl::ConsumePrefix(&url, "http://")) return false;
  // A port is a number: "file:p/q" is no host with the port "p".
  absl::string_view host = url.substr(0, url.find('/'));
  if (const size_t at = host.rfind('@'); at != absl::string_view::npos) host.remove_prefix(at + 1);
  const size_t colon = host.rfind(':');
  if (colon != absl::string_view::npos && host.find(']', colon) == absl::string_view::npos) {
    const absl::string_view port = host.substr(colon + 1);
    if (!std::all_of(port.begin(), port.end(), [](unsigned char c) { return absl::ascii_isdigit(c); })) return false;
    host = host.substr(0, colon);
  }
  return !host.empty();
}

template <typename UrlText>
std::string Join(const List& list, const UrlText& url_text) {
  if (list.empty()) return "off";
  std::string out;
  for (size_t i = 0; i < list.entries.size(); ++i) {
    const Entry& entry = list.entries[i];
    if (i > 0) out += list.entries[i - 1].next_after_any ? '|' : ',';
    switch (entry.kind) {
      case Entry::Kind::kProxy:
        out += url_text(entry.url);
        break;
      case Entry::Kind::kDirect:
        out += "direct";
        break;
      case Entry::Kind::kOff:
        out += "off";
        break;
    }
  }
  return out;
}

}  // namespace

std::string Entry::UrlOf(std::string_view path) const {
  std::string_view base = url;
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  return Cat(base, path);
}

bool List::HasProxy() const {
  return std::any_of(entries.begin(), entries.end(), [](const Entry& e) { return e.kind == Entry::Kind::kProxy; });
}

absl::StatusOr<List> Parse(std::string_view goproxy) {
  List list;
  while (!goproxy.empty()) {
    const size_t end = goproxy.find_first_of(",|");
    const absl::string_view text = absl::StripAsciiWhitespace(Av(goproxy.substr(0, end)));
    Entry entry{.next_after_any = end != std::string_view::npos && goproxy[end] == '|'};
    goproxy = end == std::string_view::npos ? std::string_view() : goproxy.substr(end + 1);
    if (text.empty()) continue;
    if (text == "off") {
      list.entries.push_back({.kind = Entry::Kind::kOff});
      break;
    }
    if (text == "direct") {
      entry.kind = Entry::Kind::kDirect;
    } else {
      entry.url = IsBareHost(text) ? Cat("https://", text) : std::string(text);
      if (!IsProxyUrl(entry.url)) {
        return absl::InvalidArgumentError(
            Cat("\"", io::RedactUrl(entry.url), "\" is no http, https or file URL, nor off or direct"));
      }
    }
    list.entries.push_back(std::move(entry));
  }
  return list;
}

List WithoutDirect(const List& list) {
  List out;
  std::copy_if(list.entries.begin(), list.entries.end(), std::back_inserter(out.entries),
               [](const Entry& entry) { return entry.kind != Entry::Kind::kDirect; });
  return out;
}

absl::StatusOr<List> ParseWithoutDirect(std::string_view goproxy) {
  GOFARM_ASSIGN_OR_RETURN(const List whole, Parse(goproxy));
  List list = WithoutDirect(whole);
  if (list.empty()) {
    return absl::InvalidArgumentError("names no proxy (direct is left out: the farm fetches through proxies only)");
  }
  return list;
}

std::string ToText(const List& list) {
  return Join(list, [](const std::string& url) { return url; });
}

std::string Redacted(const List& list) {
  return Join(list, [](const std::string& url) { return io::RedactUrl(url); });
}

}  // namespace gofarm::goproxy
