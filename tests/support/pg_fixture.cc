#include "tests/support/pg_fixture.h"

#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "coordinator/store/migrator.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kStartMax = absl::Seconds(60);
constexpr const char* kTemplate = "gofarm_template";

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "PostgreSQL for tests: %s\n", why.c_str());
  std::abort();
}

std::string ServerPrograms() {
  glob_t found;
  std::string best;
  if (glob("/usr/lib/postgresql/*/bin/initdb", 0, nullptr, &found) == 0) {
    best = found.gl_pathv[found.gl_pathc - 1];
    globfree(&found);
  }
  if (best.empty()) Die("no /usr/lib/postgresql/*/bin/initdb: install the package postgresql");
  return std::filesystem::path(best).parent_path();
}

// initdb and postgres refuse root: there they run in a user namespace in which root is an ordinary user. One that has a
// name: initdb looks it up and gives up without one (a bare machine has no user 1000).
std::vector<std::string> AsOrdinaryUser(std::vector<std::string> argv) {
  if (geteuid() != 0) return argv;
  const passwd* const postgres = getpwnam("postgres");
  const std::string uid = Cat(postgres == nullptr ? 65534 : postgres->pw_uid);
  const std::string gid = Cat(postgres == nullptr ? 65534 : postgres->pw_gid);
  std::vector<std::string> wrapped = {"bwrap", "--unshare-user",    "--uid",      uid, "--gid",
                                      gid,     "--die-with-parent", "--dev-bind", "/", "/"};
  wrapped.insert(wrapped.end(), argv.begin(), argv.end());
  return wrapped;
}

pid_t Spawn(const std::vector<std::string>& argv, const std::string& log) {
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) Die("fork failed");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execvp(args[0], args.data());
    _exit(127);
  }
  return child;
}

std::string Tail(const std::string& log) {
  std::ifstream file(log);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

}  // namespace

PgServer& PgServer::Get() {
  static PgServer server;
  return server;
}

PgServer::PgServer() : bin_(ServerPrograms()) {
  char name[] = "/tmp/gofarm-pg-XXXXXX";
  if (mkdtemp(name) == nullptr) Die("no temporary folder");
  dir_ = name;
  const std::string log = dir_ + "/initdb.log";
  const pid_t initdb = Spawn(AsOrdinaryUser({bin_ + "/initdb", "-D", dir_ + "/data", "-U", "gofarm", "--auth=trust",
                                             "-E", "UTF8", "--locale=C", "--no-sync"}),
                             log);
  int status = 0;
  waitpid(initdb, &status, 0);
  if (status != 0) Die("initdb failed: " + Tail(log));
  Start();
  CreateDatabase(kTemplate, "template0");
  store::Pool pool({.url = UrlOf(kTemplate), .connections = 1});
  const absl::StatusOr<int> applied = store::Migrate(Scope::For(absl::Minutes(1)), pool);
  if (!applied.ok()) Die(std::string(applied.status().message()));
}

PgServer::~PgServer() {
  if (const pid_t pid = ServerPid(); pid > 0) kill(pid, SIGQUIT);
  WaitUntilGone();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void PgServer::SpawnServer() {
  std::vector<std::string> argv = {bin_ + "/postgres", "-D", dir_ + "/data", "-k", dir_};
  const char* const settings[] = {
      "listen_addresses=",  "fsync=off",           "synchronous_commit=off", "full_page_writes=off",
      "max_connections=60", "shared_buffers=64MB", "max_wal_size=2GB",       "deadlock_timeout=100ms"};
  for (const char* const setting : settings) argv.insert(argv.end(), {"-c", setting});
  for (const std::string& setting : settings_) argv.insert(argv.end(), {"-c", setting});
  child_ = Spawn(AsOrdinaryUser(std::move(argv)), dir_ + "/postgres.log");
}

void PgServer::Start() {
  const absl::Time until = absl::Now() + kStartMax;
  for (SpawnServer();; absl::SleepFor(absl::Milliseconds(20))) {  // the server says nothing when it is ready
    try {
      pqxx::connection db(UrlOf("postgres"));
      pqxx::nontransaction(db).exec("SELECT 1");
      return;
    } catch (const std::exception& e) {
      if (absl::Now() > until) Die(Cat("does not start: ", e.what(), "\n", Tail(dir_ + "/postgres.log")));
    }
    // While processes of a server that was killed live on, a new one gives up.
    if (waitpid(child_, nullptr, WNOHANG) == child_) SpawnServer();
  }
}

void PgServer::Crash() {
  // The whole process group of the server is its own children; they end by themselves when the postmaster is gone.
  const pid_t pid = ServerPid();
  if (pid <= 0) Die("its data folder names no server");
  kill(pid, SIGKILL);
  WaitUntilGone();
}

pid_t PgServer::ServerPid() const {
  std::ifstream file(dir_ + "/data/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

void PgServer::WaitUntilGone() {
  if (child_ > 0) {
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = 0;
  }
}

std::string PgServer::UrlOf(const std::string& database) const {
  return Cat("host=", dir_, " user=gofarm dbname=", database);
}

void PgServer::CreateDatabase(const std::string& name, const std::string& template_name) {
  pqxx::connection db(UrlOf("postgres"));
  pqxx::nontransaction(db).exec(Cat("CREATE DATABASE ", name, " TEMPLATE ", template_name));
}

std::string PgServer::NewDatabase() {
  const std::string name = Cat("t", ++databases_);
  CreateDatabase(name, kTemplate);
  return UrlOf(name);
}

std::string PgServer::EmptyDatabase() {
  const std::string name = Cat("t", ++databases_);
  CreateDatabase(name, "template0");
  return UrlOf(name);
}

void PgTest::SetUp() {
  url_ = PgServer::Get().NewDatabase();
  pool_ = std::make_unique<store::Pool>(store::PoolOptions{.url = url_, .connections = 8});
}

void PgTest::TearDown() { pool_.reset(); }

std::string PgTest::Sql(const std::string& statement) {
  pqxx::connection db(url_);
  pqxx::nontransaction txn(db);
  const pqxx::result rows = txn.exec(statement);
  if (rows.empty() || rows[0][0].is_null()) return "";
  return rows[0][0].c_str();
}

int64_t PgTest::Count(const std::string& statement) { return std::stoll(Sql(statement)); }

}  // namespace gofarm::testing
