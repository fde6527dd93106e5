#include "common/shapes/json_shapes.h"

#include <cmath>
#include <map>

#include "absl/time/time.h"
#include "common/shapes/names.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::shapes {
namespace {

void WriteTexts(JsonWriter& json, std::string_view key, const google::protobuf::RepeatedPtrField<std::string>& texts) {
  json.Key(key).BeginArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

void WriteVariant(JsonWriter& json, const v1::VariantTry& variant, Detail detail) {
  json.BeginObject()
      .Field("variant", variant.variant())
      .Field("outcome", NameOf(variant.outcome()))
      .Field("fingerprint", variant.fingerprint())
      .Field("seconds", Milliseconds(variant.seconds()));
  if (detail == Detail::kFull) {
    WriteTexts(json, "argv", variant.argv());
    WriteTexts(json, "environment", variant.environment());
    json.Field("working_directory", variant.working_directory()).Field("go_mod", variant.go_mod());
  }
  WriteTexts(json, "edits", variant.edits());
  json.EndObject();
}

void WriteAttempt(JsonWriter& json, const v1::Attempt& attempt, Detail detail) {
  json.BeginObject()
      .Field("token", attempt.token())
      .Field("worker", attempt.worker())
      .Field("outcome", NameOf(attempt.outcome()))
      .Field("phase", NameOf(CurrentPhase(attempt)))
      .Field("started_at", TimeOf(attempt.started_at()))
      .Field("ended_at", TimeOf(attempt.ended_at()));
  json.Key("variants").BeginArray();
  for (const v1::VariantTry& variant : attempt.variants()) WriteVariant(json, variant, detail);
  json.EndArray();
  json.Key("phases").BeginObject();
  for (const auto& [phase, seconds] : PhaseSeconds(attempt)) json.Field(NameOf(phase), Milliseconds(seconds));
  json.EndObject();
  const v1::AttemptFacts& facts = attempt.facts();
  json.Field("peak_memory_bytes", attempt.peak_memory_bytes())
      .Field("cpu_seconds", Milliseconds(attempt.cpu_seconds()))
      .Field("failure_class", NameOf(attempt.failure_class()))
      .Field("failure_detail", attempt.failure_detail())
      .Field("go_version", facts.go_version())
      .Field("zig_version", facts.zig_version())
      .Field("module_h1", facts.module_h1())
      .Field("declared_path", facts.declared_path())
      .Field("bytes_fetched", facts.bytes_fetched())
      .Field("dependency_count", static_cast<int64_t>(facts.dependency_count()))
      .Field("log_bytes", facts.log_bytes());
  json.Key("omitted").BeginObject();
  for (const v1::Omission& omission : attempt.omitted()) json.Field(NameOf(omission.part()), int64_t{omission.items()});
  json.EndObject();
  WriteTexts(json, "notes", attempt.notes());
  json.EndObject();
}

template <typename Items, typename Write>
std::string ArrayDocument(const Items& items, const Write& write) {
  JsonWriter json;
  json.BeginArray();
  for (const auto& item : items) write(json, item);
  json.EndArray();
  return json.Take();
}

}  // namespace

void WriteBatch(JsonWriter& json, const v1::Batch& batch) {
  const v1::JobCounts& jobs = batch.jobs();
  json.BeginObject()
      .Field("id", batch.id())
      .Field("name", batch.name())
      .Field("state", NameOf(batch.state()))
      .Field("submitter", batch.submitter())
      .Field("created_at", TimeOf(batch.created_at()));
  json.Key("jobs")
      .BeginObject()
      .Field("queued", jobs.queued())
      .Field("running", jobs.running())
      .Field("built", jobs.built())
      .Field("partial", jobs.partial())
      .Field("nothing_to_build", jobs.nothing_to_build())
      .Field("failed", jobs.failed())
      .Field("cancelled", jobs.cancelled())
      .EndObject();
  json.Field("executables", batch.executables()).EndObject();
}

void WriteArtifact(JsonWriter& json, const v1::ArtifactRow& row) {
  json.BeginObject()
      .Field("name", row.name())
      .Field("import_path", row.import_path())
      .Field("module", row.module())
      .Field("version", row.version())
      .Field("target", NameOf(row.target()))
      .Field("size", row.size())
      .Field("sha256", row.sha256())
      .Field("blake3", row.blake3())
      .Field("main_version", row.main_version())
      .Field("go_version", row.go_version())
      .Field("job_id", row.job_id())
      .Field("smoke", NameOf(row.smoke()))
      .Field("smoke_detail", row.smoke_detail())
      .EndObject();
}

void WriteJob(JsonWriter& json, const v1::Job& job, Detail detail) {
  json.BeginObject().Field("id", job.id());
  json.Key("batch_ids").BeginArray();
  for (const int64_t id : job.batch_ids()) json.Int(id);
  json.EndArray();
  json.Field("module", job.module())
      .Field("version", job.version())
      .Field("target", NameOf(job.target()))
      .Field("state", NameOf(job.state()))
      .Field("failure_class", NameOf(job.failure_class()))
      .Field("failure_detail", job.failure_detail())
      .Field("wait_reason", NameOf(job.wait_reason()))
      .Field("wait_detail", job.wait_detail());
  json.Key("attempts").BeginArray();
  for (const v1::Attempt* attempt : ByToken(job)) WriteAttempt(json, *attempt, detail);
  json.EndArray();
  json.Key("executables").BeginArray();
  for (const v1::ArtifactRow& row : job.executables()) WriteArtifact(json, row);
  json.EndArray();
  json.Key("failed_programs").BeginArray();
  for (const v1::FailedProgram& program : job.failed_programs()) {
    json.BeginObject()
        .Field("import_path", program.import_path())
        .Field("name", program.name())
        .Field("failure_class", NameOf(program.failure_class()))
        .Field("failure_detail", program.failure_detail())
        .EndObject();
  }
  json.EndArray();
  json.Field("toolset", job.toolset())
      .Field("recipe_digest", job.recipe_digest())
      .Field("generation", static_cast<int64_t>(job.generation()))
      .Field("created_at", TimeOf(job.created_at()))
      .Field("rebuild_of", job.rebuild_of());
  json.Key("rebuilds").BeginArray();
  for (const v1::RebuildResult& rebuild : job.rebuilds()) {
    json.BeginObject()
        .Field("job_id", rebuild.job_id())
        .Field("import_path", rebuild.import_path())
        .Field("worker", rebuild.worker())
        .Field("reproduced", rebuild.reproduced())
        .Field("detail", rebuild.detail())
        .Field("at", TimeOf(rebuild.at()))
        .EndObject();
  }
  json.EndArray().EndObject();
}

void WriteWorker(JsonWriter& json, const v1::WorkerRow& worker) {
  json.BeginObject()
      .Field("name", worker.name())
      .Field("pid", static_cast<int64_t>(worker.pid()))
      .Field("host_arch", worker.host_arch());
  json.Key("targets").BeginArray();
  for (const int target : worker.targets()) json.String(NameOf(static_cast<v1::Target>(target)));
  json.EndArray();
  json.Field("state", NameOf(worker.state()))
      .Field("detail", worker.detail())
      .Field("slots", static_cast<int64_t>(worker.slots()))
      .Field("free_slots", static_cast<int64_t>(worker.free_slots()));
  json.Key("toolchains").BeginArray();
  for (const v1::InstalledToolchain& toolchain : worker.toolchains()) {
    json.BeginObject()
        .Field("kind", toolchain.kind())
        .Field("version", toolchain.version())
        .Field("path", toolchain.path())
        .Field("sha256", toolchain.sha256())
        .EndObject();
  }
  json.EndArray();
  json.Key("readiness").BeginArray();
  for (const v1::TargetReadiness& ready : worker.readiness()) {
    json.BeginObject()
        .Field("target", NameOf(ready.target()))
        .Field("state", NameOf(ready.state()))
        .Field("detail", ready.detail())
        .Field("seconds", Milliseconds(ready.seconds()))
        .Field("toolset", ready.toolset())
        .EndObject();
  }
  json.EndArray();
  json.Key("running").BeginArray();
  for (const v1::RunningJob& running : worker.running()) {
    json.BeginObject()
        .Field("job_id", running.job_id())
        .Field("module", running.module())
        .Field("version", running.version())
        .Field("target", NameOf(running.target()))
        .Field("phase", NameOf(running.progress().phase()))
        .Field("seconds", Milliseconds(running.seconds()))
        .EndObject();
  }
  json.EndArray();
  json.Field("memory_bytes", worker.memory_bytes())
      .Field("cache_bytes", worker.cache_bytes())
      .Field("disk_free_bytes", worker.disk_free_bytes())
      .Field("version", worker.build_version())
      .Field("address", worker.address())
      .Field("draining", worker.draining());
  json.Key("labels").BeginObject();
  // By key: a map of protobuf has no order.
  for (const auto& [key, value] : std::map<std::string, std::string>(worker.labels().begin(), worker.labels().end())) {
    json.Field(key, value);
  }
  json.EndObject();
  json.Field("last_seen_at", TimeOf(worker.last_seen_at())).EndObject();
}

std::string BatchDocument(const v1::Batch& batch) {
  JsonWriter json;
  WriteBatch(json, batch);
  return json.Take();
}

std::string BatchListDocument(const v1::BatchPage& page) { return ArrayDocument(page.batches(), WriteBatch); }

std::string JobDocument(const v1::Job& job) {
  JsonWriter json;
  WriteJob(json, job, Detail::kFull);
  return json.Take();
}

std::string JobListDocument(const v1::JobPage& page) {
  return ArrayDocument(page.jobs(), [](JsonWriter& json, const v1::Job& job) { WriteJob(json, job, Detail::kList); });
}

std::string ArtifactListDocument(const v1::ArtifactPage& page) {
  return ArrayDocument(page.artifacts(), WriteArtifact);
}

std::string FailureListDocument(const v1::FailureList& failures) {
  JsonWriter json;
  json.BeginObject()
      .Field("jobs", failures.jobs())
      .Field("groups_left_out", failures.groups_left_out())
      .Field("older_left_out", failures.older_left_out());
  json.Key("groups").BeginArray();
  for (const v1::FailureGroup& group : failures.groups()) {
    json.BeginObject()
        .Field("failure_class", NameOf(group.failure_class()))
        .Field("fingerprint", group.fingerprint())
        .Field("jobs", group.jobs())
        .Field("modules", group.modules())
        .Field("hint", group.hint());
    json.Key("examples").BeginArray();
    for (const v1::FailureExample& example : group.examples()) {
      json.BeginObject()
          .Field("job_id", example.job_id())
          .Field("module", example.module())
          .Field("version", example.version())
          .Field("target", NameOf(example.target()))
          .EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::string WorkerListDocument(const v1::WorkerPage& reply) { return ArrayDocument(reply.workers(), WriteWorker); }

}  // namespace gofarm::shapes
