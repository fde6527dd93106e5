// What is published: files that stand beside executables, releases (the executable that stands for a program of a
// module version on a target), and publications (a release at one destination). Plain data and pure rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/target.h"

namespace gofarm::domain {

using ReleaseId = Id<struct ReleaseTag>;
using PublicationId = Id<struct PublicationTag>;

// The destination that every farm has; all others are registries and folders of the configuration.
inline constexpr std::string_view kIndexDestination = "index";

// As in migrations: kPending was never done, or is to be done again; kFailed will be tried again by itself; kParked
// waits for a person.
enum class PublicationState : int { kPending = 1, kFailed, kParked, kPublished, kWithdrawn };
std::string_view Name(PublicationState state);  // "pending", "failed", ...

// A file that was made when an attempt completed.
struct Attachment {
  std::string name;         // of the file, among all of the attempt
  std::string import_path;  // of the executable that it is about; empty: of all of them
  std::string kind;         // "provenance", "sbom", ...
  int64_t size = 0;
  std::string sha256, blake3;
  bool operator==(const Attachment&) const = default;
};

// An attachment of the attempt whose result a job has.
struct JobAttachment {
  JobId job;
  std::string module, version;
  Target target = Target::kX86_64;
  Attachment file;
};

// What people are told of a program beside what its build says. Kept as one document.
struct ReleaseFacts {
  std::string program;  // the file's name
  std::string kind;     // "program", "example", "test"
  std::string description, repository;
  std::vector<std::string> topics;
  int64_t stars = -1;                 // -1: not known
  std::vector<std::string> licences;  // SPDX ids
  std::string licence_note;           // why it is marked; empty: it is not
  std::string version_text;           // what it answers to --version; empty: nothing
  bool deprecated = false;
  std::string deprecated_note;  // its author's words, fit to be printed; empty: none
  bool operator==(const ReleaseFacts&) const = default;
};

struct NewRelease {
  std::string import_path;
  ReleaseFacts facts;
};

// What a rebuild says of an executable that was built before.
struct RebuiltProgram {
  std::string import_path;
  bool reproduced = false;
  std::string detail;  // what differs, in one line
  bool operator==(const RebuiltProgram&) const = default;
};
struct Rebuilt {
  AttemptToken of;                       // that built them before; 0: this attempt is no rebuild
  std::vector<RebuiltProgram> programs;  // what either of them did not build is left out
};

// What an attempt leaves to be published, recorded with its end.
struct Publishing {
  std::vector<Attachment> attachments;
  std::vector<NewRelease> releases;
  std::vector<std::string> destinations;  // for each of the releases
  Rebuilt rebuilt;                        // of a rebuild, which has no releases
};

// What is known of a job when one of its attempts completes.
struct BuildFacts {
  std::string module, version;
  Target target = Target::kX86_64;
  std::string toolset;
  JobId rebuild_of;  // 0: it is no rebuild
  std::string worker;
  std::string worker_arch;
  absl::Time started_at = absl::InfinitePast();
  // Of the catalog; empty where it does not know the module.
  std::string description, repository;  // repository: "github.com/owner/name"
  std::vector<std::string> topics;
  int64_t stars = -1;
  bool deprecated = false;
  std::string deprecated_note;  // as of ReleaseFacts
  bool withdrawn = false;       // an operator keeps this version, or the module, from being published
};

// A release with its executable, as it is published.
struct Release {
  ReleaseId id;
  std::string module, version, import_path;
  Target target = Target::kX86_64;
  AttemptToken token;
  JobId job;
  int64_t size = 0;
  std::string sha256, blake3, go_version;
  ReleaseFacts facts;
  absl::Time built_at = absl::InfinitePast();
  int reproduced = 0, differed = 0;
  // The rebuild that says so: the newest one, or one that differs. Token 0: there was none.
  AttemptToken rebuild;
  std::string rebuild_detail;  // what differs
  absl::Time rebuilt_at = absl::InfinitePast();
  bool retracted = false;  // its author took this version back
};

struct Publication {
  PublicationId id;
  Release release;
  std::string destination;
  PublicationState state = PublicationState::kPending;
  bool withdraw = false;
  int change = 0;
  int tries = 0;
  absl::Time next_try_at = absl::InfinitePast();
  std::string failure_class, detail;
  std::string digest;  // of the manifest that stands there
};

struct PublicationCounts {
  std::string destination;
  int64_t pending = 0, failed = 0, parked = 0, published = 0, withdrawn = 0;
  bool paused = false;
  std::string pause_reason;
  absl::Duration oldest_waiting;  // since the oldest order was given that is pending or failed; zero: none is
};

// Beside what each destination counts.
struct PublishTotals {
  int64_t withdrawals = 0;   // of people, still in force
  int64_t retracted = 0;     // versions that the index does not show
  int64_t queued_today = 0;  // modules that became jobs by themselves since midnight (UTC)
};

struct PublicationFilter {
  std::string destination, module;       // empty: all
  std::vector<PublicationState> states;  // empty: all
};

struct Withdrawal {
  std::string module;
  std::string version;  // empty: all versions
  std::string reason;
};

// What everybody may fetch.
struct PublicFile {
  std::string sha256, kind;  // "executable", or an Attachment's kind
  int64_t size = 0;
};

// A public key by which what was published can be checked.
struct PublishKey {
  std::string kind;  // "provenance", "minisign"
  std::string public_key;
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();  // InfiniteFuture: it signs, or will
  bool announced = false;                     // it is to sign from `since` on, and does not yet
};

}  // namespace gofarm::domain
