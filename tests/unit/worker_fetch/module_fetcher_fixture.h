// The module fetcher with a real Go and modules that the test makes, served from a folder.
#pragma once

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
#include "common/process/run.h"
#include "tests/support/proxy_folder.h"
#include "tests/support/zip_maker.h"
#include "worker/fetch/module_cache.h"
#include "worker/fetch/module_fetcher.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {

namespace fs = std::filesystem;
using ::gofarm::testing::ProxyFolder;

inline constexpr char kMain[] = "package main\n\nfunc main() {}\n";

inline std::string GoEnv(const std::string& name) {
  process::Command spec;
  const char* given = std::getenv("GOFARM_TEST_GO");
  spec.argv = {given != nullptr && *given != '\0' ? given : "go", "env", name};
  spec.environment = process::InheritedEnvironment({});
  const auto result = process::Run(Scope::For(absl::Seconds(30)), spec);
  return result.ok() ? result->out.substr(0, result->out.find('\n')) : "";
}

inline const InstalledToolchain& HostGo() {
  static const InstalledToolchain kGo = [] {
    InstalledToolchain go;
    go.kind = "go";
    go.version = GoEnv("GOVERSION").substr(2);
    go.root = GoEnv("GOROOT");
    go.path = go.root + "/bin/go";
    return go;
  }();
  return kGo;
}

class ModuleFetcherTest : public ::testing::Test {
 protected:
  ModuleFetcherTest() {
    char name[] = "/tmp/gofarm-fetch-XXXXXX";
    base_ = mkdtemp(name);
    proxy_ = std::make_unique<ProxyFolder>(base_ + "/proxy");
    fs::create_directories(base_ + "/scratch");
  }
  ~ModuleFetcherTest() override { io::RemoveTree(base_).IgnoreError(); }

  CacheLayout Cache() const { return CacheLayout(base_ + "/cache"); }

  ModuleFetcher Fetcher(const std::string& goproxy, FetchLimits limits = {}) {
    return ModuleFetcher(Cache(), {.goproxy = goproxy::Parse(goproxy).value(), .gosumdb = "off"}, base_ + "/scratch",
                         limits);
  }

  static FetchRequest Request(const std::string& module, const std::string& version,
                              std::vector<Target> targets = {kAllTargets.begin(), kAllTargets.end()}) {
    FetchRequest request;
    request.module = module;
    request.version = version;
    request.targets = std::move(targets);
    request.toolset.name = "test";
    request.toolset.digest = "0123456789abcdef";
    request.gos = {HostGo()};
    return request;
  }

  FetchOutcome Fetch(const std::string& module, const std::string& version) {
    ModuleFetcher fetcher = Fetcher("file://" + proxy_->root());
    return fetcher.FetchAndList(Scope::For(absl::Minutes(2)), Request(module, version));
  }

  std::string base_;
  std::unique_ptr<ProxyFolder> proxy_;
};

}  // namespace gofarm::fetch
