#include "tests/unit/worker_build/runner_fixture.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/base/check.h"
#include "common/config/toolsets.h"
#include "coordinator/domain/toolset.h"
#include "tests/support/proxy_folder.h"

namespace gofarm::build {
namespace {

std::string GoEnv(const std::string& name) {
  if (const char* given = std::getenv(name.c_str()); given != nullptr) return given;
  FILE* pipe = popen(("go env " + name).c_str(), "r");
  GOFARM_CHECK(pipe != nullptr);
  std::string text;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) text += buffer;
  pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The one of the other end-to-end tests: seeding takes minutes.
exec::SandboxOptions Self() {
  exec::SandboxOptions options;
  options.self_exe = std::filesystem::read_symlink("/proc/self/exe").string();
  return options;
}

std::string MakeFolder(const std::string& folder) {
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace

std::string CacheFolder() {
  if (const char* given = std::getenv("GOFARM_CACHE_DIR"); given != nullptr && *given != '\0') return given;
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "/tmp" : home) + "/.cache/gofarm";
}

fetch::ProxyEnvironment ProxyOfThisMachine() {
  return {goproxy::Parse(GoEnv("GOPROXY")).value(), GoEnv("GOSUMDB"), GoEnv("GONOSUMDB"), GoEnv("GOPRIVATE")};
}

Toolset DefaultToolset() {
  absl::StatusOr<config::ToolsetFile> file = config::BuiltInToolsets();
  GOFARM_CHECK(file.ok() && !file->toolsets.empty());
  Toolset toolset = file->toolsets[0];
  toolset.digest = domain::ToolsetDigest(toolset);
  return toolset;
}

void Listener::OnProgress(const Progress& p) {
  progress.push_back(p);
  if (on_progress) on_progress(p);
}

RunnerRig::RunnerRig(const std::string& work, const fetch::ProxyEnvironment& proxy, LocalRunnerOptions options)
    : work_(work),
      cache_(MakeFolder(CacheFolder())),
      toolchains_(cache_, ProxyOfThisMachine(), config::BuiltInToolsets()->bootstrap),
      sandbox_(Self()),
      fetcher_(cache_, proxy, MakeFolder(work + "/fetch")) {
  SeederOptions seeding;
  seeding.targets = {};  // only what a job asks for
  seeding.work_dir = MakeFolder(work + "/seed");
  seeder_ = std::make_unique<Seeder>(seeding, cache_, toolchains_, sandbox_);
  options.work_dir = MakeFolder(work + "/jobs");
  options.cores = static_cast<int>(std::thread::hardware_concurrency());
  runner_ = std::make_unique<LocalRunner>(options, cache_, fetcher_, *seeder_, sandbox_);
}

AcceptedOffer OrderOf(std::string module, std::string version, Target target) {
  static int64_t next_token = 1;
  AcceptedOffer offer;
  offer.token = AttemptToken{next_token++};
  offer.job = JobId{1};
  offer.module = std::move(module);
  offer.version = std::move(version);
  offer.target = target;
  offer.pins = DefaultToolset();
  return offer;
}

RunnerTest::RunnerTest() {
  std::string name = ::testing::TempDir() + "/runner-XXXXXX";
  GOFARM_CHECK(mkdtemp(name.data()) != nullptr);
  work_ = name;
  std::filesystem::create_directories(work_ + "/proxy");
}

RunnerTest::~RunnerTest() {
  std::filesystem::permissions(work_, std::filesystem::perms::owner_all);
  std::filesystem::remove_all(work_);
}

BuildReport RunnerTest::Run(const AcceptedOffer& offer, LocalRunnerOptions options, Scope scope) {
  RunnerRig rig(work_, proxy_, std::move(options));
  BuildReport report = rig.runner().Run(scope, offer, listener_);
  attempts_ = rig.work_dir() + "/attempts";
  return report;
}

AcceptedOffer RunnerTest::Local(const std::map<std::string, std::string>& files) {
  const std::string module = "gofarm.test/runner" + std::to_string(getpid());
  const std::string version = "v0.0." + std::to_string(++local_version_);
  std::map<std::string, std::string> all = files;
  all.emplace("go.mod", "module " + module + "\n\ngo 1.24\n");
  gofarm::testing::ProxyFolder(work_ + "/proxy").Add(module, version, all);
  proxy_ = {goproxy::Parse("file://" + work_ + "/proxy").value(), "off", "", ""};
  return OrderOf(module, version);
}

}  // namespace gofarm::build
