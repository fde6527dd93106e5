#include "common/goproxy/settings.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/goproxy/list.h"

namespace gofarm::goproxy {

absl::Status Check(const Settings& settings) {
  const std::pair<std::string_view, const std::string*> values[] = {{"goproxy", &settings.goproxy},
                                                                    {"gosumdb", &settings.gosumdb},
                                                                    {"gonosumdb", &settings.gonosumdb},
                                                                    {"goprivate", &settings.goprivate}};
  for (const auto& [name, text] : values) {
    const std::string& value = *text;
    if (value.size() > kSettingBytesMax) {
      return absl::InvalidArgumentError(
          Cat(name, " has ", value.size(), " bytes, at most ", kSettingBytesMax, " are allowed"));
    }
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
    if (!plain) return absl::InvalidArgumentError(Cat(name, " is no single line of plain text"));
  }
  if (settings.goproxy.empty()) return absl::OkStatus();
  GOFARM_RETURN_IF_ERROR_CTX(ParseWithoutDirect(settings.goproxy).status(), "goproxy");
  return absl::OkStatus();
}

}  // namespace gofarm::goproxy
