#include <memory>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
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
  TableText table({{"JOBS", true}, {"MODULES", true}, {"CLASS"}, {"WHAT", false, true}, {"EXAMPLE", false, true}});
  for (const v1::FailureGroup& group : failures.groups()) {
    std::string example;
    if (group.examples_size() > 0) {
      const v1::FailureExample& first = group.examples(0);
      example = Cat(first.job_id(), " ", first.module(), "@", first.version(), " ", NameOf(first.target()));
    }
    table.Add({Cat(group.jobs()),
               Cat(group.modules()),
               {NameOf(group.failure_class()), Color::kRed},
               group.fingerprint(),
               std::move(example)});
  }
  PrintOut(table.empty() ? "nothing failed\n" : table.Render(OutTerminal()));
  if (failures.groups_left_out() > 0) PrintErr(Cat("and ", failures.groups_left_out(), " more groups\n"));
  if (failures.older_left_out()) PrintErr("these are the newest failures; there are older ones\n");
  return 0;
}

}  // namespace gofarm::cli
