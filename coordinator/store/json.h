// The jsonb columns as values and back. Reading is lenient (json::Rule): a column written by another version of the
// coordinator is still shown. Pure. Inside the store only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/types.h"

namespace gofarm::store {

std::string LabelsJson(const std::map<std::string, std::string>& labels);
std::string VariantsJson(const std::vector<domain::VariantTry>& variants);
std::string PhasesJson(const std::vector<domain::PhaseTime>& phases);
std::string FactsJson(const domain::AttemptFacts& facts);
std::string ExecutablesJson(const std::vector<domain::Executable>& executables);
std::string HelloJson(const domain::SessionRequest& hello);
std::string ReportJson(const domain::WorkerReport& report);

std::vector<domain::VariantTry> VariantsFromJson(std::string_view text);
std::vector<domain::PhaseTime> PhasesFromJson(std::string_view text);
domain::AttemptFacts FactsFromJson(std::string_view text);
void HelloFromJson(std::string_view text, domain::WorkerInfo& worker);
domain::WorkerReport ReportFromJson(std::string_view text);

}  // namespace gofarm::store
