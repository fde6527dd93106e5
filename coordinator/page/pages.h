// The pages that operators and those who were sent a link look at: what stands in <main>, made of the protocol's
// messages, so that page, command line and /api say the same. What a page asserts is in its HTML; the script only keeps
// it live. Everything from outside is escaped and bounded. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/catalog/types.h"
#include "coordinator/domain/matrix.h"
#include "coordinator/web/html.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::page {

// How the farm is, as one second ago at most.
struct FarmGlance {
  std::string version;
  std::string leader;  // host and process of the coordinator that answers, which leads
  int64_t epoch = 0;   // of its leadership
  absl::Duration uptime;
  int64_t workers_connected = 0;
  int64_t jobs_waiting = 0, jobs_offered = 0, jobs_running = 0;  // as the dispatcher knows them
};

struct BatchesView {
  FarmGlance farm;
  v1::BatchPage batches;
  bool first = true;   // the newest are among them
  int64_t before = 0;  // where older ones begin; 0: there are none
};
void WriteBatches(web::HtmlWriter& html, const BatchesView& view);

struct BatchView {
  v1::Batch batch;
  domain::MatrixPage matrix;
  std::optional<JobState> state;  // only modules with a job in it
  bool first = true;              // page of the matrix
};
void WriteBatch(web::HtmlWriter& html, const BatchView& view);

// Of one attempt. As it is stored: escaped by nobody yet.
struct LogView {
  int64_t token = 0;    // 0: there is no attempt
  std::string head;     // its beginning
  int64_t skipped = 0;  // bytes that are not shown between the two
  std::string tail;
  int64_t next_offset = 0;
  bool live = false;  // more may come
};
struct JobView {
  v1::Job job;
  LogView log;
};
void WriteJob(web::HtmlWriter& html, const JobView& view, absl::Time now);

void WriteWorkers(web::HtmlWriter& html, const v1::WorkerPage& workers);

struct FailuresView {
  int64_t batch = 0;  // 0: all
  v1::FailureList failures;
};
void WriteFailures(web::HtmlWriter& html, const FailuresView& view);

struct CatalogView {
  std::vector<catalog::FunnelStep> funnel;
  std::optional<catalog::CatalogStatus> status;
};
void WriteCatalog(web::HtmlWriter& html, const CatalogView& view);

// What stands there instead: "no batch 12".
void WriteProblem(web::HtmlWriter& html, std::string_view title, std::string_view why);

}  // namespace gofarm::page
