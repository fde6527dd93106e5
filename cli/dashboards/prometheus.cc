#include "cli/dashboards/prometheus.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/redact_url.h"
#include "common/io/url.h"
#include "common/json/fields.h"

namespace gofarm::dashboards {
namespace {

using Element = simdjson::dom::element;
constexpr size_t kShownMax = 300;
constexpr int64_t kBodyMax = int64_t{64} << 20;

std::string TextOf(Element object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

// [time, "value"]
void AddPoint(Element pair, Series& series) {
  double at = 0;
  std::string_view text;
  double value = 0;
  if (series.points.size() >= kPointsMax || pair.at(0).get(at) != simdjson::SUCCESS ||
      pair.at(1).get(text) != simdjson::SUCCESS || !absl::SimpleAtod(Av(text), &value) || !std::isfinite(value)) {
    return;
  }
  series.points.push_back({.at = at, .value = value});
}

}  // namespace

absl::StatusOr<Answer> ReadAnswer(std::string_view body) {
  json::Parser parser;
  GOFARM_ASSIGN_OR_RETURN_CTX(const Element document, parser.Document(body), "this is no answer of Prometheus");
  if (TextOf(document, "status") != "success") {
    const std::string said = TextOf(document, "error");
    return absl::InvalidArgumentError(said.empty() ? "this is no answer of Prometheus"
                                                   : Cat("Prometheus says: ", EscapeAndClip(said, kShownMax)));
  }
  simdjson::dom::array result;
  if (document.at_pointer("/data/result").get(result) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("this is no answer of Prometheus: it has no list of series");
  }
  Answer answer;
  for (const Element item : result) {
    Series series;
    simdjson::dom::object labels;
    if (item["metric"].get(labels) != simdjson::SUCCESS) continue;  // a number alone, which no panel asks for
    for (const auto& [key, value] : labels) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) series.labels.insert_or_assign(std::string(key), std::string(text));
    }
    simdjson::dom::array points;
    Element point;
    if (item["values"].get(points) == simdjson::SUCCESS) {
      for (const Element pair : points) AddPoint(pair, series);
    } else if (item["value"].get(point) == simdjson::SUCCESS) {
      AddPoint(point, series);
    }
    if (series.points.empty()) continue;
    if (answer.series.size() < kSeriesMax) {
      answer.series.push_back(std::move(series));
    } else {
      ++answer.left_out;
    }
  }
  return answer;
}

Prometheus::Prometheus(const io::HttpClient& http, std::string url) : http_(http), url_(std::move(url)) {}

absl::StatusOr<Answer> Prometheus::Range(const Scope& scope, std::string_view expr, absl::Time from, absl::Time to,
                                         absl::Duration step) const {
  return Ask(scope,
             Cat("/api/v1/query_range?query=", io::PercentEncode(expr), "&start=", absl::ToUnixSeconds(from),
                 "&end=", absl::ToUnixSeconds(to), "&step=", absl::ToInt64Seconds(step)),
             expr);
}

absl::StatusOr<Answer> Prometheus::At(const Scope& scope, std::string_view expr, absl::Time time) const {
  return Ask(scope, Cat("/api/v1/query?query=", io::PercentEncode(expr), "&time=", absl::ToUnixSeconds(time)), expr);
}

absl::StatusOr<Answer> Prometheus::Ask(const Scope& scope, const std::string& path_and_query,
                                       std::string_view expr) const {
  const std::string base = url_.substr(0, url_.find_last_not_of('/') + 1);
  const std::string what = Cat("ask ", io::RedactUrl(base), " for ", Clip(expr, kShownMax));
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::HttpResponse response,
                              http_.Get(scope, Cat(base, path_and_query), {.body_bytes = kBodyMax}), what);
  absl::StatusOr<Answer> answer = ReadAnswer(response.body);
  if (answer.ok()) return answer;
  return Annotate(answer.status(), Cat(what, " (HTTP ", response.status, ")"));
}

}  // namespace gofarm::dashboards
