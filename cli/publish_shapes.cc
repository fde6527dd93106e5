#include "cli/publish_shapes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/names.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

constexpr std::array<std::pair<v1::PublicationState, std::string_view>, 5> kStates = {
    {{v1::PUBLICATION_STATE_PENDING, "pending"},
     {v1::PUBLICATION_STATE_FAILED, "failed"},
     {v1::PUBLICATION_STATE_PARKED, "parked"},
     {v1::PUBLICATION_STATE_PUBLISHED, "published"},
     {v1::PUBLICATION_STATE_WITHDRAWN, "withdrawn"}}};

void TextOrNull(JsonWriter& json, std::string_view key, std::string_view text) {
  json.Key(key);
  text.empty() ? json.Null() : json.String(text);
}

void WriteCounts(JsonWriter& json, const PublishTotals& counts) {
  json.Field("pending", counts.pending)
      .Field("published", counts.published)
      .Field("failed", counts.failed)
      .Field("parked", counts.parked)
      .Field("withdrawn", counts.withdrawn);
}

}  // namespace

std::string_view NameOf(v1::PublicationState state) {
  for (const auto& [known, name] : kStates) {
    if (known == state) return name;
  }
  return "unknown";
}

absl::StatusOr<v1::PublicationState> PublicationStateOf(std::string_view name) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return absl::InvalidArgumentError(
      Cat("--state: \"", EscapeForPrint(name), "\" is none of pending, failed, parked, published, withdrawn"));
}

PublishTotals TotalsOf(const v1::PublishStatus& status) {
  PublishTotals totals;
  for (const v1::DestinationStatus& row : status.destinations()) {
    if (!row.configured() && status.off().empty()) continue;
    totals.pending += row.pending();
    totals.failed += row.failed();
    totals.parked += row.parked();
    totals.published += row.published();
    totals.withdrawn += row.withdrawn();
  }
  return totals;
}

std::string SigningKey(const v1::PublishKeys& keys, std::string_view kind) {
  for (const v1::PublishKey& key : keys.keys()) {
    if (key.kind() == kind && !key.has_until() && !key.announced()) return key.public_key();
  }
  return "";
}

void WritePublication(JsonWriter& json, const v1::Publication& publication) {
  json.BeginObject()
      .Field("id", publication.id())
      .Field("destination", publication.destination())
      .Field("state", NameOf(publication.state()))
      .Field("module", publication.module())
      .Field("version", publication.version())
      .Field("import_path", publication.import_path())
      .Field("target", NameOf(publication.target()))
      .Field("program", publication.program())
      .Field("job_id", publication.job_id())
      .Field("size", publication.size())
      .Field("sha256", publication.sha256())
      .Field("withdraw", publication.withdraw())
      .Field("tries", static_cast<int64_t>(publication.tries()))
      .Field("next_try_at", TimeOf(publication.next_try_at()))
      .Field("failure_class", publication.failure_class())
      .Field("detail", publication.detail())
      .Field("digest", publication.digest())
      .Field("reproduced", static_cast<int64_t>(publication.reproduced()))
      .Field("differed", static_cast<int64_t>(publication.differed()))
      .EndObject();
}

std::string PublishStatusDocument(const v1::PublishStatus& status) {
  JsonWriter json;
  json.BeginObject();
  WriteCounts(json, TotalsOf(status));
  TextOrNull(json, "off", status.off());
  TextOrNull(json, "index_url", status.index_url());
  json.Field("reproduced", status.reproduced())
      .Field("differing", status.differing())
      .Field("rebuilding", status.rebuilding());
  json.Key("destinations").BeginArray();
  for (const v1::DestinationStatus& row : status.destinations()) {
    json.BeginObject().Field("destination", row.name());
    WriteCounts(json, {.pending = row.pending(),
                       .failed = row.failed(),
                       .parked = row.parked(),
                       .published = row.published(),
                       .withdrawn = row.withdrawn()});
    json.Field("configured", row.configured())
        .Field("paused", row.paused())
        .Field("pause_reason", row.pause_reason())
        .Field("fault", row.fault())
        .EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::vector<RebuildRow> RebuildRows(const v1::JobPage& rebuilds) {
  std::vector<RebuildRow> rows;
  for (const v1::Job& job : rebuilds.jobs()) {
    for (const v1::RebuildResult& result : job.rebuilds()) {
      rows.push_back({.job = &job,
                      .import_path = result.import_path(),
                      .result = result.reproduced() ? kReproduced : "differs",
                      .worker = result.worker(),
                      .detail = result.detail()});
    }
    if (job.rebuilds_size() > 0) continue;
    const std::string why(NameOf(job.failure_class()));
    rows.push_back({.job = &job,
                    .import_path = "",
                    .result = "unknown",
                    .worker = "",
                    .detail = Cat("the rebuild ended as ", NameOf(job.state()), why.empty() ? "" : ": ", why)});
  }
  return rows;
}

std::string RebuildDocument(const v1::RebuildReply& reply, const std::vector<RebuildRow>& rows) {
  JsonWriter json;
  json.BeginObject();
  json.Key("batch_id");
  reply.batch_id() == 0 ? json.Null() : json.Int(reply.batch_id());
  json.Field("ordered", reply.ordered()).Field("running", reply.running()).Field("left_out", reply.left_out());
  TextOrNull(json, "why", reply.why());
  json.Key("results").BeginArray();
  for (const RebuildRow& row : rows) {
    json.BeginObject()
        .Field("job_id", row.job->id())
        .Field("rebuild_of", row.job->rebuild_of())
        .Field("module", row.job->module())
        .Field("version", row.job->version())
        .Field("target", NameOf(row.job->target()));
    TextOrNull(json, "import_path", row.import_path);
    json.Field("result", row.result).Field("worker", row.worker).Field("detail", row.detail).EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::string PublicationListDocument(const v1::PublicationPage& page) {
  JsonWriter json;
  json.BeginArray();
  for (const v1::Publication& publication : page.publications()) WritePublication(json, publication);
  json.EndArray();
  return json.Take();
}

std::string WithdrawalListDocument(const v1::WithdrawalPage& page) {
  JsonWriter json;
  json.BeginArray();
  for (const v1::Withdrawal& row : page.withdrawals()) {
    json.BeginObject().Field("module", row.module());
    TextOrNull(json, "version", row.version());
    json.Field("reason", row.reason()).EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string PublishKeysDocument(const v1::PublishKeys& keys) {
  JsonWriter json;
  json.BeginObject()
      .Field("minisign_public_key", SigningKey(keys, "minisign"))
      .Field("provenance_public_key", SigningKey(keys, "provenance"));
  TextOrNull(json, "index_url", keys.index_url());
  json.Key("keys").BeginArray();
  for (const v1::PublishKey& key : keys.keys()) {
    json.BeginObject()
        .Field("kind", key.kind())
        .Field("public_key", key.public_key())
        .Field("since", TimeOf(key.since()))
        .Field("until", key.has_until() ? TimeOf(key.until()) : absl::InfinitePast())
        .Field("announced", key.announced())
        .EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace gofarm::cli
