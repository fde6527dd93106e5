#include "cli/dashboards/model.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"

namespace gofarm::dashboards {

// What stands in the file, by Grafana's names.
namespace model_file {

struct Target {
  std::string expr, legendFormat;
};
struct Grid {
  int64_t x = 0, y = 0, w = 0, h = 0;
};
struct Step {
  std::optional<double> value;
  std::string color;
};
struct Thresholds {
  std::vector<Step> steps;
};
struct MappedText {
  std::string text, color;
};
struct Mapping {
  std::map<std::string, MappedText> options;
};
struct Stacking {
  std::string mode;
};
struct Custom {
  Stacking stacking;
};
struct Defaults {
  std::string unit;
  std::optional<int64_t> decimals;
  Thresholds thresholds;
  std::vector<Mapping> mappings;
  Custom custom;
};
struct Property {
  std::string id, value;
};
struct Override {
  std::vector<Property> properties;
};
struct FieldConfig {
  Defaults defaults;
  std::vector<Override> overrides;
};
struct JoinOptions {
  std::string byField;
};
struct Transformation {
  std::string id;
  JoinOptions options;
};
struct FilePanel {
  std::string type, title, description;
  Grid gridPos;
  std::vector<Target> targets;
  FieldConfig fieldConfig;
  std::vector<Transformation> transformations;
};
struct File {
  std::string uid, title, description;
  std::vector<FilePanel> panels;
};

template <typename Form, json::Is<Target> T>
void Fields(Form& form, T& t) {
  form.Field("expr", t.expr);
  form.Field("legendFormat", t.legendFormat);
}
template <typename Form, json::Is<Grid> T>
void Fields(Form& form, T& t) {
  form.Field("x", t.x);
  form.Field("y", t.y);
  form.Field("w", t.w);
  form.Field("h", t.h);
}
template <typename Form, json::Is<Step> T>
void Fields(Form& form, T& t) {
  form.Field("value", t.value);
  form.Field("color", t.color);
}
template <typename Form, json::Is<Thresholds> T>
void Fields(Form& form, T& t) {
  form.Field("steps", t.steps);
}
template <typename Form, json::Is<MappedText> T>
void Fields(Form& form, T& t) {
  form.Field("text", t.text);
  form.Field("color", t.color);
}
template <typename Form, json::Is<Mapping> T>
void Fields(Form& form, T& t) {
  form.Field("options", t.options);
}
template <typename Form, json::Is<Stacking> T>
void Fields(Form& form, T& t) {
  form.Field("mode", t.mode);
}
template <typename Form, json::Is<Custom> T>
void Fields(Form& form, T& t) {
  form.Field("stacking", t.stacking);
}
template <typename Form, json::Is<Defaults> T>
void Fields(Form& form, T& t) {
  form.Field("unit", t.unit);
  form.Field("decimals", t.decimals);
  form.Field("thresholds", t.thresholds);
  form.Field("mappings", t.mappings);
  form.Field("custom", t.custom);
}
template <typename Form, json::Is<Property> T>
void Fields(Form& form, T& t) {
  form.Field("id", t.id);
  form.Field("value", t.value);
}
template <typename Form, json::Is<Override> T>
void Fields(Form& form, T& t) {
  form.Field("properties", t.properties);
}
template <typename Form, json::Is<FieldConfig> T>
void Fields(Form& form, T& t) {
  form.Field("defaults", t.defaults);
  form.Field("overrides", t.overrides);
}
template <typename Form, json::Is<JoinOptions> T>
void Fields(Form& form, T& t) {
  form.Field("byField", t.byField);
}
template <typename Form, json::Is<Transformation> T>
void Fields(Form& form, T& t) {
  form.Field("id", t.id);
  form.Field("options", t.options);
}
template <typename Form, json::Is<FilePanel> T>
void Fields(Form& form, T& t) {
  form.Field("type", t.type);
  form.Field("title", t.title);
  form.Field("description", t.description);
  form.Field("gridPos", t.gridPos);
  form.Field("targets", t.targets);
  form.Field("fieldConfig", t.fieldConfig);
  form.Field("transformations", t.transformations);
}
template <typename Form, json::Is<File> T>
void Fields(Form& form, T& t) {
  form.Field("uid", t.uid);
  form.Field("title", t.title);
  form.Field("description", t.description);
  form.Field("panels", t.panels);
}

}  // namespace model_file

namespace {

constexpr std::string_view kExcuse = "no data here:";
constexpr absl::Duration kRateLeast = absl::Minutes(1);  // four scrapes of 15 s

std::optional<Kind> KindOf(std::string_view type) {
  if (type == "stat") return Kind::kStat;
  if (type == "timeseries") return Kind::kLines;
  if (type == "bargauge") return Kind::kBars;
  if (type == "table") return Kind::kTable;
  if (type == "row") return Kind::kRow;
  return std::nullopt;
}

Look LookOf(const model_file::Defaults& defaults) {
  Look look{.unit = defaults.unit, .decimals = defaults.decimals, .words = {}, .thresholds = {}};
  for (const model_file::Step& step : defaults.thresholds.steps) {
    look.thresholds.push_back({.from = step.value, .color = step.color});
  }
  for (const model_file::Mapping& mapping : defaults.mappings) {
    for (const auto& [value, word] : mapping.options) {
      double number = 0;
      if (absl::SimpleAtod(value, &number)) look.words.push_back({number, {.text = word.text, .color = word.color}});
    }
  }
  return look;
}

std::vector<Panel::Column> ColumnsOf(const std::vector<model_file::Override>& overrides) {
  std::vector<Panel::Column> columns;
  for (const model_file::Override& given : overrides) {
    Panel::Column column;
    for (const model_file::Property& property : given.properties) {
      if (property.id == "displayName") column.title = property.value;
      if (property.id == "unit") column.look.unit = property.value;
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

absl::StatusOr<Panel> PanelOf(const model_file::FilePanel& file) {
  const std::optional<Kind> kind = KindOf(file.type);
  if (!kind) {
    return absl::InvalidArgumentError(Cat("panel \"", EscapeForPrint(file.title), "\" is of type \"",
                                          EscapeForPrint(file.type), "\", which the report does not draw"));
  }
  Panel panel{.kind = *kind,
              .title = file.title,
              .description = file.description,
              .x = file.gridPos.x,
              .y = file.gridPos.y,
              .width = file.gridPos.w,
              .height = file.gridPos.h,
              .stacked = file.fieldConfig.defaults.custom.stacking.mode == "normal",
              .look = LookOf(file.fieldConfig.defaults),
              .queries = {},
              .by = "",
              .columns = {}};
  for (const model_file::Target& target : file.targets) {
    panel.queries.push_back(
        {.expr = target.expr, .legend = target.legendFormat == "__auto" ? "" : target.legendFormat});
  }
  if (*kind == Kind::kTable) {
    panel.columns = ColumnsOf(file.fieldConfig.overrides);
    for (const model_file::Transformation& t : file.transformations) {
      if (!t.options.byField.empty()) panel.by = t.options.byField;
    }
    if (panel.by.empty() || panel.columns.size() != panel.queries.size()) {
      return absl::InvalidArgumentError(
          Cat("table \"", EscapeForPrint(file.title), "\" joins by no label, or not every query has a column"));
    }
  }
  return panel;
}

}  // namespace

std::string Panel::Excuse() const {
  const size_t at = description.find(kExcuse);
  if (at == std::string::npos) return "";
  const size_t from = description.find_first_not_of(' ', at + kExcuse.size());
  return from == std::string::npos ? "" : description.substr(from);
}

absl::StatusOr<Dashboard> ReadDashboard(std::string_view json) {
  model_file::File file;
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(json, json::Rule::kLenient, file), "read a dashboard");
  if (file.uid.empty() || file.panels.empty()) {
    return absl::InvalidArgumentError("read a dashboard: it has no uid, or no panels of the classic model");
  }
  Dashboard dashboard{.uid = file.uid, .title = file.title, .description = file.description, .panels = {}};
  for (const model_file::FilePanel& panel : file.panels) {
    GOFARM_ASSIGN_OR_RETURN(Panel made, PanelOf(panel));
    dashboard.panels.push_back(std::move(made));
  }
  return dashboard;
}

std::string WithoutVariables(std::string_view expr, absl::Duration range, absl::Duration step) {
  const auto seconds = [](absl::Duration d) { return Cat(absl::ToInt64Seconds(d), "s"); };
  return absl::StrReplaceAll(Av(expr), {{"$__rate_interval", seconds(std::max(kRateLeast, 2 * step))},
                                        {"$__range", seconds(range)},
                                        {"\"$target\"", "\".*\""},
                                        {"\"$worker\"", "\".*\""}});
}

}  // namespace gofarm::dashboards
