// Pages of the module index as it sends them: lines of JSON, kept as bytes. Reading the lines and deciding where to go
// on is left to others. A page that may have lost its end is no page, and neither is a text none of whose lines tells a
// time: it is asked for again, and never returned. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

inline constexpr int kIndexPageLines = 2000;                       // the index's own default and maximum
inline constexpr int64_t kIndexPageBytesMax = int64_t{256} << 20;  // that are received
// Of a line no more is kept than shows that it is too long, so one long line spoils no page. A whole page of such lines
// has room; 2,000 lines of the longest path and version are 3 MB.
inline constexpr size_t kIndexPageKeptMax = static_cast<size_t>(kIndexPageLines) * (kIndexLineMax + 2);

struct IndexPage {
  std::string body;   // whole lines, those longer than kIndexLineMax cut; empty: nothing since then
  int64_t lines = 0;  // newlines in it
  bool full = false;  // as many lines as were asked for: there may be more
};

// RFC 3339 in UTC as the index writes it, "2019-04-10T19:08:52.997264Z", with up to nine decimals. Every digit counts:
// whole seconds would stand still at a second with more rows than a page.
absl::Status CheckSince(std::string_view since);

class IndexClient {
 public:
  // `gate` must outlive the client.
  explicit IndexClient(ServiceGate& gate) : gate_(gate) {}

  // `since` is inclusive and sent as it is; empty: from the beginning. Errors: those of ServiceGate::Ask;
  // FAILED_PRECONDITION when the index refuses the question; INVALID_ARGUMENT when `since` is no such time.
  absl::StatusOr<IndexPage> Page(const Scope& scope, std::string_view since, int lines_max = kIndexPageLines);

 private:
  ServiceGate& gate_;
};

}  // namespace gofarm::catalog
