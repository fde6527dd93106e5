#include "tests/support/coordinator_process.h"

#include <fcntl.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "common/rpc/channel.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kEndMax = absl::Minutes(1);

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

}  // namespace

std::string Bin(const std::string& name) {
  const char* const bin = std::getenv("GOFARM_BIN_DIR");
  return Cat(bin == nullptr ? "build/bin" : bin, "/", name);
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

Coordinator::Coordinator(const std::string& dir, const std::string& name, const std::string& database)
    : dir_(Cat(dir, "/", name)), http_port_(FreePort()) {
  EXPECT_TRUE(io::MakeFolders(dir_).ok());
  EXPECT_TRUE(io::WriteFileAtomic(Cat(dir_, "/config.toml"),
                                  Cat("database_url = \"", database, "\"\ndata_dir = \"", dir_, "/data\"\nlisten = \"",
                                      address(), "\"\nhttp = \"127.0.0.1:", http_port_, "\"\ngoproxy = \"off\"\n"))
                  .ok());
  channel_ = rpc::MakeChannel(address(), rpc::Credentials::Plaintext());
}

Coordinator::~Coordinator() { Kill(SIGKILL); }

std::string Coordinator::socket() const { return Cat(dir_, "/s"); }
std::string Coordinator::address() const { return Cat("unix:", socket()); }
std::string Coordinator::log() const { return io::ReadFile(Cat(dir_, "/log"), 64 << 20).value_or(""); }

void Coordinator::Start() {
  pid_ = Spawn({Bin("gofarm-coordinator"), "--config", Cat(dir_, "/config.toml")}, Cat(dir_, "/log"));
}

void Coordinator::Signal(int signal) const { EXPECT_EQ(::kill(pid_, signal), 0); }

std::optional<int> Coordinator::Ended() {
  int status = 0;
  if (pid_ != 0 && ::waitpid(pid_, &status, WNOHANG) == 0) return std::nullopt;
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int Coordinator::Kill(int signal) {
  if (pid_ == 0) return 0;
  Signal(signal);
  for (const absl::Time end = absl::Now() + kEndMax; absl::Now() < end; absl::SleepFor(absl::Milliseconds(5))) {
    if (const std::optional<int> code = Ended()) return *code;
  }
  ADD_FAILURE() << "the coordinator does not end after signal " << signal << "\n" << log();
  return signal == SIGKILL ? -1 : Kill(SIGKILL);
}

v1::FarmStatus Coordinator::Status() const {
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

bool Coordinator::Becomes(const std::string& state, absl::Duration within) const {
  for (const absl::Time end = absl::Now() + within; absl::Now() < end; absl::SleepFor(absl::Milliseconds(50))) {
    if (Status().state() == state) return true;
  }
  return false;
}

io::HttpResponse Coordinator::ReadyZ() const {
  const auto response =
      io::HttpClient("test").Get(Scope::For(absl::Seconds(5)), Cat("http://127.0.0.1:", http_port_, "/readyz"));
  EXPECT_TRUE(response.ok()) << response.status();
  return response.value_or(io::HttpResponse{});
}

}  // namespace gofarm::testing
