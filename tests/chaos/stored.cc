#include "tests/chaos/stored.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <pqxx/pqxx>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::chaos {
namespace {

constexpr absl::Duration kCallMax = absl::Seconds(30);

std::unique_ptr<grpc::ClientContext> Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + kCallMax));
  context->set_wait_for_ready(true);
  return context;
}

absl::Time TimeOf(const pqxx::field& micros) {
  return micros.is_null() ? absl::InfiniteFuture() : absl::FromUnixMicros(micros.as<int64_t>());
}

Stored ReadTables(const std::string& database_url) {
  pqxx::connection db(database_url);
  pqxx::work txn(db);
  Stored stored;
  for (const pqxx::row& row : txn.exec("SELECT id, module, version, target, generation, state, failure_class, "
                                       "coalesce(result_token, 0) FROM jobs")) {
    stored.jobs[row[0].as<int64_t>()] = {.what = {row[1].as<std::string>(), row[2].as<std::string>(), row[3].as<int>()},
                                         .generation = row[4].as<int>(),
                                         .state = static_cast<JobState>(row[5].as<int>()),
                                         .failure = static_cast<FailureClass>(row[6].as<int>()),
                                         .result_token = row[7].as<int64_t>()};
  }
  for (const pqxx::row& row :
       txn.exec("SELECT token, job_id, worker, outcome, failure_class, answered_state, "
                "(extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM ended_at) * 1000000)::bigint "
                "FROM attempts")) {
    StoredAttempt& a = stored.attempts[row[0].as<int64_t>()];
    a.job = row[1].as<int64_t>();
    a.worker = row[2].as<std::string>();
    a.outcome = static_cast<AttemptOutcome>(row[3].as<int>());
    a.failure = static_cast<FailureClass>(row[4].as<int>());
    a.answered = !row[5].is_null();
    if (a.answered) a.answered_state = static_cast<JobState>(row[5].as<int>());
    a.started = TimeOf(row[6]);
    a.ended = TimeOf(row[7]);
  }
  for (const pqxx::row& row : txn.exec("SELECT token, sha256 FROM executables")) {
    stored.attempts[row[0].as<int64_t>()].executables.push_back(row[1].as<std::string>());
  }
  for (const pqxx::row& row : txn.exec("SELECT id, coalesce(request_id, ''), cancelled_at IS NOT NULL FROM batches")) {
    StoredBatch& batch = stored.batches[row[0].as<int64_t>()];
    batch.request_id = row[1].as<std::string>();
    batch.cancelled = row[2].as<bool>();
  }
  for (const pqxx::row& row : txn.exec("SELECT batch_id, job_id FROM batch_jobs")) {
    stored.batches[row[0].as<int64_t>()].jobs.push_back(row[1].as<int64_t>());
  }
  stored.queue_rows = txn.exec1("SELECT count(*) FROM queue")[0].as<int64_t>();
  stored.lease_rows = txn.exec1("SELECT count(*) FROM leases")[0].as<int64_t>();
  return stored;
}

void ReadCounts(v1::Farm::Stub& farm, Stored& stored) {
  const auto context = Context();
  const auto stream = farm.ListBatches(context.get(), {});
  v1::BatchPage page;
  while (stream->Read(&page)) {
    for (const v1::Batch& batch : page.batches()) {
      const v1::JobCounts& c = batch.jobs();
      const std::pair<JobState, int64_t> counts[] = {
          {JobState::kQueued, c.queued()},      {JobState::kRunning, c.running()},
          {JobState::kBuilt, c.built()},        {JobState::kPartial, c.partial()},
          {JobState::kFailed, c.failed()},      {JobState::kNothingToBuild, c.nothing_to_build()},
          {JobState::kCancelled, c.cancelled()}};
      for (const auto& [state, count] : counts) {
        if (count != 0) stored.batches[batch.id()].counts[state] = count;
      }
    }
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << "ListBatches: " << status.error_message();
}

std::string DownloadedDigest(v1::Farm::Stub& farm, const std::string& sha256) {
  v1::DownloadRequest request;
  request.set_sha256(sha256);
  const auto context = Context();
  const auto stream = farm.Download(context.get(), request);
  std::string bytes;
  v1::BlobData data;
  while (stream->Read(&data)) bytes += data.data();
  const grpc::Status status = stream->Finish();
  return status.ok() ? digest::Sha256Hex(bytes) : status.error_message();
}

std::string LogOf(v1::Farm::Stub& farm, int64_t job, int number) {
  v1::ReadLogRequest request;
  request.set_job_id(job);
  request.set_attempt(number);
  const auto context = Context();
  const auto stream = farm.ReadLog(context.get(), request);
  std::string text;
  v1::LogData data;
  while (stream->Read(&data)) text += data.data();
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << "log of job " << job << ", attempt " << number << ": " << status.error_message();
  return text;
}

// Every n-th of so many, so that about kSample are taken.
bool IsSampled(size_t index, size_t of) { return index % (of / kSample + 1) == 0; }

}  // namespace

Stored ReadStored(const std::string& database_url, v1::Farm::Stub& farm, const Told& told) {
  Stored stored = ReadTables(database_url);
  ReadCounts(farm, stored);
  size_t index = 0;
  std::map<int64_t, int> attempts_of_job;
  for (const auto& [token, attempt] : stored.attempts) {
    const int number = ++attempts_of_job[attempt.job];
    if (!IsSampled(index++, stored.attempts.size())) continue;
    for (const std::string& sha256 : attempt.executables) stored.downloads[sha256] = DownloadedDigest(farm, sha256);
    if (told.logs.count(token) != 0) stored.logs[token] = LogOf(farm, attempt.job, number);
  }
  return stored;
}

}  // namespace gofarm::chaos
