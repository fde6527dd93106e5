// A list that stands on the web, fetched by the CLI itself: an operator reaches it from here, and no coordinator asks
// an address that somebody typed. The typed address may be a private one; what it redirects to may not, unless that is
// the same server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::cli {

inline constexpr int64_t kListUrlBytesMax = 16 << 20;            // what a coordinator takes of one list
inline constexpr absl::Duration kListUrlMax = absl::Minutes(2);  // for all of it

// http:// or https://.
bool IsListUrl(std::string_view text);

// INVALID_ARGUMENT says why there is no list: no answer, another status than 200, a page of HTML, too long. Messages
// show no password and no query.
absl::StatusOr<std::string> FetchList(const Scope& scope, const std::string& url);

}  // namespace gofarm::cli
