// Where a program takes its join string from, and how it is kept from those who look at the process.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pki/join_string.h"

namespace gofarm::pki {

// "-": standard input; "@FILE": that file; else the string itself. INVALID_ARGUMENT: what is wrong with it, without a
// word of it.
absl::StatusOr<JoinString> ReadJoin(std::string_view given);

// Overwrites `given` where it stands in the arguments of this process, also as --join=GIVEN: `ps` shows them to every
// user of the machine.
void HideArgument(int argc, char** argv, std::string_view given);

}  // namespace gofarm::pki
