// Names, kinds, units, labels and help of all series stand in tests/golden/metrics and docs/metrics.md: dashboards,
// alerts and people go by them. GOFARM_ACCEPT=1 writes the golden files anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "coordinator/blob/blob_metrics.h"
#include "coordinator/catalog/catalog_metrics.h"
#include "coordinator/publish/publish_metrics.h"
#include "coordinator/rpc/call_metrics.h"
#include "coordinator/service/job_metrics.h"
#include "coordinator/store/database_metrics.h"
#include "coordinator/watch/farm_metrics.h"
#include "coordinator/watch/http_metrics.h"
#include "coordinator/webhook/sender.h"
#include "worker/watch/worker_metrics.h"

namespace gofarm {
namespace {

using ::testing::HasSubstr;

// Labels whose values are no closed set, or one that grows with the code; what bounds them is in docs/metrics.md.
const std::set<std::string> kOpenLabels = {"worker", "version", "statement", "method"};

std::map<std::string, std::set<std::string>> LabelsOf(const metrics::Family& family) {
  std::map<std::string, std::set<std::string>> labels;
  for (const metrics::Series& series : family.series) {
    for (const auto& [name, value] : series.labels) labels[name].insert(kOpenLabels.contains(name) ? "*" : value);
  }
  return labels;
}

std::string Described(std::vector<metrics::Family> families) {
  std::map<std::string, std::string> lines;
  for (const metrics::Family& family : families) {
    std::vector<std::string> labels;
    for (const auto& [name, values] : LabelsOf(family)) labels.push_back(Cat(name, "=", absl::StrJoin(values, "|")));
    lines[family.name] = Cat(family.name, "\t", metrics::KindName(family.kind), "\t", metrics::UnitOf(family), "\t",
                             absl::StrJoin(labels, " "), "\t", family.help, "\n");
  }
  std::string text = "name\tkind\tunit\tlabels\thelp\n";
  for (const auto& [name, line] : lines) text += line;
  return text;
}

void ExpectGolden(const std::string& name, const std::vector<metrics::Family>& families) {
  const char* const source = std::getenv("GOFARM_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const std::string file = Cat(source, "/tests/golden/metrics/", name);
  const std::string text = Described(families);
  if (std::getenv("GOFARM_ACCEPT") != nullptr) {
    ASSERT_TRUE(io::WriteFileAtomic(file, text).ok());
  }
  EXPECT_EQ(text, io::ReadFile(file, 1 << 20).value_or("")) << "GOFARM_ACCEPT=1 writes it anew";
  const std::string docs = io::ReadFile(Cat(source, "/docs/metrics.md"), 1 << 20).value_or("");
  for (const metrics::Family& family : families) {
    std::vector<std::string> labels;
    for (const auto& [label, values] : LabelsOf(family)) labels.push_back(label);
    EXPECT_THAT(docs, HasSubstr(Cat("| `", family.name, "` | ", metrics::KindName(family.kind), " | ",
                                    absl::StrJoin(labels, ", "), " | ", family.help, " |\n")));
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.kind == metrics::Kind::kCounter, family.name.size() > 6 && family.name.ends_with("_total"))
        << family.name;
  }
}

// Of what fills every family.
std::vector<metrics::Family> OfACoordinator() {
  metrics::Registry registry;
  catalog::CatalogMetrics catalog(registry);
  publish::PublishMetrics publishing(registry);
  service::JobMetrics jobs(registry, RealClock());
  rpc::CallMetrics calls(registry);
  blob::BlobMetrics blobs(registry);
  store::DatabaseMetrics database(registry);
  database.AddStatement("some_statement", absl::ZeroDuration(), false);
  watch::HttpMetrics http(registry);
  webhook::WebhookMetrics webhooks(registry);
  watch::FarmMetrics farm(registry, "gofarm-coordinator", "1.0");
  auto published = std::make_shared<service::PublishedFigures>();
  published->figures.workers = {{.name = "w"}};
  watch::FarmView view{.leads = true, .dispatcher = published};
  view.host = [](const std::string&) {
    WorkerFigures figures{.clock_seconds = 1, .certificate_left_seconds = 1, .caches = {}};
    for (int i = 1; i <= kCacheKinds; ++i) figures.caches.push_back({.kind = static_cast<CacheKind>(i)});
    return service::WorkerReports::HostFigures{.figures = figures};
  };
  view.stored = watch::StoredFigures{.totals = {}, .server = WallNow(), .authority = WallNow()};
  return farm.Collect(view, SteadyNow(), WallNow());
}

std::vector<metrics::Family> OfAWorker() {
  watch::WorkerMetrics worker(2);
  worker.DiskFree("work", 1);
  worker.DiskFree("cache", 1);
  return worker.Collect("gofarm-worker", "1.0");
}

// The programs of others that read the two forms, each as strictly as it can.
void ExpectTaken(const std::string& golden, const std::vector<metrics::Family>& families) {
  const std::string source = std::getenv("GOFARM_SOURCE_DIR");
  const std::string file = Cat(::testing::TempDir(), "/scrape-", ::getpid());
  ASSERT_TRUE(io::WriteFileAtomic(file, metrics::Write(families, metrics::Format::kOpenMetrics)).ok());
  const auto parsed = process::Run(Scope::For(absl::Minutes(1)),
                                   // Debian's own, which has Debian's prometheus_client.
                                   {.argv = {"/usr/bin/python3", Cat(source, "/tests/e2e/openmetrics.py"), file,
                                             Cat(source, "/tests/golden/metrics/", golden)},
                                    .environment = process::InheritedEnvironment()});
  ::unlink(file.c_str());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->exit_code, 0) << parsed->out << parsed->err;
  const auto checked =
      process::Run(Scope::For(absl::Minutes(1)), {.argv = {"promtool", "check", "metrics"},
                                                  .environment = process::InheritedEnvironment(),
                                                  .input = metrics::Write(families, metrics::Format::kPrometheus)});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->exit_code, 0) << checked->out << checked->err;
}

TEST(MetricsGoldenTest, OfTheCoordinator) { ExpectGolden("coordinator.tsv", OfACoordinator()); }
TEST(MetricsGoldenTest, OfTheWorker) { ExpectGolden("worker.tsv", OfAWorker()); }
TEST(MetricsGoldenTest, BothFormsAreTakenByThoseWhoReadThem) {
  ExpectTaken("coordinator.tsv", OfACoordinator());
  ExpectTaken("worker.tsv", OfAWorker());
}

}  // namespace
}  // namespace gofarm
