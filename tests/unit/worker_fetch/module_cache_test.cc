// What bounds a fetch and what the cache keeps: limits, prunes, stops.
#include "worker/fetch/module_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/time/clock.h"
#include "common/io/files.h"
#include "common/licences/document.h"
#include "common/process/run.h"
#include "tests/support/proxy_folder.h"
#include "tests/support/zip_maker.h"
#include "tests/unit/worker_fetch/module_fetcher_fixture.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {
namespace {

using ::gofarm::testing::FolderServer;
using ::gofarm::testing::MakeZip;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ModuleFetcherTest, AByteLimitEndsTheDownload) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  FetchLimits limits;
  limits.json_bytes_max = 16;
  ModuleFetcher fetcher = Fetcher("file://" + proxy_->root(), limits);
  EXPECT_EQ(fetcher.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/m", "v1.0.0")).failure,
            FailureClass::kSourceInvalid);
}

// Its telemetry leaves a process behind, which would fill the folder again that the command's end removes.
TEST_F(ModuleFetcherTest, GoKeepsNoTelemetry) {
  fs::create_directories(base_ + "/home");
  process::Command spec;
  spec.argv = {HostGo().path, "list", "std"};
  spec.environment =
      DownloadEnvironment({goproxy::Parse("off").value(), "off", "", ""}, base_ + "/mod", base_ + "/home");
  const auto result = process::Run(Scope::For(absl::Minutes(1)), spec);
  ASSERT_TRUE(result.ok() && result->exit_code == 0) << result.status() << (result.ok() ? result->err : "");
  EXPECT_FALSE(fs::exists(base_ + "/home/.config"));
}

// Scripts in Go's place: what they write is known to the byte.
TEST_F(ModuleFetcherTest, OnlyWhatAFetchWritesItselfCountsAgainstItsLimit) {
  FetchLimits limits;
  limits.bytes_max = 1 << 20;
  ModuleFetcher fetcher = Fetcher("off", limits);
  FetchRequest request = Request("example.com/m", "v1.0.0");
  request.gos[0].path = base_ + "/go";
  const auto fetch_with = [&](const std::string& script) {
    std::ofstream(request.gos[0].path, std::ios::trunc) << "#!/bin/sh\n" << script;
    fs::permissions(request.gos[0].path, fs::perms::owner_all);
    return fetcher.FetchAndList(Scope::For(absl::Minutes(1)), request);
  };
  const std::string write = "i=0; while [ $i -lt 300 ]; do printf %8192s x; i=$((i+1)); done >" + base_ + "/written\n";
  const std::string answer = "echo '{\"Error\": \"not found\"}'\n";
  const FetchOutcome large = fetch_with(write + answer);
  EXPECT_EQ(large.failure, FailureClass::kSourceInvalid) << large.detail;
  EXPECT_THAT(large.detail, HasSubstr("larger than 1048576 bytes"));
  const FetchOutcome endless = fetch_with(write + "/bin/sleep 50\n" + answer);
  EXPECT_EQ(endless.failure, FailureClass::kSourceInvalid) << endless.detail;

  // Another fetch downloads into the same folder meanwhile.
  const std::string downloads = Cache().Mod() + "/cache/download/example.com";
  fs::create_directories(downloads);
  std::ofstream(downloads + "/other.zip") << std::string(2 << 20, 'x');
  const FetchOutcome small = fetch_with("/bin/sleep 2\n" + answer);
  EXPECT_EQ(small.failure, FailureClass::kSourceUnavailable) << small.detail;
}

// One module's listing took 8 GiB.
TEST_F(ModuleFetcherTest, AGoCommandHasAMemoryLimitAndGoesBeforeTheDaemons) {
  FetchLimits limits;
  limits.memory_bytes = int64_t{100} << 20;
  ModuleFetcher fetcher = Fetcher("off", limits);
  FetchRequest request = Request("example.com/m", "v1.0.0");
  request.gos[0].path = base_ + "/go";
  std::ofstream(request.gos[0].path) << "#!/bin/sh\nread score </proc/self/oom_score_adj; echo $score >" << base_
                                     << "/score\nexec /usr/bin/python3 -c 'import time; x = b\"x\" * (300 << 20); "
                                        "time.sleep(50)'\n";
  fs::permissions(request.gos[0].path, fs::perms::owner_all);
  const FetchOutcome outcome = fetcher.FetchAndList(Scope::For(absl::Minutes(1)), request);
  EXPECT_EQ(Name(outcome.failure), "out_of_memory") << outcome.detail;
  EXPECT_THAT(outcome.detail, HasSubstr("more than 100 MiB"));
  EXPECT_EQ(*io::ReadFile(base_ + "/score", 100), "700\n");
}

TEST_F(ModuleFetcherTest, ACacheThatLostItsDownloadsHealsItself) {
  proxy_->Add("example.com/Dep", "v1.0.0-RC1", {{"go.mod", "module example.com/Dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("example.com/m", "v1.0.0",
              {{"go.mod", "module example.com/m\n\nrequire example.com/Dep v1.0.0-RC1\n"},
               {"main.go", "package main\n\nimport _ \"example.com/Dep\"\n\nfunc main() {}\n"}});
  ASSERT_NE(Fetch("example.com/m", "v1.0.0").listing, nullptr);
  fs::remove_all(Cache().Mod() + "/cache/download");
  const FetchOutcome again = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(again.listing, nullptr) << again.detail;
  EXPECT_TRUE(TouchModule(Cache(), "example.com/!dep@v1.0.0-!r!c1"));
}

TEST_F(ModuleFetcherTest, LicencesBeyondTheLimitAreLeftOutAndTheProgramsStay) {
  const std::string large(1000 << 10, 'x');
  std::map<std::string, std::string> files = {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}};
  for (int i = 10; i < 50; ++i) files[Cat("LICENSE.", i)] = Cat(large, i);
  proxy_->Add("example.com/m", "v1.0.0", files);
  const FetchOutcome outcome = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  const auto size = Fetcher("off").WriteLicences(*outcome.listing, Target::kX86_64, {}, {}, base_ + "/licences");
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_LT(*size, 33 << 20);
  const auto document = licences::ReadDocument(*io::ReadFile(base_ + "/licences", 64 << 20));
  ASSERT_TRUE(document.ok()) << document.status();
  const licences::LicenceModule* const module = document->Find("example.com/m", "v1.0.0");
  ASSERT_NE(module, nullptr);
  EXPECT_FALSE(module->complete);
  EXPECT_THAT(module->files, ::testing::SizeIs(40)) << "named all the same";
  EXPECT_EQ(module->files.back().name, "LICENSE.49");
  EXPECT_THAT(module->files.back().left_out, HasSubstr("all licence files together are larger"));
}

TEST_F(ModuleFetcherTest, ListingsHaveABudgetOfTheirOwn) {
  std::vector<std::string> files;
  for (const char* name : {"example.com/old", "example.com/used", "example.com/young"}) {
    proxy_->Add(name, "v1.0.0", {{"go.mod", Cat("module ", name, "\n")}, {"main.go", kMain}});
    ASSERT_NE(Fetch(name, "v1.0.0").listing, nullptr);
    files.push_back(Cat(Cache().Listings(Request(name, "v1.0.0").toolset), "/", name, "@v1.0.0.json"));
  }
  for (const size_t i : {0, 1}) fs::last_write_time(files[i], fs::file_time_type::clock::now() - std::chrono::hours(5));
  ASSERT_NE(Fetch("example.com/used", "v1.0.0").listing, nullptr);
  PruneLimits limits;
  limits.listings_bytes = 0;
  const auto pruned = PruneCache(Scope::For(absl::Minutes(1)), Cache(), limits);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->listings, 1);
  EXPECT_FALSE(fs::exists(files[0]));
  EXPECT_TRUE(fs::exists(files[1])) << "a fetch used it again";
  EXPECT_TRUE(fs::exists(files[2]));
  EXPECT_NE(Fetch("example.com/old", "v1.0.0").listing, nullptr);
}

TEST_F(ModuleFetcherTest, WhatABuildStillHoldsIsNotPrunedHoweverLongItTakes) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  ModuleFetcher fetcher = Fetcher("file://" + proxy_->root());
  FetchOutcome held = fetcher.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/m", "v1.0.0"));
  ASSERT_NE(held.listing, nullptr) << held.detail;
  const CacheLayout cache = Cache();
  PruneLimits limits;
  limits.mod_bytes = 0;
  const auto pruned_after_hours = [&] {
    const fs::path mark = cache.Mod() + "/cache/download/example.com/m/@v/v1.0.0.ziphash";
    fs::last_write_time(mark, fs::file_time_type::clock::now() - std::chrono::hours(5));
    const auto pruned = fetcher.Prune(Scope::For(absl::Minutes(1)), limits);
    EXPECT_TRUE(pruned.ok()) << pruned.status();
    return pruned.ok() ? pruned->modules : -1;
  };
  EXPECT_EQ(pruned_after_hours(), 0);
  held = {};
  EXPECT_EQ(pruned_after_hours(), 1);
}

// Two that hand over to each other for ever: one leaves only when the other has entered after it.
TEST_F(ModuleFetcherTest, FetchesWithoutAGapDoNotKeepAPruneOut) {
  const CacheLayout cache = Cache();
  std::atomic<bool> ends = false;
  std::atomic<int> entries = 0, inside = 0;
  const auto wait_for = [](const auto& condition, absl::Duration patience) {
    const absl::Time give_up = absl::Now() + patience;
    while (!condition() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
  };
  const auto relay = [&] {
    while (!ends) {
      const auto lock = ModuleCacheLock::Acquire(Scope::For(absl::Minutes(1)), cache, ModuleCacheLock::Mode::kShared);
      ASSERT_TRUE(lock.ok()) << lock.status();
      ++inside;
      const int mine = ++entries;
      wait_for([&] { return entries > mine; }, absl::Seconds(1));  // a prune at the gate keeps the other out
      --inside;
    }
  };
  std::thread one(relay), two(relay);
  wait_for([&] { return entries > 4; }, absl::Seconds(30));
  {
    const auto prune =
        ModuleCacheLock::Acquire(Scope::For(absl::Seconds(15)), cache, ModuleCacheLock::Mode::kExclusive);
    EXPECT_TRUE(prune.ok()) << prune.status();
    EXPECT_EQ(inside, 0);
  }
  ends = true;
  one.join();
  two.join();
}

TEST_F(ModuleFetcherTest, StopsAndDeadlinesEndAFetch) {
  std::stop_source stop;
  stop.request_stop();
  ModuleFetcher fetcher = Fetcher("off");
  EXPECT_TRUE(fetcher.FetchAndList(Scope{absl::InfiniteFuture(), stop.get_token()}, Request("example.com/m", "v1.0.0"))
                  .stopped);
  EXPECT_EQ(fetcher.FetchAndList(Scope::For(absl::ZeroDuration()), Request("example.com/m", "v1.0.0")).failure,
            FailureClass::kTimeout);
}

TEST_F(ModuleFetcherTest, PruneTakesWhatWasUsedLongestAgoAndNothingYoung) {
  for (const char* name : {"example.com/old", "example.com/young"}) {
    proxy_->Add(name, "v1.0.0",
                {{"go.mod", Cat("module ", name, "\n")}, {"main.go", kMain}, {"big.txt", std::string(1 << 20, 'x')}});
    ASSERT_NE(Fetch(name, "v1.0.0").listing, nullptr);
  }
  const CacheLayout cache = Cache();
  PruneLimits limits;
  limits.mod_bytes = 0;
  auto pruned = PruneCache(Scope::For(absl::Minutes(1)), cache, limits);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->modules, 0) << "both were used within the grace time";

  const fs::path mark = cache.Mod() + "/cache/download/example.com/old/@v/v1.0.0.ziphash";
  fs::last_write_time(mark, fs::file_time_type::clock::now() - std::chrono::hours(5));
  pruned = PruneCache(Scope::For(absl::Minutes(1)), cache, limits);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->modules, 1);
  EXPECT_GT(pruned->bytes, 1 << 20);
  EXPECT_FALSE(fs::exists(cache.Mod() + "/example.com/old@v1.0.0"));
  EXPECT_TRUE(fs::exists(cache.Mod() + "/example.com/young@v1.0.0/main.go"));
  EXPECT_GT(MeasureCache(cache).mod, 0);
  // And it comes back when it is asked for again.
  ASSERT_NE(Fetch("example.com/old", "v1.0.0").listing, nullptr);
  EXPECT_TRUE(fs::exists(cache.Mod() + "/example.com/old@v1.0.0/main.go"));
}

// Caches within their budgets on a disk that something else has filled: a worker below the floor takes no job.
TEST_F(ModuleFetcherTest, ADiskThatIsShortOfRoomIsPrunedWhateverTheBudgetsSay) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  ASSERT_NE(Fetch("example.com/m", "v1.0.0").listing, nullptr);
  const CacheLayout cache = Cache();
  const fs::path mark = cache.Mod() + "/cache/download/example.com/m/@v/v1.0.0.ziphash";
  const auto pruned = [&](int64_t floor, std::chrono::minutes age) {
    fs::last_write_time(mark, fs::file_time_type::clock::now() - age);
    PruneLimits limits;
    limits.free_floor = floor;
    const auto done = PruneCache(Scope::For(absl::Minutes(1)), cache, limits);
    EXPECT_TRUE(done.ok()) << done.status();
    return done.ok() ? done->modules : -1;
  };
  EXPECT_EQ(pruned(0, std::chrono::minutes(20)), 0);
  EXPECT_EQ(pruned(INT64_MAX, std::chrono::minutes(5)), 0) << "a fetch may have just taken it";
  EXPECT_EQ(pruned(INT64_MAX, std::chrono::minutes(20)), 1);
}

}  // namespace
}  // namespace gofarm::fetch
