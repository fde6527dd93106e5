#include "cli/scrape_targets.h"

#include <gtest/gtest.h>

#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

v1::WorkerRow& Add(v1::WorkerPage& page, const std::string& name, const std::string& address,
                   v1::WorkerState state = v1::WORKER_STATE_CONNECTED) {
  v1::WorkerRow& row = *page.add_workers();
  row.set_name(name);
  row.set_host_arch("riscv64");
  row.set_scrape_address(address);
  row.set_state(state);
  return row;
}

TEST(ScrapeTargetsTest, WorkersThatAreReachedStandThereWithNameAndHost) {
  v1::WorkerPage page;
  Add(page, "w1", "w1.example.com:7072");
  Add(page, "behind-nat", "");
  Add(page, "gone", "gone.example.com:7072", v1::WORKER_STATE_LOST);
  Add(page, "w2", "[2001:db8::1]:7072", v1::WORKER_STATE_DRAINING);
  EXPECT_EQ(ScrapeTargets(page), R"([
  {
    "targets": [
      "w1.example.com:7072"
    ],
    "labels": {
      "worker": "w1",
      "host_arch": "riscv64"
    }
  },
  {
    "targets": [
      "[2001:db8::1]:7072"
    ],
    "labels": {
      "worker": "w2",
      "host_arch": "riscv64"
    }
  }
]
)");
}

TEST(ScrapeTargetsTest, WithoutAnyTheListIsEmptyAndStillJson) { EXPECT_EQ(ScrapeTargets({}), "[]\n"); }

}  // namespace
}  // namespace gofarm::cli
