#include "coordinator/catalog/enrich_stage.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/parallel.h"

namespace gofarm::catalog {
namespace {

absl::Duration Again(int failures) {
  absl::Duration wait = kEnrichAgainFirst;
  for (int i = 1; i < failures && wait < kEnrichAgainMax; ++i) wait *= 2;
  return std::min(wait, kEnrichAgainMax);
}

}  // namespace

void EnrichStage::AskDepsdev(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked) {
  std::vector<ModuleAtVersion> names;
  for (const Claimed& module : set) names.push_back({.module = module.path, .version = module.latest});
  Answers<DepsdevVersion> versions = upstream_.depsdev().Versions(scope, names);
  for (size_t i = 0; i < set.size(); ++i) {
    Answer<DepsdevVersion>& answer = versions.answers[i];
    asked[i].unanswered.depsdev_version = !answer.answered;
    asked[i].sources.depsdev_version = std::move(answer.value);
  }
}

void EnrichStage::AskPkgsite(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked) {
  PkgsiteClient& pkgsite = upstream_.pkgsite();
  ForEachInParallel(scope, set.size(), kEnrichThreads, [&](size_t i) {
    Asked& a = asked[i];
    const std::string& path = set[i].path;
    absl::StatusOr<std::optional<PkgsiteModule>> module = pkgsite.Module(scope, path);
    if (!module.ok()) {
      Unanswered& u = a.unanswered;
      u.pkgsite_module = u.pkgsite_importers = u.pkgsite_versions = u.pkgsite_programs = true;
      return;
    }
    if (!module->has_value()) return;
    a.sources.pkgsite_module = *std::move(module);
    absl::StatusOr<std::optional<int64_t>> importers = pkgsite.Importers(scope, path);
    absl::StatusOr<std::optional<std::vector<PkgsiteVersion>>> versions = pkgsite.Versions(scope, path);
    absl::StatusOr<std::optional<std::vector<PkgsitePackage>>> programs = pkgsite.Programs(scope, path);
    a.unanswered.pkgsite_importers = !importers.ok();
    a.unanswered.pkgsite_versions = !versions.ok();
    a.unanswered.pkgsite_programs = !programs.ok();
    if (importers.ok()) a.sources.pkgsite_importers = *importers;
    if (versions.ok()) a.sources.pkgsite_versions = *std::move(versions);
    if (programs.ok()) a.sources.pkgsite_programs = *std::move(programs);
  });
}

void EnrichStage::AskGithubAtOnce(const Scope& scope, const Users& users, std::vector<Asked>& asked) {
  std::vector<GithubName> names;
  for (const auto& [name, modules] : users) names.push_back(name);
  const RepositoryAnswers repositories = upstream_.github().Repositories(scope, names);
  for (size_t i = 0; i < users.size(); ++i) {
    const RepositoryAnswer& answer = repositories.answers[i];
    for (const size_t module : users[i].second) {
      Asked& a = asked[module];
      a.unanswered.github = answer.state == RepositoryState::kNotAnswered;
      if (a.unanswered.github) continue;
      if (answer.state == RepositoryState::kThere) a.sources.github = answer.repository;
      a.sources.github_missing = answer.state == RepositoryState::kMissing;
      a.kept.reset();  // it tells all of it each time
    }
  }
}

void EnrichStage::AskGithubByOne(const Scope& scope, const Users& users, std::vector<Asked>& asked) {
  ForEachInParallel(scope, users.size(), kRestAtMost, [&](size_t i) {
    const auto& [name, modules] = users[i];
    const std::optional<KeptGithub> before = asked[modules.front()].kept;
    GithubName present = name;
    if (before && !before->missing) present = GithubNameOf(before->repository.full_name).value_or(name);
    const absl::StatusOr<RepositoryAnswer> answer =
        upstream_.github().Repository(scope, present, before ? before->etag : "");
    const std::string called = absl::AsciiStrToLower(Cat("github.com/", name.owner, "/", name.name));
    const std::optional<KeptGithub> after = answer.ok() ? After(before, called, *answer, WallNow()) : std::nullopt;
    for (const size_t module : modules) {
      Asked& a = asked[module];
      a.unanswered.github = !after.has_value();
      if (after) a.kept = after;
    }
  });
}

void EnrichStage::AskRepositories(const Scope& scope, Github github, std::vector<Asked>& asked) {
  std::map<std::string, std::vector<size_t>> by_name;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::string name = RepositoryOf(asked[i].sources).name;
    if (!name.empty()) by_name[name].push_back(i);
    // What GitHub said of another repository says nothing of this one.
    if (asked[i].kept && asked[i].kept->asked != name) asked[i].kept.reset();
  }
  std::vector<std::string> ids;
  Users on_github;
  for (const auto& [name, users] : by_name) {
    ids.push_back(name);
    const std::optional<GithubName> found = GithubNameOf(name);
    if (found && absl::StartsWith(name, "github.com/")) on_github.emplace_back(*found, users);
  }
  if (ids.empty()) return;
  const Answers<DepsdevProject> projects = upstream_.depsdev().Projects(scope, ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    for (const size_t user : by_name.at(ids[i])) {
      asked[user].unanswered.depsdev_project = !projects.answers[i].answered;
      asked[user].sources.depsdev_project = projects.answers[i].value;
    }
  }
  if (github == Github::kByOne || (github == Github::kAll && on_github.size() <= kRestAtMost)) {
    AskGithubByOne(scope, on_github, asked);
  } else if (github == Github::kAll) {
    AskGithubAtOnce(scope, on_github, asked);
  }
  for (Asked& a : asked) {
    if (!a.kept) continue;
    if (!a.kept->missing) a.sources.github = a.kept->repository;
    a.sources.github_missing = a.kept->missing;
  }
}

bool EnrichStage::Paused() const {
  for (const Service service : {Service::kDepsdev, Service::kPkgsite, Service::kGithub}) {
    if (service == Service::kGithub && !upstream_.github().has_token()) continue;
    if (!upstream_.WhyPaused(service, SteadyNow()).empty()) return true;
  }
  return false;
}

absl::Status EnrichStage::Look(const Scope& scope, const std::vector<Claimed>& set, Github github, Done& done) {
  const std::string mark = upstream_.github().TokenMark();
  std::vector<int32_t> ids;
  for (const Claimed& module : set) ids.push_back(module.module_id);
  GOFARM_ASSIGN_OR_RETURN(const auto before, store_.EnrichmentOf(scope, ids));
  std::vector<Asked> asked(set.size());
  for (size_t i = 0; i < set.size(); ++i) {
    asked[i].sources.module = set[i].path;
    if (const auto row = before.find(set[i].module_id); row != before.end()) {
      asked[i].kept = KeptOf(row->second, mark);
    }
  }
  const auto recall = [&] {
    for (size_t i = 0; i < set.size(); ++i) {
      const auto row = before.find(set[i].module_id);
      if (row != before.end()) Recall(row->second, asked[i].unanswered, asked[i].sources);
    }
  };
  AskDepsdev(scope, set, asked);
  AskPkgsite(scope, set, asked);
  recall();  // which repository it is
  AskRepositories(scope, github, asked);
  recall();
  GOFARM_RETURN_IF_ERROR(scope.Check());
  const absl::Time now = WallNow();
  const bool now_paused = Paused();
  std::vector<EnrichmentRow> rows;
  std::vector<WorkDone> work;
  for (size_t i = 0; i < set.size(); ++i) {
    WorkDone w{.module_id = set[i].module_id, .due_at = now + config_.refresh_after};
    const Unanswered& unanswered = asked[i].unanswered;
    const bool complete = !unanswered.Any();
    bool stored = true;
    if (!complete && github == Github::kByOne) {
      // It keeps its facts and holds up no other. What GitHub said is not asked for twice.
      if (unanswered.github || now_paused) {
        if (not_before_.size() >= kUnansweredMax) not_before_.clear();
        not_before_[set[i].module_id] = SteadyNow() + kUnansweredAgain;
        continue;
      }
    } else if (!complete) {
      ++done.errors["no_answer"];
      // It stays due, and the stage waits with it.
      if (now_paused) continue;
      w.failures = set[i].failures + 1;
      w.due_at = now + Again(w.failures);
      // One silence is often over in minutes; a longer one holds up the word of the others no more.
      stored = set[i].failures > 0;
    }
    if (stored) {
      EnrichmentRow row = RowOf(set[i], Merge(asked[i].sources), unanswered, now);
      if (asked[i].kept) Keep(*asked[i].kept, mark, row);
      if (github == Github::kByOne && !row.github_at) row.github_at = now;  // it is not on GitHub after all
      rows.push_back(std::move(row));
    }
    // What else is due of a selected module stays due.
    if (complete || github != Github::kByOne) work.push_back(w);
  }
  GOFARM_RETURN_IF_ERROR(store_.SaveEnrichment(scope, epoch_, kEnrichVersion, rows, work));
  done.modules += static_cast<int64_t>(std::max(rows.size(), work.size()));
  return absl::OkStatus();
}

absl::Status EnrichStage::LookAtSelected(const Scope& scope, Done& done) {
  const absl::Time now = SteadyNow();
  if (now < no_selected_until_ || !upstream_.WhyPaused(Service::kGithub, now).empty()) return absl::OkStatus();
  if (anonymous_.NextAt(now) > now) return absl::OkStatus();
  const int limit = kAnonymousGithub.burst + static_cast<int>(not_before_.size());
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Claimed> found,
                          store_.SelectedForGithub(scope, WallNow() - config_.refresh_after, limit));
  std::vector<Claimed> set;
  for (const Claimed& module : found) {
    const auto unanswered = not_before_.find(module.module_id);
    if (unanswered != not_before_.end() && unanswered->second > now) continue;
    if (!anonymous_.TryTake(now)) break;
    anonymous_.Release();
    set.push_back(module);
  }
  if (set.empty()) {
    no_selected_until_ = now + kSelectedLookEvery;
    return absl::OkStatus();
  }
  return Look(scope, set, Github::kByOne, done);
}

absl::StatusOr<StageTurn::Done> EnrichStage::Turn(const Scope& scope) {
  Done done;
  GOFARM_ASSIGN_OR_RETURN(const store::Enrolled enrolled,
                          store_.Enroll(scope, epoch_, Stage::kEnrich, config_.eligible_since));
  done.taken_up = enrolled.read;
  if (Paused()) return done;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Claimed> set,
                          store_.Claim(scope, Stage::kEnrich, kEnrichVersion, kEnrichSet));
  const bool has_token = upstream_.github().has_token();
  if (!set.empty()) GOFARM_RETURN_IF_ERROR(Look(scope, set, has_token ? Github::kAll : Github::kNot, done));
  if (!has_token && !Paused()) GOFARM_RETURN_IF_ERROR(LookAtSelected(scope, done));
  return done;
}

}  // namespace gofarm::catalog
