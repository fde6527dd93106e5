// The pinned toolchains for real, and one target's seed made from nothing in the sandbox. The program serves the
// sandbox-init verb like the worker. `seeder_test --seed-all FOLDER` makes all four seeds there and prints the times.
#include "worker/build/seeder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include "common/base/text.h"
#include "common/config/toolsets.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "tests/support/zip_maker.h"
#include "worker/build/recipe.h"
#include "worker/build/seed_steps.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string GoEnv(const std::string& name) {
  process::Command spec;
  spec.argv = {"go", "env", name};
  spec.environment = process::InheritedEnvironment({});
  const auto result = process::Run(Scope::For(absl::Seconds(30)), spec);
  return result.ok() ? result->out.substr(0, result->out.find('\n')) : "";
}

std::string ToolchainCache() {
  const char* shared = getenv("GOFARM_CACHE_DIR");
  return shared == nullptr ? GOFARM_TEST_CACHE : shared;
}

exec::Sandbox MakeSandbox() {
  exec::SandboxOptions options;
  options.self_exe = fs::read_symlink("/proc/self/exe").string();
  return exec::Sandbox(options);
}

Toolset PinnedToolset() {
  const auto file = config::BuiltInToolsets();
  if (!file.ok() || file->toolsets.empty()) {
    ADD_FAILURE() << file.status();
    return {};
  }
  Toolset toolset = file->toolsets.front();
  toolset.digest = "feedfacefeedfacefeedface";
  return toolset;
}

struct Farm {
  explicit Farm(const std::string& base)
      : work(base + "/work"),
        cache(base + "/cache"),
        toolchains(fetch::CacheLayout(ToolchainCache()), {goproxy::Parse(GoEnv("GOPROXY")).value(), GoEnv("GOSUMDB"),
                                                          GoEnv("GONOSUMDB"), GoEnv("GOPRIVATE")}),
        sandbox(MakeSandbox()) {
    fs::create_directories(work);
  }
  SeederOptions Options(std::vector<Target> targets, int parallel) const {
    SeederOptions options;
    options.targets = std::move(targets);
    options.work_dir = work;
    options.parallel = parallel;
    return options;
  }
  std::string work;
  fetch::CacheLayout cache;
  fetch::ToolchainStore toolchains;
  exec::Sandbox sandbox;
};

// A job over the seed, as the runner would do it: what go compiled, and the files that appeared in the zig cache.
struct Job {
  std::string output;
  std::set<std::string> new_zig_files;
  bool ok = false;
};

std::set<std::string> FilesBelow(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) names.insert(entry.path().lexically_relative(folder).string());
  }
  return names;
}

Job RunJob(const Farm& farm, const fetch::ToolchainStore::Installed& tools, const Seed& seed, Target target,
           const std::string& folder, const std::string& source, bool cxx) {
  Job job;
  fs::create_directories(folder);
  fs::copy(seed.zigcache, folder + "/zigcache", fs::copy_options::recursive);
  for (const char* name : {"/src", "/out", "/job/home", "/job/tmp", "/upper"}) fs::create_directories(folder + name);
  std::ofstream(folder + "/src/go.mod") << "module example.com/job\n\ngo 1.21\n";
  std::ofstream(folder + "/src/main.go") << source;
  if (cxx)
    std::ofstream(folder + "/src/x.cc")
        << "#include <string>\nextern \"C\" int n() { return std::string(\"abc\").size(); }\n";
  for (const char* name : {"/zigcache", "/src", "/out", "/job"}) {
    EXPECT_TRUE(farm.sandbox.GiveToBuilds(folder + name, 7).ok());
  }
  const std::set<std::string> before = FilesBelow(folder + "/zigcache");
  exec::SandboxSpec spec;
  spec.argv = {std::string(kGoExe), "build", "-v"};
  for (std::string& flag : RecipeFlags()) spec.argv.push_back(std::move(flag));
  spec.argv.insert(spec.argv.end(), {"-o", "/out/job", "."});
  spec.environment = RecipeEnvironment(target);
  spec.working_directory = "/src";
  spec.binds = {{tools.gos.back().root, "/go", false},     {tools.zig.root, "/zig", false},
                {folder + "/zigcache", "/zigcache", true}, {folder + "/src", "/src", true},
                {folder + "/out", "/out", true},           {folder + "/job", "/job", true}};
  spec.overlays = {{seed.gocache, folder + "/upper", "/gocache"}};
  spec.slot = 7;
  const auto result =
      farm.sandbox.Run(Scope::For(absl::Minutes(5)), spec, [&](std::string_view text) { job.output += text; });
  EXPECT_TRUE(result.ok()) << result.status();
  job.ok = result.ok() && result->exit_code == 0;
  for (const std::string& name : FilesBelow(folder + "/zigcache")) {
    if (before.count(name) == 0) job.new_zig_files.insert(name);
  }
  return job;
}

bool RebuiltLibc(const std::set<std::string>& files) {
  for (const std::string& file : files) {
    for (const char* name : {"libc.a", "crt1.o", "rcrt1.o", "libcompiler_rt.a", "libc++.a", "libunwind.a"}) {
      if (fs::path(file).filename() == name) return true;
    }
  }
  return false;
}

constexpr char kServer[] =
    "package main\n\nimport (\n\t\"encoding/json\"\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() {\n"
    "\tjson.NewEncoder(os.Stdout).Encode(http.StatusOK)\n}\n";

// Its tests share one cache folder, since a seed costs a minute. GOFARM_SEEDER_TEST_FOLDER names one of --seed-all
// instead.
class SeededTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    char name[] = "/tmp/gofarm-seeder-XXXXXX";
    const char* kept = getenv("GOFARM_SEEDER_TEST_FOLDER");
    base = kept != nullptr ? kept : mkdtemp(name);
  }
  static void TearDownTestSuite() {
    if (getenv("GOFARM_SEEDER_TEST_FOLDER") == nullptr) {
      EXPECT_TRUE(io::RemoveTree(base).ok());
    }
  }
  void TearDown() override { EXPECT_TRUE(io::RemoveTree(base + "/job").ok()); }
  static std::string base;
};
std::string SeededTest::base;

TEST_F(SeededTest, AJobCompilesNothingOfStdAndNothingOfMusl) {
  {
    Farm farm(base);
    const Toolset toolset = PinnedToolset();
    Seeder seeder(farm.Options({Target::kX86_64}, 1), farm.cache, farm.toolchains, farm.sandbox);
    seeder.AddToolset(toolset);
    EXPECT_EQ(seeder.Readiness().size(), 1u);
    std::string said;
    const auto seed = seeder.WaitReady(Scope::For(absl::Minutes(14)), toolset, Target::kX86_64, false,
                                       [&](std::string_view step, int64_t, int64_t) { said += Cat(step, "\n"); });
    ASSERT_TRUE(seed.ok()) << seed.status();
    if (getenv("GOFARM_SEEDER_TEST_FOLDER") == nullptr) {
      EXPECT_THAT(said, HasSubstr("waits for x86_64: compiling std with Go"));
    }
    EXPECT_EQ(seeder.Readiness()[0].state, ReadinessState::kReady);
    EXPECT_TRUE(fs::exists(seed->shared_gocache + "/gofarm-seeded-x86_64"));

    const auto tools = seeder.WaitToolchains(Scope::For(absl::Seconds(10)), toolset);
    ASSERT_TRUE(tools.ok()) << tools.status();
    const Job job = RunJob(farm, *tools, *seed, Target::kX86_64, base + "/job", kServer, false);
    ASSERT_TRUE(job.ok) << job.output;
    EXPECT_EQ(job.output, "example.com/job\n");
    EXPECT_TRUE(RebuiltLibc(FilesBelow(seed->zigcache))) << "the seed holds what the job must not make";
    EXPECT_FALSE(RebuiltLibc(job.new_zig_files));

    // The next worker on this cache finds the seed.
    Seeder second(farm.Options({Target::kX86_64}, 1), farm.cache, farm.toolchains, farm.sandbox);
    std::string said_again;
    ASSERT_TRUE(second
                    .WaitReady(Scope::For(absl::Seconds(30)), toolset, Target::kX86_64, false,
                               [&](std::string_view step, int64_t, int64_t) { said_again += step; })
                    .ok());
    EXPECT_EQ(said_again.find("compiling"), std::string::npos);

    // Installed toolchains are what they were.
    for (const auto& tool : farm.toolchains.List())
      EXPECT_TRUE(farm.toolchains.Verify(Scope{}, tool).ok()) << tool.path;
  }
}

TEST(SeederTest, AFailureIsToldWithItsReasonAfterBoundedTries) {
  char name[] = "/tmp/gofarm-seeder-XXXXXX";
  const std::string base = mkdtemp(name);
  {
    Farm farm(base);
    Toolset toolset;
    toolset.name = "nothing";
    toolset.digest = "0000000000000000";
    toolset.go_versions = {"1.0.0"};
    toolset.zig_version = "0.0.0";
    SeederOptions options = farm.Options({Target::kX86_64}, 1);
    options.retry_first = absl::Milliseconds(1);
    Seeder seeder(options, farm.cache, farm.toolchains, farm.sandbox);
    std::vector<std::string> steps;
    const auto seed = seeder.WaitReady(Scope::For(absl::Minutes(1)), toolset, Target::kX86_64, false,
                                       [&](std::string_view step, int64_t, int64_t) { steps.emplace_back(step); });
    EXPECT_THAT(steps, ::testing::Each(::testing::Not(::testing::EndsWith(": ")))) << "it says what it waits for";
    EXPECT_FALSE(steps.empty());
    EXPECT_EQ(seed.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(seed.status().message()), HasSubstr("has no archive of go 1.0.0"));
    EXPECT_EQ(seeder.Readiness()[0].state, ReadinessState::kFailed);
  }
  EXPECT_TRUE(io::RemoveTree(base).ok());
}

// The coordinator came back with another mirror: nobody waits for a job to ask once more.
TEST(SeederTest, AnInstallationThatFailedIsTriedAnewWhenItsArchivesComeFromElsewhere) {
  char name[] = "/tmp/gofarm-seeder-XXXXXX";
  const std::string base = mkdtemp(name);
  {
    Farm farm(base);
    fetch::ToolchainStore toolchains(farm.cache, {});
    const std::string go = ::gofarm::testing::MakeZip({{"go/bin/go", "#!go"}});
    const std::string zig = ::gofarm::testing::MakeZip({{"zig/zig", "#!zig"}});
    const std::string host = fetch::ToolchainStore::HostArch();
    Toolset toolset{.name = "t",
                    .go_versions = {"9.9.9"},
                    .zig_version = "9.9.8",
                    .archives = {{"go", "9.9.9", host, "folder", base + "/there", digest::Sha256Hex(go)},
                                 {"zig", "9.9.8", host, "folder", base + "/there", digest::Sha256Hex(zig)}},
                    .digest = "00"};
    SeederOptions options = farm.Options({}, 1);
    options.retry_first = absl::Milliseconds(1);
    Seeder seeder(options, farm.cache, toolchains, farm.sandbox);
    seeder.AddToolset(toolset);
    EXPECT_FALSE(seeder.WaitToolchains(Scope::For(absl::Minutes(1)), toolset).ok());
    fs::create_directories(base + "/elsewhere");
    std::ofstream(base + "/elsewhere/go.zip") << go;
    std::ofstream(base + "/elsewhere/zig.zip") << zig;
    for (Archive& archive : toolset.archives) archive.locator = base + "/elsewhere";
    seeder.AddToolset(toolset);
    const auto installed = seeder.WaitToolchains(Scope::For(absl::Minutes(1)), toolset);
    ASSERT_TRUE(installed.ok()) << installed.status();
    EXPECT_EQ(installed->zig.version, "9.9.8");
  }
  EXPECT_TRUE(io::RemoveTree(base).ok());
}

TEST_F(SeededTest, ACxxJobDoesNotBuildLibcxxAgain) {
  {
    Farm farm(base);
    const Toolset toolset = PinnedToolset();
    Seeder seeder(farm.Options({Target::kX86_64}, 1), farm.cache, farm.toolchains, farm.sandbox);
    const auto seed = seeder.WaitReady(Scope::For(absl::Minutes(14)), toolset, Target::kX86_64, true);
    ASSERT_TRUE(seed.ok()) << seed.status();
    EXPECT_THAT(seed->zigcache, ::testing::EndsWith("/x86_64-cxx/zigcache"));
    const auto tools = seeder.WaitToolchains(Scope::For(absl::Seconds(10)), toolset);
    ASSERT_TRUE(tools.ok()) << tools.status();
    const Job job = RunJob(farm, *tools, *seed, Target::kX86_64, base + "/job",
                           "package main\n\n// int n();\nimport \"C\"\n\nfunc main() { println(C.n()) }\n", true);
    EXPECT_TRUE(job.ok) << job.output;
    EXPECT_FALSE(RebuiltLibc(job.new_zig_files));
  }
}

int SeedAll(const std::string& base, int parallel) {
  Farm farm(base);
  const Toolset toolset = PinnedToolset();
  const auto tools = farm.toolchains.InstallToolset(Scope{}, toolset);
  if (!tools.ok()) {
    std::cerr << tools.status() << "\n";
    return 1;
  }
  const absl::Time start = absl::Now();
  Seeder seeder(farm.Options({kAllTargets.begin(), kAllTargets.end()}, parallel), farm.cache, farm.toolchains,
                farm.sandbox);
  seeder.AddToolset(toolset);
  for (const Target target : kAllTargets) {
    const auto seed = seeder.WaitReady(Scope{}, toolset, target, false);
    std::cout << TargetName(target) << " " << seed.status() << " after " << absl::ToDoubleSeconds(absl::Now() - start)
              << " s\n";
  }
  for (const TargetReadiness& row : seeder.Readiness()) {
    std::cout << TargetName(row.target) << " " << Name(row.state) << " " << row.seconds << " s " << row.detail << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace gofarm::build

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "sandbox-init") == 0) return gofarm::exec::SandboxInitMain();
  if (argc > 2 && std::strcmp(argv[1], "--seed-all") == 0)
    return gofarm::build::SeedAll(argv[2], argc > 3 ? atoi(argv[3]) : 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
