#include "common/catalog/types.h"

namespace gofarm::catalog {

std::string_view Name(Stage stage) {
  switch (stage) {
    case Stage::kNone:
      return "";
    case Stage::kIndex:
      return "index";
    case Stage::kEnrich:
      return "enrich";
    case Stage::kReach:
      return "reach";
    case Stage::kDetect:
      return "detect";
    case Stage::kSelect:
      return "select";
  }
  return "unknown";
}

std::optional<Stage> ParseStage(std::string_view name) {
  for (const Stage stage : kStages) {
    if (Name(stage) == name) return stage;
  }
  return std::nullopt;
}

std::string_view Name(Reachability state) {
  switch (state) {
    case Reachability::kNone:
      return "";
    case Reachability::kAvailable:
      return "available";
    case Reachability::kAbsent:
      return "absent";
    case Reachability::kRefused:
      return "refused";
    case Reachability::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<Reachability> ParseReachability(std::string_view name) {
  for (const Reachability state :
       {Reachability::kAvailable, Reachability::kAbsent, Reachability::kRefused, Reachability::kUnknown}) {
    if (Name(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace gofarm::catalog
