#include "tests/e2e/farm_harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"

extern char** environ;

namespace gofarm::testing {
namespace {

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& extra) {
  std::vector<std::string> out;
  std::set<std::string> named;
  for (const std::string& e : extra) named.insert(e.substr(0, e.find('=')));
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (named.count(entry.substr(0, entry.find('='))) == 0) out.push_back(entry);
  }
  out.insert(out.end(), extra.begin(), extra.end());
  return out;
}

simdjson::dom::element Null() {
  static simdjson::dom::parser parser;
  static const simdjson::dom::element null = parser.parse(std::string("null")).value();
  return null;
}

}  // namespace

std::string BinDir() {
  const char* dir = std::getenv("GOFARM_BIN_DIR");
  return dir == nullptr ? "build/bin" : dir;
}

CommandResult RunCommand(const std::vector<std::string>& argv, const std::vector<std::string>& environment_extra,
                         absl::Duration limit) {
  const std::vector<std::string> environment = EnvironmentWith(environment_extra);
  std::vector<char*> args, env;
  for (const std::string& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  for (const std::string& e : environment) env.push_back(const_cast<char*>(e.c_str()));
  args.push_back(nullptr);
  env.push_back(nullptr);
  int out[2], err[2];
  CommandResult result;
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return result;
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    setpgid(0, 0);
    execvpe(args[0], args.data(), env.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  const absl::Time deadline = absl::Now() + limit;
  pollfd fds[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  int open_ends = 2;
  bool killed = false;
  while (open_ends > 0) {
    const int n = poll(fds, 2, 200);
    if (n <= 0) {
      if (absl::Now() > deadline && !killed) {
        kill(-pid, SIGKILL);
        killed = true;
      }
      // A daemon may have inherited the pipe: the end of the command itself counts.
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid) break;
      continue;
    }
    for (int i = 0; i < 2; ++i) {
      if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      char buffer[65536];
      const ssize_t got = read(fds[i].fd, buffer, sizeof buffer);
      if (got <= 0) {
        fds[i].fd = -1;
        --open_ends;
      } else {
        (i == 0 ? result.out : result.err).append(buffer, static_cast<size_t>(got));
      }
    }
  }
  close(out[0]);
  close(err[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  result.exit_code = killed ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::vector<std::string> RunOn(const std::string& target, const std::string& program,
                               const std::vector<std::string>& arguments) {
  utsname machine{};
  EXPECT_EQ(uname(&machine), 0);
  std::vector<std::string> argv;
  if (target != machine.machine) argv.push_back("qemu-" + target);
  argv.push_back(program);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

Json::Json(const std::string& text) : parser_(std::make_unique<simdjson::dom::parser>()) {
  const auto error = parser_->parse(text).get(root_);
  if (error != simdjson::SUCCESS) {
    ADD_FAILURE() << "no JSON document: " << simdjson::error_message(error) << "\n" << text.substr(0, 2000);
    root_ = Null();
  }
}

simdjson::dom::element At(simdjson::dom::element object, std::string_view key) {
  simdjson::dom::element value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS) {
    ADD_FAILURE() << "no key " << key << " in " << simdjson::minify(object).substr(0, 1000);
    return Null();
  }
  return value;
}

std::string Text(simdjson::dom::element object, std::string_view key) {
  std::string_view value;
  if (At(object, key).get(value) != simdjson::SUCCESS) {
    ADD_FAILURE() << key << " is no text in " << simdjson::minify(object).substr(0, 1000);
  }
  return std::string(value);
}

int64_t Number(simdjson::dom::element object, std::string_view key) {
  int64_t value = 0;
  if (At(object, key).get(value) != simdjson::SUCCESS) {
    ADD_FAILURE() << key << " is no whole number in " << simdjson::minify(object).substr(0, 1000);
  }
  return value;
}

std::vector<simdjson::dom::element> Items(simdjson::dom::element array) {
  std::vector<simdjson::dom::element> out;
  simdjson::dom::array items;
  if (array.get(items) != simdjson::SUCCESS) {
    ADD_FAILURE() << "no array: " << simdjson::minify(array).substr(0, 1000);
    return out;
  }
  for (const simdjson::dom::element item : items) out.push_back(item);
  return out;
}

size_t Count(simdjson::dom::element object, std::string_view key) { return Items(At(object, key)).size(); }

LocalProxy::LocalProxy() {
  char pattern[] = "/tmp/gofarm-proxy-XXXXXX";
  folder_ = mkdtemp(pattern);
}

LocalProxy::~LocalProxy() { EXPECT_TRUE(io::RemoveTree(folder_).ok()); }

std::vector<std::string> LocalProxy::Environment(const std::string& modules) const {
  const char* go = std::getenv("GOFARM_TEST_GO");
  std::string others = RunCommand({go == nullptr ? "go" : go, "env", "GOPROXY"}).out;
  while (!others.empty() && others.back() == '\n') others.pop_back();
  EXPECT_FALSE(others.empty()) << "go env GOPROXY";
  return {Cat("GOPROXY=file://", folder_, ",", others), Cat("GONOSUMDB=", modules)};
}

std::string LocalProxy::Add(const std::string& module, const std::vector<std::string>& files) const {
  static int count = 0;
  const std::string version = Cat("v1.", absl::ToUnixSeconds(absl::Now()), ".", ++count);
  std::vector<std::string> argv = {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/make_module.py"),
                                   folder_, module, version};
  argv.insert(argv.end(), files.begin(), files.end());
  const CommandResult made = RunCommand(argv);
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return Cat(module, "@", version);
}

std::string LocalProxy::AddSlow(const std::string& module, int functions) const {
  const std::string source = folder_ + "/slow.c";
  std::ofstream c(source);
  for (int i = 0; i < functions; ++i) {
    c << "double f" << i << "(double *x, int n) { double s = " << i
      << "; for (int i = 0; i < n; ++i) for (int j = 0; j < i; ++j) "
      << "s += x[i] * x[j] - s / (x[j] + " << i << "); return s; }\n";
  }
  c.close();
  return Add(module, {"main.go=package main\\n\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n", Cat("slow.c=@", source)});
}

Farm::Farm(int workers, std::vector<std::string> environment) : Farm(workers, std::move(environment), {}, {}) {}

Farm::Farm(int workers, std::vector<std::string> environment, std::vector<std::string> prefix,
           std::vector<std::string> up_words, std::string programs)
    : workers_(workers),
      environment_(std::move(environment)),
      prefix_(std::move(prefix)),
      up_words_(std::move(up_words)),
      programs_(programs.empty() ? BinDir() : std::move(programs)) {
  char pattern[] = "/tmp/gofarm-e2e-XXXXXX";
  top_ = mkdtemp(pattern);
  dir_ = top_ + "/farm";
  environment_.push_back(Cat("GOFARM_DIR=", dir_));
  environment_.push_back("GOFARM_SERVER=");
  environment_.push_back("NO_COLOR=1");
  if (std::getenv("GOFARM_CACHE_DIR") == nullptr) {
    const char* home = std::getenv("HOME");
    environment_.push_back(Cat("GOFARM_CACHE_DIR=", home == nullptr ? "/tmp" : home, "/.cache/gofarm"));
  }
  EXPECT_TRUE(Up());
}

Farm::~Farm() {
  Down();
  if (::testing::Test::HasFailure()) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/logs")) {
      std::ifstream in(entry.path());
      std::stringstream text;
      text << in.rdbuf();
      const std::string all = text.str();
      std::fprintf(stderr, "---- end of %s\n%s\n", entry.path().filename().c_str(),
                   all.substr(all.size() > 3000 ? all.size() - 3000 : 0).c_str());
    }
  }
  EXPECT_TRUE(io::RemoveTree(top_).ok());
}

bool Farm::Up() {
  std::vector<std::string> words = {"up", "--workers", Cat(workers_)};
  words.insert(words.end(), up_words_.begin(), up_words_.end());
  const CommandResult r = Gofarm(words);
  EXPECT_EQ(r.exit_code, 0) << "gofarm up: " << r.err << r.out;
  return r.exit_code == 0;
}

bool Farm::Down() {
  const CommandResult r = Gofarm({"down"}, absl::Minutes(2));
  EXPECT_EQ(r.exit_code, 0) << "gofarm down: " << r.err << r.out;
  return r.exit_code == 0;
}

CommandResult Farm::Gofarm(std::vector<std::string> arguments, absl::Duration limit) const {
  arguments.insert(arguments.begin(), programs_ + "/gofarm");
  arguments.insert(arguments.begin(), prefix_.begin(), prefix_.end());
  return RunCommand(arguments, environment_, limit);
}

Json Farm::GofarmJson(std::vector<std::string> arguments, int expected_exit) const {
  arguments.push_back("--output");
  arguments.push_back("json");
  const CommandResult r = Gofarm(arguments);
  EXPECT_EQ(r.exit_code, expected_exit) << ::testing::PrintToString(arguments) << "\n"
                                        << r.err << r.out.substr(0, 2000);
  return Json(r.out);
}

int64_t Farm::Submit(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "submit");
  const Json batch = GofarmJson(arguments);
  return Number(batch.root(), "id");
}

void Farm::Watch(int64_t batch) const { Gofarm({"batch", "watch", Cat(batch)}, absl::Minutes(20)); }

Json Farm::Jobs(int64_t batch) const { return GofarmJson({"job", "list", "--batch", Cat(batch)}); }

std::string Farm::JoinString(const std::string& role, const std::vector<std::string>& more) const {
  std::vector<std::string> words = {"token", "create", "--role", role};
  words.insert(words.end(), more.begin(), more.end());
  return Text(GofarmJson(words).root(), "join");
}

bool Farm::Connected(const std::string& worker) const {
  const Json workers = GofarmJson({"worker", "list"});
  for (const simdjson::dom::element row : Items(workers.root())) {
    if (Text(row, "name") == worker) return Text(row, "state") == "connected";
  }
  return false;
}

bool Farm::WaitConnected(const std::string& worker) const {
  return WaitUntil([&] { return Connected(worker); }, absl::Minutes(2));
}

int Farm::CoordinatorPid() const {
  const Json status = GofarmJson({"status"});
  return static_cast<int>(Number(At(status.root(), "coordinator"), "pid"));
}

int Farm::PostgresPid() const {
  const Json status = GofarmJson({"status"});
  return static_cast<int>(Number(At(status.root(), "postgres"), "pid"));
}

int Farm::WorkerPid() const {
  const Json status = GofarmJson({"status"});
  const std::vector<simdjson::dom::element> workers = Items(At(status.root(), "workers"));
  return workers.empty() ? -1 : static_cast<int>(Number(workers[0], "pid"));
}

bool Farm::WaitUntil(const std::function<bool()>& condition, absl::Duration limit) const {
  const absl::Time deadline = absl::Now() + limit;
  while (absl::Now() < deadline) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(200));
  }
  return false;
}

bool Farm::WaitUntilBuilding(int64_t batch, absl::Duration limit) const {
  return WaitUntil(
      [&] {
        const Json jobs = Jobs(batch);
        for (const simdjson::dom::element job : Items(jobs.root())) {
          for (const simdjson::dom::element attempt : Items(At(job, "attempts"))) {
            if (Text(attempt, "outcome") == "running" && Text(attempt, "phase") == "build") return true;
          }
        }
        return false;
      },
      limit);
}

std::vector<int> TreeOf(int pid) {
  std::multimap<int, int> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string stat;
    std::getline(in, stat);
    const size_t close = stat.rfind(')');
    if (close == std::string::npos) continue;
    std::istringstream rest(stat.substr(close + 1));
    char state = 0;
    int parent = 0;
    rest >> state >> parent;
    children.emplace(parent, std::stoi(name));
  }
  std::vector<int> out{pid};
  for (size_t i = 0; i < out.size(); ++i) {
    const auto [first, last] = children.equal_range(out[i]);
    for (auto it = first; it != last; ++it) out.push_back(it->second);
  }
  return out;
}

bool IsAlive(int pid) {
  std::ifstream in(Cat("/proc/", pid, "/stat"));
  std::string stat;
  if (!std::getline(in, stat)) return false;
  const size_t close = stat.rfind(')');
  return close != std::string::npos && stat.size() > close + 2 && stat[close + 2] != 'Z';
}

}  // namespace gofarm::testing
