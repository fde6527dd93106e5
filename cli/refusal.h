// Merges the faults of a submission that the farm reported with those found here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

// `refusal`: the farm's refusal, one fault a line, "line N: " before those that have one, and at its end maybe "and N
// more errors" (or lines), since the farm reports a limited number. `known`: the faults found here ("line N: ..."), all
// of them, but none that only the module proxy knows. The result holds both, by line, each line of the list once.
std::string MergeRefusals(std::string_view refusal, const std::vector<std::string>& known);

}  // namespace gofarm::cli
