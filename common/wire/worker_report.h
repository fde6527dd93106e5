// A worker's report of what it has to and from proto, for both sides. Pure: what comes in is taken as it is;
// CleanReport (common/vocab/worker_report.h) judges it.
#pragma once

#include "common/vocab/worker_report.h"

namespace gofarm::v1 {
class InstalledToolchain;
class TargetReadiness;
class WorkerFigures;
class WorkerReport;
}  // namespace gofarm::v1

namespace gofarm::wire {

void ToProto(const InstalledToolchain& in, v1::InstalledToolchain& out);
void ToProto(const TargetReadiness& in, v1::TargetReadiness& out);
void ToProto(const WorkerFigures& in, v1::WorkerFigures& out);
void ToProto(const WorkerReport& in, v1::WorkerReport& out);
WorkerReport WorkerReportFromProto(const v1::WorkerReport& in);

}  // namespace gofarm::wire
