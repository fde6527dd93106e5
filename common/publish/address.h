// How people name a program that somebody published, and which one they mean. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gofarm::publish {

// "MODULE[/path][@VERSION]" as people write it.
struct Address {
  std::string path;
  std::string version;  // empty: the latest
};
// INVALID_ARGUMENT, escaped: not an import path with a host, or a version that has other characters than versions have.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// The modules that `path` may be in, longest first.
std::vector<std::string> CandidateModules(std::string_view path);

// Which of a module's programs `path` means: the one at that path; when it is the module's own path, the only program,
// else the root package, else the one named as the last element before /vN. NOT_FOUND: no program is there.
// INVALID_ARGUMENT: it may be several; the message lists their paths.
absl::StatusOr<size_t> ChooseProgram(std::string_view module, std::string_view path,
                                     absl::Span<const std::string> import_paths);

}  // namespace gofarm::publish
