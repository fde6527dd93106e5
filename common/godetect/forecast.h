// What would come of building a module's programs, before anybody builds them. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/godetect/detection.h"

namespace gofarm::godetect {

inline constexpr size_t kForecastPackagesMax = 20'000;  // followed for one target
inline constexpr size_t kForecastDetailMax = 400;

// A package of another module: which module brings it, and what it is made of for the target that was asked for.
struct KnownPackage {
  std::string module;
  Use use;
};
// Null: not known. An answer is good until the next call.
using Lookup = std::function<const KnownPackage*(std::string_view import_path, Target target)>;

// By target name, for all targets. Programs of kind program decide; where a module has none, all do. The best of them
// counts: one that can be built is worth a build. `go_version`: of the Go that builds. Without `lookup` nothing of
// other modules is known.
std::map<std::string, TargetForecast> Forecast(const Detection& detection, std::string_view go_version,
                                               const Lookup& lookup = nullptr);

}  // namespace gofarm::godetect
