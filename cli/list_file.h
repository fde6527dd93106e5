// What `submit` was given, as entries for the coordinator: MODULE[@VERSION] arguments and lists, one a line, with blank
// lines and # comments. Module paths and versions are checked by the same rules as on the server, so that faults are
// found without one; faulty entries are kept, since the server finds all faults of a list at once, also those that only
// the module proxy knows. Pure functions but for ReadList.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocab/target.h"

namespace gofarm::cli {

inline constexpr int64_t kListBytesMax = int64_t{64} << 20;

struct ListEntry {
  int line = 0;
  std::string module;
  std::string version;  // as written; empty: latest. Both are UTF-8, as a message must be, whatever was written
};

struct Parsed {
  std::vector<ListEntry> entries;   // all, also the faulty ones
  std::vector<std::string> errors;  // "line 2: ..."
};

// Arguments count as lines from 1.
void ParseArguments(const std::vector<std::string>& arguments, Parsed& parsed);
void ParseList(std::string_view text, Parsed& parsed);
// Names and comma-separated lists of them; twice is once.
std::vector<Target> ParseTargets(const std::vector<std::string>& names, std::vector<std::string>& errors);

// A file, or standard input for "-".
absl::StatusOr<std::string> ReadList(const std::string& path);

}  // namespace gofarm::cli
