#include "tests/unit/worker_fetch/module_fetcher_fixture.h"

// With a real Go: modules made by the test, served from a folder or a counting server, and a few real ones through the
// proxy that `go env` names.
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
#include "worker/fetch/module_cache.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {
namespace {

using ::gofarm::testing::FolderServer;
using ::gofarm::testing::MakeZip;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ModuleFetcherTest, ListsProgramsPerTargetWithWhatTheyLink) {
  proxy_->Add("example.com/Lib", "v1.0.0",
              {{"go.mod", "module example.com/Lib\n"}, {"lib.go", "package lib\n"}, {"LICENSE", "Do as you like."}});
  proxy_->Add("example.com/arm", "v0.1.0", {{"go.mod", "module example.com/arm\n"}, {"arm.go", "package arm\n"}});
  proxy_->Add(
      "example.com/m", "v1.2.3",
      {{"go.mod",
        "module example.com/m\n\ngo 1.20\n\nrequire (\n\texample.com/Lib v1.0.0\n\texample.com/arm v0.1.0\n)\n"},
       {"main.go", "package main\n\nimport _ \"example.com/Lib\"\n\nfunc main() {}\n"},
       {"only_arm64.go", "package main\n\nimport _ \"example.com/arm\"\n"},
       {"cmd/x/x_linux_amd64.go", kMain},
       {"cmd/suite/helper.go", "package main\n\nfunc helper() {}\n"},
       {"COPYING", "Ours."}});
  const FetchOutcome outcome = Fetch("example.com/m", "v1.2.3");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  const Listing& listing = *outcome.listing;
  EXPECT_EQ(listing.form.base, Base::kInstall);
  EXPECT_EQ(listing.go_line, "1.20");
  EXPECT_THAT(listing.module_h1, HasSubstr("h1:"));
  EXPECT_EQ(listing.dir, "example.com/m@v1.2.3");
  EXPECT_GT(listing.bytes_fetched, 0);
  ASSERT_EQ(listing.targets.size(), 4u);
  const TargetListing* x86 = listing.Find(Target::kX86_64);
  ASSERT_EQ(x86->programs.size(), 3u);
  EXPECT_EQ(x86->programs[0].name, "m");
  EXPECT_FALSE(x86->programs[1].has_main_func);
  EXPECT_EQ(x86->programs[2].import_path, "example.com/m/cmd/x");
  ASSERT_EQ(x86->modules.size(), 1u);
  EXPECT_EQ(x86->modules[0].dir, "example.com/!lib@v1.0.0");
  const TargetListing* arm = listing.Find(Target::kAarch64);
  ASSERT_EQ(arm->programs.size(), 2u);
  EXPECT_EQ(arm->modules.size(), 2u);

  ModuleFetcher fetcher = Fetcher("off");
  const auto size = fetcher.WriteLicences(listing, Target::kX86_64, {}, {}, base_ + "/licences");
  ASSERT_TRUE(size.ok()) << size.status();
  const auto licences = licences::ReadDocument(*io::ReadFile(base_ + "/licences", 1 << 20));
  ASSERT_TRUE(licences.ok()) << licences.status();
  const auto text_of = [&](std::string_view path, std::string_view version) {
    const licences::LicenceModule* const module = licences->Find(path, version);
    return module == nullptr
               ? "none"
               : Cat(module->files.at(0).name, ": ", licences->texts.at(static_cast<size_t>(module->files.at(0).text)));
  };
  EXPECT_EQ(text_of("example.com/Lib", "v1.0.0"), "LICENSE: Do as you like.");
  EXPECT_EQ(text_of("example.com/m", "v1.2.3"), "COPYING: Ours.");
}

TEST_F(ModuleFetcherTest, EachZipComesOnceForFourTargetsAndManyCallers) {
  proxy_->Add("example.com/dep", "v1.0.0", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("example.com/m", "v1.0.0",
              {{"go.mod", "module example.com/m\n\nrequire example.com/dep v1.0.0\n"},
               {"main.go", "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n"}});
  FolderServer server(proxy_->root());
  ModuleFetcher fetcher = Fetcher(server.url());
  std::vector<std::thread> threads;
  std::vector<FetchOutcome> outcomes(4);
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      outcomes[i] =
          fetcher.FetchAndList(Scope::For(absl::Minutes(2)), Request("example.com/m", "v1.0.0", {kAllTargets[i]}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_NE(outcomes[i].listing, nullptr) << outcomes[i].detail;
    ASSERT_NE(outcomes[i].listing->Find(kAllTargets[i]), nullptr);
    EXPECT_EQ(outcomes[i].listing->Find(kAllTargets[i])->programs.size(), 1u);
  }
  int zips = 0;
  for (const auto& [path, count] : server.counts()) {
    if (path.size() > 4 && path.substr(path.size() - 4) == ".zip") {
      ++zips;
      EXPECT_EQ(count, 1) << path;
    }
  }
  EXPECT_EQ(zips, 2);
  // Another worker on the same cache finds everything there: the proxy is not needed any more.
  ModuleFetcher other = Fetcher("off");
  const FetchOutcome again = other.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/m", "v1.0.0"));
  ASSERT_NE(again.listing, nullptr) << again.detail;
  EXPECT_EQ(again.listing->targets.size(), 4u);
  EXPECT_EQ(again.listing->bytes_fetched, 0);
}

TEST_F(ModuleFetcherTest, StoredListingsEndWithTheFilesTheyName) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  ASSERT_NE(Fetch("example.com/m", "v1.0.0").listing, nullptr);
  ASSERT_TRUE(io::RemoveTree(Cache().Mod()).ok());
  const FetchOutcome again = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(again.listing, nullptr) << again.detail;
  EXPECT_TRUE(fs::exists(Cache().Mod() + "/example.com/m@v1.0.0/main.go"));
}

TEST_F(ModuleFetcherTest, VersionsThatNoGoModNamesArePinned) {
  proxy_->Add("example.com/dep", "v1.0.0", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("example.com/arm", "v1.0.0", {{"go.mod", "module example.com/arm\n"}, {"a.go", "package arm\n"}});
  const std::string main = "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n";
  proxy_->Add("example.com/m", "v1.2.3",
              {{"main.go", main}, {"main_arm64.go", "package main\n\nimport _ \"example.com/arm\"\n"}});
  proxy_->Add("example.com/half", "v1.0.0", {{"go.mod", "module example.com/half\n\ngo 1.22\n"}, {"main.go", main}});
  proxy_->Add(
      "example.com/whole", "v1.0.0",
      {{"go.mod", "module example.com/whole\n\ngo 1.22\n\nrequire example.com/dep v1.0.0\n"}, {"main.go", main}});
  ModuleFetcher fetcher = Fetcher("file://" + proxy_->root());
  const auto fetch = [&](const char* module, const char* version, std::vector<Target> targets) {
    return fetcher.FetchAndList(Scope::For(absl::Minutes(2)), Request(module, version, std::move(targets)));
  };
  const FetchOutcome first = fetch("example.com/m", "v1.2.3", {Target::kX86_64});
  ASSERT_NE(first.listing, nullptr) << first.detail;
  EXPECT_EQ(first.listing->form.base, Base::kInstall);
  EXPECT_THAT(first.listing->pinned_go_mod, HasSubstr("example.com/dep v1.0.0"));
  EXPECT_THAT(first.listing->pinned_go_mod, HasSubstr("example.com/m v1.2.3"));
  EXPECT_THAT(first.listing->pinned_go_mod, HasSubstr("godebug default=go1.20"));
  EXPECT_THAT(first.listing->pinned_go_sum, HasSubstr("example.com/dep v1.0.0 h1:"));

  // A newer one that is out by the time another target is listed changes nothing any more.
  proxy_->Add("example.com/dep", "v1.1.0", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  const FetchOutcome second = fetch("example.com/m", "v1.2.3", {Target::kAarch64});
  ASSERT_NE(second.listing, nullptr) << second.detail;
  EXPECT_THAT(second.listing->pinned_go_mod, HasSubstr("example.com/dep v1.0.0"));
  EXPECT_THAT(second.listing->pinned_go_mod, HasSubstr("example.com/arm v1.0.0"));
  for (const LinkedModule& module : second.listing->Find(Target::kAarch64)->modules)
    EXPECT_EQ(module.version, "v1.0.0");

  const FetchOutcome half = fetch("example.com/half", "v1.0.0", {Target::kX86_64});
  ASSERT_NE(half.listing, nullptr) << half.detail;
  EXPECT_THAT(half.listing->pinned_go_mod, HasSubstr("example.com/dep v1.1.0"));
  EXPECT_THAT(half.listing->pinned_go_mod, HasSubstr("godebug default=go1.22"));
  const FetchOutcome whole = fetch("example.com/whole", "v1.0.0", {Target::kX86_64});
  ASSERT_NE(whole.listing, nullptr) << whole.detail;
  EXPECT_EQ(whole.listing->pinned_go_mod, "") << "its go.mod says all";
}

// Only arm64 imports what needs the newer dep; builds of all targets share the go.mod that requires it.
TEST_F(ModuleFetcherTest, ATargetThatRaisesAVersionHasTheOthersListedAgain) {
  proxy_->Add("example.com/dep", "v1.0.0", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("example.com/dep", "v1.1.0-rc.1", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add(
      "example.com/arm", "v1.0.0",
      {{"go.mod", "module example.com/arm\n\nrequire example.com/dep v1.1.0-rc.1\n"}, {"a.go", "package arm\n"}});
  proxy_->Add("example.com/m", "v1.0.0",
              {{"main.go", "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n"},
               {"main_arm64.go", "package main\n\nimport _ \"example.com/arm\"\n"}});
  const FetchOutcome outcome = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  ASSERT_EQ(outcome.listing->targets.size(), 4u);
  for (const TargetListing& listing : outcome.listing->targets) {
    bool found = false;
    for (const LinkedModule& module : listing.modules) {
      if (module.path != "example.com/dep") continue;
      found = true;
      EXPECT_EQ(module.version, "v1.1.0-rc.1") << TargetName(listing.target);
    }
    EXPECT_TRUE(found);
  }
}

TEST_F(ModuleFetcherTest, AModuleWhoseImportsWantANewerOneOfItselfIsNotBuiltAsThat) {
  proxy_->Add("example.com/m", "v1.0.0",
              {{"main.go", "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n"}});
  proxy_->Add("example.com/m", "v1.1.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  proxy_->Add("example.com/dep", "v1.0.0",
              {{"go.mod", "module example.com/dep\n\nrequire example.com/m v1.1.0\n"}, {"d.go", "package dep\n"}});
  const FetchOutcome outcome = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  ASSERT_EQ(outcome.listing->targets[0].programs.size(), 1u);
  EXPECT_EQ(outcome.listing->targets[0].programs[0].failure, FailureClass::kSourceInvalid);
  EXPECT_THAT(outcome.listing->targets[0].programs[0].detail, HasSubstr("requires example.com/m@v1.1.0"));
}

TEST_F(ModuleFetcherTest, ReplaceLinesDecideTheVariant) {
  proxy_->Add("example.com/dep", "v1.0.0", {{"go.mod", "module example.com/dep\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("example.com/fork", "v2.0.0+incompatible", {{"f.go", "package dep\n"}});
  const std::string main = "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n";
  const std::string head = "\n\ngo 1.20\n\nrequire example.com/dep v1.0.0\n\n";
  proxy_->Add(
      "example.com/folder", "v1.0.0",
      {{"go.mod", "module example.com/folder" + head + "replace example.com/dep => ../dep\n"}, {"main.go", main}});
  proxy_->Add("example.com/other", "v1.0.0",
              {{"go.mod", "module example.com/other" + head +
                              "replace example.com/dep => example.com/fork v2.0.0+incompatible\n"},
               {"main.go", main}});
  proxy_->Add("example.com/not", "v1.0.0",
              {{"go.mod", "module example.com/not" + head + "exclude example.com/dep v0.9.0\n"}, {"main.go", main}});

  const FetchOutcome folder = Fetch("example.com/folder", "v1.0.0");
  ASSERT_NE(folder.listing, nullptr) << folder.detail;
  EXPECT_EQ(folder.listing->form.base, Base::kNoReplace);
  EXPECT_THAT(folder.listing->go_mod, ::testing::Not(HasSubstr("replace example.com/dep")));
  EXPECT_THAT(folder.listing->go_sum, HasSubstr("example.com/dep v1.0.0 h1:"));
  ASSERT_EQ(folder.listing->targets[0].programs.size(), 1u);
  EXPECT_EQ(folder.listing->targets[0].programs[0].dir, ".");
  EXPECT_EQ(folder.listing->targets[0].programs[0].failure, FailureClass::kNone);
  // The module cache itself was not touched.
  EXPECT_THAT(*io::ReadFile(Cache().Mod() + "/example.com/folder@v1.0.0/go.mod", 4096), HasSubstr("=> ../dep"));

  const FetchOutcome other = Fetch("example.com/other", "v1.0.0");
  ASSERT_NE(other.listing, nullptr) << other.detail;
  EXPECT_EQ(other.listing->form.base, Base::kSource);
  ASSERT_EQ(other.listing->targets[0].modules.size(), 1u);
  EXPECT_EQ(other.listing->targets[0].modules[0].replace_path, "example.com/fork");
  EXPECT_THAT(other.listing->targets[0].modules[0].h1, HasSubstr("h1:"));
  EXPECT_EQ(other.listing->targets[0].modules[0].dir, "example.com/fork@v2.0.0+incompatible");

  const FetchOutcome excluded = Fetch("example.com/not", "v1.0.0");
  ASSERT_NE(excluded.listing, nullptr) << excluded.detail;
  EXPECT_EQ(excluded.listing->form.base, Base::kSource);
}

TEST_F(ModuleFetcherTest, AbsentModulesAndVersionsAreUnavailable) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  EXPECT_EQ(Fetch("example.com/m", "v1.0.1").failure, FailureClass::kSourceUnavailable);
  EXPECT_EQ(Fetch("example.com/nobody", "v1.0.0").failure, FailureClass::kSourceUnavailable);
}

TEST_F(ModuleFetcherTest, AProgramWhoseDependencyIsAbsentFailsAloneAndIsNamed) {
  proxy_->Add("example.com/m", "v1.0.0",
              {{"go.mod", "module example.com/m\n\ngo 1.20\n\nrequire example.com/gone v1.0.0\n"},
               {"good/main.go", kMain},
               {"bad/main.go", "package main\n\nimport _ \"example.com/gone\"\n\nfunc main() {}\n"}});
  // Only its go.mod is known to the proxy.
  proxy_->Add("example.com/gone", "v1.0.0", {{"go.mod", "module example.com/gone\n"}});
  fs::remove(proxy_->VersionFolder("example.com/gone") + "/v1.0.0.zip");
  const FetchOutcome outcome = Fetch("example.com/m", "v1.0.0");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  const TargetListing& listing = outcome.listing->targets[0];
  ASSERT_EQ(listing.programs.size(), 2u);
  EXPECT_EQ(listing.programs[0].import_path, "example.com/m/bad");
  EXPECT_EQ(listing.programs[0].failure, FailureClass::kSourceUnavailable);
  EXPECT_EQ(listing.programs[1].failure, FailureClass::kNone);
}

TEST_F(ModuleFetcherTest, ABrokenProxyIsNoFaultOfTheModule) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n"}, {"main.go", kMain}});
  FolderServer server(proxy_->root());
  ModuleFetcher fetcher = Fetcher(server.url());
  server.AnswerAll(503);
  EXPECT_EQ(fetcher.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/m", "v1.0.0")).failure,
            FailureClass::kProxyError);
  server.AnswerAll(0);
  EXPECT_NE(fetcher.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/m", "v1.0.0")).listing, nullptr);
  ModuleFetcher refused = Fetcher("http://127.0.0.1:1");
  EXPECT_EQ(refused.FetchAndList(Scope::For(absl::Minutes(1)), Request("example.com/other", "v1.0.0")).failure,
            FailureClass::kProxyError);
}

TEST_F(ModuleFetcherTest, AGoLineBeyondTheToolsetIsTooOldAGo) {
  proxy_->Add("example.com/m", "v1.0.0", {{"go.mod", "module example.com/m\n\ngo 1.99\n"}, {"main.go", kMain}});
  const FetchOutcome outcome = Fetch("example.com/m", "v1.0.0");
  EXPECT_EQ(outcome.failure, FailureClass::kGoTooOld);
  EXPECT_THAT(outcome.detail, HasSubstr("1.99"));
  proxy_->Add("example.com/newer", "v1.0.0",
              {{"go.mod", "module example.com/newer\n\ngo 1.99\n"}, {"n.go", "package newer\n"}});
  proxy_->Add("example.com/user", "v1.0.0",
              {{"go.mod", "module example.com/user\n\ngo 1.20\n\nrequire example.com/newer v1.0.0\n"},
               {"main.go", "package main\n\nimport _ \"example.com/newer\"\n\nfunc main() {}\n"}});
  EXPECT_EQ(Fetch("example.com/user", "v1.0.0").failure, FailureClass::kGoTooOld);
}

TEST_F(ModuleFetcherTest, HostileZipsAndGoModsAreInvalidSource) {
  const std::string mod = "module example.com/h\n";
  const std::string top = "example.com/h@v1.0.0/";
  const struct {
    const char* what;
    std::string go_mod, zip;
  } kCases[] = {
      {"climbing name", mod, MakeZip({{top + "../../../../evil.go", "package x"}})},
      {"absolute name", mod, MakeZip({{"/tmp/evil.go", "package x"}})},
      {"lying size", mod, MakeZip({{top + "go.mod", mod}, {top + "main.go", kMain, 0100644, 600 << 20}})},
      {"bomb", mod, MakeZip({{top + "go.mod", mod}, {top + "big.txt", "", 0100644, -1, int64_t{600} << 20}})},
      {"other module inside", mod, MakeZip({{"example.com/other@v1.0.0/main.go", kMain}})},
      {"random bytes", mod, "PK\x03\x04 and then nothing"},
      {"two names in one case", mod, MakeZip({{top + "a.go", kMain}, {top + "A.go", kMain}})},
      {"broken go.mod", "modul example.com/h\n",
       MakeZip({{top + "go.mod", "modul example.com/h\n"}, {top + "main.go", kMain}})},
      {"a path that is none", "module ../z\n", MakeZip({{top + "go.mod", "module ../z\n"}, {top + "main.go", kMain}})},
      {"no module line", mod, MakeZip({{top + "go.mod", "go 1.21\n"}, {top + "main.go", kMain}})},
      {"byte order mark", mod, MakeZip({{top + "go.mod", "\xEF\xBB\xBF" + mod}, {top + "main.go", kMain}})},
  };
  for (const auto& c : kCases) {
    ASSERT_TRUE(io::RemoveTree(proxy_->root()).ok());
    ASSERT_TRUE(io::RemoveTree(base_ + "/cache").ok());
    proxy_->AddRaw("example.com/h", "v1.0.0", c.go_mod, c.zip);
    const FetchOutcome outcome = Fetch("example.com/h", "v1.0.0");
    EXPECT_EQ(outcome.failure, FailureClass::kSourceInvalid) << c.what << ": " << outcome.detail;
    for (const auto& entry : fs::recursive_directory_iterator(base_)) {
      EXPECT_EQ(entry.path().string().find("evil"), std::string::npos) << entry.path();
    }
  }
}

TEST_F(ModuleFetcherTest, NamesThatAreNoModulesAreRefusedUnasked) {
  for (const char* module : {"../x", "-flag", "example.com/../x", "example.com/a b", "nodot", ""}) {
    EXPECT_EQ(Fetch(module, "v1.0.0").failure, FailureClass::kSourceInvalid) << module;
  }
  EXPECT_EQ(Fetch("example.com/m", "latest").failure, FailureClass::kSourceInvalid);
}

TEST_F(ModuleFetcherTest, RealModulesComeThroughTheRealProxy) {
  ModuleFetcher fetcher(
      Cache(), {goproxy::Parse(GoEnv("GOPROXY")).value(), GoEnv("GOSUMDB"), GoEnv("GONOSUMDB"), GoEnv("GOPRIVATE")},
      base_ + "/scratch");
  const auto fetch = [&](const char* module, const char* version) {
    return fetcher.FetchAndList(Scope::For(absl::Minutes(5)), Request(module, version));
  };
  const auto names = [](const TargetListing& listing) {
    std::vector<std::string> all;
    for (const Program& program : listing.programs) {
      if (program.has_main_func && program.failure == FailureClass::kNone) all.push_back(program.name);
    }
    return all;
  };
  const FetchOutcome toml = fetch("github.com/BurntSushi/toml", "v1.6.0");
  ASSERT_NE(toml.listing, nullptr) << toml.detail;
  EXPECT_EQ(toml.listing->dir, "github.com/!burnt!sushi/toml@v1.6.0");
  for (const Target target : kAllTargets) {
    EXPECT_THAT(names(*toml.listing->Find(target)), ElementsAre("toml-test-decoder", "toml-test-encoder", "tomlv"));
    EXPECT_FALSE(toml.listing->Find(target)->uses_c);
  }
  const FetchOutcome pflag = fetch("github.com/spf13/pflag", "v1.0.5");
  ASSERT_NE(pflag.listing, nullptr) << pflag.detail;
  EXPECT_TRUE(pflag.listing->targets[0].programs.empty());

  const FetchOutcome gops = fetch("github.com/google/gops", "v0.3.14");
  ASSERT_NE(gops.listing, nullptr) << gops.detail;
  EXPECT_THAT(names(*gops.listing->Find(Target::kLoongarch64)), ElementsAre("gops", "hello"));
  EXPECT_FALSE(gops.listing->Find(Target::kX86_64)->modules.empty());
  for (const LinkedModule& module : gops.listing->Find(Target::kX86_64)->modules)
    EXPECT_THAT(module.h1, HasSubstr("h1:"));
  EXPECT_GT(gops.listing->bytes_fetched, 100'000);
}

}  // namespace
}  // namespace gofarm::fetch
