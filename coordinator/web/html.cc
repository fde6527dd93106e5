#include "coordinator/web/html.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/base/html_text.h"
#include "common/base/text.h"
#include "common/io/url.h"

namespace gofarm::web {
namespace {

// http or https, a host without user and password, and characters of RFC 3986 only. Browsers and RFC 3986 read such a
// URL alike.
bool IsPlainWebUrl(std::string_view url) {
  if (url.size() > kHrefMax) return false;
  const size_t scheme = absl::StartsWith(Av(url), "https://") ? 8 : absl::StartsWith(Av(url), "http://") ? 7 : 0;
  if (scheme == 0) return false;
  const std::string_view host = url.substr(scheme, url.find_first_of("/?#", scheme) - scheme);
  if (host.empty() || host.find('@') != std::string_view::npos) return false;
  return std::all_of(url.begin(), url.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<Href> Href::Foreign(std::string_view url) {
  if (!IsPlainWebUrl(url)) return std::nullopt;
  return Href(std::string(url), true);
}

std::optional<Href> Href::Own(std::string_view url) {
  if (!IsPlainWebUrl(url)) return std::nullopt;
  return Href(std::string(url), false);
}

Href Href::Path(std::string_view path) {
  // Two slashes at its beginning would name another host.
  GOFARM_CHECK(!path.empty() && path[0] == '/' && path.substr(0, 2) != "//");
  std::string out;
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        std::string_view("-._~/@:+,=!$").find(c) != std::string_view::npos) {
      out += c;
    } else {
      char buffer[4];
      std::snprintf(buffer, sizeof buffer, "%%%02X", static_cast<uint8_t>(c));
      out += buffer;
    }
  }
  return Href(std::move(out), false);
}

Href Href::Path(std::string_view path, std::initializer_list<QueryValue> query) {
  Href href = Path(path);
  for (const QueryValue& field : query) {
    if (field.value.empty()) continue;
    href.text_ +=
        Cat(href.text_.find('?') == std::string::npos ? "?" : "&", field.name, "=", io::PercentEncode(field.value, ""));
  }
  return href;
}

Href Href::Id(Constant id) { return Href(Cat("#", id.text()), false); }

Element::~Element() { html_.Close(); }

void HtmlWriter::Open(std::string_view name, Attributes attributes) {
  out_ += '<';
  out_ += name;
  for (const Attribute& attribute : attributes) {
    out_ += Cat(" ", attribute.name, "=\"", EscapeHtml(attribute.value), "\"");
  }
  out_ += '>';
  // A parser drops the newline that follows this tag: without one of ours it would drop the text's.
  if (name == "pre") out_ += '\n';
}

Element HtmlWriter::In(Tag tag, Attributes attributes) {
  Open(tag.name(), attributes);
  open_.push_back(tag.name());
  return Element(*this);
}

void HtmlWriter::Close() {
  GOFARM_CHECK(!open_.empty());
  out_ += Cat("</", open_.back(), ">");
  open_.pop_back();
}

HtmlWriter& HtmlWriter::Leaf(Tag tag, Attributes attributes, std::string_view text) {
  const Element element = In(tag, attributes);
  return Text(text);
}

HtmlWriter& HtmlWriter::Void(Tag tag, Attributes attributes) {
  Open(tag.name(), attributes);
  return *this;
}

HtmlWriter& HtmlWriter::Text(std::string_view text) {
  out_ += EscapeHtml(text);
  return *this;
}

HtmlWriter& HtmlWriter::Foreign(std::string_view text, size_t limit) {
  const Element element = In("bdi");
  return Text(Clip(text, limit));
}

HtmlWriter& HtmlWriter::Link(const Href& href, std::string_view text) {
  if (href.foreign()) {
    const Element element = In("a", {href, {"rel", "nofollow noreferrer"}});
    return Text(text);
  }
  return Leaf("a", {href}, text);
}

HtmlWriter& HtmlWriter::Time(absl::Time time) {
  if (time == absl::InfinitePast()) return Text("not known");
  const absl::TimeZone utc = absl::UTCTimeZone();
  return Leaf("time", {{"datetime", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, utc)}},
              absl::FormatTime("%Y-%m-%d %H:%M UTC", time, utc));
}

HtmlWriter& HtmlWriter::Raw(Constant html) {
  out_ += html.text();
  return *this;
}

std::string HtmlWriter::Take() {
  GOFARM_CHECK(open_.empty());
  return std::exchange(out_, "");
}

std::string SizeText(int64_t bytes) {
  static constexpr std::array<std::string_view, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return Cat(bytes, " bytes");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // Not 1024.0 KiB: what would be rounded up to the next unit is said in it.
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, value < 100 ? "%.1f" : "%.0f", value);
  return Cat(buffer, " ", kUnits[unit]);
}

}  // namespace gofarm::web
