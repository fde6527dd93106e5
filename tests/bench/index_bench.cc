// How long the published index takes: all of it from nothing, and after one record changed. One JSON line on stdout.
//
//   index_bench FOLDER [RECORDS [UPDATES]]        FOLDER gets the files; 100000 records of four hosts, 5 updates
//
// A signature stands in for the real one: a SHA-256 of the bytes, which costs about what minisign's BLAKE2b does.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "coordinator/publish/index.h"
#include "coordinator/publish/index_folder.h"
#include "coordinator/publish/names.h"

namespace gofarm::bench {
namespace {

using publish::RecordInput;

// A benchmark that cannot go on ends.
void Need(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "index_bench: %s\n", status.ToString().c_str());
  std::_Exit(1);
}

// As long as those of real modules, and no more alike than they are.
std::string Words(std::mt19937_64& random, size_t count) {
  static const std::vector<std::string> kWords = {
      "command", "line", "tool", "for",   "fast", "simple", "network", "database", "server", "library",
      "files",   "and",  "with", "cloud", "Go",   "from",   "client",  "secure",   "small",  "JSON"};
  std::string out;
  for (size_t i = 0; i < count; ++i) out += Cat(i == 0 ? "" : " ", kWords[random() % kWords.size()], random() % 50);
  return out;
}

std::vector<RecordInput> Generated(int records) {
  std::mt19937_64 random(1);
  std::vector<RecordInput> out;
  const absl::Time built = absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 40, 30), absl::UTCTimeZone());
  for (int i = 0; static_cast<int>(out.size()) < records; ++i) {
    const std::string owner = absl::StrFormat("owner%04x", random() % 0x4000);
    RecordInput p{.module = Cat("github.com/", owner, "/tool-", i), .version = Cat("v1.", random() % 30, ".0")};
    p.import_path = Cat(p.module, "/cmd/prog-", i % 5000);
    p.name = Cat("prog-", i % 5000);
    p.description = Words(random, 12);
    p.homepage = Cat("https://github.com/", owner, "/tool-", i);
    p.licences = {"MIT"};
    for (int t = 0; t < 6; ++t) p.topics.push_back(Words(random, 1));
    p.stars = static_cast<int64_t>(random() % 5000);
    p.built_at = built - absl::Seconds(static_cast<int64_t>(random() % 20'000'000));
    p.job_id = Cat(random() % 1'000'000);
    p.job_url = Cat("https://farm.example/jobs/", p.job_id);
    p.source_url = Cat("https://proxy.example/", p.module, "/@v/", p.version, ".zip");
    for (const Target target : kAllTargets) {
      p.target = target;
      p.size = 1'000'000 + static_cast<int64_t>(random() % 90'000'000);
      p.sha256 = digest::Sha256Hex(Cat(i, publish::HostName(target)));
      p.blake3 = digest::Blake3Hex(Cat(i, publish::HostName(target)));
      p.download_url = Cat("https://farm.example/blobs/sha256/", p.sha256, "/", p.name);
      p.log_url = Cat("https://farm.example/logs/", p.job_id, "-", publish::HostName(target), "/", p.name, ".log");
      p.recipe_url = Cat("https://farm.example/recipes/", p.sha256);
      p.provenance_url = Cat("https://farm.example/provenance/", p.sha256);
      out.push_back(p);
    }
  }
  return out;
}

absl::StatusOr<std::string> Sign(std::string_view bytes, std::string_view comment) {
  return Cat(comment, "\n", digest::Sha256Hex(bytes), "\n");
}

// Of this process, user and system: what an idle machine would take at most.
double CpuSeconds() {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Written {
  int64_t files = 0, bytes = 0;
};
Written Write(publish::Index& index, publish::IndexFolder& folder, int64_t number) {
  const auto files = index.Render();
  Need(files.status());
  Need(folder.Write(*files, {.number = number, .time = WallNow()}, Sign));
  Written out;
  for (const publish::IndexFile& file : *files) {
    ++out.files;
    out.bytes += static_cast<int64_t>(file.bytes->size());
  }
  return out;
}

int Main(int argc, char** argv) {
  int records = 100'000, updates = 5;
  if (argc < 2 || (argc > 2 && !absl::SimpleAtoi(argv[2], &records)) ||
      (argc > 3 && !absl::SimpleAtoi(argv[3], &updates))) {
    std::fprintf(stderr, "usage: index_bench FOLDER [RECORDS [UPDATES]]\n");
    return 2;
  }
  Need(io::RemoveTree(argv[1]));
  std::vector<RecordInput> publications = Generated(records);
  publish::Index index;
  publish::IndexFolder folder(argv[1]);

  const double cpu_start = CpuSeconds();
  const absl::Time start = SteadyNow();
  for (const RecordInput& publication : publications) Need(index.Put(publication));
  const absl::Time put = SteadyNow();
  const Written written = Write(index, folder, 1);
  const absl::Time end = SteadyNow();
  const double cpu_end = CpuSeconds();

  std::vector<double> update_ms;
  for (int i = 0; i < updates; ++i) {
    RecordInput& changed = publications[publications.size() / 2 + static_cast<size_t>(i) * 97];
    changed.description += " changed";
    changed.sha256 = digest::Sha256Hex(changed.sha256);
    const absl::Time before = SteadyNow();
    Need(index.Put(changed));
    Write(index, folder, 2 + i);
    update_ms.push_back(absl::ToDoubleMilliseconds(SteadyNow() - before));
  }
  std::sort(update_ms.begin(), update_ms.end());
  const double update_cpu_ms = (CpuSeconds() - cpu_end) * 1000 / std::max(updates, 1);
  std::printf(
      "{\"records\": %d, \"written_s\": %.3f, \"written_cpu_s\": %.3f, \"records_s\": %.3f, \"files_s\": %.3f, "
      "\"update_ms_median\": %.1f, "
      "\"update_ms_max\": %.1f, \"update_cpu_ms\": %.1f, \"files\": %lld, \"bytes\": %lld, \"frames\": %lld}\n",
      records, absl::ToDoubleSeconds(end - start), cpu_end - cpu_start, absl::ToDoubleSeconds(put - start),
      absl::ToDoubleSeconds(end - put), update_ms.empty() ? 0.0 : update_ms[update_ms.size() / 2],
      update_ms.empty() ? 0.0 : update_ms.back(), update_cpu_ms, static_cast<long long>(written.files),
      static_cast<long long>(written.bytes), static_cast<long long>(index.frames_compressed()));
  return 0;
}

}  // namespace
}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main(argc, argv); }
