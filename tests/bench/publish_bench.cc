// How long executables take into a registry: by the farm's own publisher, by a raw client with the same bytes over four
// connections, and by a loop of `oras push`. Debian's docker-registry, a new and empty one each time. One JSON line on
// stdout.
//
//   publish_bench FOLDER [EXECUTABLES [ORAS]]     FOLDER: programs; each is taken as often as it needs, with 16 random
//                                                 bytes behind it. 200; ORAS: the program, or none for without it
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/process/run.h"
#include "coordinator/publish/names.h"
#include "coordinator/publish/registry_publisher.h"
#include "tests/support/docker_registry.h"
#include "tests/support/publish_farm.h"

namespace gofarm::bench {
namespace {

constexpr char kName[] = "the registry";
constexpr int kConnections = 4;
constexpr int64_t kProgramMax = int64_t{1} << 30;
const Scope kLong = Scope::For(absl::Hours(1));

// A benchmark that cannot go on ends.
void Need(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "publish_bench: %s\n", status.ToString().c_str());
  std::_Exit(1);
}
template <typename T>
T Need(absl::StatusOr<T> value) {
  Need(value.status());
  return *std::move(value);
}

double CpuSeconds() {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) Need(absl::NotFoundError(Cat("no file in ", folder)));
  return files;
}

// A program of four targets each.
std::vector<domain::Release> Build(testing::PublishFarm& farm, const std::string& folder, int executables) {
  std::mt19937_64 random(std::random_device{}());
  const std::vector<std::string> files = FilesIn(folder);
  std::vector<domain::Release> releases;
  for (int i = 0; i < executables; ++i) {
    const int program = i / static_cast<int>(kAllTargets.size());
    const std::string module = Cat("github.com/bench/m", program);
    std::string bytes = Need(io::ReadFile(files[static_cast<size_t>(i) % files.size()], kProgramMax));
    for (int word = 0; word < 2; ++word) {
      const uint64_t more = random();
      bytes.append(reinterpret_cast<const char*>(&more), sizeof more);
    }
    releases.push_back(farm.Build({.module = module,
                                   .version = "v1.0.0",
                                   .import_path = module,
                                   .name = Cat("tool", program),
                                   .target = kAllTargets[static_cast<size_t>(i) % kAllTargets.size()],
                                   .bytes = std::move(bytes)}));
    farm.outbox().Order(releases.back(), kName);
  }
  return releases;
}

struct Took {
  double seconds = 0, cpu = 0;
};
template <typename Work>
Took Time(Work&& work) {
  const double cpu = CpuSeconds();
  const absl::Time start = SteadyNow();
  work();
  return {.seconds = absl::ToDoubleSeconds(SteadyNow() - start), .cpu = CpuSeconds() - cpu};
}

void Publish(testing::PublishFarm& farm, const testing::DockerRegistry& registry) {
  const oci::Destination destination = Need(oci::ParseDestination(registry.url() + "/farm"));
  publish::DestinationLoop loop(
      {.name = kName,
       .outbox = farm.outbox(),
       .carrier = std::make_unique<publish::RegistryPublisher>(publish::RegistryParts{
           .destination = destination,
           .client = Need(oci::RegistryClient::Make(destination.registry, {.user_agent = "bench"})),
           .sources = farm.sources(),
           .keys = [&farm] { return farm.keys(); },
           .publisher = {.page = ""},
           .scratch = farm.At("scratch")}),
       .parallel = publish::kProgramsAtOnceDefault,
       .random = [] { return 0.5; }});
  while (Need(loop.RunOnce(kLong)).settled > 0) {
  }
  for (const domain::Publication& row : farm.outbox().rows()) {
    if (row.state != domain::PublicationState::kPublished) Need(absl::InternalError(row.detail));
  }
}

// What stands in a repository, in an order in which a registry takes it.
struct Repository {
  std::vector<std::string> blobs;                            // digests
  std::vector<std::pair<std::string, std::string>> by_name;  // manifests: digest or tag, digest
};
bool IsIndex(const testing::DockerRegistry& registry, const std::string& digest) {
  return absl::StrContains(Need(io::ReadFile(registry.FileOf(digest), 8 << 20)), "\"manifests\"");
}
std::map<std::string, Repository> Standing(const testing::DockerRegistry& registry) {
  std::map<std::string, std::vector<std::string>> manifests;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> tags;
  std::map<std::string, Repository> all;
  constexpr std::string_view kRoot = "/docker/registry/v2/repositories/";
  for (const auto& [path, digest] : registry.Content()) {
    if (!absl::StartsWith(path, Av(kRoot)) || !absl::EndsWith(path, "/link")) continue;
    const std::string_view below = std::string_view(path).substr(kRoot.size());
    const std::vector<std::string> parts = absl::StrSplit(Av(below), '/');
    const size_t at = below.find("/_");
    const std::string name(below.substr(0, at));
    if (absl::StrContains(path, "/_layers/")) all[name].blobs.push_back(digest);
    if (absl::StrContains(path, "/_manifests/revisions/")) manifests[name].push_back(digest);
    if (absl::EndsWith(path, "/current/link")) tags[name].emplace_back(parts[parts.size() - 3], digest);
  }
  for (auto& [name, repository] : all) {
    for (const bool indexes : {false, true}) {
      for (const std::string& digest : manifests[name]) {
        if (IsIndex(registry, digest) == indexes) repository.by_name.emplace_back(digest, digest);
      }
    }
    for (const auto& tag : tags[name]) repository.by_name.push_back(tag);
  }
  return all;
}

// One client a thread, each with one connection; asks nothing, sends all.
void PushRaw(const testing::DockerRegistry& from, const std::map<std::string, Repository>& all,
             const testing::DockerRegistry& to) {
  std::vector<const std::pair<const std::string, Repository>*> work;
  for (const auto& each : all) work.push_back(&each);
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kConnections; ++i) {
    threads.emplace_back([&] {
      const io::HttpClient http("bench");
      const auto send = [&](io::HttpMethod method, const std::string& url, std::string_view body,
                            const std::string& type, int status) {
        io::StringBody source{std::string(body)};
        const io::HttpResponse answer = Need(
            http.Send(kLong, {.method = method, .url = url, .headers = {{"Content-Type", type}}, .body = &source}, {}));
        if (answer.status != status) Need(absl::InternalError(Cat(url, ": ", answer.status, " ", answer.body)));
        return answer;
      };
      for (size_t at = next++; at < work.size(); at = next++) {
        const auto& [name, repository] = *work[at];
        const std::string base = Cat(to.url(), "/v2/", name);
        for (const std::string& digest : repository.blobs) {
          const io::HttpResponse begun = send(io::HttpMethod::kPost, base + "/blobs/uploads/", "", "", 202);
          const std::string location(begun.headers.Get("Location"));
          send(io::HttpMethod::kPut, Cat(location, absl::StrContains(location, "?") ? "&" : "?", "digest=", digest),
               Need(io::ReadFile(from.FileOf(digest), kProgramMax)), "application/octet-stream", 201);
        }
        for (const auto& [reference, digest] : repository.by_name) {
          const std::string bytes = Need(io::ReadFile(from.FileOf(digest), 8 << 20));
          send(io::HttpMethod::kPut, Cat(base, "/manifests/", reference), bytes,
               std::string(absl::StrContains(bytes, "\"manifests\"") ? oci::kIndexType : oci::kManifestType), 201);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The files of each release under their names, and one command for each.
void PushByOras(testing::PublishFarm& farm, const std::vector<domain::Release>& releases, const std::string& oras,
                const std::string& folder, const testing::DockerRegistry& registry) {
  for (const domain::Release& release : releases) {
    const publish::ReleaseFiles files = Need(publish::GatherFiles(kLong, farm.sources(), release));
    const std::string place = Cat(folder, "/", release.token.value);
    Need(io::MakeFolders(place));
    std::vector<std::string> words = {oras, "push", "--plain-http", "--no-tty",
                                      Cat(registry.authority(), "/farm/", release.facts.program, ":",
                                          publish::TargetTag(release.version, release.target))};
    for (const publish::ReleaseFile& file : files.beside) {
      if (::link(file.path.c_str(), Cat(place, "/", file.name).c_str()) != 0) Need(absl::InternalError("link"));
      words.push_back(file.name);
    }
    const process::CommandResult done = Need(process::Run(
        kLong, {.argv = words, .environment = process::InheritedEnvironment(), .working_directory = place}));
    if (done.exit_code != 0) Need(absl::InternalError(done.err));
  }
}

int Main(int argc, char** argv) {
  int executables = 200;
  if (argc < 2 || argc > 4 || (argc > 2 && !absl::SimpleAtoi(argv[2], &executables))) {
    std::fprintf(stderr, "usage: publish_bench FOLDER [EXECUTABLES [ORAS]]\n");
    return 2;
  }
  testing::PublishFarm farm;
  Need(io::MakeFolders(farm.At("scratch")));
  const std::vector<domain::Release> releases = Build(farm, argv[1], executables);
  int64_t bytes = 0;
  for (const domain::Release& release : releases) bytes += release.size;

  const testing::DockerRegistry own, raw, by_oras;
  const Took farm_took = Time([&] { Publish(farm, own); });
  const std::map<std::string, Repository> standing = Standing(own);
  size_t blobs = 0, manifests = 0;
  for (const auto& [name, repository] : standing) {
    blobs += repository.blobs.size();
    manifests += repository.by_name.size();
  }
  const Took raw_took = Time([&] { PushRaw(own, standing, raw); });
  Took oras_took;
  if (argc > 3) {
    oras_took = Time([&] { PushByOras(farm, releases, argv[3], farm.At("by-oras"), by_oras); });
  }
  std::string requests;
  for (const auto& [method, count] : own.Requests())
    requests += Cat(requests.empty() ? "" : ", ", "\"", method, "\": ", count);
  std::printf(
      "{\"executables\": %d, \"bytes\": %lld, \"blobs\": %zu, \"manifests\": %zu, \"farm_s\": %.2f, \"farm_cpu_s\": "
      "%.2f, "
      "\"raw_s\": %.2f, \"raw_cpu_s\": %.2f, \"oras_s\": %.2f, \"requests\": {%s}}\n",
      executables, static_cast<long long>(bytes), blobs, manifests, farm_took.seconds, farm_took.cpu, raw_took.seconds,
      raw_took.cpu, oras_took.seconds, requests.c_str());
  return 0;
}

}  // namespace
}  // namespace gofarm::bench

int main(int argc, char** argv) { return gofarm::bench::Main(argc, argv); }
