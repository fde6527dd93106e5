// The farm's private PostgreSQL: found on the machine, its cluster made on the first run, reachable through a unix
// socket in the private run folder only. PostgreSQL refuses to run as root, so root's farm runs it in a user namespace
// (see process::ChildSpec::not_as_root), where root's closed folders stay within its reach. No shared state.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/embedded/farm_paths.h"
#include "common/base/scope.h"
#include "common/process/run.h"

namespace gofarm::embedded {

inline constexpr char kDatabase[] = "gofarm";
inline constexpr char kDatabaseUser[] = "gofarm";

struct PostgresPrograms {
  std::string folder;  // has initdb and postgres
  int major = 0;
};

// In PATH, where Debian puts it, and where pg_config says. With a cluster in `cluster` its major version is wanted,
// else the newest. The error says what to install.
absl::StatusOr<PostgresPrograms> FindPostgres(const Scope& scope, const std::string& cluster);
// "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" → 15; 0 when it is something else.
int MajorOfVersionText(std::string_view text);

// Makes the cluster and its database unless they are there; a crash in the middle leaves nothing that is taken for one.
absl::Status InitCluster(const Scope& scope, const PostgresPrograms& programs, const FarmPaths& paths);
// Settings for this run folder. Written before each start.
absl::Status WritePostgresConfig(const FarmPaths& paths);
std::string PostgresConf(const FarmPaths& paths);

// After kill -9 or a crash of the machine: removes a postmaster.pid and socket locks that name a process which is none
// of this cluster's (any more): numbers are used again, by another farm's PostgreSQL too, and it would refuse to start.
void RemoveStaleLocks(const FarmPaths& paths);

process::DaemonSpec PostgresCommand(const PostgresPrograms& programs, const FarmPaths& paths);
// True once this process accepts connections.
bool PostgresIsReady(const FarmPaths& paths, const process::ProcessId& postmaster);

}  // namespace gofarm::embedded
