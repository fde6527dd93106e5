#include "cli/farm_index.h"

#include <memory>
#include <string>
#include <utility>

#include "cli/embedded/farm_control.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

constexpr char kIndexPath[] = "/index";

}  // namespace

absl::StatusOr<std::optional<install::FarmTells>> AskFarm(const FarmChoice& choice, const FarmIndexCall& call) {
  const bool usual = choice.named_by == kNamedByDefault;
  std::string http_url;
  if (!choice.dir.empty()) {
    const absl::StatusOr<embedded::FarmView> view = embedded::LookAt(choice.dir);
    if (!view.ok() || !view->supervised) {
      if (usual) return std::nullopt;
      return view.ok() ? NoFarm(choice, "it is not up") : view.status();
    }
    http_url = view->file.http_url;
  }
  install::FarmTells tells;
  if (call) {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, FarmClient::Connect(choice));
    GOFARM_ASSIGN_OR_RETURN_CTX(tells, call(*client), "ask the farm for its keys");
  }
  // What the farm tells of itself is what everybody else reaches, too.
  if (tells.index_url.empty() && !http_url.empty()) tells.index_url = Cat(http_url, kIndexPath);
  return tells;
}

absl::StatusOr<std::optional<install::FarmTells>> AskFarm(const FarmFlags& flags, const FarmIndexCall& call) {
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(flags));
  return AskFarm(choice, call);
}

}  // namespace gofarm::cli
