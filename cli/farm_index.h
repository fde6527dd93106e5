// What a farm that this user reaches tells of the index that it publishes: its address, and the keys by which it signs.
// `gofarm install` and `verify` need a farm for nothing else.
#pragma once

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/farm_finder.h"
#include "cli/install/source.h"

namespace gofarm::cli {

// Asks a coordinator for its keys, and for the address of its index where it tells one. UNIMPLEMENTED or another error:
// as the call gave it.
using FarmIndexCall = std::function<absl::StatusOr<install::FarmTells>(FarmClient& client)>;

// Of the farm that flags, environment, login and config name. nullopt: none is named, and the usual one is not up.
// UNAVAILABLE: the one that is named is not up, or does not answer. A farm on this machine tells its HTTP address by
// its folder; without `call` it tells no keys.
absl::StatusOr<std::optional<install::FarmTells>> AskFarm(const FarmFlags& flags, const FarmIndexCall& call);
// The same for a choice that was made.
absl::StatusOr<std::optional<install::FarmTells>> AskFarm(const FarmChoice& choice, const FarmIndexCall& call);

}  // namespace gofarm::cli
