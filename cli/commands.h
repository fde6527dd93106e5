// The verbs of `gofarm`, one function each, apart from how their words are parsed (main.cc). A function prints what was
// asked for on stdout (one JSON document, or text) and returns the exit code; a status is printed and mapped by
// ExitCodeOf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/farm_finder.h"
#include "cli/farm_index.h"

namespace gofarm::cli {

// 0 as asked; 1 some job partial, failed or cancelled; 2 wrong input; 3 no farm, or no index, reached; 4 internal; 5
// not allowed; 6 not what was signed, or not what its digest says; 130 Ctrl-C; 141 the reader of stdout went away.
inline constexpr int kExitJobs = 1;
inline constexpr int kExitInput = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitInternal = 4;
inline constexpr int kExitForbidden = 5;
inline constexpr int kExitNotSigned = 6;
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitReaderGone = 141;
int ExitCodeOf(const absl::Status& status);

struct Globals {
  bool json = false;
  FarmFlags farm;
  FarmIndexCall farm_index;  // null: farms tell no keys
};

using Exit = absl::StatusOr<int>;

struct SubmitArgs {
  std::vector<std::string> modules;
  std::string file;
  std::vector<std::string> targets;
  std::string name;
  std::string submitter;
  std::vector<std::string> labels;  // "zone=b" each
  bool force = false;
  bool wait = false;
};
Exit Submit(const Globals& globals, const SubmitArgs& args);

Exit BatchList(const Globals& globals, int64_t limit);
Exit BatchShow(const Globals& globals, int64_t id);
Exit BatchWatch(const Globals& globals, int64_t id);
Exit BatchCancel(const Globals& globals, int64_t id);
Exit BatchRetry(const Globals& globals, int64_t id);

struct JobListArgs {
  int64_t batch = 0;
  std::string module;
  std::string state;
  int64_t limit = 0;
};
Exit JobList(const Globals& globals, const JobListArgs& args);
Exit JobShow(const Globals& globals, int64_t id, bool command);
Exit JobLog(const Globals& globals, int64_t id, int attempt, bool follow);
Exit JobCancel(const Globals& globals, int64_t id);
Exit JobRetry(const Globals& globals, int64_t id);

// What failed, by what is behind it; `batch` 0: of all jobs, `limit` 0: all groups.
Exit Failures(const Globals& globals, int64_t batch, int64_t limit);

struct ArtifactListArgs {
  int64_t batch = 0;
  std::string module;
  std::string target;
  int64_t limit = 0;
};
Exit ArtifactList(const Globals& globals, const ArtifactListArgs& args);
Exit ArtifactGet(const Globals& globals, const std::string& sha256, const std::string& file);
Exit ArtifactExport(const Globals& globals, int64_t batch, const std::string& folder);

struct TokenArgs {
  std::string role;
  std::string name;
  std::string ttl = "1h";
  int uses = 1;
};
Exit TokenCreate(const Globals& globals, const TokenArgs& args);
Exit TokenList(const Globals& globals);
Exit TokenRevoke(const Globals& globals, int64_t id, bool with_identities);
Exit IdentityList(const Globals& globals);
Exit IdentityShow(const Globals& globals, const std::string& name, bool revoke);
Exit CaShow(const Globals& globals);
Exit CaRotate(const Globals& globals, bool finish, bool force);
Exit WhoAmI(const Globals& globals);
struct LoginArgs {
  std::string join;     // a join string, - or @FILE
  std::string profile;  // empty: "default"
};
Exit Login(const Globals& globals, const LoginArgs& args);
Exit Logout(const Globals& globals, const std::string& profile);
struct AuditArgs {
  std::string since;  // so long ago; empty: as far back as `limit` reaches
  int limit = 0;      // 0: as the farm sees fit
  bool follow = false;
};
Exit Audit(const Globals& globals, const AuditArgs& args);

Exit WorkerList(const Globals& globals);
Exit WorkerTargets(const Globals& globals);
Exit WorkerShow(const Globals& globals, const std::string& name);
struct DrainArgs {
  std::string name;
  std::vector<std::string> labels;  // "zone=b" each: all workers that have them
  bool undo = false;
  bool wait = false;
  std::string timeout;  // of the wait; empty: none
};
Exit WorkerDrain(const Globals& globals, const DrainArgs& args);
Exit WorkerRemove(const Globals& globals, const std::string& name);
// `verb`: "show" or "prune"; `arguments` go to gofarm-worker as they are.
Exit WorkerCache(const Globals& globals, const std::string& verb, const std::string& cache_dir,
                 const std::vector<std::string>& arguments);

// Stages by name; none: all. `wait`: until nothing that is due is left.
Exit CatalogRun(const Globals& globals, const std::vector<std::string>& stages, bool wait);
Exit CatalogPause(const Globals& globals, const std::vector<std::string>& stages);
Exit CatalogIngest(const Globals& globals, const std::string& path);
struct CatalogImportArgs {
  std::string source;  // a file, - or a URL; empty with a topic
  std::string origin;  // empty: the source
  std::string topic;   // of GitHub
};
Exit CatalogImport(const Globals& globals, const CatalogImportArgs& args);
Exit CatalogStatusVerb(const Globals& globals);
Exit CatalogFunnel(const Globals& globals);
Exit CatalogStatsVerb(const Globals& globals);
Exit CatalogForecast(const Globals& globals);
Exit CatalogShow(const Globals& globals, const std::string& module);
Exit CatalogVersions(const Globals& globals, const std::string& module);
Exit CatalogWhy(const Globals& globals, const std::string& module);
Exit CatalogSearch(const Globals& globals, const std::vector<std::string>& words, int limit);
Exit CatalogRefresh(const Globals& globals, const std::string& module, const std::string& stage);
struct CatalogSelectArgs {
  bool dry_run = false;
  bool submit = false;
  std::string name;
};
Exit CatalogSelect(const Globals& globals, const CatalogSelectArgs& args);

// `folder`: where the two secret files go; needs no farm.
Exit KeysCreate(const Globals& globals, const std::string& folder);
Exit KeysShow(const Globals& globals, bool public_only);
struct KeyRotation {
  bool minisign = false;  // else provenance
  bool finish = false, force = false;
  std::string overlap;
};
Exit KeysRotate(const Globals& globals, const KeyRotation& rotation);

Exit PublishStatusVerb(const Globals& globals);
struct PublishListArgs {
  std::string destination, module;
  std::vector<std::string> states;
  int64_t limit = 0;
};
Exit PublishList(const Globals& globals, const PublishListArgs& args);
struct PublishRetryArgs {
  std::vector<int64_t> ids;
  bool all = false;
  bool replace = false;
};
Exit PublishRetry(const Globals& globals, const PublishRetryArgs& args);
Exit PublishPause(const Globals& globals, const std::string& destination, bool pause, const std::string& reason);
struct PublishRebuildArgs {
  std::string what;  // the id of a publication, or MODULE[@VERSION]; empty: all
  bool all = false;
  bool wait = false;  // until they are made
};
Exit PublishRebuild(const Globals& globals, const PublishRebuildArgs& args);
struct PublishWithdrawArgs {
  std::string module;  // MODULE[@VERSION]
  std::string reason;
  bool yes = false;
};
Exit PublishWithdraw(const Globals& globals, const PublishWithdrawArgs& args);
Exit PublishWithdrawals(const Globals& globals);
Exit PublishUpdates(const Globals& globals);
struct PublishVerifyArgs {
  std::string module;
  int sample = 20;
  bool all = false;
};
Exit PublishVerify(const Globals& globals, const PublishVerifyArgs& args);

// `part`: "coordinator", "worker", also "postgres" and "supervisor".
Exit Logs(const Globals& globals, const std::string& part, bool follow);

// `what`: MODULE[@VERSION], a folder or a zip file.
Exit CatalogDetect(const Globals& globals, const std::string& what);

// Which index, and by which key: empty, as they are found by cli/install/source.h.
struct IndexArgs {
  std::string url;
  std::vector<std::string> keys;  // install and upgrade take one
};
struct InstallArgs {
  std::vector<std::string> addresses;
  IndexArgs index;
  std::string folder;  // empty: GOFARM_BIN, else ~/.local/bin
  std::string target;  // empty: this machine's
  bool force = false;
};
Exit Install(const Globals& globals, const InstallArgs& args);
Exit Installed(const Globals& globals, const std::string& folder);
struct UpgradeArgs {
  std::vector<std::string> names;  // none: all
  IndexArgs index;
  std::string folder;
  bool force = false;
};
Exit Upgrade(const Globals& globals, const UpgradeArgs& args);
Exit Uninstall(const Globals& globals, const std::vector<std::string>& names, const std::string& folder, bool force);
struct VerifyArgs {
  std::string what;  // a file, or MODULE[/path]@VERSION
  IndexArgs index;
  std::string target;
  bool offline = false;
};
Exit VerifyVerb(const Globals& globals, const VerifyArgs& args);

struct UpArgs {
  std::string cache_dir;
  std::optional<int> workers;
  std::vector<std::string> listen;
  std::vector<std::string> public_names;
  std::string public_listen;
  std::string public_url;
  bool foreground = false;
  bool supervise = false;  // internal: the prepared folder's supervisor
};
Exit Up(const Globals& globals, const UpArgs& args);
Exit Down(const Globals& globals);
Exit Status(const Globals& globals);
Exit Version(const Globals& globals);
// "gofarm 0.1.0"
std::string VersionLine();

}  // namespace gofarm::cli
