#include "worker/build/header_finder.h"

#include "common/base/text.h"

namespace gofarm::build {

bool HeaderFinder::Has(std::string_view package, std::string_view include_name) {
  const auto inside = [&](std::string_view module) {
    return package.starts_with(module) && (package.size() == module.size() || package[module.size()] == '/');
  };
  std::string folder;
  size_t longest = 0;
  for (const fetch::LinkedModule& module : target_.modules) {
    if (inside(module.path) && module.path.size() > longest && !module.dir.empty()) {
      longest = module.path.size();
      folder = Cat(mod_cache_, "/", module.dir);
    }
  }
  if (inside(module_) && module_.size() >= longest) folder = source_;
  return !folder.empty() && file_names_.HasBelow(folder, include_name);
}

}  // namespace gofarm::build
