// Values as a dashboard shows them, and round values for an axis. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/dashboards/model.h"

namespace gofarm::dashboards {

// "1.5 GiB", "230 ms", "3.2 d", "41.7 %", "12.3 K", "0.4 req/s": by Grafana's ids of units (none, short, s, bytes, Bps,
// percentunit, reqps, ops); another unit stands behind the number. `decimals` null: three digits that say something.
std::string ValueText(double value, std::string_view unit, std::optional<int64_t> decimals = std::nullopt);

// The same in words, where the panel has one for it.
std::string Shown(double value, const Look& look);
// "green", "red" ...: of the word or the threshold; empty when neither says one.
std::string ColorOf(double value, const Look& look);

// From at most `low` to at least `high`, three to seven round values for this unit. `low` <= `high`.
std::vector<double> AxisTicks(double low, double high, std::string_view unit);

}  // namespace gofarm::dashboards
