// SPDX licence expressions (SPDX 2.3, annex D): parsed, joined, and printed in one form, so that equal meanings are
// equal texts. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::licences {

inline constexpr size_t kExpressionBytesMax = 2000;
inline constexpr size_t kExpressionDepthMax = 16;
inline constexpr size_t kExpressionTermsMax = 128;

class Expression {
 public:
  // Ids that must all be kept ("MIT", "GPL-2.0-only WITH Classpath-exception-2.0").
  using All = std::set<std::string>;
  // The licensee chooses one.
  using Choice = std::set<All>;

  Expression() = default;
  static Expression Of(std::string_view id);
  // Whoever takes it chooses one of these.
  static Expression AnyOf(const std::vector<std::string>& ids);
  static Expression OneOf(Choice choice);
  // INVALID_ARGUMENT says where it is none; operators may be in lower case, as people write them.
  static absl::StatusOr<Expression> Parse(std::string_view text);

  bool empty() const { return choices_.empty(); }
  // All of them hold at once.
  const std::set<Choice>& choices() const { return choices_; }
  // Every id that is named.
  std::set<std::string> Ids() const;
  void And(const Expression& other);
  // "BSD-3-Clause AND MIT AND (Apache-2.0 OR MIT)"; empty for none.
  std::string ToString() const;
  bool operator==(const Expression& other) const = default;

 private:
  void Add(Choice choice);

  std::set<Choice> choices_;
};

}  // namespace gofarm::licences
