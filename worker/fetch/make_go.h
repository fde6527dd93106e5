// Makes the Go toolchain of a host for which no registry has one, from the source that every installed Go holds: Go
// cross-compiles itself, and its `make.bash -distpack` packs what the Go project publishes, byte for byte
// (https://go.dev/rebuild), so the digest is the one that the checksum database has for that file.
//
// Minutes of two cores, no network. No shared state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::fetch {

struct MakeGoOptions {
  InstalledToolchain go;  // of this host
  std::string host_arch;  // of the other one, as toolsets name it: "riscv64"
  std::string
      scratch;      // an existing folder on a disk with 2 GiB of room; a folder of its own is made in it and removed
  std::string out;  // an existing folder
};

struct MadeGo {
  std::string file;    // OUT/v0.0.1-go1.26.8.linux-riscv64.zip: the module zip, as toolsets pin it
  std::string sha256;  // of it
};

// INVALID_ARGUMENT: an architecture that no worker is made for. INTERNAL with the last lines of what make.bash said.
absl::StatusOr<MadeGo> MakeGo(const Scope& scope, const MakeGoOptions& options);

// "riscv64" -> "riscv64", "x86_64" -> "amd64": GOARCH. Empty: none.
std::string GoArchOf(std::string_view host_arch);

}  // namespace gofarm::fetch
