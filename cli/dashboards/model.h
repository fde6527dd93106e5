// The dashboards of deploy/grafana as the report draws them: of Grafana's classic model what our generator writes
// (deploy/grafana/style.cjs), and no more. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::dashboards {

struct Query {
  std::string expr;    // with Grafana's variables
  std::string legend;  // "{{label}}" stands for a label's value; empty: all labels
};

// How a value is shown: `unit` by Grafana's ids, `decimals` null as it fits, `words` in place of some values.
struct Look {
  struct Word {
    std::string text, color;
  };
  struct Threshold {
    std::optional<double> from;  // null: the lowest
    std::string color;
  };
  std::string unit;
  std::optional<int64_t> decimals;
  std::vector<std::pair<double, Word>> words;
  std::vector<Threshold> thresholds;
};

enum class Kind { kStat, kLines, kBars, kTable, kRow };

struct Panel {
  Kind kind = Kind::kLines;
  std::string title, description;
  int64_t x = 0, y = 0, width = 24, height = 1;  // columns and rows of Grafana's grid
  bool stacked = false;
  Look look;
  std::vector<Query> queries;
  struct Column {
    std::string title;
    Look look;
  };
  std::string by;               // of a table: the label that joins
  std::vector<Column> columns;  // of a table: one for each query

  // Why it may rightly be empty: what follows "no data here:" in its description. Empty: it may not.
  std::string Excuse() const;
};

struct Dashboard {
  std::string uid, title, description;
  std::vector<Panel> panels;
};

// INVALID_ARGUMENT: no JSON, or a panel of a kind that is not drawn.
absl::StatusOr<Dashboard> ReadDashboard(std::string_view json);

// `expr` as Prometheus takes it: variables of the dashboard choose everything, $__range is `range`, $__rate_interval is
// wide enough for `step` and for two scrapes.
std::string WithoutVariables(std::string_view expr, absl::Duration range, absl::Duration step);

}  // namespace gofarm::dashboards
