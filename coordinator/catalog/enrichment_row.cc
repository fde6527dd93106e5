#include "coordinator/catalog/enrichment_row.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/text.h"
#include "coordinator/catalog/documents.h"
#include "coordinator/catalog/service_rules.h"

namespace gofarm::catalog {
namespace {

constexpr char kGone[] = "its repository is gone or private";

// A row, and who said what of it.
class Kept {
 public:
  explicit Kept(const EnrichmentRow& row) : row_(row) {
    if (!json::Read(row.document, json::Rule::kLenient, document_).ok()) document_ = {};
    // Rows of before had no name but the last one.
    if (document_.named.empty()) {
      document_.named = row.repository;
      document_.named_by = WhoSaid("repository");
    }
  }

  const std::string& named() const { return document_.named; }

  DepsdevVersion Version() const {
    return {.licenses = License(Service::kDepsdev),
            .repository = Named(Service::kDepsdev),
            .homepage = Text("homepage", document_.repository.homepage, Service::kDepsdev),
            .deprecated = row_.deprecated && Said("deprecated", Service::kDepsdev)};
  }
  std::optional<DepsdevProject> Project() const {
    const bool spoke = Said("stars", Service::kDepsdev) || Said("description", Service::kDepsdev) ||
                       Said("homepage", Service::kDepsdev);
    if (!spoke || !row_.stars) return std::nullopt;
    DepsdevProject project{.id = document_.named, .stars = *row_.stars};
    project.description = Text("description", row_.description, Service::kDepsdev);
    project.homepage = Text("homepage", document_.repository.homepage, Service::kDepsdev);
    if (Said("license", Service::kDepsdev)) project.license = row_.license.value_or("");
    return project;
  }
  std::optional<GithubRepository> Github() const {
    constexpr std::string_view kPage = "https://github.com/";
    if (!Said("stars", Service::kGithub) || !absl::StartsWith(document_.repository.url, Av(kPage))) return std::nullopt;
    GithubRepository repository{.full_name = document_.repository.url.substr(kPage.size())};
    repository.description = Text("description", row_.description, Service::kGithub);
    repository.homepage = Text("homepage", document_.repository.homepage, Service::kGithub);
    if (Said("license", Service::kGithub)) repository.license = row_.license.value_or("");
    repository.topics = document_.topics;
    repository.stars = row_.stars.value_or(0);
    repository.archived = row_.archived;
    repository.fork = row_.fork;
    if (row_.pushed_at) repository.pushed_at = *row_.pushed_at;
    return repository;
  }
  bool IsGone() const { return absl::StartsWith(row_.detail, kGone); }

  PkgsiteModule Module() const {
    return {.repository = Named(Service::kPkgsite), .licenses = License(Service::kPkgsite)};
  }
  std::optional<int64_t> Importers() const { return row_.importers; }
  std::optional<std::vector<PkgsiteVersion>> Versions() const {
    if (!row_.deprecated || !Said("deprecated", Service::kPkgsite)) return std::nullopt;
    return std::vector<PkgsiteVersion>{{.deprecated = true}};
  }
  std::optional<std::vector<PkgsitePackage>> Programs() const {
    if (document_.main_packages.empty()) return std::nullopt;
    std::vector<PkgsitePackage> programs;
    for (const std::string& path : document_.main_packages) programs.push_back({.path = path});
    return programs;
  }

 private:
  std::string WhoSaid(const std::string& fact) const {
    const auto it = document_.said_by.find(fact);
    return it == document_.said_by.end() ? "" : it->second;
  }
  bool Said(const std::string& fact, Service who) const { return WhoSaid(fact) == ServiceName(who); }
  std::string Text(const std::string& fact, const std::optional<std::string>& text, Service who) const {
    return Said(fact, who) ? text.value_or("") : "";
  }
  std::string Named(Service who) const { return document_.named_by == ServiceName(who) ? document_.named : ""; }
  std::vector<std::string> License(Service who) const {
    if (!Said("license", who) || !row_.license) return {};
    return {*row_.license};
  }

  const EnrichmentRow& row_;
  EnrichmentDocument document_;
};

}  // namespace

bool Unanswered::Any() const { return !Services().empty(); }

std::string Unanswered::Services() const {
  std::string services;
  const auto add = [&](bool silent, Service service) {
    if (silent) services += Cat(services.empty() ? "" : ", ", ServiceName(service));
  };
  add(depsdev_version || depsdev_project, Service::kDepsdev);
  add(github, Service::kGithub);
  add(pkgsite_module || pkgsite_importers || pkgsite_versions || pkgsite_programs, Service::kPkgsite);
  return services;
}

EnrichmentRow RowOf(const Claimed& module, const ModuleFacts& facts, const Unanswered& unanswered, absl::Time now) {
  EnrichmentDocument document{.repository = {.url = facts.url,
                                             .stars = facts.stars,
                                             .description = facts.description,
                                             .homepage = facts.homepage,
                                             .license = facts.license,
                                             .topics = facts.topics,
                                             .archived = facts.archived.value_or(false)},
                              .topics = facts.topics,
                              .main_packages = facts.main_packages,
                              .said_by = facts.said_by,
                              .named = facts.named,
                              .named_by = facts.named_by};
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
  if (facts.gone) row.detail = kGone;
  if (!facts.former.empty()) row.detail = Cat("was called ", facts.former);
  if (unanswered.Any()) {
    row.detail = Cat(row.detail, row.detail.empty() ? "" : "; ", "no answer from ", unanswered.Services());
  }
  return row;
}

void Recall(const EnrichmentRow& before, const Unanswered& unanswered, ModuleSources& sources) {
  if (!unanswered.Any()) return;
  const Kept kept(before);
  if (unanswered.depsdev_version && !sources.depsdev_version) sources.depsdev_version = kept.Version();
  if (unanswered.pkgsite_module && !sources.pkgsite_module) sources.pkgsite_module = kept.Module();
  if (unanswered.pkgsite_importers && !sources.pkgsite_importers) sources.pkgsite_importers = kept.Importers();
  if (unanswered.pkgsite_versions && !sources.pkgsite_versions) sources.pkgsite_versions = kept.Versions();
  if (unanswered.pkgsite_programs && !sources.pkgsite_programs) sources.pkgsite_programs = kept.Programs();
  if (RepositoryOf(sources).name != kept.named()) return;
  if (unanswered.depsdev_project && !sources.depsdev_project) sources.depsdev_project = kept.Project();
  if (unanswered.github && !sources.github && !sources.github_missing) {
    sources.github = kept.Github();
    sources.github_missing = !sources.github && kept.IsGone();
  }
}

}  // namespace gofarm::catalog
