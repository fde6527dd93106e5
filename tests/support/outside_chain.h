// A server's certificate as an operator's own authority would sign it: RSA root, RSA authority in between, a server's
// key on P-256. None of it is of gofarm's making.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::testing {

// All in PEM.
struct OutsideChain {
  std::string root;
  std::string chain;   // the server's own, then the authority in between
  std::string server;  // the server's own alone
  std::string key;
};

// For host names and addresses; good from an hour before `now` for `life`.
OutsideChain MakeOutsideChain(const std::vector<std::string>& names, absl::Time now,
                              absl::Duration life = absl::Hours(24));

}  // namespace gofarm::testing
