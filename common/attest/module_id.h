// How statements and SBOMs name a Go module: its package URL, and the digest of its files. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gofarm::attest {

// Lower hex of the 32 bytes in "h1:BASE64", Go's digest of a module's file tree (golang.org/x/mod/sumdb/dirhash), which
// in-toto calls dirHash. INVALID_ARGUMENT: anything else.
absl::StatusOr<std::string> DirHash(std::string_view h1);

// "pkg:golang/PATH@VERSION" (https://github.com/package-url/purl-spec). Upper case stays, since Go's module paths are
// different by it. An empty version is left out. `rest` is appended as it stands: "?type=module#cmd/x".
std::string GoPurl(std::string_view path, std::string_view version, std::string_view rest = "");

// Percent-encoded but for what a package URL may hold as it stands; "/" is kept.
std::string PurlEncode(std::string_view text);

// What is below the module's root: "." for the root itself, "cmd/x". INVALID_ARGUMENT when it is not in the module.
absl::StatusOr<std::string> CommandDirectory(std::string_view import_path, std::string_view module);

}  // namespace gofarm::attest
