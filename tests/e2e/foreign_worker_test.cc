// The worker that is made for other hosts, run here under qemu-user: it joins a farm over TLS and builds what a worker
// of this machine builds, byte for byte. Its sandbox is this machine's bubblewrap, as qemu-user knows no system call
// filter. Needs root, Linux 6.7 or newer and qemu-user-static; its libraries take half an hour when they are not kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/e2e/farm_harness.h"
#include "tests/e2e/joined_worker.h"

namespace gofarm::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::SizeIs;

constexpr char kTarget[] = "riscv64";
constexpr char kModule[] = "github.com/BurntSushi/toml@v1.6.0";
constexpr absl::Duration kStaticBuildMax = absl::Minutes(90);

// SHA-256 of every executable of a batch that `worker` built for two targets, by target and name.
std::map<std::string, std::string> Built(const Farm& farm, const std::string& worker) {
  const int64_t batch = farm.Submit({kModule, "--target", "x86_64", "--target", "riscv64", "--force"});
  farm.Watch(batch);
  const Json jobs = farm.Jobs(batch);
  std::map<std::string, std::string> digests;
  for (const simdjson::dom::element job : Items(jobs.root())) {
    EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
    std::vector<std::string> workers;
    for (const simdjson::dom::element attempt : Items(At(job, "attempts"))) workers.push_back(Text(attempt, "worker"));
    EXPECT_THAT(workers, Each(worker));
    for (const simdjson::dom::element executable : Items(At(job, "executables"))) {
      digests[Cat(Text(job, "target"), "/", Text(executable, "name"))] = Text(executable, "sha256");
    }
  }
  return digests;
}

TEST(ForeignWorkerTest, BuildsTheSameBytes) {
  const std::string source = std::getenv("GOFARM_SOURCE_DIR");
  Farm farm(0, {}, {}, {"--listen", "127.0.0.1:0"});
  const std::string out = farm.scratch() + "/static", unpacked = farm.scratch() + "/unpacked";
  fs::create_directories(unpacked);
  const CommandResult made =
      RunCommand({"bash", source + "/deploy/static/build.sh", kTarget, "--out", out}, {}, kStaticBuildMax);
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  for (const auto& file : fs::directory_iterator(out)) {
    if (file.path().extension() != ".zst") continue;
    // Without the bwrap of the archive, which would be taken before this machine's.
    const CommandResult taken = RunCommand({"tar", "--zstd", "-xf", file.path(), "-C", unpacked, "--strip-components=1",
                                            "--wildcards", "*/gofarm-worker"});
    ASSERT_EQ(taken.exit_code, 0) << taken.err;
  }
  const process::Variables environment = WorkerEnvironment({});
  std::map<std::string, std::string> foreign;
  {
    const JoinedWorker worker({"python3", source + "/tests/support/with_binfmt.py", kTarget, unpacked + "/gofarm-worker"},
                              "foreign", {"--join", farm.JoinString("worker")}, environment, farm.scratch() + "/foreign");
    ASSERT_TRUE(farm.WaitConnected("foreign")) << worker.Log();
    foreign = Built(farm, "foreign");
  }
  const JoinedWorker worker({BinDir() + "/gofarm-worker"}, "native", {"--join", farm.JoinString("worker")}, environment,
                            farm.scratch() + "/native");
  ASSERT_TRUE(farm.WaitConnected("native")) << worker.Log();
  EXPECT_THAT(foreign, SizeIs(6));
  EXPECT_EQ(Built(farm, "native"), foreign);
}

}  // namespace
}  // namespace gofarm::testing
