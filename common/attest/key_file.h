// Secret keys in files: written for their owner alone, and refused when others could read them. The same files may be
// carried to every coordinator of a farm. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::attest {

inline constexpr size_t kKeyFileBytesMax = 16 << 10;
// What the farm's two keys are called in their folder.
inline constexpr char kProvenanceKeyFile[] = "provenance.key";
inline constexpr char kMinisignKeyFile[] = "minisign.key";
inline constexpr char kNextMinisignKeyFile[] = "minisign-next.key";  // announced, not used yet

// Mode 0600, in a folder that is made with mode 0700 when it is missing. ALREADY_EXISTS when the file is there: a lost
// key cannot be made again, so none is overwritten. Of two writers one wins.
absl::Status StoreKeyFile(const std::string& path, std::string_view pem);

// NOT_FOUND: no such file. FAILED_PRECONDITION: others may read it, it belongs to somebody else, or it is no plain
// file; the message says how to change that. RESOURCE_EXHAUSTED: longer than any key.
absl::StatusOr<std::string> LoadKeyFile(const std::string& path);

}  // namespace gofarm::attest
