// Collects the licence files of everything that is linked into the executables of one target, while the sources are at
// hand: of the main module and each linked module those at its root, in its LICENSES folder, in every folder from there
// down to a package that is linked, and beside the C code that such a package has in sub-folders; of Go, musl, zig's
// compiler-rt and, for C++, its runtimes. Links are never followed; files, folders and bytes are bounded, and what does
// not fit is said in the document.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "common/licences/document.h"
#include "common/vocab/target.h"
#include "worker/fetch/listing.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::fetch {

// Of one module: names that are looked at, and folders that are opened.
inline constexpr size_t kLicenceEntriesMax = 100'000;
inline constexpr size_t kLicenceFoldersMax = 20'000;
// Folders below a module's root, and below a package for bundled C code.
inline constexpr size_t kLicenceDepthMax = 24;
inline constexpr size_t kBundledDepthMax = 4;

// `mod`: the module cache folder. Fails only when a module's folder cannot be read; a toolchain without its files
// stands in the document without them.
absl::StatusOr<licences::DocumentBuilder> CollectLicences(const std::string& mod, const Listing& listing, Target target,
                                                          const InstalledToolchain& go, const InstalledToolchain& zig);

}  // namespace gofarm::fetch
