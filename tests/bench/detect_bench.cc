// The detector over zips behind HTTP: as the farm reads them, by ranges, against downloading each whole and parsing
// every Go file. detect.py serves the zips and sums up. Prints one JSON object a zip.
//
//   detect_bench URL LIST      LIST: lines "MODULE VERSION FILE"; a zip stands at URL/FILE
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/godetect/detect.h"
#include "common/godetect/detection_json.h"

namespace gofarm::bench {
namespace {

constexpr char kGoVersion[] = "1.26.8";

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Cost {
  double seconds = 0;
  double cpu = 0;
  godetect::FetchStats fetched;
  std::string verdict;  // or why there is none
};

// What operators read of it; what is kept of packages for other modules' forecasts depends on how much was read.
std::string VerdictOf(const absl::StatusOr<godetect::Detection>& detection) {
  if (!detection.ok()) return std::string(detection.status().message());
  return godetect::ToJson(*detection);
}

template <typename Body>
Cost Measure(Body body) {
  Cost cost;
  const absl::Time began = absl::Now();
  const double cpu = CpuSeconds();
  cost.verdict = body(cost.fetched);
  cost.seconds = absl::ToDoubleSeconds(absl::Now() - began);
  cost.cpu = CpuSeconds() - cpu;
  return cost;
}

class Zip {
 public:
  Zip(const io::HttpClient& http, std::string url, std::string module, std::string version)
      : http_(http), url_(std::move(url)), module_(std::move(module)), version_(std::move(version)) {}

  Cost ByRanges() const {
    return Measure([&](godetect::FetchStats& stats) {
      const Scope scope = Scope::For(absl::Minutes(10));
      const auto source = Open(scope, {}, stats);
      if (!source.ok()) return std::string(source.status().message());
      return Detect(scope, **source);
    });
  }
  // The download, then every Go file through the parser, then the same decision.
  Cost Whole() const {
    return Measure([&](godetect::FetchStats& stats) {
      const Scope scope = Scope::For(absl::Minutes(10));
      const auto source = Open(scope, {.tail_bytes = int64_t{500} << 20, .memory_bytes = int64_t{500} << 20}, stats);
      if (!source.ok()) return std::string(source.status().message());
      const auto& files = (*source)->files();
      for (size_t i = 0; i < files.size(); ++i) {
        if (!files[i].name.ends_with(".go")) continue;
        const godetect::Wish wish{.file = i, .bytes_max = godetect::kGoFileBytesMax};
        const auto text = (*source)->Read(scope, {&wish, 1});
        if (text.ok()) mains_ += godetect::AskTree(text->front().text) == godetect::TreeAnswer::kMain;
      }
      return Detect(scope, **source);
    });
  }

 private:
  absl::StatusOr<std::unique_ptr<godetect::ModuleSource>> Open(const Scope& scope, const godetect::RangeRules& rules,
                                                               godetect::FetchStats& stats) const {
    auto reader = godetect::OpenHttpFile(scope, io::AskDirectly(http_), url_, {}, rules, &stats);
    if (!reader.ok()) return reader.status();
    return godetect::OpenZip(scope, *std::move(reader), Cat(module_, "@", version_, "/"));
  }
  std::string Detect(const Scope& scope, godetect::ModuleSource& source) const {
    godetect::OwnProcessParser parser;
    return VerdictOf(godetect::Detect(
        scope, source, parser, {.module = module_, .version = version_, .go_version = kGoVersion, .packages = true}));
  }

  const io::HttpClient& http_;
  const std::string url_, module_, version_;
  mutable int64_t mains_ = 0;  // so that no parse is left out
};

std::string Shown(const Cost& cost) {
  return absl::StrFormat("{\"seconds\": %.4f, \"cpu\": %.4f, \"bytes\": %d, \"requests\": %d, \"rounds\": %d}",
                         cost.seconds, cost.cpu, cost.fetched.bytes, cost.fetched.requests, cost.fetched.rounds);
}

int Main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "detect_bench URL LIST, see the head of detect_bench.cc\n");
    return 2;
  }
  const io::HttpClient http("gofarm-bench");
  std::ifstream list(argv[2]);
  for (std::string line; std::getline(list, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() != 3) continue;
    const Zip zip(http, Cat(argv[1], "/", words[2]), words[0], words[1]);
    const Cost ranges = zip.ByRanges();
    const Cost whole = zip.Whole();
    std::cout << absl::StrFormat("{\"module\": \"%s@%s\", \"equal\": %s, \"ranges\": %s, \"whole\": %s}\n", words[0],
                                 words[1], ranges.verdict == whole.verdict ? "true" : "false", Shown(ranges),
                                 Shown(whole))
              << std::flush;
  }
  return 0;
}

}  // namespace
}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main(argc, argv); }
