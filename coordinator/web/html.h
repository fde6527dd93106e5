// Writes HTML by elements. Text and attribute values are escaped always; names of elements and attributes stand in the
// source code and are checked by the compiler, so nothing that came from outside can become markup. The only way around
// is Raw, which takes constants. Follows https://html.spec.whatwg.org (section 13.1, writing HTML documents).
// Not thread-safe. Misuse (an element that is not closed) is a broken invariant and ends the process.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::web {

// A text that stands in the source code.
class Constant {
 public:
  template <size_t N>
  consteval Constant(const char (&text)[N]) : text_(text, N - 1) {}  // NOLINT: meant to convert
  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

namespace internal_html {
// Not constexpr: a name that gets here is refused by the compiler, which prints this name.
void ThisNameIsNotAllowed();

consteval std::string_view CheckedName(std::string_view name) {
  if (name.empty()) ThisNameIsNotAllowed();
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) ThisNameIsNotAllowed();
  }
  return name;
}
// Values of these are code or addresses: Href is the way to write an address, and there is no code in our pages.
consteval std::string_view CheckedAttribute(std::string_view name) {
  if (name == "href" || name == "src" || name == "action" || name == "formaction" || name == "style" ||
      name == "srcdoc" || name == "data" || name == "ping" || name == "poster" || name == "background" ||
      name.substr(0, 2) == "on") {
    ThisNameIsNotAllowed();
  }
  return CheckedName(name);
}
}  // namespace internal_html

// Of an element.
class Tag {
 public:
  template <size_t N>
  consteval Tag(const char (&name)[N])
      : name_(internal_html::CheckedName({name, N - 1})) {}  // NOLINT: meant to convert
  constexpr std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

// Of an address's query.
struct QueryValue {
  QueryValue(Constant name, std::string_view value) : name(name.text()), value(value) {}

  std::string_view name;
  std::string_view value;  // lives as long as the call it is given to
};

// An address that a page may link to.
class Href {
 public:
  // Of somebody else's page: search engines and the target are told nothing of ours. Null when `url` is no plain http
  // or https URL: another scheme, user and password in it, characters that RFC 3986 does not have, or too long.
  static std::optional<Href> Foreign(std::string_view url);
  // The same of a URL of the farm's own.
  static std::optional<Href> Own(std::string_view url);
  // On this host; `path` begins with "/", and what does not belong into a path is percent-encoded.
  static Href Path(std::string_view path);
  // The same with a query: names stand in the source code, values may be anything; those that are empty are left out.
  static Href Path(std::string_view path, std::initializer_list<QueryValue> query);
  // On this page: "#ID".
  static Href Id(Constant id);

  const std::string& text() const { return text_; }
  bool foreign() const { return foreign_; }

 private:
  Href(std::string text, bool foreign) : text_(std::move(text)), foreign_(foreign) {}
  std::string text_;
  bool foreign_;
};
inline constexpr size_t kHrefMax = 2048;  // bytes

class AttributeName {
 public:
  template <size_t N>
  consteval AttributeName(const char (&name)[N])  // NOLINT: meant to convert
      : name_(internal_html::CheckedAttribute({name, N - 1})) {}
  constexpr std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

struct Attribute {
  Attribute(AttributeName name, std::string_view value) : name(name.name()), value(value) {}
  Attribute(const Href& href) : name("href"), value(href.text()) {}  // NOLINT: meant to convert

  std::string_view name;
  std::string_view value;  // lives as long as the call it is given to
};
using Attributes = std::initializer_list<Attribute>;

class HtmlWriter;

// Ends its element when it goes.
class Element {
 public:
  explicit Element(HtmlWriter& html) : html_(html) {}
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;
  ~Element();

 private:
  HtmlWriter& html_;
};

class HtmlWriter {
 public:
  // An element with more in it, until the guard goes.
  [[nodiscard]] Element In(Tag tag, Attributes attributes = {});
  // An element with nothing but text in it.
  HtmlWriter& Leaf(Tag tag, Attributes attributes, std::string_view text);
  HtmlWriter& Leaf(Tag tag, std::string_view text) { return Leaf(tag, {}, text); }
  // An element that has no end: meta, link, br.
  HtmlWriter& Void(Tag tag, Attributes attributes = {});

  HtmlWriter& Text(std::string_view text);
  // Text by others: at most `limit` bytes, and kept apart in its direction, so that right-to-left text does not reorder
  // what stands around it.
  HtmlWriter& Foreign(std::string_view text, size_t limit);
  HtmlWriter& Link(const Href& href, std::string_view text);
  // "2026-11-30 09:41 UTC", readable by programs too; "not known" for the infinite past.
  HtmlWriter& Time(absl::Time time);
  HtmlWriter& Raw(Constant html);

  // Everything opened must be closed.
  std::string Take();

 private:
  friend class Element;
  void Open(std::string_view name, Attributes attributes);
  void Close();

  std::string out_;
  std::vector<std::string_view> open_;
};

// "23.4 MiB": of bytes, in powers of 1024 with one decimal below 100.
std::string SizeText(int64_t bytes);

}  // namespace gofarm::web
