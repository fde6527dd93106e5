// Which files of a package's folder a build takes, read from the files themselves: what go says about a package that it
// could not load is made precise by it. Untrusted source: sizes and counts are bounded, and a file that cannot be read
// counts. Thread-safe: no state.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/gomod/build_constraint.h"
#include "common/vocab/target.h"

namespace gofarm::fetch {

// Tests give texts of their own.
struct PackageReader {
  std::function<std::optional<std::string>(const std::string& path)> read_file;
  std::function<std::vector<std::string>(const std::string& folder)> go_files_in;  // names, sorted
};
// From disk: at most 16 MiB of a file, 2,000 Go files of a folder.
PackageReader DiskReader();

// The constraint lines of a file; nullopt: it cannot be read, or they cannot.
std::optional<gomod::ConstraintLines> ConstraintsOf(const PackageReader& reader, const std::string& folder,
                                                    const std::string& file);

// Whether a build for the target, with the recipe's tags, takes the file.
bool Counts(const PackageReader& reader, const std::string& folder, const std::string& file, Target target,
            std::string_view go_version, const std::vector<std::string>& experiments = gomod::DefaultExperiments());

// Whether the package has Go files for x86_64 that a build for the target does not take: what it lacks may be there in
// a newer release.
bool LacksTarget(const PackageReader& reader, const std::string& folder, Target target, std::string_view go_version);

}  // namespace gofarm::fetch
