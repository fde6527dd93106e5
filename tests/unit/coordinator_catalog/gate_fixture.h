// A gate before a server of the test, with a clock that moves only by the gate's own waits: what it waited for is
// seen, and no test sleeps.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "coordinator/catalog/service_gate.h"
#include "tests/support/fake_clock.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::catalog {

using Server = testing::RawHttpServer;
using Request = Server::Request;
using Peer = Server::Peer;

inline Scope Soon() { return Scope::For(absl::Seconds(30)); }

class GateFixture : public ::testing::Test {
 protected:
  std::unique_ptr<ServiceGate> MakeGate(Service service, const std::string& url, io::BudgetLimits budget = {},
                                        std::vector<std::string> allow_private = {}) {
    return ServiceGate::Make(
               {.service = service, .urls = {url}, .allow_private = std::move(allow_private), .budget = budget}, http_,
               clock_, [this](const Scope& scope, absl::Duration d) { return Waited(scope, d); }, [] { return 0.999; })
        .value();
  }
  std::vector<absl::Duration> waits() const {
    absl::MutexLock lock(&mutex_);
    return waits_;
  }

  testing::FakeClock clock_;
  const io::HttpClient http_{"gofarm-test"};

 private:
  bool Waited(const Scope& scope, absl::Duration duration) {
    {
      absl::MutexLock lock(&mutex_);
      waits_.push_back(duration);
    }
    clock_.Advance(duration);
    return !scope.Done();
  }

  mutable absl::Mutex mutex_;
  std::vector<absl::Duration> waits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::catalog
