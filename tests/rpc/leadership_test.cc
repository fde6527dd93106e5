// Two coordinators of one farm, as processes: one leads, the other stands by and says so, and takes over when the first
// stops, is paused or dies. The database is real, the folders are their own.
#include "coordinator/domain/leadership.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/rpc/channel.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(8);  // for what needs no lease to end, on a loaded machine

std::string Bin(const std::string& name) {
  const char* const bin = std::getenv("GOFARM_BIN_DIR");
  return Cat(bin == nullptr ? "build/bin" : bin, "/", name);
}

int FreePort() {
  const io::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

pid_t Spawn(const std::vector<std::string>& argv, const std::string& output) {
  std::vector<char*> raw;
  for (const std::string& arg : argv) raw.push_back(const_cast<char*>(arg.c_str()));
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, raw[0], &actions, nullptr, raw.data(), environ), 0) << argv[0];
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

// One coordinator of the farm.
class Coordinator {
 public:
  Coordinator(const std::string& dir, const std::string& name, const std::string& database)
      : dir_(Cat(dir, "/", name)), http_port_(FreePort()) {
    EXPECT_TRUE(io::MakeFolders(dir_).ok());
    EXPECT_TRUE(
        io::WriteFileAtomic(Cat(dir_, "/config.toml"),
                            Cat("database_url = \"", database, "\"\ndata_dir = \"", dir_, "/data\"\nlisten = \"",
                                address(), "\"\nhttp = \"127.0.0.1:", http_port_, "\"\ngoproxy = \"off\"\n"))
            .ok());
    channel_ = rpc::MakeChannel(address(), rpc::Credentials::Plaintext());
  }
  ~Coordinator() { Kill(SIGKILL); }

  std::string address() const { return Cat("unix:", dir_, "/s"); }
  std::string log() const { return io::ReadFile(Cat(dir_, "/log"), 1 << 20).value_or(""); }
  pid_t pid() const { return pid_; }

  void Start() { pid_ = Spawn({Bin("gofarm-coordinator"), "--config", Cat(dir_, "/config.toml")}, Cat(dir_, "/log")); }
  void Signal(int signal) const { EXPECT_EQ(::kill(pid_, signal), 0); }
  // Its exit code, or 128 + signal.
  int Kill(int signal) {
    if (pid_ == 0) return 0;
    Signal(signal);
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool Lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

  v1::FarmStatus Status() const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(2)));
    // A channel that remembers no failure of the last try.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
    const auto channel = grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
    v1::FarmStatus status;
    if (!v1::Farm::NewStub(channel)->GetFarmStatus(&context, {}, &status).ok()) status.Clear();
    return status;
  }
  bool Becomes(const std::string& state, absl::Duration within) const {
    for (const absl::Time end = absl::Now() + within; absl::Now() < end; absl::SleepFor(absl::Milliseconds(50))) {
      if (Status().state() == state) return true;
    }
    return false;
  }
  io::HttpResponse ReadyZ() const {
    const auto response =
        io::HttpClient("test").Get(Scope::For(absl::Seconds(5)), Cat("http://127.0.0.1:", http_port_, "/readyz"));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(io::HttpResponse{});
  }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

 private:
  const std::string dir_;
  const int http_port_;
  std::shared_ptr<grpc::Channel> channel_;
  pid_t pid_ = 0;
};

class LeadershipProcessTest : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    char name[] = "/tmp/gofarm-lead-XXXXXX";
    dir_ = ::mkdtemp(name);
    a_ = std::make_unique<Coordinator>(dir_, "a", url_);
    b_ = std::make_unique<Coordinator>(dir_, "b", url_);
    a_->Start();
    ASSERT_TRUE(a_->Becomes("running", absl::Seconds(30))) << a_->log();
    b_->Start();
    ASSERT_TRUE(b_->Becomes("standby", absl::Seconds(30))) << b_->log();
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << "a:\n" << a_->log() << "\nb:\n" << b_->log();
    a_.reset();
    b_.reset();
    EXPECT_TRUE(io::RemoveTree(dir_).ok());
    PgTest::TearDown();
  }
  static std::string HolderOf(const Coordinator& coordinator) { return Cat("pid ", coordinator.pid()); }

  std::string dir_;
  std::unique_ptr<Coordinator> a_, b_;
};

TEST_F(LeadershipProcessTest, OneThatStandsBySaysWhoLeadsAndRefusesTheRest) {
  EXPECT_THAT(b_->Status().leader(), ::testing::HasSubstr(HolderOf(*a_)));
  EXPECT_EQ(b_->Status().coordinator_pid(), b_->pid());
  EXPECT_EQ(a_->ReadyZ().status, 200);
  const io::HttpResponse ready = b_->ReadyZ();
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, ::testing::AllOf(::testing::HasSubstr("stands by"), ::testing::HasSubstr(HolderOf(*a_))));
  EXPECT_THAT(b_->log(), ::testing::HasSubstr("coordinator_stands_by"));

  grpc::ClientContext listing;
  listing.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  v1::WorkerPage workers;
  const auto listed = v1::Farm::NewStub(b_->channel())->ListWorkers(&listing, {});
  EXPECT_FALSE(listed->Read(&workers));
  const grpc::Status refused = listed->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(),
              ::testing::AllOf(::testing::HasSubstr("stands by"), ::testing::HasSubstr(HolderOf(*a_))));

  grpc::ClientContext dialling;
  dialling.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  const auto session = v1::Worker::NewStub(b_->channel())->Session(&dialling);
  v1::CoordinatorMessage message;
  EXPECT_FALSE(session->Read(&message));
  EXPECT_EQ(session->Finish().error_code(), grpc::StatusCode::UNAVAILABLE) << "the worker tries its next address";

  const pid_t status = Spawn({Bin("gofarm"), "status", "--server", b_->address()}, Cat(dir_, "/status"));
  int code = -1;
  ASSERT_EQ(::waitpid(status, &code, 0), status);
  EXPECT_EQ(code, 0);
  const std::string text = io::ReadFile(Cat(dir_, "/status"), 1 << 16).value_or("");
  EXPECT_THAT(text, ::testing::AllOf(::testing::HasSubstr("standby"), ::testing::HasSubstr(HolderOf(*a_))));
}

TEST_F(LeadershipProcessTest, OneThatStopsIsFollowedAtOnceAndStandsByWhenItComesBack) {
  EXPECT_EQ(a_->Kill(SIGTERM), 0);
  EXPECT_TRUE(b_->Becomes("running", kSoon));
  a_->Start();
  ASSERT_TRUE(a_->Becomes("standby", kSoon));
  EXPECT_THAT(a_->Status().leader(), ::testing::HasSubstr(HolderOf(*b_)));
  EXPECT_EQ(b_->Status().state(), "running");
  EXPECT_EQ(a_->Kill(SIGTERM), 0) << "one that stands by stops as well";
  EXPECT_EQ(b_->Status().state(), "running");
}

TEST_F(LeadershipProcessTest, ALeaderThatIsPausedIsFollowedWithinItsLeaseAndStandsByWhenItWakes) {
  a_->Signal(SIGSTOP);
  EXPECT_TRUE(b_->Becomes("running", leadership::kLease + kSoon));
  a_->Signal(SIGCONT);
  EXPECT_TRUE(a_->Becomes("standby", leadership::kRenewEvery + kSoon));
  EXPECT_TRUE(a_->Lives());
  EXPECT_THAT(a_->log(), ::testing::HasSubstr("leadership_lost"));
  EXPECT_EQ(b_->Status().state(), "running");
  b_->Signal(SIGSTOP);
  EXPECT_TRUE(a_->Becomes("running", leadership::kLease + kSoon)) << "it leads once more, in the same process";
  b_->Signal(SIGCONT);
  EXPECT_TRUE(b_->Becomes("standby", leadership::kRenewEvery + kSoon));
}

TEST_F(LeadershipProcessTest, ALeaderThatWasKilledComesBackAtOnceInItsOwnFolder) {
  b_->Kill(SIGKILL);
  EXPECT_EQ(a_->Kill(SIGKILL), 128 + SIGKILL);
  const absl::Time killed = absl::Now();
  a_->Start();
  ASSERT_TRUE(a_->Becomes("running", leadership::kLease / 2)) << "its own lease still runs";
  EXPECT_LT(absl::Now() - killed, leadership::kLease / 2);
  // Another folder is another coordinator: this one waits.
  EXPECT_EQ(a_->Kill(SIGKILL), 128 + SIGKILL);
  b_->Start();
  EXPECT_TRUE(b_->Becomes("standby", kSoon));
  EXPECT_TRUE(b_->Becomes("running", leadership::kLease + kSoon));
}

}  // namespace
}  // namespace gofarm::testing
