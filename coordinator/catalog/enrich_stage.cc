#include "coordinator/catalog/enrich_stage.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/documents.h"
#include "coordinator/catalog/parallel.h"

namespace gofarm::catalog {
namespace {

absl::Duration Again(int failures) {
  absl::Duration wait = kEnrichAgainFirst;
  for (int i = 1; i < failures && wait < kEnrichAgainMax; ++i) wait *= 2;
  return std::min(wait, kEnrichAgainMax);
}

}  // namespace

EnrichmentRow RowOf(const Claimed& module, const ModuleFacts& facts, absl::Time now) {
  EnrichmentDocument document{.repository = {.url = facts.url,
                                             .stars = facts.stars,
                                             .description = facts.description,
                                             .homepage = facts.homepage,
                                             .license = facts.license,
                                             .topics = facts.topics,
                                             .archived = facts.archived.value_or(false)},
                              .topics = facts.topics,
                              .said_by = facts.said_by};
  EnrichmentRow row{.module_id = module.module_id,
                    .repository = facts.repository,
                    .known = facts.known,
                    .stars = facts.stars,
                    .archived = facts.archived.value_or(false),
                    .fork = facts.fork.value_or(false),
                    .license = facts.license,
                    .importers = facts.importers,
                    .deprecated = facts.deprecated,
                    .description = facts.description,
                    .pushed_at = facts.pushed_at,
                    .document = json::Write(document),
                    .checked_at = now};
  if (facts.gone) row.detail = "its repository is gone or private";
  if (!facts.former.empty()) row.detail = Cat("was called ", facts.former);
  return row;
}

void EnrichStage::AskDepsdev(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked) {
  std::vector<ModuleAtVersion> names;
  for (const Claimed& module : set) names.push_back({.module = module.path, .version = module.latest});
  Answers<DepsdevVersion> versions = upstream_.depsdev().Versions(scope, names);
  for (size_t i = 0; i < set.size(); ++i) {
    Answer<DepsdevVersion>& answer = versions.answers[i];
    asked[i].complete = asked[i].complete && answer.answered;
    asked[i].sources.depsdev_version = std::move(answer.value);
  }
}

void EnrichStage::AskPkgsite(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked) {
  PkgsiteClient& pkgsite = upstream_.pkgsite();
  ForEachInParallel(scope, set.size(), kEnrichThreads, [&](size_t i) {
    Asked& a = asked[i];
    const std::string& path = set[i].path;
    absl::StatusOr<std::optional<PkgsiteModule>> module = pkgsite.Module(scope, path);
    a.complete = a.complete && module.ok();
    if (!module.ok() || !module->has_value()) return;
    a.sources.pkgsite_module = *std::move(module);
    absl::StatusOr<std::optional<int64_t>> importers = pkgsite.Importers(scope, path);
    absl::StatusOr<std::optional<std::vector<PkgsiteVersion>>> versions = pkgsite.Versions(scope, path);
    a.complete = a.complete && importers.ok() && versions.ok();
    if (importers.ok()) a.sources.pkgsite_importers = *importers;
    if (versions.ok()) a.sources.pkgsite_versions = *std::move(versions);
  });
}

void EnrichStage::AskRepositories(const Scope& scope, std::vector<Asked>& asked) {
  std::map<std::string, std::vector<size_t>> by_name;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::string name = RepositoryOf(asked[i].sources).name;
    if (!name.empty()) by_name[name].push_back(i);
  }
  std::vector<std::string> ids;
  std::vector<GithubName> on_github;
  std::vector<const std::vector<size_t>*> github_users;
  for (const auto& [name, users] : by_name) {
    ids.push_back(name);
    const std::optional<GithubName> github = GithubNameOf(name);
    if (!github || name.substr(0, 11) != "github.com/") continue;
    on_github.push_back(*github);
    github_users.push_back(&users);
  }
  if (ids.empty()) return;
  const Answers<DepsdevProject> projects = upstream_.depsdev().Projects(scope, ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    for (const size_t user : by_name.at(ids[i])) {
      asked[user].complete = asked[user].complete && projects.answers[i].answered;
      asked[user].sources.depsdev_project = projects.answers[i].value;
    }
  }
  if (!upstream_.github().has_token() || on_github.empty()) return;
  const RepositoryAnswers repositories = upstream_.github().Repositories(scope, on_github);
  for (size_t i = 0; i < on_github.size(); ++i) {
    const RepositoryAnswer& answer = repositories.answers[i];
    for (const size_t user : *github_users[i]) {
      Asked& a = asked[user];
      a.complete = a.complete && answer.state != RepositoryState::kNotAnswered;
      if (answer.state == RepositoryState::kThere) a.sources.github = answer.repository;
      a.sources.github_missing = answer.state == RepositoryState::kMissing;
    }
  }
}

absl::StatusOr<StageTurn::Done> EnrichStage::Turn(const Scope& scope) {
  Done done;
  GOFARM_ASSIGN_OR_RETURN(const store::Enrolled enrolled,
                          store_.Enroll(scope, epoch_, Stage::kEnrich, config_.eligible_since));
  done.taken_up = enrolled.read;
  const auto paused = [&] {
    for (const Service service : {Service::kDepsdev, Service::kPkgsite, Service::kGithub}) {
      if (service == Service::kGithub && !upstream_.github().has_token()) continue;
      if (!upstream_.WhyPaused(service, absl::Now()).empty()) return true;
    }
    return false;
  };
  if (paused()) return done;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Claimed> set,
                          store_.Claim(scope, Stage::kEnrich, kEnrichVersion, kEnrichSet));
  if (set.empty()) return done;
  std::vector<Asked> asked(set.size());
  for (size_t i = 0; i < set.size(); ++i) asked[i].sources.module = set[i].path;
  AskDepsdev(scope, set, asked);
  AskPkgsite(scope, set, asked);
  AskRepositories(scope, asked);
  GOFARM_RETURN_IF_ERROR(scope.Check());
  const absl::Time now = absl::Now();
  const bool now_paused = paused();
  std::vector<EnrichmentRow> rows;
  std::vector<WorkDone> work;
  for (size_t i = 0; i < set.size(); ++i) {
    WorkDone w{.module_id = set[i].module_id, .due_at = now + config_.refresh_after};
    if (!asked[i].complete) {
      ++done.errors["no_answer"];
      // It stays due, and the stage waits with it.
      if (now_paused) continue;
      w.failures = set[i].failures + 1;
      w.due_at = now + Again(w.failures);
    } else {
      rows.push_back(RowOf(set[i], Merge(asked[i].sources), now));
    }
    work.push_back(w);
  }
  GOFARM_RETURN_IF_ERROR(store_.SaveEnrichment(scope, epoch_, kEnrichVersion, rows, work));
  done.modules = static_cast<int64_t>(work.size());
  return done;
}

}  // namespace gofarm::catalog
