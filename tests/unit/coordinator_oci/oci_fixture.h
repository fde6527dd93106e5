// A client of a registry that a test can make fail.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "common/base/text.h"
#include "common/io/scratch_folder.h"
#include "coordinator/oci/client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_registry.h"

namespace gofarm::oci {

class OciFixture : public ::testing::Test {
 protected:
  using Fake = testing::FakeRegistry;
  using Kind = Fake::Fault::Kind;

  static Scope Soon() { return Scope::For(absl::Seconds(20)); }

  void Start(Fake::Options options, ClientOptions client = {}) {
    fake_ = std::make_unique<Fake>(std::move(options));
    Connect(std::move(client));
  }
  void Connect(ClientOptions client) {
    client.user_agent = "gofarm-test";
    client.low_speed_time = absl::Seconds(1);
    client_ = *RegistryClient::Make(ParseDestination(fake_->url())->registry, std::move(client), clock_);
  }
  static ClientOptions LoggedIn() { return {.user_agent = "", .credentials = Credentials{"farm", "s3cret-token"}}; }

  // The class and what the registry said of it, "forbidden DENIED"; "ok" without a failure.
  static std::string Why(const absl::Status& status) {
    if (status.ok()) return "ok";
    const Failure failure = FailureOf(status);
    return Cat(FailureClassName(failure.why), failure.code.empty() ? "" : " ", failure.code);
  }
  template <typename T>
  static std::string Why(const absl::StatusOr<T>& result) {
    return Why(result.status());
  }

  testing::FakeClock clock_;
  std::unique_ptr<Fake> fake_;
  std::unique_ptr<RegistryClient> client_;
};

}  // namespace gofarm::oci
