#include <memory>
#include <vector>

#include "cli/commands.h"
#include "cli/job_facts.h"
#include "cli/output.h"
#include "cli/report.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/shapes/json_shapes.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {

Exit Failures(const Globals& globals, int64_t batch, int64_t limit) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::FailureList failures;
  GOFARM_RETURN_IF_ERROR(client->ListFailures(batch, limit, failures));
  if (globals.json) {
    PrintOut(shapes::FailureListDocument(failures));
    return 0;
  }
  std::vector<FailureGroupRow> groups;
  for (const v1::FailureGroup& group : failures.groups()) groups.push_back(GroupRowOf(group));
  PrintOut(groups.empty() ? "nothing failed\n" : FailuresTable(groups, groups.size(), OutTerminal()));
  if (failures.groups_left_out() > 0) PrintErr(Cat("and ", failures.groups_left_out(), " more groups\n"));
  if (failures.older_left_out()) PrintErr("these are the newest failures; there are older ones\n");
  return 0;
}

}  // namespace gofarm::cli
