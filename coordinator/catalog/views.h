// What people see of a module, made of what the tables say. Pure.
#pragma once

#include "common/catalog/types.h"
#include "coordinator/catalog/config.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

ModuleView ViewOf(const store::ModuleRecord& record, const Config& config, const store::StageVersions& versions,
                  absl::Time now);
WhyView WhyOf(const store::ModuleRecord& record, const Config& config, const store::StageVersions& versions,
              absl::Time now);

}  // namespace gofarm::catalog
