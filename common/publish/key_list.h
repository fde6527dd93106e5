// INDEX/keys.json: the public keys by which what a farm published can be checked, with their validity. It is signed as
// every file of the index, so a client that trusts one minisign key learns the provenance keys by it, and the minisign
// key that comes next. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/json/fields.h"

namespace gofarm::publish {

inline constexpr char kKeyListFile[] = "keys.json";
inline constexpr int kKeyListFormat = 1;
inline constexpr size_t kKeyListBytesMax = 256 << 10;
inline constexpr char kProvenanceKind[] = "provenance";
inline constexpr char kMinisignKind[] = "minisign";

struct ListedKey {
  std::string kind;
  std::string public_key;  // PEM, or minisign's line
  absl::Time since = absl::InfinitePast();
  std::optional<absl::Time> until;  // none: it signs
  bool operator==(const ListedKey&) const = default;
};
struct KeyList {
  int format = kKeyListFormat;
  std::string builder;  // that provenance by these keys names; empty: not told
  std::vector<ListedKey> keys;
  bool operator==(const KeyList&) const = default;
};

template <typename Form, json::Is<ListedKey> K>
void Fields(Form& form, K& k) {
  form.Field("kind", k.kind);
  form.Field("public_key", k.public_key);
  form.Field("since", k.since);
  form.Field("until", k.until);
}
template <typename Form, json::Is<KeyList> L>
void Fields(Form& form, L& l) {
  form.Field("format", l.format);
  form.Field("builder", l.builder);
  form.Field("keys", l.keys);
}

// INVALID_ARGUMENT: no such document, or a format that this release does not know. RESOURCE_EXHAUSTED: more than
// kKeyListBytesMax.
absl::StatusOr<KeyList> ReadKeyList(std::string_view text);

}  // namespace gofarm::publish
