#include "coordinator/catalog/merge.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/text.h"
#include "coordinator/catalog/clean_text.h"
#include "coordinator/catalog/repository_name.h"

namespace gofarm::catalog {
namespace {

constexpr char kGithub[] = "github";
constexpr char kDepsdev[] = "depsdev";
constexpr char kPkgsite[] = "pkgsite";
constexpr char kProxy[] = "proxy";
constexpr char kPath[] = "path";

// Notes a text that is stated, unless a source before did.
void Say(ModuleFacts& facts, const char* fact, std::optional<std::string>& slot, const std::string& text,
         const char* who) {
  if (slot || text.empty()) return;
  slot = text;
  facts.said_by[fact] = who;
}

bool IsAnswer(const std::string& license) { return !license.empty() && license != "non-standard"; }

void MergeLicense(const ModuleSources& sources, ModuleFacts& facts) {
  std::vector<std::pair<std::string, const char*>> stated;
  if (sources.depsdev_version) stated.emplace_back(JoinLicenses(sources.depsdev_version->licenses), kDepsdev);
  if (sources.pkgsite_module) stated.emplace_back(JoinLicenses(sources.pkgsite_module->licenses), kPkgsite);
  if (sources.github) stated.emplace_back(sources.github->license, kGithub);
  if (sources.depsdev_project) stated.emplace_back(JoinLicenses({sources.depsdev_project->license}), kDepsdev);
  for (const auto& [license, who] : stated) {
    if (IsAnswer(license)) Say(facts, "license", facts.license, license, who);
  }
  for (const auto& [license, who] : stated) Say(facts, "license", facts.license, license, who);
}

void MergeVersions(const ModuleSources& sources, ModuleFacts& facts) {
  const auto deprecate = [&](const std::string& reason, const char* who) {
    if (facts.deprecated) return;
    facts.deprecated = true;
    facts.deprecation = reason;
    facts.said_by["deprecated"] = who;
  };
  if (sources.pkgsite_versions) {
    for (const PkgsiteVersion& version : *sources.pkgsite_versions) {
      if (version.deprecated) deprecate(version.deprecation, kPkgsite);
      if (version.retracted) facts.retracted.push_back(version.version);
    }
    if (!facts.retracted.empty()) facts.said_by["retracted"] = kPkgsite;
  }
  if (sources.depsdev_version && sources.depsdev_version->deprecated) {
    deprecate(sources.depsdev_version->deprecation, kDepsdev);
  }
}

}  // namespace

NamedRepository RepositoryOf(const ModuleSources& sources) {
  if (sources.depsdev_version && !sources.depsdev_version->repository.empty()) {
    return {sources.depsdev_version->repository, kDepsdev};
  }
  if (const std::optional<std::string> origin = RepositoryOfUrl(sources.origin_url)) return {*origin, kProxy};
  if (sources.pkgsite_module && !sources.pkgsite_module->repository.empty()) {
    return {sources.pkgsite_module->repository, kPkgsite};
  }
  if (const std::optional<std::string> path = RepositoryOfModule(sources.module)) return {*path, kPath};
  return {};
}

ModuleFacts Merge(const ModuleSources& sources) {
  ModuleFacts facts;
  NamedRepository named = RepositoryOf(sources);
  facts.named = named.name;
  facts.named_by = named.said_by;
  if (sources.github && !sources.github->full_name.empty()) {
    const std::string now = absl::AsciiStrToLower(Cat("github.com/", sources.github->full_name));
    if (!named.name.empty() && named.name != now) facts.former = named.name;
    named = {now, kGithub};
    facts.url = Cat("https://github.com/", sources.github->full_name);
  } else if (!named.name.empty()) {
    facts.url = Cat("https://", named.name);
  }
  facts.repository = named.name;
  facts.gone = sources.github_missing && !sources.github;
  if (!named.name.empty()) facts.said_by["repository"] = named.said_by;
  // A name that was read off the path is a guess until somebody knows the repository. Where neither GitHub nor deps.dev
  // looks, the word of a service that found it must do.
  const bool others_look = absl::StartsWith(named.name, "github.com/") || absl::StartsWith(named.name, "gitlab.com/") ||
                           absl::StartsWith(named.name, "bitbucket.org/");
  facts.known = sources.github.has_value() || sources.depsdev_project.has_value() ||
                (!named.name.empty() && named.said_by != kPath && !others_look);

  if (sources.github) {
    const GithubRepository& github = *sources.github;
    facts.stars = github.stars;
    facts.archived = github.archived;
    facts.fork = github.fork;
    facts.topics = github.topics;
    if (github.pushed_at != absl::InfinitePast()) facts.pushed_at = github.pushed_at;
    for (const char* fact : {"stars", "archived", "fork"}) facts.said_by[fact] = kGithub;
    if (!facts.topics.empty()) facts.said_by["topics"] = kGithub;
    if (facts.pushed_at) facts.said_by["pushed_at"] = kGithub;
    Say(facts, "description", facts.description, github.description, kGithub);
    Say(facts, "homepage", facts.homepage, github.homepage, kGithub);
  }
  if (sources.depsdev_project) {
    const DepsdevProject& project = *sources.depsdev_project;
    if (!facts.stars) {
      facts.stars = project.stars;
      facts.said_by["stars"] = kDepsdev;
    }
    Say(facts, "description", facts.description, project.description, kDepsdev);
    Say(facts, "homepage", facts.homepage, project.homepage, kDepsdev);
  }
  if (sources.depsdev_version) Say(facts, "homepage", facts.homepage, sources.depsdev_version->homepage, kDepsdev);
  MergeLicense(sources, facts);
  if (sources.pkgsite_importers) {
    facts.importers = sources.pkgsite_importers;
    facts.said_by["importers"] = kPkgsite;
  }
  if (sources.pkgsite_programs) {
    for (const PkgsitePackage& package : *sources.pkgsite_programs) {
      if (facts.main_packages.size() < kMainPackagesMax) facts.main_packages.push_back(package.path);
    }
    if (!facts.main_packages.empty()) facts.said_by["main_packages"] = kPkgsite;
  }
  MergeVersions(sources, facts);
  return facts;
}

}  // namespace gofarm::catalog
