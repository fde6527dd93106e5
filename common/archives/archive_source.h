// Where the archive of a toolchain comes from: Go's module proxy, PyPI, a URL, or a folder of archives; for the worker
// that installs it and for the coordinator that keeps it for its workers. Only fetches: CheckSha256 says whether it is
// the one that was asked for. No state; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/goproxy/list.h"
#include "common/vocab/toolset.h"

namespace gofarm::archives {

inline constexpr int64_t kArchiveBytesMax = int64_t{1} << 30;

// Step in words ("downloading zig 0.15.2"), bytes so far and in all (0: unknown). Called from the thread that waits.
using Progress = std::function<void(std::string_view step, int64_t bytes_done, int64_t bytes_total)>;

struct Places {
  goproxy::List goproxy;
  std::string scratch;     // an existing folder; everything is written below it
  std::string user_agent;  // says who asks
};

// Path of the archive file.
//   goproxy  locator module@version: the zip, from the proxies directly, by Go's rules for "," and "|"; the SHA-256 of
//            the toolset stands in for the checksum database
//   pypi     locator project==version: pip with the user's own configuration
//   url      http, https or file URL of a zip or tar
//   folder   a folder of archives: the file with that SHA-256; or the archive file itself
// UNAVAILABLE when the source does not answer, NOT_FOUND when it does not have the archive, RESOURCE_EXHAUSTED for a
// full disk, FAILED_PRECONDITION for what a person must set right (no pip).
absl::StatusOr<std::string> Obtain(const Scope& scope, const Archive& archive, const Places& places,
                                   const Progress& progress);

// DATA_LOSS: the file is another one than the toolset pins. `from`: where it came from, for people.
absl::Status CheckSha256(const Archive& archive, const std::string& file, std::string_view from);

// Locators come from configurations and become arguments: INVALID_ARGUMENT for what could be taken for an option, or
// has no `separator` between a name and a version.
absl::Status CheckLocator(std::string_view locator, std::string_view separator);

}  // namespace gofarm::archives
