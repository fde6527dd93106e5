#include "worker/build/header_finder.h"

#include "common/base/text.h"

namespace gofarm::build {

bool HeaderFinder::Has(std::string_view package, std::string_view include_name) {
  const fetch::LinkedModule* linked = fetch::ModuleOf(target_, package);
  const bool own = fetch::IsInModule(package, module_) && (linked == nullptr || module_.size() >= linked->path.size());
  std::string folder;
  if (own) {
    folder = source_;
  } else if (linked != nullptr && !linked->dir.empty()) {
    folder = Cat(mod_cache_, "/", linked->dir);
  }
  return !folder.empty() && file_names_.HasBelow(folder, include_name);
}

}  // namespace gofarm::build
