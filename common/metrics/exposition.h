// Series as values, and the two text forms in which Prometheus takes them: its own (exposition formats, version 0.0.4)
// and OpenMetrics 1.0.0, which it asks for first. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gofarm::metrics {

using Labels = std::map<std::string, std::string>;

enum class Kind { kCounter, kGauge, kHistogram };

struct Bucket {
  double bound = 0;    // observations up to it, those of the lower bounds included
  uint64_t count = 0;  // infinity is `Series::count` and no bucket
};

struct Series {
  Labels labels;
  double value = 0;  // of a counter or a gauge
  // Of a histogram.
  std::vector<Bucket> buckets;
  double sum = 0;
  uint64_t count = 0;
};

// All series of one name. The name of a counter ends in "_total"; one that ends in "_seconds" or "_bytes" (before that)
// has this unit.
struct Family {
  std::string name;
  std::string help;
  Kind kind = Kind::kGauge;
  std::vector<Series> series;
};

enum class Format { kPrometheus, kOpenMetrics };

// What an Accept header asks for: OpenMetrics where it is named with a quality that is no lower than that of any other
// form; else Prometheus' own, which every collector reads.
Format FormatFor(std::string_view accept);
std::string_view ContentType(Format format);

std::string_view KindName(Kind kind);
// "seconds", "bytes", or "".
std::string_view UnitOf(const Family& family);

// In the order of names; of several families of one name the first is written. Texts are escaped, and bytes that are no
// UTF-8 become '?'.
std::string Write(std::vector<Family> families, Format format);

}  // namespace gofarm::metrics
