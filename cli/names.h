// Readings of protocol values and options that only the command line needs; names are those of common/shapes. Pure
// functions. Includes generated headers: for .cc files of cli/ only.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/progress.h"
#include "common/gomod/path.h"
#include "common/shapes/names.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {

using shapes::ByToken;
using shapes::CurrentPhase;
using shapes::Ended;
using shapes::FailureGist;
using shapes::NameOf;
using shapes::PhaseSeconds;
using shapes::StepOf;
using shapes::TimeOf;
using shapes::Total;

BatchView ViewOf(const v1::Batch& batch);
RunningView ViewOf(const v1::RunningJob& running);

// Every job built or with nothing to build: exit code 0 of those who wait.
bool AllGood(const v1::JobCounts& jobs);

// What stands behind an option: "90s", "72h". INVALID_ARGUMENT names the option.
absl::StatusOr<absl::Duration> DurationOf(std::string_view option, std::string_view text);

// MODULE of what is published, all its versions, or MODULE@VERSION, which is never "latest".
absl::StatusOr<gomod::ModuleSpec> NamedVersion(const std::string& text);

}  // namespace gofarm::cli
