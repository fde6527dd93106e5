// A LocalRunner with everything real below it: the pinned Go and zig, seeds, sandbox, module proxy. The cache folder is
// GOFARM_CACHE_DIR, else ~/.cache/gofarm. The test program serves the sandbox-init verb like the worker.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "worker/build/local_runner.h"
#include "worker/build/seeder.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/module_fetcher.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::build {

// Where modules come from in this process's environment, as `go env` says.
fetch::ProxyEnvironment ProxyOfThisMachine();
Toolset DefaultToolset();
std::string CacheFolder();

class Listener : public BuildListener {
 public:
  void OnProgress(const Progress& progress) override;
  void OnLog(std::string_view lines) override { log += lines; }

  std::string log;
  std::vector<Progress> progress;
  std::function<void(const Progress&)> on_progress;
};

class RunnerRig {
 public:
  // `work`: an existing, empty folder. `proxy` for modules only; toolchains come as ever.
  RunnerRig(const std::string& work, const fetch::ProxyEnvironment& proxy, LocalRunnerOptions options = {});

  LocalRunner& runner() { return *runner_; }
  std::string work_dir() const { return work_ + "/jobs"; }

 private:
  const std::string work_;
  const fetch::CacheLayout cache_;
  fetch::ToolchainStore toolchains_;
  exec::Sandbox sandbox_;
  std::unique_ptr<Seeder> seeder_;
  fetch::ModuleFetcher fetcher_;
  std::unique_ptr<LocalRunner> runner_;
};

AcceptedOffer OrderOf(std::string module, std::string version, Target target = Target::kX86_64);

// Attempts over modules of its own.
class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest();
  ~RunnerTest() override;

  BuildReport Run(const AcceptedOffer& offer, LocalRunnerOptions options = {},
                  Scope scope = Scope::For(absl::Minutes(20)));
  // A module that only this test's proxy folder knows. Its version differs from run to run, since the cache may be
  // shared.
  AcceptedOffer Local(const std::map<std::string, std::string>& files);

  inline static int local_version_ = 0;
  std::string work_;
  std::string attempts_;
  fetch::ProxyEnvironment proxy_ = ProxyOfThisMachine();
  Listener listener_;
};

}  // namespace gofarm::build
