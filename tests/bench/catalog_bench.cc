// The parts of the catalog's index benchmark, one a call; catalog.py puts them together and compares them with what
// PostgreSQL does alone with the same rows. Prints one JSON object.
//
//   generate LINES FILE [SEED]          index lines with the proportions of the public index
//   encode FILE FOLDER                  the same as rows of binary COPY: landing, and sorted versions and modules
//   parse FILE                          CPU seconds of reading, collecting and sorting alone
//   land URL FILE                       pages of 2,000 lines into the landing table
//   key URL FOLDER                      what landed
//   ingest URL FILE FOLDER              a file
//   serve FILE                          the lines as an index server, until it is ended; prints {"port": N}
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/http/http_server.h"
#include "coordinator/catalog/index_cursor.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/catalog/latest_version.h"
#include "coordinator/catalog/line_ingest.h"
#include "coordinator/catalog/line_run.h"
#include "coordinator/catalog/packed_rows.h"
#include "coordinator/store/leadership_store.h"
#include "coordinator/store/migrator.h"

namespace gofarm::bench {
namespace {

using catalog::IndexBlock;
using catalog::IndexLine;

constexpr size_t kPageLines = 2000;
constexpr size_t kPagesAtOnce = 16;  // landed in one transaction, as those of several slices are

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "catalog_bench: %s\n", why.c_str());
  std::exit(1);
}
void Must(const absl::Status& status) {
  if (!status.ok()) Die(std::string(status.message()));
}
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

Scope Long() { return Scope::For(absl::Hours(2)); }

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// 1,515,437 modules of 18,518,000 versions, in 546 days: a few have thousands, half of them one or two. Of the versions
// about half are pseudo-versions.
void Generate(int64_t lines, const std::string& path, uint64_t seed) {
  const auto modules = static_cast<uint64_t>(std::max(1.0, static_cast<double>(lines) / 12.22));
  std::mt19937_64 random(seed);
  std::ofstream file(path, std::ios::binary);
  std::vector<uint32_t> next(modules);
  std::string out;
  const int64_t from = 1'704'067'200'000'000;  // 2024-01-01
  const int64_t step = int64_t{546} * 86'400 * 1'000'000 / std::max<int64_t>(lines, 1);
  int64_t micros = from;
  std::string last;
  for (int64_t i = 0; i < lines; ++i) {
    micros += static_cast<int64_t>(random() % static_cast<uint64_t>(2 * step)) + 1;
    if (i % 33 == 32 && !last.empty()) {  // 3 % come twice
      out += last;
      continue;
    }
    // Every module once, the rest skewed.
    uint64_t m;
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    if (static_cast<uint64_t>(i) % 12 == 0) {
      m = static_cast<uint64_t>(i) / 12 % modules;
    } else {
      m = static_cast<uint64_t>(std::pow(u, 3) * static_cast<double>(modules));
    }
    const uint64_t mixed = m * 0x9e3779b97f4a7c15;
    const uint32_t n = next[m]++;
    static constexpr const char* kHosts[] = {"github.com/", "github.com/",    "github.com/", "github.com/",
                                             "github.com/", "github.com/",    "github.com/", "gitlab.com/",
                                             "gopkg.in/",   "go.example.org/"};
    const char* const host = kHosts[mixed % 10];
    last = "{\"Path\":\"";
    last += host;
    absl::StrAppendFormat(&last, "user%x/project-%x", mixed >> 44, m);
    if (std::strcmp(host, "gopkg.in/") == 0)
      last += ".v2";
    else if (mixed % 7 == 3)
      last += "/v2";
    last += "\",\"Version\":\"";
    if (mixed % 2 == 0) {
      absl::StrAppendFormat(&last, "v0.0.0-%s-%012x",
                            absl::FormatTime("%Y%m%d%H%M%S", absl::FromUnixMicros(micros), absl::UTCTimeZone()),
                            (mixed ^ n * 0x2545f4914f6cdd1d) & 0xffffffffffff);
    } else {
      absl::StrAppendFormat(&last, "v%d.%d.%d", mixed % 7 == 3 ? 2 : n / 400, n / 20 % 20, n % 20);
      if (mixed % 7 == 3 && n >= 400) absl::StrAppendFormat(&last, "-rc.%d", n / 400);
    }
    absl::StrAppend(&last, "\",\"Timestamp\":\"", catalog::FormatTimestamp(micros), "\"}\n");
    out += last;
    if (out.size() > (1 << 20)) {
      file << out;
      out.clear();
    }
  }
  file << out;
  std::cout << absl::StrFormat("{\"lines\": %d, \"modules\": %d}\n", lines, modules);
}

constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kCopyTrailer("\377\377", 2);

void WriteFile(const std::string& path, const std::string& rows) {
  std::ofstream file(path, std::ios::binary);
  file << kCopyHeader << rows << kCopyTrailer;
}

// Everything at once in memory: what is compared with is not measured.
void Encode(const std::string& lines_file, const std::string& folder) {
  const std::string bytes = ReadAll(lines_file);
  IndexBlock block;
  catalog::IndexReader reader;
  reader.Read(bytes, block);
  std::string landing;
  for (const IndexLine& row : block.rows) {
    store::RowEncoder encoder{landing};
    encoder.Begin(3);
    encoder.Bytes(row.path);
    encoder.Bytes(row.version);
    encoder.Time(row.micros);
  }
  WriteFile(folder + "/landing.bin", landing);
  landing = {};
  std::sort(block.rows.begin(), block.rows.end(), [](const IndexLine& a, const IndexLine& b) {
    if (a.path != b.path) return a.path < b.path;
    return a.version != b.version ? a.version < b.version : a.micros < b.micros;
  });
  std::string versions, modules;
  store::KeyedModule module;
  std::string_view path, version;
  int64_t unique = 0;
  const auto flush = [&] {
    if (module.versions > 0) store::EncodeModule(modules, module, module.id, path);
  };
  for (const IndexLine& row : block.rows) {
    if (row.path != path) {
      flush();
      module = {.id = module.id + 1};
      path = row.path;
      version = {};
    }
    if (row.version == version) continue;
    version = row.version;
    ++unique;
    store::EncodeVersion(versions, row.micros, module.id, row.version);
    module.first_at = module.versions == 0 ? row.micros : std::min(module.first_at, row.micros);
    module.last_at = std::max(module.last_at, row.micros);
    ++module.versions;
    if (catalog::IsBetterLatest(row.version, module.latest)) {
      module.latest = row.version;
      module.latest_at = row.micros;
    }
  }
  flush();
  WriteFile(folder + "/versions.bin", versions);
  WriteFile(folder + "/modules.bin", modules);
  std::cout << absl::StrFormat("{\"versions\": %d, \"modules\": %d, \"bad\": %d}\n", unique, module.id,
                               block.bad_lines);
}

// Of the calling thread: what other work on the machine takes does not count.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Parse(const std::string& file) {
  const std::string bytes = ReadAll(file);
  catalog::IndexReader reader;
  IndexBlock block;
  catalog::LineRun run;
  int64_t rows = 0;
  double parse = 0, collect = 0, sort = 0;
  const auto sort_run = [&] {
    const double began = CpuSeconds();
    catalog::SortRun(run);
    run = {};
    sort += CpuSeconds() - began;
  };
  for (size_t at = 0; at < bytes.size();) {
    const double began = CpuSeconds();
    block.Clear();
    const size_t read = reader.Read(std::string_view(bytes).substr(at, 1 << 20), block);
    const double parsed = CpuSeconds();
    run.Add(block.rows);
    parse += parsed - began;
    collect += CpuSeconds() - parsed;
    if (read == 0) break;
    rows += static_cast<int64_t>(block.rows.size());
    at += read;
    if (run.Full()) sort_run();
  }
  sort_run();
  std::cout << absl::StrFormat("{\"rows\": %d, \"parse_cpu\": %.3f, \"collect_cpu\": %.3f, \"sort_cpu\": %.3f}\n", rows,
                               parse, collect, sort);
}

struct Farm {
  explicit Farm(const std::string& url) : pool({.url = url, .connections = 4}) {
    Must(store::Migrate(Long(), pool));
    store::PgLeadershipStore leadership(pool);
    epoch = Must(leadership.Take(Long(), {.id = "bench", .holder = "bench"}, leadership::kLease)).leader.epoch;
  }
  store::Pool pool;
  int64_t epoch = 0;
};

void Print(const catalog::KeyedCounts& counts, double seconds) {
  std::cout << absl::StrFormat("{\"rows\": %d, \"stored\": %d, \"known\": %d, \"seconds\": %.3f, \"peak_mb\": %.0f}\n",
                               counts.rows, counts.stored, counts.known, seconds, PeakMegabytes());
}

void Land(const std::string& url, const std::string& lines_file) {
  Farm farm(url);
  store::CatalogIndexStore index(farm.pool);
  Must(index.SetSlices(Long(), farm.epoch, catalog::CutSlices(absl::UnixEpoch(), absl::UnixEpoch(), 1)));
  const int fd = open(lines_file.c_str(), O_RDONLY | O_CLOEXEC);
  const absl::Time began = absl::Now();
  catalog::IndexReader reader;
  IndexBlock block;
  std::string buffer;
  std::vector<domain::IndexLanding> pages;
  domain::IndexSlice slice = Must(index.Slices(Long())).at(0);
  int64_t rows = 0;
  // One thread reads while another has the store land what it gave.
  catalog::HandOver<std::vector<domain::IndexLanding>> handed(2);
  std::thread sender([&] {
    while (auto some = handed.Take()) {
      std::vector<const domain::IndexLanding*> pages_of_commit;
      for (const domain::IndexLanding& page : *some) pages_of_commit.push_back(&page);
      const std::vector<bool> all = Must(index.Land(Long(), farm.epoch, pages_of_commit));
      for (const bool landed : all) {
        if (!landed) Die("a page did not land");
      }
    }
  });
  const auto flush = [&] {
    if (!pages.empty()) handed.Put(std::exchange(pages, {}));
  };
  while (true) {
    const size_t kept = buffer.size();
    buffer.resize(kept + (1 << 20));
    const ssize_t got = read(fd, buffer.data() + kept, 1 << 20);
    if (got < 0) Die("read");
    buffer.resize(kept + static_cast<size_t>(got));
    block.Clear();
    const size_t used = reader.Read(buffer, block);
    for (size_t from = 0; from < block.rows.size(); from += kPageLines) {
      domain::IndexLanding page{.next = slice};
      for (size_t i = from; i < std::min(from + kPageLines, block.rows.size()); ++i, ++page.lines, ++rows) {
        catalog::PackRow(page.packed, block.rows[i].path, block.rows[i].version, block.rows[i].micros);
      }
      page.next.since = std::string(block.rows.back().timestamp);
      pages.push_back(std::move(page));
      ++slice.moves;
      if (pages.size() == kPagesAtOnce) flush();
    }
    buffer.erase(0, used);
    if (got == 0) break;
  }
  flush();
  handed.End();
  sender.join();
  close(fd);
  std::cout << absl::StrFormat("{\"rows\": %d, \"seconds\": %.3f}\n", rows, absl::ToDoubleSeconds(absl::Now() - began));
}

void Key(const std::string& url, const std::string& folder) {
  Farm farm(url);
  const absl::Time began = absl::Now();
  const auto counts = Must(catalog::KeyLanded(Long(), farm.pool, farm.epoch, {.store = {.folder = folder}}));
  Print(counts, absl::ToDoubleSeconds(absl::Now() - began));
}

void Ingest(const std::string& url, const std::string& lines_file, const std::string& folder) {
  Farm farm(url);
  const int fd = open(lines_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Die("no " + lines_file);
  const absl::Time began = absl::Now();
  catalog::LineIngest ingest(Long(), farm.pool, farm.epoch, {.store = {.folder = folder}});
  std::vector<char> piece(256 << 10);
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0) Die("read");
    if (got == 0) break;
    Must(ingest.Add({piece.data(), static_cast<size_t>(got)}));
  }
  const catalog::IngestCounts counts = Must(ingest.Finish());
  close(fd);
  Print({.rows = counts.lines, .stored = counts.stored, .known = counts.known},
        absl::ToDoubleSeconds(absl::Now() - began));
}

// As the public index: lines from `since` on, at most 2,000.
void Serve(const std::string& lines_file) {
  const std::string bytes = ReadAll(lines_file);
  std::vector<std::pair<int64_t, size_t>> lines;  // time, offset
  IndexBlock block;
  catalog::IndexReader reader;
  for (size_t at = 0; at < bytes.size();) {
    block.Clear();
    const std::string_view rest = std::string_view(bytes).substr(at, 1 << 20);
    const size_t used = reader.Read(rest, block);
    if (used == 0) break;
    size_t from = at;
    for (const IndexLine& row : block.rows) {
      lines.emplace_back(row.micros, from);
      from = bytes.find('\n', from) + 1;
    }
    at += used;
  }
  const auto page = [&](const http::Request& request) {
    absl::Time since = absl::UnixEpoch();
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, std::string(request.Query("since")), &since, &error))
      since = absl::UnixEpoch();
    const auto first = std::lower_bound(lines.begin(), lines.end(), std::pair(absl::ToUnixMicros(since), size_t{0}));
    const auto end = first + std::min<ptrdiff_t>(lines.end() - first, kPageLines);
    if (first == end) return http::Response{};
    const size_t stop = end == lines.end() ? bytes.size() : end->second;
    return http::Response{.body = bytes.substr(first->second, stop - first->second)};
  };
  http::Router router;
  router.Get("/index", http::Router::Kind::kQuick, page);
  const auto server = Must(http::HttpServer::Start("127.0.0.1:0", std::move(router)));
  std::cout << absl::StrFormat("{\"port\": %d}\n", server->port()) << std::flush;
  while (true) absl::SleepFor(absl::Hours(1));
}

int Main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string verb = args.empty() ? "" : args[0];
  if (verb == "generate" && args.size() >= 3) {
    Generate(std::atoll(args[1].c_str()), args[2], args.size() > 3 ? std::strtoull(args[3].c_str(), nullptr, 10) : 1);
  } else if (verb == "encode" && args.size() == 3) {
    Encode(args[1], args[2]);
  } else if (verb == "parse" && args.size() == 2) {
    Parse(args[1]);
  } else if (verb == "land" && args.size() == 3) {
    Land(args[1], args[2]);
  } else if (verb == "key" && args.size() == 3) {
    Key(args[1], args[2]);
  } else if (verb == "ingest" && args.size() == 4) {
    Ingest(args[1], args[2], args[3]);
  } else if (verb == "serve" && args.size() == 2) {
    Serve(args[1]);
  } else {
    Die("generate|encode|parse|land|key|ingest|serve, see the head of catalog_bench.cc");
  }
  return 0;
}

}  // namespace
}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main(argc, argv); }
