// The table row of what the services said of a module, and back: what such a row still tells of each of them. Where one
// does not answer for a module, the others' word is stored and the silent one's from before stays. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "coordinator/catalog/merge.h"
#include "coordinator/domain/catalog.h"

namespace gofarm::catalog {

// The questions of one look at a module to which no answer came; a service that was not asked is none of them.
struct Unanswered {
  bool depsdev_version = false;
  bool depsdev_project = false;
  bool github = false;
  bool pkgsite_module = false;
  bool pkgsite_importers = false;
  bool pkgsite_versions = false;
  bool pkgsite_programs = false;

  bool Any() const;
  std::string Services() const;  // "depsdev, pkgsite"; empty: all answered
};

// `unanswered` stands in the row's detail.
EnrichmentRow RowOf(const Claimed& module, const ModuleFacts& facts, const Unanswered& unanswered, absl::Time now);

// Puts what the services said before in the place of what was not answered, unless it is of another repository.
// Whatever the sources have stays, so it may be called again when more is known.
void Recall(const EnrichmentRow& before, const Unanswered& unanswered, ModuleSources& sources);

}  // namespace gofarm::catalog
