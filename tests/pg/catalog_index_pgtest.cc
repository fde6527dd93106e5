// The module index in the database: landing, keying in both ways, exact counts whatever is repeated or killed, and that
// a deposed leader writes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "common/base/text.h"
#include "coordinator/catalog/index_cursor.h"
#include "coordinator/catalog/line_ingest.h"
#include "coordinator/catalog/packed_rows.h"
#include "coordinator/catalog/page_lander.h"
#include "coordinator/store/leadership_store.h"
#include "coordinator_sql.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {
namespace {

using catalog::IngestCounts;
using catalog::KeyingOptions;

constexpr int64_t kNever = int64_t{1} << 60;  // KeyingOptions::much: nothing is
constexpr int64_t kAlways = 0;

std::string Line(std::string_view path, std::string_view version, std::string_view time = "2024-01-02T03:04:05.5Z") {
  return Cat("{\"Path\":\"", path, "\",\"Version\":\"", version, "\",\"Timestamp\":\"", time, "\"}\n");
}

class CatalogIndexTest : public PgTest, public ::testing::WithParamInterface<int64_t> {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    index_ = std::make_unique<store::CatalogIndexStore>(*pool_);
    epoch_ = TakeLead("one");
    checks_ = Checks();
  }
  static Scope Now() { return Scope::For(absl::Minutes(2)); }
  int64_t TakeLead(const std::string& who) {
    Sql("UPDATE coordinator SET lease_expires_at = now() - interval '1 hour'");
    return store::PgLeadershipStore(*pool_).Take(Now(), {.id = who, .holder = who}, leadership::kLease)->leader.epoch;
  }
  KeyingOptions Options(int64_t much) const { return {.store = {.folder = "/tmp", .free_floor = 0}, .much = much}; }
  absl::StatusOr<IngestCounts> TryIngest(const std::string& bytes, int64_t much, size_t piece = 1000) {
    catalog::LineIngest ingest(Now(), *pool_, epoch_, Options(much));
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const absl::Status added = ingest.Add(std::string_view(bytes).substr(at, piece));
      if (!added.ok()) return added;
    }
    return ingest.Finish();
  }
  IngestCounts Ingest(const std::string& bytes, int64_t much) {
    const absl::StatusOr<IngestCounts> counts = TryIngest(bytes, much, 70'000);
    EXPECT_TRUE(counts.ok()) << counts.status();
    if (!counts.ok()) return {};
    EXPECT_EQ(counts->lines, counts->stored + counts->known + counts->rejected);
    return *counts;
  }
  domain::IndexStats Stats() { return *index_->Stats(Now()); }
  domain::IndexedModule Module(const std::string& path) {
    const auto module = index_->Module(Now(), path);
    EXPECT_TRUE(module.ok() && module->has_value()) << path;
    return module.ok() && module->has_value() ? **module : domain::IndexedModule{};
  }
  std::vector<std::string> Versions(const std::string& path) {
    std::vector<std::string> versions;
    std::string after;
    while (true) {
      const auto page = index_->Versions(Now(), Module(path).id, after, 2);
      if (!page.ok() || page->empty()) return versions;
      for (const domain::IndexedVersion& version : *page) {
        versions.push_back(
            Cat(version.version, " ", absl::FormatTime("%E6S", version.indexed_at, absl::UTCTimeZone())));
        after = version.version;
      }
    }
  }
  // Names of the checks and keys of modules.
  std::string Checks() {
    return Sql(
        "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE contype IN ('c', 'p') AND conrelid "
        "= 'catalog_modules'::regclass");
  }
  // What must hold between the tables at any time.
  void CheckTables() {
    EXPECT_EQ(Count("SELECT count(*) FROM catalog_versions"), Stats().versions);
    EXPECT_EQ(Count("SELECT count(*) FROM catalog_modules"), Stats().modules);
    EXPECT_EQ(Count("SELECT coalesce(max(id), 0) FROM catalog_modules"), Stats().modules);
    EXPECT_EQ(Count("SELECT count(*) FROM (SELECT m.id FROM catalog_modules m LEFT JOIN catalog_versions v ON "
                    "v.module_id = m.id GROUP BY m.id HAVING count(v.version) <> m.versions OR min(v.indexed_at) <> "
                    "m.first_indexed_at OR max(v.indexed_at) <> m.last_indexed_at) wrong"),
              0);
    EXPECT_EQ(Count("SELECT count(*) FROM catalog_modules m WHERE NOT EXISTS (SELECT FROM catalog_versions v WHERE "
                    "v.module_id = m.id AND v.version = m.latest AND v.indexed_at = m.latest_indexed_at)"),
              0);
    EXPECT_EQ(Count("SELECT count(*) - count(DISTINCT revision) FROM catalog_modules"), 0);
    EXPECT_EQ(Count("SELECT count(*) FROM catalog_versions v LEFT JOIN catalog_modules m ON m.id = v.module_id WHERE "
                    "m.id IS NULL"),
              0);
    EXPECT_EQ(Sql("SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid = 'catalog_versions'::regclass"),
              "catalog_versions_pkey");
    EXPECT_EQ(Sql("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = "
                  "'catalog_modules'"),
              "catalog_modules_path catalog_modules_pkey catalog_modules_revision");
    EXPECT_EQ(Count("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND confrelid = "
                    "'catalog_modules'::regclass"),
              Count("SELECT count(DISTINCT attrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE "
                    "relkind = 'r' AND relname LIKE 'catalog%' AND relname NOT IN ('catalog_versions') AND attname IN "
                    "('module_id', 'from_module')"));
    EXPECT_EQ(Checks(), checks_);
    EXPECT_EQ(Sql("SELECT reloptions::text FROM pg_class WHERE oid = 'catalog_modules'::regclass"), "{fillfactor=90}");
  }

  std::unique_ptr<store::CatalogIndexStore> index_;
  int64_t epoch_ = 0;
  std::string checks_;  // of catalog_modules, as the migrations made them
};

INSTANTIATE_TEST_SUITE_P(Ways, CatalogIndexTest, ::testing::Values(kAlways, kNever),
                         [](const auto& info) { return info.param == kAlways ? "Anew" : "Added"; });

TEST_P(CatalogIndexTest, AFileIsCountedExactlyAndItsRepeatsAreKnown) {
  const std::string file = Cat(Line("example.com/b", "v1.0.0"), Line("example.com/a", "v1.0.0"), "not json\n",
                               Line("example.com/b", "v1.1.0-rc.1"), Line("example.com/b", "v1.0.0"),
                               Line("example.com/b", "v1.0.0", "2024-01-02T03:04:04Z"), "not json\n",
                               Line("example.com/a", "v1"), Line("Example.org/../x", "v1.0.0"));
  const IngestCounts first = Ingest(file, GetParam());
  EXPECT_EQ(first.lines, 9);
  EXPECT_EQ(first.stored, 3);
  EXPECT_EQ(first.known, 2);
  EXPECT_EQ(first.rejected, 4);
  EXPECT_EQ(Stats().rejected, 3) << "each bad line once";
  EXPECT_EQ(Stats().modules, 2);
  EXPECT_EQ(Stats().versions, 3);
  EXPECT_EQ(Module("example.com/b").latest, "v1.0.0") << "a release comes before a pre-release";
  EXPECT_THAT(Versions("example.com/b"), ::testing::ElementsAre("v1.0.0 04.000000", "v1.1.0-rc.1 05.500000"));
  CheckTables();

  const IngestCounts again = Ingest(file, GetParam());
  EXPECT_EQ(again.stored, 0);
  EXPECT_EQ(again.known, 5);
  EXPECT_EQ(again.rejected, 4);
  EXPECT_EQ(Stats().rejected, 3);
  CheckTables();
}

TEST_P(CatalogIndexTest, TheFirstTimeThatWasStoredStays) {
  Ingest(Line("example.com/a", "v1.0.0", "2024-01-02T03:04:05.000001Z"), GetParam());
  EXPECT_EQ(Ingest(Line("example.com/a", "v1.0.0", "2023-01-02T03:04:06Z"), GetParam()).known, 1);
  EXPECT_EQ(Ingest(Line("example.com/a", "v1.0.0", "2025-01-02T03:04:06Z"), GetParam()).known, 1);
  EXPECT_THAT(Versions("example.com/a"), ::testing::ElementsAre("v1.0.0 05.000001"));
  CheckTables();
}

TEST_P(CatalogIndexTest, ARevisionMovesOnlyWithLatestOrLastIndexed) {
  Ingest(Cat(Line("example.com/a", "v1.0.0", "2024-02-01T00:00:00Z"), Line("example.com/b", "v1.0.0")), GetParam());
  const domain::IndexedModule a = Module("example.com/a");
  const domain::IndexedModule b = Module("example.com/b");
  EXPECT_NE(a.revision, b.revision);
  Ingest(Cat(Line("example.com/a", "v0.9.0", "2024-01-01T00:00:00Z"), Line("example.com/c", "v1.0.0")), GetParam());
  EXPECT_EQ(Module("example.com/a").revision, a.revision) << "an older version, seen earlier";
  EXPECT_EQ(Module("example.com/a").versions, 2);
  EXPECT_EQ(Module("example.com/a").id, a.id);
  EXPECT_GT(Module("example.com/c").revision, b.revision);
  Ingest(Line("example.com/a", "v0.9.1", "2024-03-01T00:00:00Z"), GetParam());
  EXPECT_GT(Module("example.com/a").revision, Module("example.com/c").revision) << "seen later";
  EXPECT_EQ(Module("example.com/a").latest, "v1.0.0");
  const int64_t before = Module("example.com/a").revision;
  Ingest(Line("example.com/a", "v1.0.1", "2024-02-02T00:00:00Z"), GetParam());
  EXPECT_GT(Module("example.com/a").revision, before) << "a later release";
  EXPECT_EQ(Module("example.com/a").latest, "v1.0.1");
  CheckTables();
}

TEST_P(CatalogIndexTest, ManyRandomFilesGiveWhatASetGives) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  std::set<std::string> all;
  std::vector<std::string> old;
  int64_t bad = 0;
  for (int round = 0; round < 6; ++round) {
    std::string file;
    int64_t lines = 0, wrong = 0;
    const size_t before = all.size();
    for (int i = 0; i < 4000; ++i, ++lines) {
      if (!old.empty() && random() % 3 == 0) {
        file += old[random() % old.size()];
        continue;
      }
      const std::string path =
          Cat(random() % 2 == 0 ? "github.com/u" : "example.org/u", random() % 50, "/r", random() % 9);
      const std::string version =
          Cat("v", random() % 2, ".", random() % 12, ".", random() % 4, random() % 4 == 0 ? "-rc.1" : "");
      if (random() % 100 == 0) {
        file += Cat("{\"Path\":\"", path, "\"}\n");
        ++wrong;
        continue;
      }
      old.push_back(Line(path, version,
                         Cat("2024-0", 1 + random() % 9, "-11T00:00:", 10 + random() % 50, ".", random() % 1000, "Z")));
      file += old.back();
      all.insert(Cat(path, "@", version));
    }
    // Each round in another way, so that one meets what the other left.
    const IngestCounts counts = Ingest(file, round % 2 == 0 ? GetParam() : (GetParam() == kNever ? kAlways : kNever));
    EXPECT_EQ(counts.lines, lines);
    EXPECT_EQ(counts.rejected, wrong);
    EXPECT_EQ(counts.stored, static_cast<int64_t>(all.size() - before));
    bad += wrong;
  }
  EXPECT_GT(bad, 0);
  EXPECT_EQ(Stats().versions, static_cast<int64_t>(all.size()));
  CheckTables();
}

TEST_P(CatalogIndexTest, ADeposedLeaderWritesNothing) {
  Ingest(Line("example.com/a", "v1.0.0"), GetParam());
  TakeLead("two");
  const auto late = TryIngest(Cat(Line("example.com/b", "v1.0.0"), "bad\n"), GetParam());
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition) << late.status();
  EXPECT_EQ(TryIngest(Line("example.com/b", "v1.0.0"), GetParam()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  domain::IndexLanding page{.next = {.slice = 0, .since = "x"}};
  EXPECT_EQ(index_->Land(Now(), epoch_, {&page}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(index_->CloseHalf(Now(), epoch_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Stats().modules, 1);
  EXPECT_EQ(Stats().rejected, 0);
  CheckTables();
}

TEST_P(CatalogIndexTest, KeyingThatFailsHalfwayLeavesNothingAndIsRepeated) {
  Ingest(Line("example.com/a", "v1.0.0"), GetParam());
  std::string file;
  for (int i = 0; i < 3000; ++i) file += Line(Cat("example.com/m", i % 700), Cat("v1.", i, ".0"));
  // What a kill in the middle comes to: the server ends the transaction.
  Sql("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$");
  Sql("CREATE TRIGGER fail BEFORE INSERT ON catalog_known_lines FOR EACH ROW EXECUTE FUNCTION fail()");
  const auto killed = TryIngest(file, GetParam());
  ASSERT_FALSE(killed.ok());
  EXPECT_TRUE(absl::StrContains(killed.status().message(), "killed")) << killed.status();
  EXPECT_EQ(Stats().versions, 1);
  CheckTables();
  Sql("DROP TRIGGER fail ON catalog_known_lines");
  EXPECT_EQ(Ingest(file, GetParam()).stored, 3000);
  EXPECT_EQ(Ingest(file, GetParam()).known, 3000);
  CheckTables();
}

TEST_P(CatalogIndexTest, LandedPagesAreKeyedOnceAndTheirTableIsEmptyAfterwards) {
  ASSERT_TRUE(index_->SetSlices(Now(), epoch_, catalog::CutSlices(absl::UnixEpoch(), absl::UnixEpoch(), 1)).ok());
  const auto land = [&](int from, int count) {
    domain::IndexLanding page{.next = index_->Slices(Now())->at(0), .lines = count};
    page.next.since = Cat("since ", from);
    for (int i = from; i < from + count; ++i) {
      catalog::PackRow(page.packed, Cat("example.com/m", i % 7), Cat("v1.", i, ".0"), 1'700'000'000'000'000 + i);
    }
    page.rejects = {{.digest = std::string(64, 'a'), .line = "bad", .reason = "no \"reason\""}};
    const absl::StatusOr<std::vector<bool>> landed = index_->Land(Now(), epoch_, {&page, &page});
    ASSERT_TRUE(landed.ok()) << landed.status();
    EXPECT_THAT(*landed, ::testing::ElementsAre(true, false)) << "the slice has moved";
  };
  const auto key = [&] {
    const auto counts = catalog::KeyLanded(Now(), *pool_, epoch_, Options(GetParam()));
    EXPECT_TRUE(counts.ok()) << counts.status();
    return counts.ok() ? *counts : catalog::KeyedCounts{};
  };
  EXPECT_EQ(key().rows, 0);
  land(0, 100);
  land(50, 100);
  EXPECT_EQ(Stats().landed, 200);
  EXPECT_EQ(Stats().rejected, 1);
  const catalog::KeyedCounts first = key();
  EXPECT_EQ(first.rows, 200);
  EXPECT_EQ(first.stored, 150);
  EXPECT_EQ(first.known, 50);
  EXPECT_EQ(Stats().landed, 0);
  CheckTables();

  // Keying that failed after it had closed its half: pages go on landing, and nothing is lost.
  land(150, 10);
  ASSERT_TRUE(index_->CloseHalf(Now(), epoch_).ok());
  land(160, 10);
  EXPECT_EQ(key().stored, 10);
  EXPECT_EQ(Stats().landed, 10);
  EXPECT_EQ(key().stored, 10);
  EXPECT_EQ(key().rows, 0);
  EXPECT_EQ(Stats().landed, 0);
  EXPECT_EQ(Stats().versions, 170);
  EXPECT_EQ(index_->Slices(Now())->at(0).since, "since 160");
  CheckTables();
}

class CatalogIndexOnceTest : public CatalogIndexTest {};
TEST_P(CatalogIndexOnceTest, PagesOfManySlicesLandAndAStaleOneHoldsUpNone) {
  const absl::Time begin = absl::UnixEpoch();
  ASSERT_TRUE(index_->SetSlices(Now(), epoch_, catalog::CutSlices(begin, begin + absl::Hours(24 * 300), 20)).ok());
  const std::vector<domain::IndexSlice> slices = *index_->Slices(Now());
  ASSERT_GE(slices.size(), 20u);
  catalog::PageLander lander(*index_, epoch_);
  std::vector<absl::StatusOr<bool>> landed(slices.size(), false);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < slices.size(); ++i) {
    threads.emplace_back([&, i] {
      domain::IndexLanding page{.next = slices[i], .lines = 1};
      if (i == 3) page.next.moves += 5;  // of a slice that somebody else moved
      page.next.since = Cat("since ", i);
      catalog::PackRow(page.packed, "example.com/m", Cat("v1.", i, ".0"), 1'700'000'000'000'000);
      landed[i] = lander.Land(Now(), page);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < slices.size(); ++i) {
    ASSERT_TRUE(landed[i].ok()) << landed[i].status();
    EXPECT_EQ(*landed[i], i != 3) << i;
  }
  EXPECT_EQ(Stats().landed, static_cast<int64_t>(slices.size()) - 1);
  // Who leads no more lands nothing, and every waiting page hears it.
  catalog::PageLander deposed(*index_, epoch_ + 1);
  EXPECT_EQ(deposed.Land(Now(), {.next = slices[0]}).status().code(), absl::StatusCode::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Once, CatalogIndexOnceTest, ::testing::Values(kNever), [](const auto&) { return "Added"; });

TEST_P(CatalogIndexOnceTest, AKnownDayLeavesNoDeadRowAndIsNotLookedUp) {
  std::string day;
  for (int i = 0; i < 20'000; ++i) {
    day +=
        Line(Cat("example.com/m", i % 3000), Cat("v1.", i, ".0"), Cat("2024-05-06T07:08:", 10 + i % 50, ".", i, "Z"));
  }
  EXPECT_EQ(Ingest(day, kNever).stored, 20'000);
  EXPECT_EQ(Ingest(day, kNever).known, 20'000);
  EXPECT_EQ(Ingest(day, kAlways).known, 20'000);
  Sql("SELECT pg_stat_force_next_flush()");
  EXPECT_EQ(Count("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relname IN ('catalog_versions', "
                  "'catalog_modules', 'catalog_known_lines') OR relname LIKE 'catalog_landing%'"),
            0);
  EXPECT_EQ(Count("SELECT sum(entries) FROM catalog_known_lines"), 20'000);
}

TEST_P(CatalogIndexOnceTest, ManySmallPartsOfADayBecomeOne) {
  for (int i = 0; i < 80; ++i) Ingest(Line("example.com/a", Cat("v1.", i, ".0")), kNever);
  EXPECT_LE(Count("SELECT count(*) FROM catalog_known_lines"), 34);
  EXPECT_EQ(Count("SELECT sum(entries) FROM catalog_known_lines"), 80);
  EXPECT_EQ(Ingest(Line("example.com/a", "v1.0.0"), kNever).known, 1);
  CheckTables();
}

TEST_P(CatalogIndexOnceTest, RejectsAreBoundedAndOddBytesAreKept) {
  std::string file = std::string("a\0b\n", 4) + "\xff\xfe\n" + "{\"Path\":\"" + std::string(2'000'000, 'x') + "\n\n";
  const IngestCounts counts = Ingest(file, kNever);
  EXPECT_EQ(counts.rejected, 4);
  EXPECT_EQ(Stats().rejected, 4);
  EXPECT_LE(Count("SELECT max(length(line)) FROM catalog_rejects"), 500);
  // As if there were as many as are kept.
  Sql("INSERT INTO catalog_rejects (digest, line, reason) SELECT lpad(to_hex(i), 64, '0'), '', '' FROM "
      "generate_series(1, 99996) i");
  EXPECT_EQ(Ingest("one more\n", kNever).rejected, 1);
  EXPECT_EQ(Stats().rejected, store::kRejectsMax);
}

TEST_P(CatalogIndexOnceTest, TwoKeyingsAtOnceGiveWhatOneGives) {
  std::string one, two;
  for (int i = 0; i < 5000; ++i) one += Line(Cat("example.com/m", i % 500), Cat("v1.", i, ".0"));
  for (int i = 2500; i < 7500; ++i) two += Line(Cat("example.com/m", i % 500), Cat("v1.", i, ".0"));
  IngestCounts first, second;
  std::thread other([&] { first = Ingest(one, kAlways); });
  second = Ingest(two, kNever);
  other.join();
  EXPECT_EQ(first.stored + second.stored, 7500);
  EXPECT_EQ(Stats().versions, 7500);
  CheckTables();
}

TEST_P(CatalogIndexOnceTest, HotStatementsReadNoWholeTable) {
  std::string file;
  for (int i = 0; i < 30'000; ++i) file += Line(Cat("example.com/m", i % 10'000), Cat("v1.", i, ".0"));
  Ingest(file, kAlways);
  Sql("ANALYZE");
  std::string paths, versions, ids;
  for (int i = 0; i < 10'000; ++i) {
    paths += Cat(i == 0 ? "" : ",", "example.com/m", i);
    versions += Cat(i == 0 ? "" : ",", "v1.", i, ".0");
    ids += Cat(i == 0 ? "" : ",", i + 1);
  }
  const std::pair<const char*, std::string> statements[] = {
      {"catalog_find_modules", Cat("'{", paths, "}'")},
      {"catalog_find_versions", Cat("'{", ids, "}', '{", versions, "}'")},
      {"catalog_find_known_lines", "'{19724}'"},
      {"catalog_module", "'example.com/m1'"},
      {"catalog_module_versions", "1, '', 10"}};
  pqxx::connection db(url_);
  pqxx::nontransaction txn(db);
  for (const auto& [name, arguments] : statements) {
    const auto file_of =
        std::find_if(sql::kAll.begin(), sql::kAll.end(), [&name = name](const auto& f) { return f.name == name; });
    ASSERT_NE(file_of, sql::kAll.end());
    txn.exec(Cat("PREPARE ", name, " AS ", file_of->text));
    std::string plan;
    for (const pqxx::row& row : txn.exec(Cat("EXPLAIN EXECUTE ", name, " (", arguments, ")")))
      plan += Cat(row[0].c_str(), "\n");
    // A table of a few pages is read whole by any plan.
    if (std::string_view(name) == "catalog_find_known_lines") continue;
    EXPECT_FALSE(absl::StrContains(plan, "Seq Scan")) << name << "\n" << plan;
  }
}

TEST_P(CatalogIndexOnceTest, ManyNewRowsAreWrittenAnewHoweverSmallTheRunsTheyComeIn) {
  std::string file;
  for (int i = 0; i < 600; ++i) file += Line(Cat("example.com/m", i), "v1.0.0");
  Ingest(file, kNever);
  int versions = 0;
  const auto table = [this] { return Count("SELECT 'catalog_versions'::regclass::oid::bigint"); };
  // Whether `runs` of ten new rows each made a table anew.
  const auto anew = [&](int runs, std::optional<domain::LandedHalf> half) {
    const int64_t before = table();
    catalog::Keyer keyer(Now(), pool_->options(), epoch_, Options(50), half);
    for (int i = 0; i < runs; ++i) {
      catalog::LineRun run;
      const std::string version = Cat("v1.1.", ++versions);
      std::vector<std::string> paths;
      for (int m = 0; m < 10; ++m) paths.push_back(Cat("example.com/m", m));
      std::vector<catalog::IndexLine> lines;
      for (const std::string& path : paths) lines.push_back({.path = path, .version = version, .micros = 1});
      run.Add(lines);
      EXPECT_TRUE(keyer.Add(std::move(run)).ok());
    }
    EXPECT_EQ(keyer.Finish()->stored, 10 * runs);
    CheckTables();
    return table() != before;
  };
  EXPECT_FALSE(anew(3, std::nullopt));
  EXPECT_TRUE(anew(20, std::nullopt)) << "after some of them";
  EXPECT_TRUE(anew(12, domain::LandedHalf{.half = 1, .lines = 2000})) << "known from the first on";
}

TEST_P(CatalogIndexOnceTest, NoReaderWaitsForTheFirstModules) {
  const auto session = store::KeyingSession::Begin(Now(), pool_->options());
  ASSERT_TRUE(session.ok()) << session.status();
  {
    auto writer = (*session)->CopyManyModules(Now());
    ASSERT_TRUE(writer.ok()) << writer.status();
    store::EncodeModule((*writer)->buffer(), {.id = 1, .versions = 1, .latest = "v1.0.0"}, 1, "example.com/a");
    ASSERT_TRUE((*writer)->RowDone().ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  const auto meanwhile = index_->Module(Scope::For(absl::Seconds(10)), "example.com/a");
  ASSERT_TRUE(meanwhile.ok()) << meanwhile.status();
  EXPECT_FALSE(meanwhile->has_value());
  const absl::Status committed = (*session)->Commit(Now(), epoch_, 1, 1);
  ASSERT_TRUE(committed.ok()) << committed;
  EXPECT_EQ(Module("example.com/a").latest, "v1.0.0");
}

TEST_P(CatalogIndexOnceTest, ADiskThatIsNearlyFullStopsKeyingBeforeItIsFull) {
  std::string file;
  for (int i = 0; i < 1000; ++i) file += Line(Cat("example.com/m", i), "v1.0.0");
  KeyingOptions options = Options(kAlways);
  options.store.memory_max = 0;
  options.store.free_floor = int64_t{1} << 60;
  catalog::LineIngest ingest(Now(), *pool_, epoch_, options);
  ASSERT_TRUE(ingest.Add(file).ok());
  const auto counts = ingest.Finish();
  EXPECT_EQ(counts.status().code(), absl::StatusCode::kResourceExhausted) << counts.status();
  EXPECT_EQ(Stats().versions, 0);
  // The control: the same with room, through the file all the same.
  options.store.free_floor = 0;
  catalog::LineIngest control(Now(), *pool_, epoch_, options);
  ASSERT_TRUE(control.Add(file).ok());
  EXPECT_EQ(control.Finish()->stored, 1000);
  CheckTables();
}

}  // namespace
}  // namespace gofarm::testing
