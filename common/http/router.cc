#include "common/http/router.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string_view ValueOf(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}
bool IsRest(std::string_view segment) { return IsParameter(segment) && segment.substr(segment.size() - 4) == "...}"; }

// "/a/b" is {"a", "b"}, "/" is {""}.
std::vector<std::string> Segments(std::string_view path) { return absl::StrSplit(Av(path.substr(1)), '/'); }

// A slash inside a segment would be taken for a border by code that makes a path of it, a dot segment for a way out.
std::optional<std::vector<std::string>> DecodedSegments(std::string_view path) {
  std::vector<std::string> segments = Segments(path);
  for (std::string& segment : segments) {
    std::optional<std::string> decoded = PercentDecode(segment, false);
    if (!decoded || decoded->find('/') != std::string::npos || *decoded == "." || *decoded == "..") return std::nullopt;
    segment = *std::move(decoded);
  }
  return segments;
}

std::optional<Fields> QueryFields(std::string_view query) {
  Fields fields;
  for (const absl::string_view field : absl::StrSplit(Av(query), '&', absl::SkipEmpty())) {
    if (fields.size() == kQueryFieldsMax) return std::nullopt;
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(field, absl::MaxSplits('=', 1));
    std::optional<std::string> name = PercentDecode(Sv(parts.first), true);
    std::optional<std::string> value = PercentDecode(Sv(parts.second), true);
    if (!name || !value) return std::nullopt;
    fields.emplace_back(*std::move(name), *std::move(value));
  }
  return fields;
}

// Null when the route does not match. `fixed` counts the segments that are no parameters.
std::optional<Fields> Bind(const std::vector<std::string>& pattern, const std::vector<std::string>& segments,
                           int* fixed) {
  Fields bound;
  *fixed = 0;
  const bool rest = IsRest(pattern.back());
  if (rest ? segments.size() < pattern.size() : segments.size() != pattern.size()) return std::nullopt;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!IsParameter(pattern[i])) {
      if (pattern[i] != segments[i]) return std::nullopt;
      ++*fixed;
    } else if (rest && i + 1 == pattern.size()) {
      const auto begin = segments.begin() + static_cast<ptrdiff_t>(i);
      if (std::find(begin, segments.end(), "") != segments.end()) return std::nullopt;
      bound.emplace_back(pattern[i].substr(1, pattern[i].size() - 5), absl::StrJoin(begin, segments.end(), "/"));
    } else {
      if (segments[i].empty()) return std::nullopt;
      bound.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), segments[i]);
    }
  }
  return bound;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view Request::Parameter(std::string_view name) const { return ValueOf(parameters, name); }
std::string_view Request::Query(std::string_view name) const { return ValueOf(query, name); }

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

void Router::Get(const std::string& pattern, Kind kind, Handler handler) {
  GOFARM_CHECK(!pattern.empty() && pattern.front() == '/' && handler);
  std::vector<std::string> segments = Segments(pattern);
  for (size_t i = 0; i + 1 < segments.size(); ++i) GOFARM_CHECK(!IsRest(segments[i]));
  for (const Route& route : routes_) GOFARM_CHECK(route.pattern != pattern);
  routes_.push_back({pattern, std::move(segments), kind, std::move(handler)});
}

Router::Match Router::Find(std::string_view method, std::string_view target) const {
  Match match;
  const size_t question = std::min(target.find('?'), target.size());
  match.request.method = std::string(method);
  match.request.path = std::string(target.substr(0, question));
  if (target.empty() || target.front() != '/') {
    match.refusal = {.status = 400, .body = "the request's target is no path\n"};
    return match;
  }
  const std::optional<std::vector<std::string>> segments = DecodedSegments(match.request.path);
  std::optional<Fields> query = question < target.size() ? QueryFields(target.substr(question + 1)) : Fields();
  if (!segments || !query) {
    match.refusal = {.status = 400, .body = "path or query of the request is not well formed\n"};
    return match;
  }
  match.request.query = *std::move(query);
  const Route* best = nullptr;
  int best_fixed = -1;
  for (const Route& route : routes_) {
    int fixed = 0;
    std::optional<Fields> bound = Bind(route.segments, *segments, &fixed);
    if (!bound || fixed <= best_fixed) continue;
    best = &route;
    best_fixed = fixed;
    match.request.parameters = *std::move(bound);
  }
  if (best == nullptr) {
    std::string known;
    for (const Route& route : routes_) known += Cat(known.empty() ? "" : ", ", route.pattern);
    match.refusal = {.status = 404, .body = Cat("nothing is served at this path; known: ", known, "\n")};
  } else if (method != "GET" && method != "HEAD") {
    match.refusal = {.status = 405, .body = "only GET and HEAD are served here\n", .headers = {{"Allow", "GET, HEAD"}}};
  } else {
    match.handler = &best->handler;
    match.kind = best->kind;
  }
  return match;
}

}  // namespace gofarm::http
