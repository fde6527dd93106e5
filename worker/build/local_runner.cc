#include "worker/build/local_runner.h"

#include <exception>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "common/base/text.h"
#include "worker/build/attempt.h"
#include "worker/build/attempt_folder.h"
#include "worker/build/classify.h"

namespace gofarm::build {

LocalRunner::LocalRunner(LocalRunnerOptions options, fetch::CacheLayout cache, fetch::ModuleFetcher& fetcher,
                         Seeder& seeder, const exec::Sandbox& sandbox)
    : tools_{std::move(options), std::move(cache), fetcher, seeder, sandbox} {
  RemoveStaleAttempts(tools_.options.work_dir);
}

BuildReport LocalRunner::Run(const Scope& scope, const AcceptedOffer& offer, BuildListener& listener) {
  // The agent's thread must survive whatever a library below throws (bad_alloc, filesystem).
  tools_.running.fetch_add(1);
  const absl::Cleanup leave = [this] { tools_.running.fetch_sub(1); };
  try {
    return Attempt(tools_, scope, offer, listener).Run();
  } catch (const std::exception& error) {
    BuildReport report;
    report.failure_class = FailureClass::kInternal;
    report.failure_detail = DetailOf(Cat("unexpected exception: ", std::string(error.what())));
    return report;
  }
}

}  // namespace gofarm::build
