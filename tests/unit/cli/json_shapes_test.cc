// The JSON of the CLI is a contract: tests/golden/cli holds one of each. GOFARM_ACCEPT=1 writes them anew.
#include "common/shapes/json_shapes.h"

#include <gofarm/v1/farm.pb.h>
#include <gtest/gtest.h>

#include "cli/names.h"
#include "cli/status_shape.h"
#include "tests/support/golden.h"

namespace gofarm::cli {
namespace {

void ExpectGolden(const std::string& name, const std::string& text) { testing::ExpectGolden("cli/" + name, text); }

constexpr int64_t kNoon = 1'700'000'000'250'000;

v1::Batch SampleBatch() {
  v1::Batch batch;
  batch.set_id(3);
  batch.set_name("demo \"one\"");
  batch.set_state(v1::BATCH_STATE_RUNNING);
  batch.set_submitter("ann");
  batch.mutable_created_at()->set_unix_micros(kNoon);
  batch.mutable_jobs()->set_built(9'007'199'254'740'993);
  batch.mutable_jobs()->set_failed(1);
  batch.set_executables(31);
  return batch;
}

v1::ArtifactRow SampleArtifact() {
  v1::ArtifactRow row;
  row.set_name("hey");
  row.set_import_path("github.com/rakyll/hey");
  row.set_module("github.com/rakyll/hey");
  row.set_version("v0.1.5");
  row.set_target(v1::TARGET_RISCV64);
  row.set_size(6'000'000'000);
  row.set_sha256(std::string(64, 'a'));
  row.set_blake3(std::string(64, 'b'));
  row.set_main_version("v0.1.5");
  row.set_go_version("go1.26.8");
  row.set_job_id(81);
  row.set_smoke(v1::SMOKE_RUN_NOT_RUN);
  row.set_smoke_detail("no runner for this target");
  return row;
}

v1::Job SampleJob() {
  v1::Job job;
  job.set_id(81);
  job.add_batch_ids(3);
  job.add_batch_ids(4);
  job.set_module("github.com/rakyll/hey");
  job.set_version("v0.1.5");
  job.set_target(v1::TARGET_RISCV64);
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_toolset("go1.26.8-zig0.15.2");
  job.set_recipe_digest(std::string(64, 'c'));
  job.set_generation(1);
  job.mutable_created_at()->set_unix_micros(kNoon);
  // Not in the order of their tokens.
  v1::Attempt& running = *job.add_attempts();
  running.set_token(99);
  running.set_worker("worker-1");
  running.set_outcome(v1::ATTEMPT_OUTCOME_RUNNING);
  running.mutable_started_at()->set_unix_micros(kNoon + 60'000'000);
  running.mutable_progress()->set_phase(v1::PHASE_BUILD);
  v1::Attempt& lost = *job.add_attempts();
  lost.set_token(98);
  lost.set_worker("worker-1");
  lost.set_outcome(v1::ATTEMPT_OUTCOME_LOST);
  lost.set_phase(v1::PHASE_FETCH);
  lost.mutable_started_at()->set_unix_micros(kNoon);
  lost.mutable_ended_at()->set_unix_micros(kNoon + 30'000'000);
  v1::PhaseTime& fetch = *lost.add_phases();
  fetch.set_phase(v1::PHASE_FETCH);
  fetch.set_seconds(395.984282879);
  v1::VariantTry& variant = *lost.add_variants();
  variant.set_variant("install");
  variant.set_outcome(v1::VARIANT_OUTCOME_FAILED);
  v1::Omission& omission = *lost.add_omitted();
  omission.set_part(v1::REPORT_PART_BUILD_INFO);
  omission.set_items(12);
  variant.set_fingerprint("off64_t");
  variant.set_seconds(2.000000731);
  variant.add_argv("/go/bin/go");
  variant.add_environment("CGO_ENABLED=1");
  lost.set_peak_memory_bytes(5'000'000'000);
  lost.set_cpu_seconds(3.249999871);
  lost.set_failure_class(v1::FAILURE_CLASS_WORKER_LOST);
  *job.add_executables() = SampleArtifact();
  v1::FailedProgram& program = *job.add_failed_programs();
  program.set_import_path("github.com/rakyll/hey/bad");
  program.set_name("bad");
  program.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  program.set_failure_detail("x.go:1:1: undefined: y");
  v1::RebuildResult& rebuild = *job.add_rebuilds();
  rebuild.set_job_id(82);
  rebuild.set_import_path("github.com/rakyll/hey");
  rebuild.set_worker("worker-2");
  rebuild.set_reproduced(true);
  rebuild.mutable_at()->set_unix_micros(kNoon + 90'000'000);
  return job;
}

v1::WorkerRow SampleWorker() {
  v1::WorkerRow worker;
  worker.set_name("worker-1");
  worker.set_pid(4711);
  worker.set_host_arch("x86_64");
  worker.add_targets(v1::TARGET_X86_64);
  worker.add_targets(v1::TARGET_LOONGARCH64);
  worker.set_state(v1::WORKER_STATE_CONNECTED);
  worker.set_slots(2);
  worker.set_build_version("1.4.0");
  worker.set_address("192.0.2.7");
  worker.set_draining(true);
  (*worker.mutable_labels())["zone"] = "b";
  (*worker.mutable_labels())["rack"] = "7";
  v1::InstalledToolchain& go = *worker.add_toolchains();
  go.set_kind("go");
  go.set_version("1.26.8");
  go.set_path("/cache/toolchains/go-1.26.8/bin/go");
  go.set_sha256(std::string(64, 'd'));
  v1::TargetReadiness& ready = *worker.add_readiness();
  ready.set_target(v1::TARGET_LOONGARCH64);
  ready.set_state(v1::READINESS_STATE_SEEDING);
  ready.set_detail("linking");
  ready.set_seconds(12.500000001);
  return worker;
}

TEST(FailureGistTest, TheFirstLineThatSaysSomethingStandsForTheDetail) {
  EXPECT_EQ(FailureGist(v1::FAILURE_CLASS_COMPILE_ERROR, "# a.test/m\n\n  x.go:1:1: undefined: y\nmore"),
            "compile_error: x.go:1:1: undefined: y");
  EXPECT_EQ(FailureGist(v1::FAILURE_CLASS_TIMEOUT, ""), "timeout");
  EXPECT_EQ(FailureGist(v1::FAILURE_CLASS_UNSPECIFIED, "left over"), "");
}

TEST(JsonShapesTest, ABatch) { ExpectGolden("batch.json", shapes::BatchDocument(SampleBatch())); }

TEST(JsonShapesTest, AnEmptyBatchStillHasEveryName) {
  ExpectGolden("batch_empty.json", shapes::BatchDocument(v1::Batch()));
}

TEST(JsonShapesTest, AJob) { ExpectGolden("job.json", shapes::JobDocument(SampleJob())); }

TEST(JsonShapesTest, AListOfJobsIsAnArrayAndLeavesTheCommandsOut) {
  v1::JobPage page;
  *page.add_jobs() = SampleJob();
  page.add_jobs();
  ExpectGolden("job_list.json", shapes::JobListDocument(page));
  EXPECT_EQ(shapes::JobListDocument(v1::JobPage()), "[]\n");
}

TEST(JsonShapesTest, AListOfArtifacts) {
  v1::ArtifactPage page;
  *page.add_artifacts() = SampleArtifact();
  ExpectGolden("artifact_list.json", shapes::ArtifactListDocument(page));
}

TEST(JsonShapesTest, AListOfWorkers) {
  v1::WorkerPage reply;
  *reply.add_workers() = SampleWorker();
  ExpectGolden("worker_list.json", shapes::WorkerListDocument(reply));
}

TEST(JsonShapesTest, WhatFailed) {
  v1::FailureList failures;
  failures.set_jobs(41);
  failures.set_groups_left_out(2);
  failures.set_older_left_out(true);
  v1::FailureGroup& group = *failures.add_groups();
  group.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  group.set_fingerprint("FILE:N:N: undefined: Asset");
  group.set_jobs(40);
  group.set_modules(10);
  group.set_hint("The file that go-bindata or a like generator makes is not committed.");
  v1::FailureExample& example = *group.add_examples();
  example.set_job_id(12);
  example.set_module("example.com/m");
  example.set_version("v1.0.0");
  example.set_target(v1::TARGET_RISCV64);
  ExpectGolden("failures.json", shapes::FailureListDocument(failures));
}

TEST(JsonShapesTest, TheStatusOfAFarm) {
  const StatusShape shape{.dir = "/home/ann/farm",
                          .state = "running",
                          .grpc_address = "unix:/home/ann/farm/run/coordinator.sock",
                          .http_url = "http://127.0.0.1:20123",
                          .index_url = "http://127.0.0.1:20123/index",
                          .cache_dir = "/home/ann/cache",
                          .coordinator = {.pid = 12, .state = "running", .restarts = 1},
                          .postgres = {.pid = 11, .state = "running"},
                          .workers = {{.name = "worker-1", .pid = 4711, .state = "connected"}}};
  v1::WorkerPage reply;
  *reply.add_workers() = SampleWorker();
  JsonWriter json;
  WriteStatus(json, shape, &reply);
  ExpectGolden("status.json", json.Take());
  JsonWriter down;
  WriteStatus(down, {.dir = "/home/ann/farm", .state = "down", .publishing_off = "there are no keys"}, nullptr);
  ExpectGolden("status_down.json", down.Take());
}

TEST(JsonShapesTest, ANumberFromANewerServerHasAName) {
  v1::Batch batch;
  batch.set_state(static_cast<v1::BatchState>(77));
  EXPECT_NE(shapes::BatchDocument(batch).find("\"state\": \"unknown\""), std::string::npos);
}

}  // namespace
}  // namespace gofarm::cli
