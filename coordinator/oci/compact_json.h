// JSON in one line, byte for byte as Go's encoding/json writes it with its default escaping (Go 1.22 and later), which
// is what oras and cosign send: `<`, `>`, `&`, U+2028 and U+2029 are escaped, broken UTF-8 becomes U+FFFD. Keys stand
// in the order they are written. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace gofarm::oci {

class CompactJson {
 public:
  // Inside an object or an array, after its elements so far.
  CompactJson& Open(char bracket);  // '{' or '['
  CompactJson& Close(char bracket);
  CompactJson& Key(std::string_view key);
  CompactJson& String(std::string_view text);
  CompactJson& Int(int64_t number);
  CompactJson& Raw(std::string_view json);  // a value that is JSON already
  CompactJson& Field(std::string_view key, std::string_view text) { return Key(key).String(text); }
  // Left out when it is empty, as Go's omitempty does.
  CompactJson& Optional(std::string_view key, std::string_view text) { return text.empty() ? *this : Field(key, text); }
  CompactJson& Optional(std::string_view key, const std::map<std::string, std::string>& texts);

  std::string Take() { return std::move(out_); }

 private:
  void Next();
  std::string out_;
};

}  // namespace gofarm::oci
