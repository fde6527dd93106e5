// What the messages of `go mod download` and `go list` mean. They quote answers of servers and text of modules: only
// matched and bounded here. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocab/failure.h"

namespace gofarm::fetch {

inline constexpr size_t kFailureDetailMax = 4096;
inline constexpr size_t kProgramDetailMax = 1024;

// Of a download or of loading the module graph. kInternal when nothing is known about such a message.
FailureClass ClassifyFetchError(std::string_view message);

// Of one package that go could load only in part: the above, and what is wrong with the source itself. kCompileError
// when nothing else fits: go build would print the same message.
FailureClass ClassifyPackageError(std::string_view message);

// A sentence about what the message means where it names the checksum database as the one that does not know a version;
// else empty.
std::string_view WithdrawnNote(std::string_view message);

// Another try may end otherwise (proxy_error, disk_full, internal): then the whole fetch fails, and nothing is kept.
bool IsTransient(FailureClass failure);

// What `go mod download -json MODULE@VERSION` prints; fields are empty where they are absent or the text is no JSON.
struct DownloadAnswer {
  std::string path, version, error, zip, dir, sum, go_mod;
};
DownloadAnswer ParseDownloadAnswer(std::string_view json);

// One of those that `go list -m -e -json` prints.
struct ModuleAnswer {
  std::string path, version, error;
  std::string go_version;             // of its go.mod; empty too when this Go is older than that
  std::string go_mod;                 // path of the file in the module cache
  std::string time;                   // RFC 3339
  std::vector<std::string> versions;  // ascending, only where asked for
};
// INVALID_ARGUMENT when the text is no such answer.
absl::StatusOr<std::vector<ModuleAnswer>> ParseModuleAnswers(std::string_view json);

}  // namespace gofarm::fetch
