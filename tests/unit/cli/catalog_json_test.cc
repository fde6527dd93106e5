// The catalog's documents travel as the CLI prints them: tests/golden/cli holds one of each.
#include <gtest/gtest.h>

#include "common/catalog/fields.h"
#include "common/json/fields.h"
#include "tests/support/golden.h"

namespace gofarm::catalog {
namespace {

const absl::Time kNoon = absl::FromUnixMicros(1'700'000'000'250'000);

// As golden, and read back it is the same document.
template <typename T>
void ExpectGolden(const std::string& name, const T& value) {
  const std::string text = json::Write(value);
  testing::ExpectGolden("cli/catalog_" + name + ".json", text + "\n");
  T again;
  const absl::Status read = json::Read(text, json::Rule::kStrict, again);
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_EQ(json::Write(again), text);
}

TEST(CatalogJsonTest, Status) {
  ExpectGolden("status",
               CatalogStatus{.as_of = kNoon,
                             .settled = false,
                             .held_up_by = {"pkgsite"},
                             .settings = {{"index_since", "2024-01-01"}},
                             .stages = {{.name = "index", .state = "running", .done = 9'007'199'254'740'993},
                                        {.name = "enrich",
                                         .state = "waits",
                                         .done = 10,
                                         .backlog = 90,
                                         .rate = 1.5,
                                         .errors = {{"no_answer", 2}},
                                         .eta_seconds = 60}},
                             .hosts = {{.host = "pkgsite", .paused_until = kNoon, .reason = "10 failures in a row"}}});
}

TEST(CatalogJsonTest, FunnelStatsAndIngest) {
  ExpectGolden("funnel", std::vector<FunnelStep>{{"indexed", 1'515'437}, {"selected", 17'039}});
  ExpectGolden("stats", CatalogStats{.modules = 1, .versions = 2, .rejected = 3, .stuck = 4, .landed = 5, .bytes = 6});
  ExpectGolden("ingest", IngestResult{.lines = 6, .stored = 3, .known = 2, .rejected = 1, .seconds = 0.25});
}

ModuleView SampleModule() {
  return {.module = "github.com/itchyny/gojq",
          .latest = "v0.12.17",
          .versions = 40,
          .first_indexed_at = kNoon,
          .last_indexed_at = kNoon + absl::Hours(1),
          .repository = {.url = "https://github.com/itchyny/gojq",
                         .stars = 3700,
                         .description = "Pure Go \"jq\"",
                         .homepage = std::nullopt,
                         .license = "MIT",
                         .topics = {"cli", "jq"},
                         .archived = false},
          .reachability = {.state = "available", .detail = "", .checked_at = kNoon},
          .declared_path = "github.com/itchyny/gojq",
          .go_version = "1.21",
          .deprecated = "",
          .programs = {{.import_path = "github.com/itchyny/gojq/cmd/gojq",
                        .declared_path = "github.com/itchyny/gojq/cmd/gojq",
                        .name = "gojq",
                        .targets = {Target::kX86_64, Target::kRiscv64},
                        .kind = "program"}},
          .forecast = {{"x86_64", {.verdict = "buildable", .detail = ""}},
                       {"loongarch64", {.verdict = "excluded", .detail = "github.com/itchyny/gojq/cli"}}},
          .signals = {{"importers", 450}, {"install_lines", 3}, {"tool_directives", 1}},
          .origins = {"awesome-go"},
          .decision = {.selected = true, .reason = "selected: more than 2 stars", .at = kNoon},
          .stages = {{.stage = "reach", .state = "done", .at = kNoon, .detail = "available"},
                     {.stage = "detect", .state = "due", .at = absl::InfinitePast(), .detail = ""}}};
}

TEST(CatalogJsonTest, ShowWhyAndVersions) {
  ExpectGolden("show", SampleModule());
  ExpectGolden("why", WhyView{.module = "github.com/spf13/pflag",
                              .version = "v1.0.5",
                              .steps = {{.stage = "detect", .result = "no program", .detail = "", .at = kNoon}},
                              .decision = {.selected = false, .reason = "no program", .at = kNoon}});
  ExpectGolden("versions", std::vector<VersionRow>{{.version = "v1.0.5", .indexed_at = kNoon}});
}

TEST(CatalogJsonTest, Updates) {
  ExpectGolden("updates", UpdatesView{.on = true,
                                      .running = true,
                                      .delay_seconds = 3'600,
                                      .prereleases = false,
                                      .per_day = 500,
                                      .used_today = 1,
                                      .left_today = 499,
                                      .waiting_total = 2,
                                      .waiting = {{.module = "example.com/m",
                                                   .published = "v1.0.0",
                                                   .version = "v1.1.0",
                                                   .state = "waits",
                                                   .reason = "the delay of updates",
                                                   .until = kNoon,
                                                   .targets = {}},
                                                  {.module = "example.com/n",
                                                   .published = "v1.0.0",
                                                   .version = "v1.1.0-rc.1",
                                                   .state = "skipped",
                                                   .reason = "a pre-release",
                                                   .until = std::nullopt,
                                                   .targets = {}}},
                                      .queued = {{.module = "example.com/o",
                                                  .version = "v2.0.0",
                                                  .targets = {Target::kX86_64},
                                                  .batch_id = 7,
                                                  .detail = "",
                                                  .queued_at = kNoon}},
                                      .retracted = {{"example.com/p", "v1.0.1", "leaks keys"}}});
}

TEST(CatalogJsonTest, SearchSelectImportAndCheck) {
  ExpectGolden("search", std::vector<SearchHit>{{.module = "github.com/itchyny/gojq",
                                                 .latest = "v0.12.17",
                                                 .synopsis = "Pure Go implementation of jq",
                                                 .programs = {"gojq"},
                                                 .stars = 3700,
                                                 .demand = 4}});
  ExpectGolden("select", SelectionResult{.batch_id = 7,
                                         .modules = 3,
                                         .submitted = 2,
                                         .considered = 9,
                                         .reasons = {{"deprecated", 6}, {"selected: more than 2 stars", 3}}});
  ExpectGolden("import", ImportResult{.items = 10, .modules = 7, .repositories = 2, .skipped = 1, .origin = "list.md"});
  ExpectGolden(
      "forecast_check",
      std::vector<VerdictCheck>{
          {.verdict = "buildable", .forecast = 10, .right = 9, .outcomes = 12, .precision = 0.9, .recall = 0.75}});
}

}  // namespace
}  // namespace gofarm::catalog
