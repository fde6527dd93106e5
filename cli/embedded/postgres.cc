#include "cli/embedded/postgres.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/proc_fs.h"
#include "common/process/program.h"

namespace gofarm::embedded {
namespace {

constexpr char kDebianFolder[] = "/usr/lib/postgresql";
constexpr int64_t kSmallFileMax = 64 << 10;

bool HasPrograms(const std::string& folder) {
  return access(Cat(folder, "/initdb").c_str(), X_OK) == 0 && access(Cat(folder, "/postgres").c_str(), X_OK) == 0;
}

std::vector<std::string> Candidates(const Scope& scope) {
  std::vector<std::string> folders;
  const auto add = [&](std::string folder) {
    if (folder.empty() || folder[0] != '/') return;  // daemons run elsewhere
    // Links in a folder of PATH lead to where the other programs of that version stand too.
    char real[PATH_MAX];
    if (realpath((folder + "/postgres").c_str(), real) != nullptr) {
      const std::string program(real);
      if (HasPrograms(program.substr(0, program.rfind('/')))) folder = program.substr(0, program.rfind('/'));
    }
    if (HasPrograms(folder) && std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  };
  const char* const path = std::getenv("PATH");
  for (const std::string& folder : std::vector<std::string>(absl::StrSplit(path == nullptr ? "" : path, ':')))
    add(folder);
  if (DIR* const versions = opendir(kDebianFolder)) {
    while (const dirent* entry = readdir(versions)) {
      if (entry->d_name[0] != '.') add(Cat(kDebianFolder, "/", entry->d_name, "/bin"));
    }
    closedir(versions);
  }
  if (const absl::StatusOr<std::string> config = process::FindProgram("pg_config"); config.ok()) {
    const absl::StatusOr<process::CommandResult> result =
        process::Run(scope.Within(absl::Seconds(10)), {.argv = {*config, "--bindir"},
                                                       .environment = process::InheritedEnvironment(),
                                                       .leads = process::Leads::kGroup});
    if (result.ok()) add(std::string(absl::StripAsciiWhitespace(result->out)));
  }
  return folders;
}

std::string FirstLine(const std::string& file) {
  const absl::StatusOr<std::string> text = io::ReadFile(file, kSmallFileMax);
  return text.ok() ? text->substr(0, text->find('\n')) : std::string();
}

// All there is: PGDATA, PGOPTIONS, LC_* and the like of the caller would change what happens.
process::Variables PostgresEnvironment() {
  return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}, {"TZ", "UTC"}};
}

process::Command AsPostgres(std::vector<std::string> argv) {
  return {.argv = std::move(argv),
          .environment = PostgresEnvironment(),
          .leads = process::Leads::kGroup,
          .not_as_root = true};
}

absl::Status RunOrSay(const Scope& scope, const process::Command& spec) {
  GOFARM_ASSIGN_OR_RETURN(const process::CommandResult result, process::Run(scope, spec));
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(Cat(spec.argv[0], " ended with exit code ", result.exit_code, ": ",
                                 Clip(EscapeForPrint(Sv(absl::StripAsciiWhitespace(result.err))), 2000)));
}

}  // namespace

int MajorOfVersionText(std::string_view text) {
  constexpr std::string_view kStart = "postgres (PostgreSQL) ";
  if (text.substr(0, kStart.size()) != kStart) return 0;
  text.remove_prefix(kStart.size());
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  int major = 0;
  return absl::SimpleAtoi(Av(text.substr(0, digits)), &major) ? major : 0;
}

absl::StatusOr<PostgresPrograms> FindPostgres(const Scope& scope, const std::string& cluster) {
  int wanted = 0;
  const std::string version = FirstLine(cluster + "/PG_VERSION");
  if (!version.empty() && !absl::SimpleAtoi(version, &wanted)) {
    return absl::FailedPreconditionError(Cat(cluster, "/PG_VERSION holds no version: ", EscapeForPrint(version)));
  }
  PostgresPrograms best;
  std::string seen;
  for (const std::string& folder : Candidates(scope)) {
    const absl::StatusOr<process::CommandResult> result =
        process::Run(scope.Within(absl::Seconds(10)), AsPostgres({folder + "/postgres", "--version"}));
    if (!result.ok()) continue;
    const int major = MajorOfVersionText(result->out);
    if (major == 0) continue;
    seen += Cat(seen.empty() ? "" : ", ", major, " in ", folder);
    if (wanted != 0 ? major == wanted && best.major == 0 : major > best.major)
      best = {.folder = folder, .major = major};
  }
  if (best.major != 0) return best;
  if (wanted != 0 && !seen.empty()) {
    return absl::FailedPreconditionError(Cat("the farm's database in ", cluster, " needs PostgreSQL ", wanted,
                                             "; found: ", seen, "; install postgresql-", wanted));
  }
  return absl::FailedPreconditionError(
      Cat("PostgreSQL is not installed (looked in PATH, ", kDebianFolder,
          "/*/bin and where pg_config says); on Debian: apt-get install postgresql (only its programs are used)"));
}

absl::Status InitCluster(const Scope& scope, const PostgresPrograms& programs, const FarmPaths& paths) {
  if (access((paths.Cluster() + "/PG_VERSION").c_str(), F_OK) == 0) return absl::OkStatus();
  const std::string fresh = paths.Cluster() + ".new";
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(fresh));
  // trust: whoever reaches the socket has passed the private run folder.
  GOFARM_RETURN_IF_ERROR_CTX(
      RunOrSay(scope, AsPostgres({programs.folder + "/initdb", "-D", fresh, "-U", kDatabaseUser, "--auth=trust",
                                  "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"})),
      "make the farm's database");
  process::Command create = AsPostgres({programs.folder + "/postgres", "--single", "-D", fresh, "postgres"});
  create.input = Cat("CREATE DATABASE ", kDatabase, " OWNER ", kDatabaseUser, ";\n");
  GOFARM_RETURN_IF_ERROR_CTX(RunOrSay(scope, create), "make the farm's database");
  if (rename(fresh.c_str(), paths.Cluster().c_str()) != 0) {
    return ErrnoStatus(errno, Cat("rename ", fresh, " to ", paths.Cluster()));
  }
  return io::SyncFolder(paths.dir);
}

std::string PostgresConf(const FarmPaths& paths) {
  std::string quoted;
  for (const char c : paths.run) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  // Small: the live set of a farm is tiny. Durable: fsync and synchronous_commit stay on.
  return Cat(
      "# Written by gofarm at each start.\n"
      "listen_addresses = ''\n"
      "unix_socket_directories = '",
      quoted,
      "'\n"
      "unix_socket_permissions = 0700\n"
      "max_connections = 60\n"
      "shared_buffers = 64MB\n"
      "dynamic_shared_memory_type = mmap\n"  // /dev/shm is small in containers
      "huge_pages = off\n"
      "wal_level = minimal\n"
      "max_wal_senders = 0\n"
      "min_wal_size = 80MB\n"
      // A submission of 100,000 modules for four targets writes more than half a GiB in half a minute.
      "max_wal_size = 2GB\n"
      "wal_compression = on\n"
      "checkpoint_timeout = 10min\n"
      "idle_in_transaction_session_timeout = 60s\n"
      "autovacuum_naptime = 15s\n"
      "jit = off\n"
      "log_destination = stderr\n"
      "logging_collector = off\n"
      "log_line_prefix = '%m [%p] '\n"
      "log_checkpoints = off\n"
      "log_timezone = UTC\n"
      "timezone = UTC\n"
      "lc_messages = C\n");
}

absl::Status WritePostgresConfig(const FarmPaths& paths) {
  return io::WriteFileAtomic(paths.Cluster() + "/postgresql.conf", PostgresConf(paths), 0600);
}

void RemoveStaleLocks(const FarmPaths& paths) {
  for (const std::string& file : {paths.Cluster() + "/postmaster.pid", paths.run + "/.s.PGSQL.5432.lock"}) {
    const std::string line = FirstLine(file);
    int pid = 0;
    if (line.empty() || !absl::SimpleAtoi(line, &pid)) continue;
    // All of PostgreSQL's processes work in their cluster's folder, and hardly anything else does.
    if (process::Identify(pid).pid == 0 || !process::WorksIn(pid, paths.Cluster())) unlink(file.c_str());
  }
}

process::DaemonSpec PostgresCommand(const PostgresPrograms& programs, const FarmPaths& paths) {
  return {.argv = {programs.folder + "/postgres", "-D", paths.Cluster()},
          .environment = PostgresEnvironment(),
          .log_file = paths.LogOf("postgres"),
          .death_signal = SIGINT,  // fast shutdown
          .not_as_root = true};
}

bool PostgresIsReady(const FarmPaths& paths, const process::ProcessId& postmaster) {
  const absl::StatusOr<std::string> text = io::ReadFile(paths.Cluster() + "/postmaster.pid", kSmallFileMax);
  if (!text.ok()) return false;
  // Line 1 is the pid, line 8 the state, padded with blanks: what pg_ctl looks at.
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  return lines.size() >= 8 && lines[0] == Cat(postmaster.pid) && absl::StripAsciiWhitespace(lines[7]) == "ready";
}

}  // namespace gofarm::embedded
