// What the pages say, and that no name, failure or log can say anything but text.
#include "coordinator/page/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"
#include "coordinator/page/assets.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEvil[] = "<img src=x onerror=alert(1)>\"'&\x1b[2J\u202e";
const absl::Time kNow = absl::FromUnixSeconds(1'796'031'660);

std::string Html(const std::function<void(web::HtmlWriter&)>& write) {
  web::HtmlWriter html;
  write(html);
  return html.Take();
}
std::string Page(const std::function<void(web::HtmlWriter&)>& write) {
  return web::RenderPage(FrameOf("A page", Place::kBatches), 200, write).body;
}

v1::Batch SampleBatch() {
  v1::Batch batch;
  batch.set_id(3);
  batch.set_name(kEvil);
  batch.set_submitter(kEvil);
  batch.set_state(v1::BATCH_STATE_RUNNING);
  batch.mutable_created_at()->set_unix_micros(absl::ToUnixMicros(kNow));
  batch.mutable_jobs()->set_built(9);
  batch.mutable_jobs()->set_failed(3);
  batch.mutable_jobs()->set_queued(8);
  batch.set_executables(11);
  return batch;
}

BatchView SampleMatrix() {
  BatchView view{.batch = SampleBatch()};
  view.matrix.rows.push_back(
      {.module = "github.com/buger/goreplay",
       .version = "v1.3.2",
       .cells = {{.job = JobId{7}, .target = Target::kX86_64, .state = JobState::kFailed},
                 {.job = JobId{8}, .target = Target::kX86_64, .state = JobState::kBuilt, .executables = 2},
                 {.job = JobId{9},
                  .target = Target::kRiscv64,
                  .state = JobState::kFailed,
                  .failure = FailureClass::kSystemLibraryMissing}}});
  view.matrix.rows.push_back({.module = kEvil, .version = kEvil, .cells = {}});
  view.matrix.next = JobId{9};
  return view;
}

JobView SampleJob() {
  JobView view;
  v1::Job& job = view.job;
  job.set_id(12);
  job.add_batch_ids(3);
  job.set_module(kEvil);
  job.set_version(kEvil);
  job.set_target(v1::TARGET_RISCV64);
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  job.set_failure_detail(Cat("# x\nm.go:1:2: undefined: Asset ", kEvil));
  job.set_toolset(kEvil);
  job.mutable_created_at()->set_unix_micros(absl::ToUnixMicros(kNow));
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_token(71);
  attempt.set_worker(kEvil);
  attempt.set_outcome(v1::ATTEMPT_OUTCOME_RUNNING);
  attempt.mutable_started_at()->set_unix_micros(absl::ToUnixMicros(kNow - absl::Seconds(200)));
  attempt.mutable_progress()->set_phase(v1::PHASE_BUILD);
  attempt.mutable_progress()->set_detail(kEvil);
  attempt.add_notes(kEvil);
  v1::VariantTry& variant = *attempt.add_variants();
  variant.set_variant(kEvil);
  variant.set_fingerprint(kEvil);
  variant.add_edits(kEvil);
  variant.add_argv("go");
  variant.add_argv(kEvil);
  v1::ArtifactRow& program = *job.add_executables();
  program.set_name(kEvil);
  program.set_import_path(kEvil);
  program.set_size(1 << 20);
  program.set_smoke_detail(kEvil);
  v1::FailedProgram& failed = *job.add_failed_programs();
  failed.set_import_path(kEvil);
  failed.set_failure_detail(kEvil);
  v1::RebuildResult& rebuild = *job.add_rebuilds();
  rebuild.set_job_id(13);
  rebuild.set_worker(kEvil);
  rebuild.set_detail(kEvil);
  view.log = {.token = 71,
              .head = Cat("build| ", kEvil, "\n\x1b[31merror\x1b[0m </pre><script>alert(1)</script>\n"),
              .next_offset = 512,
              .live = true};
  return view;
}

v1::WorkerPage SampleWorkers() {
  v1::WorkerPage page;
  v1::WorkerRow& worker = *page.add_workers();
  worker.set_name(kEvil);
  worker.set_detail(kEvil);
  worker.set_build_version(kEvil);
  worker.set_state(v1::WORKER_STATE_CONNECTED);
  worker.set_slots(4);
  worker.set_free_slots(1);
  worker.add_targets(v1::TARGET_AARCH64);
  worker.mutable_last_seen_at()->set_unix_micros(absl::ToUnixMicros(kNow));
  v1::RunningJob& running = *worker.add_running();
  running.set_job_id(12);
  running.set_module(kEvil);
  running.mutable_progress()->set_phase(v1::PHASE_FETCH);
  running.mutable_progress()->set_variant(kEvil);
  running.mutable_progress()->set_bytes_done(512);
  running.mutable_progress()->set_bytes_total(1024);
  running.set_seconds(65);
  return page;
}

FailuresView SampleFailures() {
  FailuresView view{.batch = 3};
  view.failures.set_jobs(41);
  view.failures.set_groups_left_out(2);
  view.failures.set_older_left_out(true);
  v1::FailureGroup& group = *view.failures.add_groups();
  group.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  group.set_fingerprint(kEvil);
  group.set_hint("The file is not committed.");
  group.set_jobs(39);
  v1::FailureExample& example = *group.add_examples();
  example.set_job_id(12);
  example.set_module(kEvil);
  return view;
}

BatchesView SampleBatches() {
  BatchesView view{.farm = {.version = "0.1.0", .leader = kEvil, .epoch = 2, .uptime = absl::Hours(3)}};
  *view.batches.add_batches() = SampleBatch();
  view.before = 3;
  return view;
}

CatalogView SampleCatalog() {
  CatalogView view{.funnel = {{"indexed", 1000}, {"eligible", 400}, {kEvil, 10}}};
  view.status.emplace();
  view.status->as_of = kNow;
  view.status->stages = {{.name = "index", .state = "running", .done = 5, .backlog = 2, .rate = 1.5}};
  return view;
}

std::vector<std::string> AllPages() {
  return {Page([](auto& html) { WriteBatches(html, SampleBatches()); }),
          Page([](auto& html) { WriteBatches(html, {.first = false}); }),
          Page([](auto& html) { WriteBatches(html, {}); }),
          Page([](auto& html) { WriteBatch(html, SampleMatrix()); }),
          Page([](auto& html) { WriteBatch(html, {.state = JobState::kFailed}); }),
          Page([](auto& html) { WriteJob(html, SampleJob(), kNow); }),
          Page([](auto& html) { WriteJob(html, {}, kNow); }),
          Page([](auto& html) { WriteWorkers(html, SampleWorkers()); }),
          Page([](auto& html) { WriteWorkers(html, {}); }),
          Page([](auto& html) { WriteFailures(html, SampleFailures()); }),
          Page([](auto& html) { WriteFailures(html, {}); }),
          Page([](auto& html) { WriteCatalog(html, SampleCatalog()); }),
          Page([](auto& html) { WriteCatalog(html, {}); }),
          Page([](auto& html) { WriteProblem(html, "No", kEvil); })};
}

TEST(PagesTest, NothingHostileBecomesMarkup) {
  for (const std::string& page : AllPages()) {
    EXPECT_THAT(page, AllOf(Not(HasSubstr("<img")), Not(HasSubstr("<script>alert")), Not(HasSubstr("\x1b")),
                            Not(HasSubstr("\u202e"))));
  }
}

TEST(PagesTest, BatchesHaveTheirProgressAndTheFarmItsState) {
  const std::string html = Html([](auto& out) { WriteBatches(out, SampleBatches()); });
  EXPECT_THAT(html, AllOf(HasSubstr("href=\"/batches/3\""), HasSubstr("value=\"12\" max=\"20\""),
                          HasSubstr("12 of 20 jobs ended"), HasSubstr("2026-11-30T09:41:00Z"),
                          HasSubstr("href=\"/?before=3\""), HasSubstr("0 waiting"), HasSubstr("epoch 2"),
                          HasSubstr("up for 3 h 0 min"), HasSubstr("data-refresh=\"5\"")));
}

TEST(PagesTest, TheMatrixHasACellPerJobWithItsStateAndALink) {
  const std::string html = Html([](auto& out) { WriteBatch(out, SampleMatrix()); });
  EXPECT_THAT(
      html, AllOf(HasSubstr("github.com/buger/goreplay@v1.3.2"), HasSubstr(">riscv64</th>"),
                  HasSubstr("<a href=\"/jobs/9\" class=\"failed\">failed</a>"), HasSubstr("system_library_missing"),
                  HasSubstr("<a href=\"/jobs/8\" class=\"built\">built</a>"), HasSubstr("href=\"/batches/3?after=9\""),
                  HasSubstr("aria-live=\"polite\"")));
  EXPECT_THAT(html, Not(HasSubstr("/jobs/7"))) << "what was built anew stands for what was before";
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\">"));
}

TEST(PagesTest, WhatIsSaidAloudIsAPartOfItsOwn) {
  const std::string job = Html([](auto& out) { WriteJob(out, SampleJob(), kNow); });
  const std::string batch = Html([](auto& out) { WriteBatch(out, SampleMatrix()); });
  EXPECT_THAT(job, HasSubstr("<div id=\"state\" data-live=\"\" aria-live=\"polite\"><p>State: <span class=\"running\">"
                             "running</span></p></div>"));
  EXPECT_THAT(batch,
              HasSubstr("<div id=\"ended\" data-live=\"\" aria-live=\"polite\"><p>12 of 20 jobs ended</p></div>"));
  for (const std::string& html : {job, batch}) {
    EXPECT_EQ(html.find("aria-live=\"polite\""), html.rfind("aria-live=\"polite\"")) << "no other part has one in it";
  }
}

TEST(PagesTest, AFilterStaysOnTheNextPages) {
  BatchView view = SampleMatrix();
  view.state = JobState::kFailed;
  view.first = false;
  const std::string html = Html([&](auto& out) { WriteBatch(out, view); });
  EXPECT_THAT(html, AllOf(HasSubstr("href=\"/batches/3?state=failed&amp;after=9\""),
                          HasSubstr("<a href=\"/batches/3?state=failed\" aria-current=\"true\">failed</a>")));
}

TEST(PagesTest, ABatchThatEndedIsNotAskedForAgain) {
  BatchView view = SampleMatrix();
  view.batch.set_state(v1::BATCH_STATE_DONE);
  EXPECT_THAT(Html([&](auto& out) { WriteBatch(out, view); }), Not(HasSubstr("data-refresh")));
}

TEST(PagesTest, AJobShowsWhyItFailedAndWhatItsLogSays) {
  const std::string html = Html([](auto& out) { WriteJob(out, SampleJob(), kNow); });
  EXPECT_THAT(html, AllOf(HasSubstr("compile_error"), HasSubstr("go-bindata"), HasSubstr("3 min 20 s"),
                          HasSubstr("<span class=\"red\">error</span>"),
                          HasSubstr("data-log=\"/jobs/12/log?attempt=71&amp;offset=512\""),
                          HasSubstr("&lt;/pre&gt;&lt;script&gt;")));
}

TEST(PagesTest, ALogThatEndedIsNotFollowedAndALongOneSaysWhatIsMissing) {
  JobView view = SampleJob();
  view.log.live = false;
  view.log.skipped = 4'711;
  view.log.tail = "the end\n";
  const std::string html = Html([&](auto& out) { WriteJob(out, view, kNow); });
  EXPECT_THAT(html, AllOf(Not(HasSubstr("data-log=")), HasSubstr("4711 bytes"), HasSubstr("the end\n"),
                          HasSubstr("gofarm job log 12")));
  view.log = {};
  EXPECT_THAT(Html([&](auto& out) { WriteJob(out, view, kNow); }), HasSubstr("No attempt has begun yet."));
}

TEST(PagesTest, FailuresSayCauseCountsExamplesAndWhatIsLeftOut) {
  EXPECT_THAT(Html([](auto& out) { WriteFailures(out, SampleFailures()); }),
              AllOf(HasSubstr("Failures of batch 3"), HasSubstr("41 jobs failed"), HasSubstr("href=\"/jobs/12\""),
                    HasSubstr("The file is not committed."), HasSubstr("and 2 more causes"),
                    HasSubstr("there are older ones")));
}

TEST(PagesTest, WorkersSayWhatTheyRun) {
  EXPECT_THAT(Html([](auto& out) { WriteWorkers(out, SampleWorkers()); }),
              AllOf(HasSubstr("connected"), HasSubstr("3 of 4"), HasSubstr("aarch64"), HasSubstr("fetch"),
                    HasSubstr("1 min 5 s"), HasSubstr("href=\"/jobs/12\"")));
}

TEST(PagesTest, ALongListIsCut) {
  v1::WorkerPage workers = SampleWorkers();
  for (int i = 0; i < 600; ++i) workers.mutable_workers(0)->add_running()->set_job_id(1'000 + i);
  EXPECT_THAT(Html([&](auto& out) { WriteWorkers(out, workers); }), HasSubstr("and 101 more"));
}

TEST(FrameTest, ScriptAndStylesAreThoseOfThePolicyAndNothingElseIsAllowed) {
  const web::Answer page =
      web::RenderPage(FrameOf("x", Place::kBatches), 200, [](auto& html) { html.Leaf("h1", "x"); });
  const std::string policy(page.headers.Get("content-security-policy"));
  EXPECT_THAT(policy, AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'sha256-"),
                            HasSubstr("connect-src 'self'"), Not(HasSubstr("unsafe")), Not(HasSubstr("*"))));
  EXPECT_THAT(page.body, AllOf(HasSubstr(Cat("<style>", kPageStyle.text(), "</style>")),
                               HasSubstr(Cat("<script type=\"module\">", kPageScript.text(), "</script>"))));
  EXPECT_EQ(kPageStyle.text().find_first_of("<&"), std::string_view::npos);
  EXPECT_EQ(kPageScript.text().find("</"), std::string_view::npos);
  EXPECT_EQ(kPageScript.text().find("<!--"), std::string_view::npos);
  EXPECT_EQ(kPageScript.text().find("innerHTML = "), std::string_view::npos) << "text is made text nodes of";
}

TEST(DurationTest, ReadsWell) {
  EXPECT_EQ(DurationText(absl::Seconds(45)), "45 s");
  EXPECT_EQ(DurationText(absl::Seconds(200)), "3 min 20 s");
  EXPECT_EQ(DurationText(absl::Hours(50)), "50 h 0 min");
  EXPECT_EQ(DurationText(-absl::Seconds(1)), "0 s");
}

TEST(WellFormedTest, EveryPage) {
  const absl::StatusOr<io::ScratchFolder> folder = io::ScratchFolder::Make(::testing::TempDir(), "gofarm-pages-");
  ASSERT_TRUE(folder.ok()) << folder.status();
  process::Command command;
  // Debian's own, which has Debian's html5lib.
  command.argv = {"/usr/bin/python3",
                  Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/unit/coordinator_web/check_html.py"), "--own-script"};
  int number = 0;
  for (const std::string& page : AllPages()) {
    command.argv.push_back(Cat(folder->path(), "/", ++number, ".html"));
    ASSERT_TRUE(io::WriteFileAtomic(command.argv.back(), page).ok());
  }
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  const auto result = process::Run(Scope::For(absl::Seconds(100)), command);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0) << result->out.substr(0, 3000) << result->err;
}

// ---- contrast, by WCAG 2.2
double Luminance(const std::string& colour) {
  const auto channel = [&](size_t at) {
    const double value = static_cast<double>(std::strtol(colour.substr(at, 2).c_str(), nullptr, 16)) / 255;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
double Contrast(const std::string& a, const std::string& b) {
  const double x = Luminance(a), y = Luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}
void AddColours(std::string_view sheet, bool dark, std::map<std::string, std::string>& colours) {
  size_t from = sheet.find(":root");
  if (dark) from = sheet.find(":root", from + 1);
  sheet = sheet.substr(from, sheet.find('}', from) - from);
  for (size_t at = 0; (at = sheet.find("--", at)) != std::string_view::npos; at += 2) {
    const size_t colon = sheet.find(':', at);
    colours[std::string(sheet.substr(at + 2, colon - at - 2))] = std::string(sheet.substr(colon + 1, 7));
  }
}

TEST(StyleTest, ColoursHaveEnoughContrastInLightAndDark) {
  for (const bool dark : {false, true}) {
    std::map<std::string, std::string> colours;
    AddColours(web::kStyleSheet, dark, colours);
    AddColours(kPageStyle.text(), dark, colours);
    for (const char* ground : {"page", "panel"}) {
      for (const char* ink : {"run", "wait", "yellow", "magenta", "cyan"}) {
        EXPECT_GE(Contrast(colours[ink], colours[ground]), 4.5) << ink << " on " << ground << (dark ? ", dark" : "");
      }
    }
  }
}

}  // namespace
}  // namespace gofarm::page
