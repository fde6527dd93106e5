#include "common/vocab/report.h"

#include "common/vocab/names.h"

namespace gofarm {
namespace {

constexpr std::array<std::string_view, 4> kVariantOutcomes = {"", "built", "partial", "failed"};
constexpr std::array<std::string_view, kReportParts + 1> kParts = {
    "", "build_info", "go_mod", "environment", "dependencies", "argv", "failure_detail", "programs", "program_texts"};
constexpr std::array<std::string_view, 3> kSmokes = {"not_run", "ok", "crashed"};

}  // namespace

std::string_view Name(VariantOutcome outcome) { return NameIn(kVariantOutcomes, static_cast<int>(outcome)); }
std::string_view Name(ReportPart part) { return NameIn(kParts, static_cast<int>(part)); }
std::string_view Name(Smoke smoke) { return NameIn(kSmokes, static_cast<int>(smoke)); }
std::optional<VariantOutcome> ParseVariantOutcome(std::string_view name) {
  return ParseIn<VariantOutcome>(kVariantOutcomes, name);
}
std::optional<ReportPart> ParseReportPart(std::string_view name) { return ParseIn<ReportPart>(kParts, name); }
Smoke ParseSmoke(std::string_view name) { return ParseIn<Smoke>(kSmokes, name).value_or(Smoke::kNotRun); }

}  // namespace gofarm
