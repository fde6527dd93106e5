// Lists that people keep of what is worth building: Markdown in the manner of awesome-go, and plain lists of modules or
// repositories, a line each. Pure: text in, entries with their origin out. Whether an entry is a module is for the
// module proxy to say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::catalog {

inline constexpr size_t kSourceListBytesMax = 16 << 20;
inline constexpr size_t kSourceEntriesMax = 200'000;
inline constexpr size_t kSourceLineMax = 8192;
inline constexpr size_t kSkippedShownMax = 100;  // lines that were left out, with their reasons

struct SourceEntry {
  enum class Kind {
    kModule,
    kRepository,  // "github.com/o/r": not a module path, though it often is one too
  };
  Kind kind = Kind::kModule;
  std::string name;
  std::string path;         // of the modules that it holds: the name with the capitals that the list gives it
  std::string version;      // of "module@version"; empty: the latest
  std::string origin;       // the list
  std::string section;      // the heading that it stands under
  std::string description;  // what the list says of it
  int line = 0;

  bool operator==(const SourceEntry&) const = default;
};

struct SourceList {
  std::vector<SourceEntry> entries;  // each name once, the first
  int64_t repeated = 0;
  int64_t skipped_count = 0;
  std::vector<std::string> skipped;  // "line 7: ..."
};

// `origin` names the list, as a person would: a file's name, "awesome-go". Markdown is told by its items.
// INVALID_ARGUMENT when the text is larger than kSourceListBytesMax or holds more than kSourceEntriesMax entries.
absl::StatusOr<SourceList> ParseSourceList(std::string_view text, std::string_view origin);

}  // namespace gofarm::catalog
