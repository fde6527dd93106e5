// The words of `gofarm keys` and `gofarm publish`.
#pragma once

#include <string>

#include "cli/commands.h"

namespace gofarm::cli {

struct Parser;

struct PublishWords {
  std::string folder;
  bool public_only = false;
  KeyRotation rotation;
  PublishListArgs list;
  PublishRetryArgs retry;
  std::string destination, reason;
  PublishWithdrawArgs withdraw;
  PublishRebuildArgs rebuild;
  PublishVerifyArgs verify;
};
// `args` must live as long as `p` parses and its action runs.
void AddPublish(Parser& p, PublishWords& args);

}  // namespace gofarm::cli
