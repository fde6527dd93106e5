// A GOPROXY list: which module proxies are asked, in which order, and after which failures the next one is. Read as the
// go command reads it (cmd/go, modfetch): entries are separated by "," (go on after 404 and 410) or "|" (go on after
// any failure); blanks and empty entries count for nothing; "off" ends the list; what looks like a host gets
// "https://"; everything else must be an http, https or file URL. One difference: go ignores what follows "direct"; the
// farm fetches through proxies only, so it leaves "direct" out and keeps what follows. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::goproxy {

struct Entry {
  enum class Kind { kProxy, kDirect, kOff };
  Kind kind = Kind::kProxy;
  std::string url;  // of a proxy, as written but for an added "https://"; may hold a password
  // "|" behind it: the next one is asked after any failure of this one, also when it says nothing about the module.
  bool next_after_any = false;

  bool operator==(const Entry&) const = default;
  // Where to ask this proxy: `path` begins with a slash.
  std::string UrlOf(std::string_view path) const;
  // Whether the next entry is asked when this one failed; `absent`: with 404 or 410.
  bool GoesOn(bool absent) const { return absent || next_after_any; }
};

struct List {
  std::vector<Entry> entries;  // "off" only as the last

  bool operator==(const List&) const = default;
  bool empty() const { return entries.empty(); }
  bool HasProxy() const;
};

// An empty text is an empty list; go takes that for its own default, which ends in "direct". INVALID_ARGUMENT names the
// entry that go would refuse, without its password.
absl::StatusOr<List> Parse(std::string_view goproxy);

// The same proxies in the same order. The separator behind a proxy says when the next one is asked, so it stays with
// that proxy: "https://a.test,direct|https://b.test" becomes "https://a.test,https://b.test".
List WithoutDirect(const List& list);

// Parse and WithoutDirect; INVALID_ARGUMENT also when neither a proxy nor "off" is left.
absl::StatusOr<List> ParseWithoutDirect(std::string_view goproxy);

// For the variable GOPROXY; "off" when there is nothing to ask, since go would take an empty text for its default.
std::string ToText(const List& list);
// For logs: without users, passwords and queries.
std::string Redacted(const List& list);

}  // namespace gofarm::goproxy
