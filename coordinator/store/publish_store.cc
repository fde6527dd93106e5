#include "coordinator/store/publish_store.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/store/json.h"
#include "coordinator/store/rebuild_store.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::Publication;
using domain::PublicationId;
using domain::Publishing;

Publication PublicationOf(const pqxx::row& row) {
  Publication p{.id = PublicationId{row["id"].as<int64_t>()},
                .destination = row["destination"].as<std::string>(),
                .state = static_cast<domain::PublicationState>(row["state"].as<int>()),
                .withdraw = row["withdraw"].as<bool>(),
                .change = row["change"].as<int>(),
                .tries = row["tries"].as<int>(),
                .next_try_at = TimeOf(row["next_try_us"]),
                .failure_class = row["failure_class"].as<std::string>(),
                .detail = row["detail"].as<std::string>(),
                .digest = row["digest"].as<std::string>()};
  domain::Release& r = p.release;
  r.id = domain::ReleaseId{row["release_id"].as<int64_t>()};
  r.module = row["module"].as<std::string>();
  r.version = row["version"].as<std::string>();
  r.import_path = row["import_path"].as<std::string>();
  r.target = static_cast<Target>(row["target"].as<int>());
  r.token = AttemptToken{row["token"].as<int64_t>()};
  r.job = JobId{row["job_id"].as<int64_t>()};
  r.size = row["size"].as<int64_t>();
  r.sha256 = row["sha256"].as<std::string>();
  r.blake3 = row["blake3"].as<std::string>();
  r.go_version = row["go_version"].as<std::string>();
  r.facts = ReleaseFactsFromJson(row["facts"].as<std::string>());
  r.built_at = TimeOf(row["built_us"]);
  r.reproduced = row["reproduced"].as<int>();
  r.differed = row["differed"].as<int>();
  r.rebuild = AttemptToken{row["rebuild_token"].as<int64_t>()};
  r.rebuild_detail = row["rebuild_detail"].as<std::string>();
  r.rebuilt_at = TimeOf(row["rebuilt_us"]);
  r.retracted = row["retracted"].as<bool>();
  return p;
}

std::vector<Publication> PublicationsOf(const pqxx::result& rows) {
  std::vector<Publication> all;
  all.reserve(rows.size());
  for (const pqxx::row& row : rows) all.push_back(PublicationOf(row));
  return all;
}

domain::Attachment AttachmentOf(const pqxx::row& row) {
  return {.name = row["name"].as<std::string>(),
          .import_path = row["import_path"].as<std::string>(),
          .kind = row["kind"].as<std::string>(),
          .size = row["size"].as<int64_t>(),
          .sha256 = row["sha256"].as<std::string>(),
          .blake3 = row["blake3"].as<std::string>()};
}

int Bounded(int limit) { return std::clamp(limit, 1, kPublicationPageMax); }

std::vector<int64_t> IdsOf(const pqxx::result& rows) {
  std::vector<int64_t> ids;
  for (const pqxx::row& row : rows) ids.push_back(row[0].as<int64_t>());
  return ids;
}

void InsertAttachments(Txn& txn, AttemptToken token, const std::vector<domain::Attachment>& attachments) {
  if (attachments.empty()) return;
  std::vector<std::string> names, paths, kinds, sha256, blake3;
  std::vector<int64_t> sizes;
  for (const domain::Attachment& a : attachments) {
    names.push_back(a.name);
    paths.push_back(a.import_path);
    kinds.push_back(a.kind);
    sizes.push_back(a.size);
    sha256.push_back(a.sha256);
    blake3.push_back(a.blake3);
  }
  txn.Run("insert_artifacts", Array(sha256), Array(sizes), Array(blake3), "attachment");
  txn.Run("insert_attachments", token.value, Array(names), Array(paths), Array(kinds), Array(sizes), Array(sha256),
          Array(blake3));
}

}  // namespace

void RecordPublishing(Txn& txn, AttemptToken token, JobId job, const Publishing& publishing) {
  InsertAttachments(txn, token, publishing.attachments);
  RecordRebuilt(txn, token, publishing.rebuilt);
  if (publishing.releases.empty()) return;
  std::vector<std::string> paths, facts;
  for (const domain::NewRelease& release : publishing.releases) {
    paths.push_back(release.import_path);
    facts.push_back(ReleaseFactsJson(release.facts));
  }
  const std::string path_array = Array(paths);
  txn.Run("insert_releases", token.value, job.value, path_array, Array(facts));
  for (const pqxx::row& row : txn.Run("programs_not_released", job.value, path_array)) {
    obs::Warn("not_published", {{"job", Cat(job.value)},
                                {"program", row[0].as<std::string>()},
                                {"why", "another program of this version has its file name"}});
  }
  txn.Run("count_rebuilds", token.value, job.value, path_array);
  txn.Run(
      "insert_publications", token.value, job.value, path_array, Array(publishing.destinations),
      "the build of another toolset or time is published under this version; `gofarm publish retry ID --replace` puts "
      "this one in its place",
      "VERSION of this program came out differently when it was built again; `gofarm publish retry ID` publishes this "
      "one "
      "all the same");
  txn.Run("show_again", token.value, job.value, path_array);
}

absl::StatusOr<domain::BuildFacts> PublishStore::FactsOf(const Scope& scope, AttemptToken token) {
  return RunTransaction(pool_, scope, Cat("look up what attempt ", token.value, " builds"),
                        [&](Txn& txn) -> absl::StatusOr<domain::BuildFacts> {
                          const pqxx::result rows = txn.Run("build_facts", token.value);
                          if (rows.empty()) return absl::NotFoundError("there is no such attempt");
                          const pqxx::row row = rows[0];
                          return domain::BuildFacts{.module = row["module"].as<std::string>(),
                                                    .version = row["version"].as<std::string>(),
                                                    .target = static_cast<Target>(row["target"].as<int>()),
                                                    .toolset = row["toolset"].as<std::string>(),
                                                    .rebuild_of = JobId{row["rebuild_of"].as<int64_t>()},
                                                    .worker = row["worker"].as<std::string>(),
                                                    .worker_arch = row["worker_arch"].as<std::string>(),
                                                    .started_at = TimeOf(row["started_us"]),
                                                    .description = row["description"].as<std::string>(),
                                                    .repository = row["repository"].as<std::string>(),
                                                    .topics = TextsFromJson(row["topics"].as<std::string>()),
                                                    .stars = row["stars"].as<int64_t>(),
                                                    .deprecated = row["deprecated"].as<bool>(),
                                                    .deprecated_note = row["deprecated_note"].as<std::string>(),
                                                    .withdrawn = row["withdrawn"].as<bool>()};
                        });
}

absl::StatusOr<int64_t> PublishStore::Enroll(const Scope& scope, const std::vector<std::string>& destinations,
                                             int limit) {
  return RunTransaction(pool_, scope, "order for new destinations what stands already",
                        [&](Txn& txn) -> absl::StatusOr<int64_t> {
                          txn.Run("enroll_destinations", Array(destinations));
                          return txn.Run("enroll_publications", Array(destinations), limit).affected_rows();
                        });
}

absl::StatusOr<std::vector<Publication>> PublishStore::Due(const Scope& scope, std::string_view destination,
                                                           int limit) {
  return RunTransaction(pool_, scope, "look for what is to be published",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<Publication>> {
                          for (const pqxx::row& row : txn.Run("paused_destinations")) {
                            if (row[0].as<std::string>() == destination) return std::vector<Publication>();
                          }
                          return PublicationsOf(txn.Run("publications_due", std::string(destination), Bounded(limit)));
                        });
}

absl::StatusOr<bool> PublishStore::Settle(const Scope& scope, const Settled& settled) {
  return RunTransaction(
      pool_, scope, Cat("settle publication ", settled.id.value), [&](Txn& txn) -> absl::StatusOr<bool> {
        return !txn.Run("settle_publication", settled.id.value, settled.change, static_cast<int>(settled.state),
                        settled.failure_class, settled.detail, settled.digest, absl::ToDoubleSeconds(settled.wait))
                    .empty();
      });
}

absl::Status PublishStore::SettleIndex(const Scope& scope, const std::vector<std::pair<PublicationId, int>>& shown) {
  if (shown.empty()) return absl::OkStatus();
  std::vector<int64_t> ids, changes;
  for (const auto& [id, change] : shown) {
    ids.push_back(id.value);
    changes.push_back(change);
  }
  return RunTransaction(pool_, scope, "settle what the index shows", [&](Txn& txn) {
    txn.Run("settle_index", Array(ids), Array(changes));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<Publication>> PublishStore::Page(const Scope& scope, const domain::PublicationFilter& filter,
                                                            PublicationId after, int limit) {
  return RunTransaction(pool_, scope, "list publications", [&](Txn& txn) -> absl::StatusOr<std::vector<Publication>> {
    return PublicationsOf(txn.Run("publications_page", after.value, filter.destination, filter.module,
                                  Array(filter.states), Bounded(limit)));
  });
}

absl::StatusOr<std::vector<Publication>> PublishStore::InIndex(const Scope& scope, PublicationId after, int limit) {
  return RunTransaction(pool_, scope, "read what the index shows",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<Publication>> {
                          return PublicationsOf(txn.Run("publications_in_index", after.value, Bounded(limit)));
                        });
}

absl::StatusOr<std::vector<Publication>> PublishStore::OfModule(const Scope& scope, std::string_view module,
                                                                int limit) {
  return RunTransaction(pool_, scope, "look for what is published of a module",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<Publication>> {
                          return PublicationsOf(txn.Run("publications_of_module", std::string(module), Bounded(limit)));
                        });
}

absl::StatusOr<domain::PublicFile> PublishStore::PublicBlob(const Scope& scope, const std::string& sha256) {
  return RunTransaction(pool_, scope, "look for a public file", [&](Txn& txn) -> absl::StatusOr<domain::PublicFile> {
    const pqxx::result rows = txn.Run("public_blob", sha256);
    if (rows.empty()) return absl::NotFoundError("nothing with this digest is published here");
    return domain::PublicFile{
        .sha256 = sha256, .kind = rows[0]["kind"].as<std::string>(), .size = rows[0]["size"].as<int64_t>()};
  });
}

absl::StatusOr<domain::PublicFile> PublishStore::PublicFileOf(const Scope& scope, AttemptToken token,
                                                              const std::string& name) {
  return RunTransaction(pool_, scope, "look for a public file", [&](Txn& txn) -> absl::StatusOr<domain::PublicFile> {
    const pqxx::result rows = txn.Run("public_file", token.value, name);
    if (rows.empty()) return absl::NotFoundError("no file of this name is published here");
    return domain::PublicFile{.sha256 = rows[0]["sha256"].as<std::string>(),
                              .kind = rows[0]["kind"].as<std::string>(),
                              .size = rows[0]["size"].as<int64_t>()};
  });
}

absl::StatusOr<bool> PublishStore::IsPublic(const Scope& scope, AttemptToken token) {
  return RunTransaction(pool_, scope, "look for a public build", [&](Txn& txn) -> absl::StatusOr<bool> {
    return txn.Run("public_attempt", token.value)[0][0].as<bool>();
  });
}

absl::StatusOr<std::map<std::string, int64_t>> PublishStore::Known(const Scope& scope,
                                                                   const std::vector<std::string>& modules) {
  using Live = std::map<std::string, int64_t>;
  return RunTransaction(pool_, scope, "look for modules", [&](Txn& txn) -> absl::StatusOr<Live> {
    Live live;
    for (const pqxx::row& row : txn.Run("modules_known", Array(modules))) {
      live[row["module"].as<std::string>()] = row["live"].as<int64_t>();
    }
    return live;
  });
}

absl::StatusOr<std::vector<domain::PublicationCounts>> PublishStore::Counts(const Scope& scope) {
  using Counts = std::vector<domain::PublicationCounts>;
  return RunTransaction(pool_, scope, "count publications", [&](Txn& txn) -> absl::StatusOr<Counts> {
    Counts all;
    for (const pqxx::row& row : txn.Run("publication_counts")) {
      all.push_back({.destination = row["name"].as<std::string>(),
                     .pending = row["pending"].as<int64_t>(),
                     .failed = row["failed"].as<int64_t>(),
                     .parked = row["parked"].as<int64_t>(),
                     .published = row["published"].as<int64_t>(),
                     .withdrawn = row["withdrawn"].as<int64_t>(),
                     .paused = row["paused"].as<bool>(),
                     .pause_reason = row["reason"].as<std::string>(),
                     .oldest_waiting = absl::Seconds(row["oldest_waiting"].as<double>())});
    }
    return all;
  });
}

absl::StatusOr<domain::PublishTotals> PublishStore::Totals(const Scope& scope) {
  return RunTransaction(pool_, scope, "count withdrawals", [&](Txn& txn) -> absl::StatusOr<domain::PublishTotals> {
    const pqxx::row row = txn.Run("publish_totals")[0];
    return domain::PublishTotals{.withdrawals = row["withdrawals"].as<int64_t>(),
                                 .retracted = row["retracted"].as<int64_t>(),
                                 .queued_today = row["queued_today"].as<int64_t>()};
  });
}

absl::StatusOr<std::vector<std::pair<AttemptToken, domain::Attachment>>> PublishStore::AttachmentsOf(
    const Scope& scope, const std::vector<AttemptToken>& tokens) {
  using Attachments = std::vector<std::pair<AttemptToken, domain::Attachment>>;
  return RunTransaction(pool_, scope, "look for attachments", [&](Txn& txn) -> absl::StatusOr<Attachments> {
    Attachments all;
    for (const pqxx::row& row : txn.Run("attachments_of", Array(tokens))) {
      all.emplace_back(AttemptToken{row["token"].as<int64_t>()}, AttachmentOf(row));
    }
    return all;
  });
}

absl::StatusOr<domain::Attachment> PublishStore::Keep(const Scope& scope, AttemptToken token,
                                                      const domain::Attachment& attachment) {
  return RunTransaction(
      pool_, scope, Cat("keep ", attachment.name, " of attempt ", token.value),
      [&](Txn& txn) -> absl::StatusOr<domain::Attachment> {
        const domain::Attachment& a = attachment;
        txn.Run("insert_artifacts", Array(std::vector<std::string>{a.sha256}), Array(std::vector<int64_t>{a.size}),
                Array(std::vector<std::string>{a.blake3}), "attachment");
        txn.Run("keep_attachment", token.value, a.name, a.import_path, a.kind, a.size, a.sha256, a.blake3);
        return AttachmentOf(txn.Run("attachment_of", token.value, a.name)[0]);
      });
}

absl::StatusOr<std::vector<Publication>> PublishStore::OfProgram(const Scope& scope, std::string_view destination,
                                                                 std::string_view module, std::string_view import_path,
                                                                 std::string_view version, int limit) {
  return RunTransaction(
      pool_, scope, "look for what is published of a program",
      [&](Txn& txn) -> absl::StatusOr<std::vector<Publication>> {
        return PublicationsOf(txn.Run("publications_of_program", std::string(destination), std::string(module),
                                      std::string(import_path), std::string(version), Bounded(limit)));
      });
}

absl::StatusOr<bool> PublishStore::HasTwin(const Scope& scope, std::string_view module) {
  return RunTransaction(pool_, scope, "look for a module's twin", [&](Txn& txn) -> absl::StatusOr<bool> {
    return txn.Run("module_has_twin", std::string(module))[0][0].as<bool>();
  });
}

absl::StatusOr<std::string> PublishStore::WhyWithdrawn(const Scope& scope, std::string_view module,
                                                       std::string_view version) {
  return RunTransaction(pool_, scope, "look for a withdrawal", [&](Txn& txn) -> absl::StatusOr<std::string> {
    const pqxx::result rows = txn.Run("why_withdrawn", std::string(module), std::string(version));
    return rows.empty() ? std::string() : rows[0][0].as<std::string>();
  });
}

absl::StatusOr<std::string> PublishStore::WhyRetracted(const Scope& scope, std::string_view module,
                                                       std::string_view version) {
  return RunTransaction(pool_, scope, "look for a retraction", [&](Txn& txn) -> absl::StatusOr<std::string> {
    const pqxx::result rows = txn.Run("why_retracted", std::string(module), std::string(version));
    return rows.empty() ? std::string() : rows[0][0].as<std::string>();
  });
}

absl::StatusOr<std::vector<domain::JobAttachment>> PublishStore::AttachmentPage(const Scope& scope,
                                                                                const char* statement, int64_t of,
                                                                                const AttachmentCursor& after,
                                                                                int limit) {
  using Attachments = std::vector<domain::JobAttachment>;
  return RunTransaction(pool_, scope, "list attachments", [&](Txn& txn) -> absl::StatusOr<Attachments> {
    Attachments all;
    for (const pqxx::row& row :
         txn.Run(statement, of, after.job.value, after.name, std::clamp(limit, 1, kAttachmentPageMax))) {
      all.push_back({.job = JobId{row["job_id"].as<int64_t>()},
                     .module = row["module"].as<std::string>(),
                     .version = row["version"].as<std::string>(),
                     .target = static_cast<Target>(row["target"].as<int>()),
                     .file = AttachmentOf(row)});
    }
    return all;
  });
}

absl::StatusOr<std::vector<domain::JobAttachment>> PublishStore::AttachmentsOfBatch(const Scope& scope, BatchId batch,
                                                                                    const AttachmentCursor& after,
                                                                                    int limit) {
  return AttachmentPage(scope, "attachments_page_of_batch", batch.value, after, limit);
}

absl::StatusOr<std::vector<domain::JobAttachment>> PublishStore::AttachmentsOfJob(const Scope& scope, JobId job,
                                                                                  const AttachmentCursor& after,
                                                                                  int limit) {
  return AttachmentPage(scope, "attachments_page_of_job", job.value, after, limit);
}

absl::StatusOr<int64_t> PublishStore::Retry(const Scope& scope, const std::vector<PublicationId>& ids, bool replace) {
  if (replace && ids.empty()) {
    return absl::InvalidArgumentError("name the publications whose build takes the place of another one");
  }
  return RunTransaction(pool_, scope, "publish again", [&](Txn& txn) -> absl::StatusOr<int64_t> {
    int64_t ordered = 0;
    if (replace) {
      const std::vector<int64_t> releases = IdsOf(txn.Run("replace_releases", Array(ids)));
      ordered += static_cast<int64_t>(releases.size());
      txn.Run("replace_publications", Array(releases));
    }
    return ordered + txn.Run("retry_publications", Array(ids)).affected_rows();
  });
}

absl::Status PublishStore::Pause(const Scope& scope, std::string_view destination, bool paused,
                                 std::string_view reason) {
  return RunTransaction(pool_, scope, "pause a destination", [&](Txn& txn) -> absl::Status {
    if (!txn.Run("pause_destination", std::string(destination), paused, std::string(reason)).empty()) {
      return absl::OkStatus();
    }
    return absl::NotFoundError(
        Cat("there is no destination \"", EscapeForPrint(destination), "\"; gofarm publish status lists them"));
  });
}

absl::StatusOr<int64_t> PublishStore::Withdraw(const Scope& scope, const domain::Withdrawal& withdrawal,
                                               std::string_view who) {
  return RunTransaction(pool_, scope, Cat("withdraw ", withdrawal.module), [&](Txn& txn) -> absl::StatusOr<int64_t> {
    txn.Run("insert_withdrawal", withdrawal.module, withdrawal.version, withdrawal.reason, std::string(who));
    const std::vector<int64_t> releases = IdsOf(txn.Run("withdraw_releases", withdrawal.module, withdrawal.version));
    txn.Run("withdraw_publications", Array(releases), Cat("withdrawn: ", withdrawal.reason));
    return static_cast<int64_t>(releases.size());
  });
}

absl::StatusOr<std::vector<domain::Withdrawal>> PublishStore::Withdrawals(const Scope& scope) {
  using Withdrawals = std::vector<domain::Withdrawal>;
  return RunTransaction(pool_, scope, "list withdrawals", [&](Txn& txn) -> absl::StatusOr<Withdrawals> {
    Withdrawals all;
    for (const pqxx::row& row : txn.Run("withdrawals_page", kWithdrawalsMax)) {
      all.push_back(
          {row["module"].as<std::string>(), row["version"].as<std::string>(), row["reason"].as<std::string>()});
    }
    return all;
  });
}

absl::StatusOr<int64_t> PublishStore::NextGeneration(const Scope& scope, int64_t above) {
  return RunTransaction(pool_, scope, "number a state of the index", [&](Txn& txn) -> absl::StatusOr<int64_t> {
    return txn.Run("next_index_generation", above)[0][0].as<int64_t>();
  });
}

absl::StatusOr<std::vector<domain::PublishKey>> PublishStore::Keys(const Scope& scope) {
  using Keys = std::vector<domain::PublishKey>;
  return RunTransaction(pool_, scope, "look for keys", [&](Txn& txn) -> absl::StatusOr<Keys> {
    Keys all;
    for (const pqxx::row& row : txn.Run("publish_keys")) {
      domain::PublishKey key{.kind = row["kind"].as<std::string>(),
                             .public_key = row["public_key"].as<std::string>(),
                             .since = TimeOf(row["since_us"]),
                             .announced = row["announced"].as<bool>()};
      if (!row["until_us"].is_null()) key.until = TimeOf(row["until_us"]);
      all.push_back(std::move(key));
    }
    return all;
  });
}

absl::Status PublishStore::AnnounceKey(const Scope& scope, std::string_view kind, std::string_view public_key,
                                       absl::Duration overlap) {
  return RunTransaction(pool_, scope, "announce a key", [&](Txn& txn) -> absl::Status {
    const pqxx::result done =
        txn.Run("announce_publish_key", std::string(kind), std::string(public_key), absl::ToInt64Microseconds(overlap));
    if (done.affected_rows() == 1) return absl::OkStatus();
    return absl::AlreadyExistsError(Cat("a key of kind ", kind, " is announced already, or this one signed before"));
  });
}

absl::StatusOr<std::optional<domain::PublishKey>> PublishStore::AnnouncedKey(const Scope& scope,
                                                                             std::string_view kind) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> keys, Keys(scope));
  for (const domain::PublishKey& key : keys) {
    if (key.kind == kind && key.announced) return key;
  }
  return std::optional<domain::PublishKey>();
}

absl::Status PublishStore::SetKey(const Scope& scope, std::string_view kind, std::string_view public_key) {
  return RunTransaction(pool_, scope, "set a key", [&](Txn& txn) {
    txn.Run("end_publish_key", std::string(kind), std::string(public_key));
    txn.Run("insert_publish_key", std::string(kind), std::string(public_key));
    return absl::OkStatus();
  });
}

}  // namespace gofarm::store
