// Build constraints as the go command (modindex, go/build) reads them: `//go:build`, `// +build`, and the endings of
// file names. Pure; for untrusted text: linear, and expressions are bounded as in go/build/constraint.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

namespace gofarm::gomod {

// Which tags are true in a build.
class BuildTags {
 public:
  // Of a build for linux with cgo: linux, `goarch`, unix, gc, cgo, the lowest feature level of the architecture,
  // go1.1 to the minor of `go_version` ("1.26.8"), `extra`, and goexperiment.X for each of `experiments`.
  BuildTags(std::string_view goarch, std::string_view go_version, const std::vector<std::string>& extra,
            const std::vector<std::string>& experiments);
  bool Has(std::string_view tag) const;

 private:
  absl::flat_hash_set<std::string> tags_;
};

// The experiments that are on by default in the Go that the farm builds with.
const std::vector<std::string>& DefaultExperiments();
// What the farm's recipe sets (-tags).
const std::vector<std::string>& RecipeTags();

// Does the name's ending (`x_windows.go`, `x_linux_arm64_test.go`) fit? The name is cut at its first dot.
bool FileNameFits(std::string_view name, const BuildTags& tags);

// The constraint lines of a file.
struct ConstraintLines {
  std::string go_build;                 // decides alone when there is one
  std::vector<std::string> plus_build;  // all must hold
};
// `header`: from the file's beginning, at least up to its package clause. INVALID_ARGUMENT: two //go:build lines.
absl::StatusOr<ConstraintLines> FindConstraints(std::string_view header);
// INVALID_ARGUMENT: the //go:build line is no expression. A +build line that is none counts for nothing.
absl::StatusOr<bool> ConstraintsHold(const ConstraintLines& lines, const BuildTags& tags);
// A condition of a #cgo line ("linux,amd64", "linux && !arm64"); one that cannot be read does not hold.
bool CgoConditionHolds(std::string_view condition, const BuildTags& tags);

}  // namespace gofarm::gomod
