// One account of a module out of what several services say, with who said what. Pure.
//
// Where they differ: of the repository GitHub knows best, as it is asked now (stars, description, homepage, topics, its
// name after a renaming); deps.dev speaks for it where GitHub was not asked. Of the licence deps.dev knows best, as it
// read the files of this very version; then pkg.go.dev, which did too; GitHub and a deps.dev project speak of the
// newest commit. A source that recognises no licence gives way to one that does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/catalog/depsdev_client.h"
#include "coordinator/catalog/github_client.h"
#include "coordinator/catalog/pkgsite_client.h"

namespace gofarm::catalog {

inline constexpr size_t kMainPackagesMax = 100;

// What each service said; nothing: it was not asked, or does not know.
struct ModuleSources {
  std::string module;
  std::string origin_url;  // of the proxy's .info, when it was read
  std::optional<DepsdevVersion> depsdev_version;
  std::optional<DepsdevProject> depsdev_project;
  std::optional<GithubRepository> github;
  bool github_missing = false;  // it was asked, and the repository is gone or private
  std::optional<PkgsiteModule> pkgsite_module;
  std::optional<std::vector<PkgsiteVersion>> pkgsite_versions;
  std::optional<int64_t> pkgsite_importers;
  std::optional<std::vector<PkgsitePackage>> pkgsite_programs;
};

struct ModuleFacts {
  bool known = false;      // some service knows its repository
  std::string repository;  // "github.com/o/r", as it is called now; empty: nobody names one
  std::string url;         // a page of it
  std::string former;      // its name before a renaming
  std::string named;       // RepositoryOf these sources, and who said so
  std::string named_by;
  bool gone = false;  // GitHub says that it is gone, or private
  std::optional<int64_t> stars;
  std::optional<std::string> description;
  std::optional<std::string> homepage;
  std::optional<std::string> license;
  std::vector<std::string> topics;
  std::optional<bool> archived;
  std::optional<bool> fork;
  std::optional<absl::Time> pushed_at;
  std::optional<int64_t> importers;
  bool deprecated = false;
  std::string deprecation;
  std::vector<std::string> retracted;          // versions
  std::vector<std::string> main_packages;      // that pkg.go.dev knows: a hint, no proof; at most kMainPackagesMax
  std::map<std::string, std::string> said_by;  // fact -> "github", "depsdev", "pkgsite", "proxy", "path"
};

// The repository to ask GitHub and deps.dev about, before either was: by deps.dev's version, the proxy's origin,
// pkg.go.dev, and the path itself.
struct NamedRepository {
  std::string name;
  std::string said_by;
};
NamedRepository RepositoryOf(const ModuleSources& sources);

ModuleFacts Merge(const ModuleSources& sources);

}  // namespace gofarm::catalog
