#include <unistd.h>

#include <utility>

#include "cli/commands.h"
#include "cli/embedded/farm_control.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::cli {

Exit Logs(const Globals& globals, const std::string& part, bool follow) {
  if (globals.json && follow) {
    return absl::InvalidArgumentError(
        "--follow never ends, so it cannot print one JSON document; leave one of them out");
  }
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(globals.farm));
  if (choice.dir.empty()) {
    return absl::InvalidArgumentError(Cat("the logs of ", EscapeForPrint(choice.server), " (", choice.named_by,
                                          ") are kept where its daemons run (journalctl -u gofarm-coordinator); here "
                                          "only those of a farm in a folder (--dir)"));
  }
  const embedded::FarmPaths paths = embedded::PathsFor(choice.dir);
  std::vector<std::string> files;
  if (part == "worker") {
    for (int n = 1; n <= embedded::kWorkersMax; ++n) {
      const std::string file = paths.LogOf(embedded::FarmPaths::WorkerName(n));
      if (access(file.c_str(), R_OK) == 0) files.push_back(file);
    }
  } else if (const std::string file = paths.LogOf(part); access(file.c_str(), R_OK) == 0) {
    files.push_back(file);
  }
  if (files.empty()) {
    return absl::NotFoundError(Cat("there is no log of ", EscapeForPrint(part), " in ", paths.Logs(),
                                   "; has a farm run there? (gofarm up --dir ", choice.dir, ")"));
  }
  if (!globals.json) {
    GOFARM_RETURN_IF_ERROR(PrintFiles(files, follow, PrintOut));
    return 0;
  }
  std::string text;
  GOFARM_RETURN_IF_ERROR(PrintFiles(files, /*follow=*/false, [&](std::string_view more) { text += more; }));
  JsonWriter json;
  json.BeginObject().Field("part", part).Field("log", text).EndObject();
  PrintOut(json.Take());
  return 0;
}

}  // namespace gofarm::cli
