// Builds the canonical text that identities are hashed over: one "name length:value" a line, so that no value, whatever
// it holds, can pass for another field. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gofarm::domain {

class CanonicalText {
 public:
  explicit CanonicalText(std::string_view kind) { Add("kind", kind); }
  CanonicalText& Add(std::string_view name, std::string_view value);
  CanonicalText& Add(std::string_view name, int64_t value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace gofarm::domain
