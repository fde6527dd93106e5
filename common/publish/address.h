// How people name a program that somebody published, and which one they mean. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gofarm::publish {

// "MODULE[/path][@VERSION]" as people write it, for example behind /i/ and /p/, with every %XX undone. Which part of
// the path is the module cannot be seen in the text.
struct Address {
  std::string path;
  // Empty: the latest. "v1" and "v1.2": the highest that begins so. Else a whole one. The "v" is there also where it
  // was left out.
  std::string version;
  bool operator==(const Address&) const = default;
};
// By the path rules of golang.org/x/mod/module. INVALID_ARGUMENT, escaped and in one line: elements that Go refuses, a
// path that no module path begins, or no version, no beginning of one and not "latest" behind the "@".
absl::StatusOr<Address> ParseAddress(std::string_view text);
// The address as text, with "@VERSION" only when `version` is not empty. Inverse of parsing.
std::string AddressText(std::string_view path, std::string_view version);

// The modules that `path` may be in, longest first.
std::vector<std::string> CandidateModules(std::string_view path);

// Which of a module's programs `path` means: the one at that path; when it is the module's own path, the only program,
// else the root package, else the one named as the last element before /vN. NOT_FOUND: no program is there.
// INVALID_ARGUMENT: it may be several; the message lists their paths.
absl::StatusOr<size_t> ChooseProgram(std::string_view module, std::string_view path,
                                     absl::Span<const std::string> import_paths);

}  // namespace gofarm::publish
