#include "coordinator/store/keying_session.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/domain/epoch.h"
#include "coordinator/store/raw_connection.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

// Arrays of what was checked to be a path or a version: nothing in them needs quotes.
std::string PlainArray(absl::Span<const std::string_view> values) {
  std::string out = "{";
  for (const std::string_view value : values) {
    if (out.size() > 1) out += ',';
    out += value;
  }
  return out += '}';
}

std::string Numbers(absl::Span<const int32_t> values) {
  std::string out = "{";
  for (const int32_t value : values) absl::StrAppend(&out, out.size() > 1 ? "," : "", value);
  return out += '}';
}

int64_t UnixMicros(const RawRow& row, int column) { return row.Int64(column) + kPgEpochMicros; }

}  // namespace

KeyingSession::KeyingSession(std::unique_ptr<RawConnection> connection) : connection_(std::move(connection)) {}
KeyingSession::~KeyingSession() = default;

absl::StatusOr<std::unique_ptr<KeyingSession>> KeyingSession::Begin(const Scope& scope, const PoolOptions& options) {
  GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<RawConnection> connection, RawConnection::Open(scope, options));
  std::unique_ptr<KeyingSession> session(new KeyingSession(std::move(connection)));
  GOFARM_RETURN_IF_ERROR(session->connection_->Command(scope, "BEGIN"));
  GOFARM_RETURN_IF_ERROR(session->connection_
                             ->Query(scope, "catalog_lock_index", {},
                                     [&](const RawRow& row) {
                                       session->modules_ = row.Int32(0);
                                       session->versions_ = row.Int64(1);
                                       return absl::OkStatus();
                                     })
                             .status());
  return session;
}

absl::Status KeyingSession::ReadVersions(
    const Scope& scope, const std::function<absl::Status(std::string_view, int32_t, std::string_view, int64_t)>& each) {
  return connection_
      ->Query(scope, "catalog_all_versions", {},
              [&](const RawRow& row) { return each(row.Bytes(0), row.Int32(1), row.Bytes(2), UnixMicros(row, 3)); })
      .status();
}

absl::StatusOr<std::vector<std::optional<KeyedModule>>> KeyingSession::FindModules(
    const Scope& scope, absl::Span<const std::string_view> paths) {
  GOFARM_CHECK(paths.size() <= kFindMax);
  std::vector<std::optional<KeyedModule>> found(paths.size());
  GOFARM_RETURN_IF_ERROR(connection_
                             ->Query(scope, "catalog_find_modules", {PlainArray(paths)},
                                     [&](const RawRow& row) {
                                       found.at(static_cast<size_t>(row.Int32(0) - 1)) =
                                           KeyedModule{.id = row.Int32(1),
                                                       .versions = row.Int32(2),
                                                       .latest_at = UnixMicros(row, 3),
                                                       .first_at = UnixMicros(row, 4),
                                                       .last_at = UnixMicros(row, 5),
                                                       .latest = std::string(row.Bytes(6))};
                                       return absl::OkStatus();
                                     })
                             .status());
  return found;
}

absl::StatusOr<std::vector<bool>> KeyingSession::FindVersions(const Scope& scope, absl::Span<const int32_t> modules,
                                                              absl::Span<const std::string_view> versions) {
  GOFARM_CHECK(modules.size() == versions.size() && versions.size() <= kFindMax);
  std::vector<bool> known(versions.size());
  GOFARM_RETURN_IF_ERROR(connection_
                             ->Query(scope, "catalog_find_versions", {Numbers(modules), PlainArray(versions)},
                                     [&](const RawRow& row) {
                                       known.at(static_cast<size_t>(row.Int32(0) - 1)) = true;
                                       return absl::OkStatus();
                                     })
                             .status());
  return known;
}

absl::StatusOr<int64_t> KeyingSession::TakeRevisions(const Scope& scope, int64_t count) {
  if (count == 0) return 0;
  int64_t first = 0;
  GOFARM_RETURN_IF_ERROR(connection_
                             ->Query(scope, "catalog_next_revisions", {Cat(count)},
                                     [&](const RawRow& row) {
                                       first = row.Int64(0);
                                       return absl::OkStatus();
                                     })
                             .status());
  return first;
}

absl::StatusOr<std::unique_ptr<CopyWriter>> KeyingSession::CopyVersions(const Scope& scope) {
  return CopyWriter::Start(scope, *connection_, "catalog_copy_versions");
}

absl::StatusOr<std::unique_ptr<CopyWriter>> KeyingSession::CopyModules(const Scope& scope) {
  return CopyWriter::Start(scope, *connection_, "catalog_copy_modules");
}

absl::StatusOr<std::unique_ptr<CopyWriter>> KeyingSession::CopyManyModules(const Scope& scope) {
  if (modules_ > 0) return CopyModules(scope);
  swap_modules_ = true;
  GOFARM_RETURN_IF_ERROR(connection_->Execute(scope, "catalog_new_modules"));
  return CopyWriter::Start(scope, *connection_, "catalog_copy_new_modules");
}

absl::StatusOr<std::unique_ptr<CopyWriter>> KeyingSession::CopyKnownLines(const Scope& scope) {
  return CopyWriter::Start(scope, *connection_, "catalog_copy_known_lines");
}

absl::Status KeyingSession::UpdateModules(const Scope& scope, absl::Span<const ModuleChange> changes) {
  for (size_t from = 0; from < changes.size(); from += kFindMax) {
    std::vector<int64_t> ids, counts, latest_at, first_at, last_at, revisions;
    std::vector<std::string_view> latest;
    for (const ModuleChange& change : changes.subspan(from, kFindMax)) {
      ids.push_back(change.module.id);
      counts.push_back(change.module.versions);
      latest.push_back(change.module.latest);
      latest_at.push_back(change.module.latest_at - kPgEpochMicros);
      first_at.push_back(change.module.first_at - kPgEpochMicros);
      last_at.push_back(change.module.last_at - kPgEpochMicros);
      revisions.push_back(change.revision);
    }
    GOFARM_RETURN_IF_ERROR(connection_
                               ->Query(scope, "catalog_update_modules",
                                       {Array(ids), Array(counts), PlainArray(latest), Array(latest_at),
                                        Array(first_at), Array(last_at), Array(revisions)})
                               .status());
  }
  return absl::OkStatus();
}

absl::Status KeyingSession::DeleteKnownLines(const Scope& scope, absl::Span<const int32_t> days,
                                             int32_t entries_below) {
  if (days.empty()) return absl::OkStatus();
  return connection_->Query(scope, "catalog_delete_known_lines", {Numbers(days), Cat(entries_below)}).status();
}

absl::StatusOr<std::unique_ptr<CopyWriter>> KeyingSession::CopyAllVersions(const Scope& scope) {
  swap_ = true;
  GOFARM_RETURN_IF_ERROR(connection_->Execute(scope, "catalog_new_versions"));
  return CopyWriter::Start(scope, *connection_, "catalog_copy_new_versions");
}

absl::Status KeyingSession::KeyAllVersions(const Scope& scope) {
  return connection_->Execute(scope, "catalog_key_new_versions");
}

absl::Status KeyingSession::EmptyHalf(const Scope& scope, int half) {
  return connection_->Execute(scope, half == 0 ? "catalog_empty_landing_0" : "catalog_empty_landing_1");
}

absl::Status KeyingSession::Commit(const Scope& scope, int64_t epoch, int32_t modules, int64_t versions) {
  if (swap_modules_) GOFARM_RETURN_IF_ERROR(connection_->Execute(scope, "catalog_key_new_modules"));
  GOFARM_ASSIGN_OR_RETURN(const int64_t leads, connection_->Query(scope, "check_epoch", {Cat(epoch)},
                                                                  [](const RawRow&) { return absl::OkStatus(); }));
  if (leads == 0) return domain::EpochOver(epoch);
  if (modules != modules_ || versions != versions_) {
    GOFARM_RETURN_IF_ERROR(connection_->Query(scope, "catalog_save_index", {Cat(modules), Cat(versions)}).status());
  }
  if (swap_modules_) GOFARM_RETURN_IF_ERROR(connection_->Execute(scope, "catalog_swap_modules"));
  if (swap_) GOFARM_RETURN_IF_ERROR(connection_->Execute(scope, "catalog_swap_versions"));
  return connection_->Command(scope, "COMMIT");
}

KeyingReader::KeyingReader(std::unique_ptr<RawConnection> connection) : connection_(std::move(connection)) {}
KeyingReader::~KeyingReader() = default;

absl::StatusOr<std::unique_ptr<KeyingReader>> KeyingReader::Open(const Scope& scope, const PoolOptions& options) {
  GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<RawConnection> connection, RawConnection::Open(scope, options));
  return std::unique_ptr<KeyingReader>(new KeyingReader(std::move(connection)));
}

absl::Status KeyingReader::KnownLines(const Scope& scope, absl::Span<const int32_t> days,
                                      const std::function<void(int32_t, absl::Span<const uint64_t>)>& each) {
  std::vector<uint64_t> aligned;
  return connection_
      ->Query(scope, "catalog_find_known_lines", {Numbers(days)},
              [&](const RawRow& row) {
                const std::string_view bytes = row.Bytes(1);
                aligned.resize(bytes.size() / sizeof(uint64_t));
                std::memcpy(aligned.data(), bytes.data(), aligned.size() * sizeof(uint64_t));
                for (uint64_t& fingerprint : aligned) fingerprint = le64toh(fingerprint);
                each(row.Int32(0), aligned);
                return absl::OkStatus();
              })
      .status();
}

absl::StatusOr<int64_t> KeyingReader::Versions(const Scope& scope) {
  int64_t versions = 0;
  GOFARM_RETURN_IF_ERROR(connection_
                             ->Query(scope, "catalog_index_counts", {},
                                     [&](const RawRow& row) {
                                       versions = row.Int64(1);
                                       return absl::OkStatus();
                                     })
                             .status());
  return versions;
}

absl::Status KeyingReader::Landed(const Scope& scope, int half,
                                  const std::function<absl::Status(std::string_view packed)>& each) {
  return connection_->Query(scope, "catalog_landed", {Cat(half)}, [&](const RawRow& row) { return each(row.Bytes(0)); })
      .status();
}

void EncodeModule(std::string& out, const KeyedModule& module, int64_t revision, std::string_view path) {
  RowEncoder row{out};
  row.Begin(8);
  row.Int32(module.id);
  row.Int32(module.versions);
  row.Time(module.latest_at);
  row.Time(module.first_at);
  row.Time(module.last_at);
  row.Int64(revision);
  row.Bytes(path);
  row.Bytes(module.latest);
}

void EncodeKnownLines(std::string& out, int32_t day, absl::Span<const uint64_t> fingerprints) {
  std::string bytes(fingerprints.size() * sizeof(uint64_t), '\0');
  for (size_t i = 0; i < fingerprints.size(); ++i) {
    const uint64_t little = htole64(fingerprints[i]);
    std::memcpy(bytes.data() + i * sizeof(uint64_t), &little, sizeof(little));
  }
  RowEncoder row{out};
  row.Begin(3);
  row.Int32(day);
  row.Int32(static_cast<int32_t>(fingerprints.size()));
  row.Bytes(bytes);
}

}  // namespace gofarm::store
