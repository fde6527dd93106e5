// Small helpers of the verbs. No shared state.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

namespace gofarm::cli {

absl::StatusOr<std::unique_ptr<FarmClient>> ConnectTo(const Globals& globals);

void PrintOut(std::string_view text);  // stdout
void PrintErr(std::string_view text);  // stderr
// Every line of an error message, escaped, to stderr.
void PrintError(const absl::Status& status);
Terminal OutTerminal();

}  // namespace gofarm::cli
