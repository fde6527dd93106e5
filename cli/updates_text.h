// What `gofarm publish updates` prints for people. Pure.
#pragma once

#include <string>

#include "cli/print.h"
#include "common/catalog/fields.h"

namespace gofarm::cli {

std::string UpdatesText(const catalog::UpdatesView& view, const Terminal& terminal);

}  // namespace gofarm::cli
