// Reads the file of toolsets (deploy/toolsets.toml describes its form): the one source of pins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/table.h"
#include "common/vocab/toolset.h"

namespace gofarm::config {

struct ToolsetFile {
  std::vector<Toolset> toolsets;   // digest left empty: coordinator/domain computes it
  std::vector<Archive> bootstrap;  // a first Go for machines that have none
};

// All faults at once, as Table::Finish gives them: missing fields, digests that are no SHA-256, versions without an
// archive, names and archives twice, unknown kinds and sources.
absl::StatusOr<ToolsetFile> ReadToolsets(Table table);
absl::StatusOr<ToolsetFile> LoadToolsets(const std::string& path);
// The copy of deploy/toolsets.toml that the binaries carry.
absl::StatusOr<ToolsetFile> BuiltInToolsets();

}  // namespace gofarm::config
