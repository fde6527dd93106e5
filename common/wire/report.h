// The report of an attempt to and from proto, for both sides. Pure: what comes in is taken as it is, also values
// outside of their sets; CleanReport (common/vocab/report_check.h) judges it.
#pragma once

#include "common/vocab/report.h"

namespace gofarm::v1 {
class AttemptFacts;
class CompleteRequest;
class FailedProgram;
class Omission;
class PhaseTime;
class VariantTry;
}  // namespace gofarm::v1

namespace gofarm::wire {

void ToProto(const AttemptFacts& in, v1::AttemptFacts& out);
void ToProto(const FailedProgram& in, v1::FailedProgram& out);
void ToProto(const Omission& in, v1::Omission& out);
void ToProto(const PhaseTime& in, v1::PhaseTime& out);
void ToProto(const VariantTry& in, v1::VariantTry& out);

// All but token and job, which `out` keeps.
void ToProto(const AttemptReport& in, v1::CompleteRequest& out);
AttemptReport ReportFromProto(const v1::CompleteRequest& in);

}  // namespace gofarm::wire
