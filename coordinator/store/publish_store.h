// Publishing over PostgreSQL: what an attempt leaves is recorded with its end (RecordPublishing, inside that
// transaction); from then on rows say what is to be done at each destination, and what came of it. An order that
// changes while it is carried out has another `change`: what was done for the older one settles nothing.
//
// Errors as in transaction.h. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class Txn;

inline constexpr int kPublicationPageMax = 1'000;
inline constexpr int kWithdrawalsMax = 10'000;
inline constexpr int kAttachmentPageMax = 1'000;
inline constexpr int kEnrolledAtOnce = 5'000;  // a destination

// Of an attempt that ends in this transaction, after its executables.
void RecordPublishing(Txn& txn, AttemptToken token, JobId job, const domain::Publishing& publishing);

// What came of one try.
struct Settled {
  domain::PublicationId id;
  int change = 0;
  domain::PublicationState state = domain::PublicationState::kPublished;
  std::string failure_class, detail;
  std::string digest;
  absl::Duration wait = absl::ZeroDuration();  // before the next try
};

class PublishStore {
 public:
  explicit PublishStore(Pool& pool) : pool_(pool) {}

  // NOT_FOUND: there is no such attempt.
  absl::StatusOr<domain::BuildFacts> FactsOf(const Scope& scope, AttemptToken token);

  // Makes the destinations known and orders for them what stands already, the oldest first. How many it ordered: 0 is
  // the end, as one call orders at most `limit` for each.
  absl::StatusOr<int64_t> Enroll(const Scope& scope, const std::vector<std::string>& destinations,
                                 int limit = kEnrolledAtOnce);
  // Due by the database's clock, the longest-waiting first; nothing of a paused destination.
  absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, std::string_view destination, int limit);
  // False: the order is another one by now.
  absl::StatusOr<bool> Settle(const Scope& scope, const Settled& settled);
  // All of them in one transaction: an index was written that shows them.
  absl::Status SettleIndex(const Scope& scope, const std::vector<std::pair<domain::PublicationId, int>>& shown);

  // By id, after `after`.
  absl::StatusOr<std::vector<domain::Publication>> Page(const Scope& scope, const domain::PublicationFilter& filter,
                                                        domain::PublicationId after, int limit);
  absl::StatusOr<std::vector<domain::Publication>> InIndex(const Scope& scope, domain::PublicationId after, int limit);
  absl::StatusOr<std::vector<domain::Publication>> OfModule(const Scope& scope, std::string_view module, int limit);
  // NOT_FOUND: nothing with that digest, or of that name, is published.
  absl::StatusOr<domain::PublicFile> PublicBlob(const Scope& scope, const std::string& sha256);
  absl::StatusOr<domain::PublicFile> PublicFileOf(const Scope& scope, AttemptToken token, const std::string& name);
  absl::StatusOr<bool> IsPublic(const Scope& scope, AttemptToken token);
  // Those that something was ever released of; the number: of releases that were not taken back.
  absl::StatusOr<std::map<std::string, int64_t>> Known(const Scope& scope, const std::vector<std::string>& modules);
  absl::StatusOr<std::vector<domain::PublicationCounts>> Counts(const Scope& scope);
  absl::StatusOr<domain::PublishTotals> Totals(const Scope& scope);
  // By token and name.
  absl::StatusOr<std::vector<std::pair<AttemptToken, domain::Attachment>>> AttachmentsOf(
      const Scope& scope, const std::vector<AttemptToken>& tokens);
  // A file made after the attempt ended, whose bytes are stored. What stands under its name then: this one, or the one
  // that came first, which may have other bytes.
  absl::StatusOr<domain::Attachment> Keep(const Scope& scope, AttemptToken token, const domain::Attachment& attachment);
  // Of one program at one destination, the newest rows first; `version` empty: of all versions.
  absl::StatusOr<std::vector<domain::Publication>> OfProgram(const Scope& scope, std::string_view destination,
                                                             std::string_view module, std::string_view import_path,
                                                             std::string_view version, int limit);
  // As publish::FindTwins, among all modules that something was ever released of.
  absl::StatusOr<bool> HasTwin(const Scope& scope, std::string_view module);
  // Empty: it was not.
  absl::StatusOr<std::string> WhyWithdrawn(const Scope& scope, std::string_view module, std::string_view version);
  // Why its author took it back; `version` empty: of any version. Empty: he did not.
  absl::StatusOr<std::string> WhyRetracted(const Scope& scope, std::string_view module, std::string_view version);

  // Of the jobs of a batch, or of one job, by job and name, after those of `after`.
  struct AttachmentCursor {
    JobId job;
    std::string name;
  };
  absl::StatusOr<std::vector<domain::JobAttachment>> AttachmentsOfBatch(const Scope& scope, BatchId batch,
                                                                        const AttachmentCursor& after, int limit);
  absl::StatusOr<std::vector<domain::JobAttachment>> AttachmentsOfJob(const Scope& scope, JobId job,
                                                                      const AttachmentCursor& after, int limit);

  // Of these ids; of none: all that failed or are parked. With `replace`, which takes ids, what differs takes the place
  // of what stands. How many were ordered.
  absl::StatusOr<int64_t> Retry(const Scope& scope, const std::vector<domain::PublicationId>& ids, bool replace);
  // NOT_FOUND: there is no such destination.
  absl::Status Pause(const Scope& scope, std::string_view destination, bool paused, std::string_view reason);
  // How many releases it took away; 0 is no error, as it also keeps later ones from being published.
  absl::StatusOr<int64_t> Withdraw(const Scope& scope, const domain::Withdrawal& withdrawal, std::string_view who);
  absl::StatusOr<std::vector<domain::Withdrawal>> Withdrawals(const Scope& scope);

  // Of the published index: higher than any before, and than `above`.
  absl::StatusOr<int64_t> NextGeneration(const Scope& scope, int64_t above);
  absl::StatusOr<std::vector<domain::PublishKey>> Keys(const Scope& scope);
  // From now on this one signs; the one that did keeps verifying.
  // ALREADY_EXISTS: another one of this kind is announced, or it signs or signed.
  absl::Status AnnounceKey(const Scope& scope, std::string_view kind, std::string_view public_key,
                           absl::Duration overlap);
  absl::StatusOr<std::optional<domain::PublishKey>> AnnouncedKey(const Scope& scope, std::string_view kind);
  absl::Status SetKey(const Scope& scope, std::string_view kind, std::string_view public_key);

 private:
  absl::StatusOr<std::vector<domain::JobAttachment>> AttachmentPage(const Scope& scope, const char* statement,
                                                                    int64_t of, const AttachmentCursor& after,
                                                                    int limit);
  Pool& pool_;
};

}  // namespace gofarm::store
