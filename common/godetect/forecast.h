// What would come of building a module's programs, before anybody builds them. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/godetect/detection.h"
#include "common/godetect/package_graph.h"

namespace gofarm::godetect {

inline constexpr size_t kForecastDetailMax = 400;

// By target name, for all targets. Programs of kind program decide; where a module has none, all do. The best of them
// counts: one that can be built is worth a build. `go_version`: of the Go that builds. `graph`: what is known of the
// packages that the programs import (ImportsOf); without one nothing is.
std::map<std::string, TargetForecast> Forecast(const Detection& detection, std::string_view go_version,
                                               PackageGraph* graph = nullptr);

// What its programs import of other modules, each path once.
std::vector<std::string> ImportsOf(const Detection& detection);

}  // namespace gofarm::godetect
