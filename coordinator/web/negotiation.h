// Which form of an answer a client asks for, by RFC 9110 (sections 8.3.1, 12.4.2, 12.5.1). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "absl/types/span.h"

namespace gofarm::web {

inline constexpr size_t kAcceptMax = 4096;      // bytes of the field; a longer one counts as absent
inline constexpr size_t kAcceptRangesMax = 64;  // ranges that are read

// Index of the offer (lower case, "type/subtype") with the highest quality; of equal ones the first. An absent or empty
// field takes everything. Null: none is acceptable. A range that is not understood is passed over; a parameter other
// than q makes a range fit none of our offers, which have no parameters.
std::optional<size_t> Negotiate(std::string_view accept, absl::Span<const std::string_view> offers);

enum class Media { kHtml, kJson };
// Of a page. HTML where neither is acceptable: RFC 9110 leaves that to the server, and a person can read it.
Media NegotiatePage(std::string_view accept);

}  // namespace gofarm::web
