// New versions of published modules: publish updates.
#include <memory>
#include <string>

#include "cli/catalog_client.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/updates_text.h"
#include "common/base/status_macros.h"

namespace gofarm::cli {

Exit PublishUpdates(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(const std::string document, CatalogClient(*client).Updates());
  if (globals.json) {
    PrintOut(document);
    return 0;
  }
  catalog::UpdatesView view;
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(document, json::Rule::kLenient, view), "read the coordinator's answer");
  PrintOut(UpdatesText(view, OutTerminal()));
  return 0;
}

}  // namespace gofarm::cli
