// Names and small readings of protocol values, for tables, pages and JSON alike. A number that this build does not know
// prints as "unknown". Pure functions. Includes generated headers: for .cc files only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::shapes {

std::string_view NameOf(v1::Target target);
std::string_view NameOf(v1::JobState state);
std::string_view NameOf(v1::BatchState state);
std::string_view NameOf(v1::AttemptOutcome outcome);
std::string_view NameOf(v1::Phase phase);
std::string_view NameOf(v1::WaitReason reason);
std::string_view NameOf(v1::FailureClass failure);
std::string_view NameOf(v1::WorkerState state);
// Of the state or the phase that the job came to.
std::string_view StepOf(const v1::JobEvent& event);
std::string_view NameOf(v1::VariantOutcome outcome);
std::string_view NameOf(v1::ReportPart part);
std::string_view NameOf(v1::ReadinessState state);
std::string_view NameOf(v1::SmokeRun smoke);

// "compile_error: x.go:1:1: undefined: y": the class, and of the detail the first line that says something (compilers
// put
// "# PACKAGE" above theirs). Empty without a class.
std::string FailureGist(v1::FailureClass failure, std::string_view detail);

// The infinite past for "never".
absl::Time TimeOf(const v1::Timestamp& timestamp);

// The phase of a running attempt as its worker last said, else the one it ended in.
v1::Phase CurrentPhase(const v1::Attempt& attempt);
// Seconds per phase, in the order of the phases; times of one phase added up.
std::vector<std::pair<v1::Phase, double>> PhaseSeconds(const v1::Attempt& attempt);
std::vector<const v1::Attempt*> ByToken(const v1::Job& job);

int64_t Total(const v1::JobCounts& jobs);
int64_t Ended(const v1::JobCounts& jobs);

// A clock's nanoseconds say nothing to a reader.
double Milliseconds(double seconds);

}  // namespace gofarm::shapes
