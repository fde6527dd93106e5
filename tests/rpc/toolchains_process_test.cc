// A farm of real processes over TLS whose workers have no Go, no pip and no proxy of their own: what they need to build
// with comes through the coordinator, which asks the world once. And what a coordinator says to a changed archive.
#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/vocab/toolset.h"
#include "tests/support/coordinator_process.h"
#include "tests/support/pg_fixture.h"
#include "tests/support/proxy_folder.h"
#include "tests/support/zip_maker.h"
#include "worker/exec/host_machine.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;

class ToolchainsProcessTest : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    char name[] = "/tmp/gofarm-tools-XXXXXX";
    dir_ = ::mkdtemp(name);
    const std::string version = "v0.0.1-go9.9.9.linux-amd64";
    const std::string top = Cat("golang.org/toolchain@", version, "/");
    const std::string go = MakeZip({{top + "bin/go", "#!go"}, {top + "VERSION", "go9.9.9"}});
    const std::string zig = MakeZip({{"ziglang/zig", "#!zig"}, {"ziglang/lib/std/std.zig", "// std"}});
    ProxyFolder(dir_ + "/world").AddRaw("golang.org/toolchain", version, "module golang.org/toolchain\n", go);
    WriteFileOrDie(dir_ + "/world/zig.whl", zig);
    world_ = std::make_unique<FolderServer>(dir_ + "/world");
    go_ = {"go", "9.9.9", exec::HostArch(), "goproxy", Cat("golang.org/toolchain@", version), digest::Sha256Hex(go)};
    zig_ = {"zig", "9.9.8", exec::HostArch(), "url", world_->url() + "/zig.whl", digest::Sha256Hex(zig)};
    coordinator_ = std::make_unique<Coordinator>(dir_, "c", url_);
    WriteFileOrDie(dir_ + "/c/config.toml",
                   Cat("database_url = \"", url_, "\"\ndata_dir = \"", dir_, "/c/data\"\nlisten = [\"",
                       coordinator_->address(), "\", \"127.0.0.1:0\"]\nhttp = \"\"\ngoproxy = \"", world_->url(),
                       "\"\ngosumdb = \"off\"\ntoolsets = \"", dir_, "/toolsets.toml\"\n"));
    WriteToolsets({go_, zig_});
  }
  void TearDown() override {
    for (const pid_t worker : workers_) {
      ::kill(worker, SIGKILL);
      ::waitpid(worker, nullptr, 0);
    }
    if (HasFailure()) {
      std::cerr << coordinator_->log();
      for (size_t i = 0; i < workers_.size(); ++i) std::cerr << LogOf(i);
    }
    coordinator_.reset();
    world_.reset();
    EXPECT_TRUE(io::RemoveTree(dir_).ok());
    PgTest::TearDown();
  }

  void WriteToolsets(const std::vector<Archive>& archives) {
    std::string text = "[[toolset]]\nname = \"t\"\ngo_versions = [\"9.9.9\"]\nzig_version = \"9.9.8\"\n";
    for (const Archive& a : archives) {
      text += Cat("[[toolset.archive]]\nkind = \"", a.kind, "\"\nversion = \"", a.version, "\"\nhost_arch = \"",
                  a.host_arch, "\"\nsource = \"", a.source, "\"\nlocator = \"", a.locator, "\"\nsha256 = \"", a.sha256,
                  "\"\n");
    }
    WriteFileOrDie(dir_ + "/toolsets.toml", text);
  }
  std::string LogOf(size_t worker) { return io::ReadFile(Cat(dir_, "/w", worker, ".log"), 16 << 20).value_or(""); }
  // Nothing of this machine's settings but where bwrap is.
  void StartWorker(const std::string& join) {
    const std::string name = Cat("w", workers_.size());
    workers_.push_back(Spawn({"/usr/bin/env", "-i", "PATH=/usr/bin:/bin", Cat("HOME=", dir_), Bin("gofarm-worker"),
                              "--join", join, "--dir", Cat(dir_, "/", name), "--name", name},
                             Cat(dir_, "/", name, ".log")));
  }
  std::string Join() {
    const pid_t made = Spawn(
        {Bin("gofarm"), "token", "create", "--role", "worker", "--uses", "9", "--server", coordinator_->address()},
        dir_ + "/join");
    int code = -1;
    EXPECT_EQ(::waitpid(made, &code, 0), made);
    EXPECT_EQ(code, 0);
    // What it says to people stands in the same file.
    const std::string said = io::ReadFile(dir_ + "/join", 1 << 16).value_or("");
    const size_t at = said.find("gofarm1.");
    return at == std::string::npos ? said : said.substr(at, said.find_first_of(" \n", at) - at);
  }
  // Of each worker that is there, the SHA-256 of what it has installed.
  std::map<std::string, std::vector<std::string>> Installed() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    const auto stream = v1::Farm::NewStub(coordinator_->channel())->ListWorkers(&context, {});
    std::map<std::string, std::vector<std::string>> installed;
    for (v1::WorkerPage page; stream->Read(&page);) {
      for (const v1::WorkerRow& worker : page.workers()) {
        for (const v1::InstalledToolchain& t : worker.toolchains()) installed[worker.name()].push_back(t.sha256());
      }
    }
    return installed;
  }

  std::string dir_;
  std::unique_ptr<FolderServer> world_;
  Archive go_, zig_;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<pid_t> workers_;
};

TEST_F(ToolchainsProcessTest, HostsNeedNothingButTheCoordinatorAndTheWorldIsAskedOnce) {
  coordinator_->Start();
  ASSERT_TRUE(coordinator_->Becomes("running", absl::Seconds(30)));
  const std::string join = Join();
  for (int i = 0; i < 3; ++i) StartWorker(join);
  std::map<std::string, std::vector<std::string>> installed;
  for (const absl::Time end = absl::Now() + absl::Seconds(60); absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(50))) {
    installed = Installed();
    if (installed.size() == 3 &&
        std::all_of(installed.begin(), installed.end(), [](const auto& worker) { return worker.second.size() == 2; })) {
      break;
    }
  }
  for (const char* name : {"w0", "w1", "w2"}) {
    EXPECT_THAT(installed[name], ::testing::UnorderedElementsAre(go_.sha256, zig_.sha256)) << name;
  }
  EXPECT_EQ(world_->counts(), (std::map<std::string, int>{
                                  {"/golang.org/toolchain/@v/v0.0.1-go9.9.9.linux-amd64.zip", 1}, {"/zig.whl", 1}}));
  EXPECT_THAT(coordinator_->log(), HasSubstr("archive_here"));
}

TEST_F(ToolchainsProcessTest, AChangedArchiveOfAKnownToolsetRefusesToStartAndMoreOfThemDoNot) {
  coordinator_->Start();
  ASSERT_TRUE(coordinator_->Becomes("running", absl::Seconds(30)));
  EXPECT_EQ(coordinator_->Kill(SIGTERM), 0);
  const std::string digest = Sql("SELECT digest FROM toolsets");

  Archive moved = zig_, added = zig_;
  moved.locator = "https://mirror.test/zig.whl";
  added.host_arch = "riscv64";
  added.sha256 = std::string(64, '7');
  WriteToolsets({go_, moved, added});
  coordinator_->Start();
  ASSERT_TRUE(coordinator_->Becomes("running", absl::Seconds(30)));
  EXPECT_EQ(coordinator_->Kill(SIGTERM), 0);
  EXPECT_EQ(Sql("SELECT digest FROM toolsets"), digest) << "no recipe has changed";

  zig_.sha256 = std::string(64, '8');
  WriteToolsets({go_, zig_});
  coordinator_->Start();
  std::optional<int> code;
  for (int i = 0; !code && i < 600; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    code = coordinator_->Ended();
  }
  EXPECT_EQ(code, std::optional<int>(2));
  EXPECT_THAT(coordinator_->log(), HasSubstr(Cat("and is ", zig_.sha256)));
}

}  // namespace
}  // namespace gofarm::testing
