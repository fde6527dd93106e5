#include "coordinator/catalog/enrichment_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using ::testing::SizeIs;

const absl::Time kNoon = absl::FromUnixSeconds(1'790'000'000);
const Claimed kModule{.module_id = 7, .path = "example.com/m", .latest = "v1.0.0"};

Unanswered Nobody() {
  return {.depsdev_version = true,
          .depsdev_project = true,
          .github = true,
          .pkgsite_module = true,
          .pkgsite_importers = true,
          .pkgsite_versions = true,
          .pkgsite_programs = true};
}
Unanswered NotPkgsite() {
  return {.pkgsite_module = true, .pkgsite_importers = true, .pkgsite_versions = true, .pkgsite_programs = true};
}

ModuleSources All() {
  ModuleSources sources{.module = kModule.path};
  sources.depsdev_version = DepsdevVersion{.licenses = {"MIT"}, .repository = "github.com/old/name"};
  sources.depsdev_project = DepsdevProject{.id = "github.com/old/name", .stars = 10, .homepage = "https://example.com"};
  sources.github = GithubRepository{.full_name = "New/Name",
                                    .description = "A tool",
                                    .topics = {"cli"},
                                    .stars = 11,
                                    .archived = true,
                                    .fork = true,
                                    .pushed_at = kNoon - absl::Hours(1)};
  sources.pkgsite_module = PkgsiteModule{.licenses = {"Apache-2.0"}};
  sources.pkgsite_importers = 42;
  sources.pkgsite_versions = std::vector<PkgsiteVersion>{{.version = "v1.0.0", .deprecated = true}};
  sources.pkgsite_programs = std::vector<PkgsitePackage>{{.path = "example.com/m/cmd/x"}};
  return sources;
}

EnrichmentRow Row(const ModuleSources& sources, const Unanswered& unanswered = {}) {
  return RowOf(kModule, Merge(sources), unanswered, kNoon);
}

void ExpectSame(const EnrichmentRow& a, const EnrichmentRow& b) {
  EXPECT_EQ(a.repository, b.repository);
  EXPECT_EQ(a.known, b.known);
  EXPECT_EQ(a.stars, b.stars);
  EXPECT_EQ(a.archived, b.archived);
  EXPECT_EQ(a.fork, b.fork);
  EXPECT_EQ(a.license, b.license);
  EXPECT_EQ(a.importers, b.importers);
  EXPECT_EQ(a.deprecated, b.deprecated);
  EXPECT_EQ(a.description, b.description);
  EXPECT_EQ(a.pushed_at, b.pushed_at);
  EXPECT_EQ(a.document, b.document);
}

TEST(EnrichmentRowTest, WhoeverIsSilentKeepsWhatHeSaid) {
  const EnrichmentRow before = Row(All());
  EXPECT_EQ(before.detail, "was called github.com/old/name");
  ModuleSources sources{.module = kModule.path};
  Recall(before, Nobody(), sources);
  const EnrichmentRow after = Row(sources, Nobody());
  ExpectSame(before, after);
  EXPECT_EQ(after.detail, "was called github.com/old/name; no answer from depsdev, github, pkgsite");
  // And once more from that one.
  ModuleSources again{.module = kModule.path};
  Recall(after, Nobody(), again);
  ExpectSame(before, Row(again));
}

TEST(EnrichmentRowTest, WithoutGithubDepsdevsWordIsKept) {
  ModuleSources said = All();
  said.github.reset();
  const EnrichmentRow before = Row(said);
  EXPECT_EQ(before.stars, 10);
  EXPECT_TRUE(before.known);
  ModuleSources sources{.module = kModule.path};
  Recall(before, Nobody(), sources);
  ExpectSame(before, Row(sources));
}

TEST(EnrichmentRowTest, WhatTheOthersSayNowIsTaken) {
  const EnrichmentRow before = Row(All());
  ModuleSources sources = All();
  sources.github->stars = 99;
  sources.depsdev_version->licenses = {"BSD-3-Clause"};
  sources.pkgsite_module.reset();
  sources.pkgsite_importers.reset();
  sources.pkgsite_versions.reset();
  sources.pkgsite_programs.reset();
  Recall(before, NotPkgsite(), sources);
  const EnrichmentRow after = Row(sources, NotPkgsite());
  EXPECT_EQ(after.stars, 99);
  EXPECT_EQ(after.license, "BSD-3-Clause");
  EXPECT_EQ(after.importers, 42);
  EXPECT_TRUE(after.deprecated);
  EXPECT_THAT(*sources.pkgsite_programs, SizeIs(1));
}

TEST(EnrichmentRowTest, WhatWasAnsweredIsNotRecalled) {
  const EnrichmentRow before = Row(All());
  ModuleSources sources{.module = kModule.path};
  Recall(before, {}, sources);
  EXPECT_FALSE(sources.github || sources.depsdev_version || sources.pkgsite_importers);
  Recall(before, {.pkgsite_importers = true}, sources);
  EXPECT_EQ(sources.pkgsite_importers, 42);
  EXPECT_FALSE(sources.pkgsite_programs);
}

TEST(EnrichmentRowTest, AnotherRepositoryGetsNothingOfTheOldOne) {
  const EnrichmentRow before = Row(All());
  ModuleSources sources{.module = kModule.path};
  sources.depsdev_version = DepsdevVersion{.repository = "github.com/another/one"};
  Recall(before, {.depsdev_project = true, .github = true}, sources);
  EXPECT_FALSE(sources.github);
  EXPECT_FALSE(sources.depsdev_project);
  EXPECT_FALSE(Row(sources).stars);
}

TEST(EnrichmentRowTest, AGoneRepositoryStaysGone) {
  ModuleSources said = All();
  said.github.reset();
  said.github_missing = true;
  const EnrichmentRow before = Row(said);
  EXPECT_EQ(before.detail, "its repository is gone or private");
  ModuleSources sources = said;
  sources.github_missing = false;
  Recall(before, {.github = true}, sources);
  EXPECT_EQ(Row(sources, {.github = true}).detail, "its repository is gone or private; no answer from github");
}

TEST(EnrichmentRowTest, ARowOfBeforeThatNamesNobodyIsReadAllTheSame) {
  EnrichmentRow before{.module_id = 7, .repository = "github.com/o/r", .stars = 5, .importers = 3};
  before.document = R"({"said_by":{"repository":"depsdev","stars":"depsdev","importers":"pkgsite"}})";
  ModuleSources sources{.module = kModule.path};
  Recall(before, Nobody(), sources);
  const ModuleFacts facts = Merge(sources);
  EXPECT_EQ(facts.repository, "github.com/o/r");
  EXPECT_EQ(facts.stars, 5);
  EXPECT_EQ(facts.importers, 3);
  EXPECT_TRUE(facts.known);
  before.document = "no json";
  ModuleSources none{.module = kModule.path};
  Recall(before, Nobody(), none);
  EXPECT_FALSE(Merge(none).stars);
}

}  // namespace
}  // namespace gofarm::catalog
