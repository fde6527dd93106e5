// The jsonb columns as values and back. Reading is lenient (json::Rule): a column written by another version of the
// coordinator is still shown. Pure. Inside the store only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/vocab/report.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/types.h"

namespace gofarm::store {

std::string LabelsJson(const std::map<std::string, std::string>& labels);
std::string AttemptReportJson(const AttemptReport& report);  // the stored document
std::string HelloJson(const domain::SessionRequest& hello);
std::string ReportJson(const WorkerReport& report);
std::string ReleaseFactsJson(const domain::ReleaseFacts& facts);

std::map<std::string, std::string> LabelsFromJson(std::string_view text);
AttemptReport AttemptReportFromJson(std::string_view text);
std::vector<FailedProgram> FailedProgramsFromJson(std::string_view text);
void HelloFromJson(std::string_view text, domain::WorkerInfo& worker);
WorkerReport ReportFromJson(std::string_view text);
domain::ReleaseFacts ReleaseFactsFromJson(std::string_view text);
std::vector<std::string> TextsFromJson(std::string_view text);  // an array of texts

}  // namespace gofarm::store
