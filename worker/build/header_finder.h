// Tells a header that a module forgot to bring from one that the system lacks: whether a file of its name lies in the
// module that asked for it. One thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "worker/build/attempt_folder.h"
#include "worker/fetch/listing.h"

namespace gofarm::build {

class HeaderFinder {
 public:
  // `mod_cache` and `source` (of `module`, the one that is built) are host folders; `target` outlives this.
  HeaderFinder(std::string mod_cache, std::string module, std::string source, const fetch::TargetListing& target)
      : mod_cache_(std::move(mod_cache)), module_(std::move(module)), source_(std::move(source)), target_(target) {}

  // Whether the module that holds `package` has a file that a C source would include by this name.
  bool Has(std::string_view package, std::string_view include_name);

 private:
  const std::string mod_cache_, module_, source_;
  const fetch::TargetListing& target_;
  FileNames file_names_;
};

}  // namespace gofarm::build
