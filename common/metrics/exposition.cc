#include "common/metrics/exposition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"

namespace gofarm::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

std::string Number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> buffer{};
  const std::to_chars_result end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), end.ptr};
}

// OpenMetrics wants the bounds of buckets as floats. One text for both forms: the same bound is the same series,
// whichever form was asked for.
std::string Bound(double bound) {
  std::string text = Number(bound);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

// The length of the UTF-8 sequence that `text` begins with; 0: it is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Longer than it must be, a half of a surrogate pair, or beyond the last character.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) || (first == 0xF0 && byte(1) < 0x90) ||
      (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

void AppendEscaped(std::string_view text, bool quotes, std::string& out) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length > 1) {
      out += text.substr(0, length);
    } else if (length == 0) {
      out += '?';
    } else if (text[0] == '\n') {
      out += "\\n";
    } else {
      if (text[0] == '\\' || (quotes && text[0] == '"')) out += '\\';
      out += text[0];
    }
    text.remove_prefix(std::max<size_t>(1, length));
  }
}

class Writer {
 public:
  explicit Writer(Format format) : open_(format == Format::kOpenMetrics) {}

  void Add(const Family& family) {
    // There the family of a counter is named without the ending that its samples have.
    std::string name = family.name;
    if (open_ && family.kind == Kind::kCounter && absl::EndsWith(name, Av(kTotal))) {
      name.resize(name.size() - kTotal.size());
    }
    out_ += Cat("# HELP ", name, " ");
    AppendEscaped(family.help, open_, out_);
    out_ += Cat("\n# TYPE ", name, " ", KindName(family.kind), "\n");
    if (const std::string_view unit = UnitOf(family); open_ && !unit.empty()) {
      out_ += Cat("# UNIT ", name, " ", unit, "\n");
    }
    for (const Series& series : family.series) {
      if (family.kind != Kind::kHistogram) {
        Sample(family.name, series.labels, std::nullopt, Number(series.value));
        continue;
      }
      for (const Bucket& bucket : series.buckets) {
        Sample(Cat(name, "_bucket"), series.labels, Bound(bucket.bound), Cat(bucket.count));
      }
      Sample(Cat(name, "_bucket"), series.labels, "+Inf", Cat(series.count));
      Sample(Cat(name, "_sum"), series.labels, std::nullopt, Number(series.sum));
      Sample(Cat(name, "_count"), series.labels, std::nullopt, Cat(series.count));
    }
  }

  std::string Finish() {
    if (open_) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void Sample(const std::string& name, const Labels& labels, const std::optional<std::string>& bound,
              const std::string& value) {
    out_ += name;
    char before = '{';
    for (const auto& [label, text] : labels) {
      out_ += before;
      out_ += Cat(label, "=\"");
      AppendEscaped(text, /*quotes=*/true, out_);
      out_ += '"';
      before = ',';
    }
    if (bound) {
      out_ += before;
      out_ += Cat("le=\"", *bound, "\"");
      before = ',';
    }
    if (before == ',') out_ += '}';
    out_ += Cat(" ", value, "\n");
  }

  const bool open_;
  std::string out_;
};

// Of one media range of an Accept header; 1 where it has none, 0 where it is no number.
double QualityOf(const std::vector<std::string>& parts) {
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::string_view part = absl::StripAsciiWhitespace(parts[i]);
    if (!absl::ConsumePrefix(&part, "q=")) continue;
    double quality = 0;
    return absl::SimpleAtod(part, &quality) && std::isfinite(quality) ? quality : 0;
  }
  return 1;
}

}  // namespace

Format FormatFor(std::string_view accept) {
  double open = 0, other = 0;
  for (const absl::string_view range : absl::StrSplit(Av(accept), ',')) {
    const std::vector<std::string> parts = absl::StrSplit(range, ';');
    const std::string type = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[0]));
    if (type.empty()) continue;
    // Prometheus names the versions that it reads one by one; the first of OpenMetrics was 0.0.1, and reads as 1.0.0
    // does.
    double& best = type == "application/openmetrics-text" ? open : other;
    best = std::max(best, QualityOf(parts));
  }
  return open > 0 && open >= other ? Format::kOpenMetrics : Format::kPrometheus;
}

std::string_view ContentType(Format format) {
  return format == Format::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
    case Kind::kHistogram:
      return "histogram";
  }
  return "unknown";
}

std::string_view UnitOf(const Family& family) {
  const absl::string_view name = absl::StripSuffix(family.name, Av(kTotal));
  if (absl::EndsWith(name, "_seconds")) return "seconds";
  if (absl::EndsWith(name, "_bytes")) return "bytes";
  return "";
}

std::string Write(std::vector<Family> families, Format format) {
  std::stable_sort(families.begin(), families.end(), [](const Family& a, const Family& b) { return a.name < b.name; });
  Writer writer(format);
  const Family* last = nullptr;
  for (const Family& family : families) {
    if (last == nullptr || last->name != family.name) writer.Add(family);
    last = &family;
  }
  return writer.Finish();
}

}  // namespace gofarm::metrics
