#include "common/godetect/uses.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/text.h"
#include "common/godetect/cgo_needs.h"
#include "common/godetect/forecast.h"
#include "common/gomod/path.h"

namespace gofarm::godetect {

bool IsStandard(std::string_view import_path) {
  return import_path.substr(0, import_path.find('/')).find('.') == std::string_view::npos;
}

std::string PathBelow(const std::string& module, const std::string& dir) {
  return dir.empty() ? module : Cat(module, "/", dir);
}

UseMaker::UseMaker(const std::vector<SourceFile>& files, const std::vector<gomod::BuildTags>& tags,
                   std::map<std::string, Folder>& folders, const Detection& found)
    : files_(files), tags_(tags), folders_(folders), found_(found) {
  for (const SourceFile& file : files) basenames_.insert(std::string(BaseOf(file.name)));
}

const PackageFiles& UseMaker::FilesFor(Folder& folder, size_t target) {
  if (!folder.packages[target]) folder.packages[target] = FilesOf(folder.files, target, tags_[target]);
  return *folder.packages[target];
}

Folder* UseMaker::FolderOf(const std::string& import_path) {
  const std::string& module = found_.declared_module;
  if (!gomod::IsInModule(import_path, module)) return nullptr;
  const auto found = folders_.find(import_path == module ? "" : import_path.substr(module.size() + 1));
  return found == folders_.end() || found->second.files.empty() ? nullptr : &found->second;
}

bool UseMaker::HasFile(std::string_view ending) {
  if (!basenames_.contains(Av(BaseOf(ending)))) return false;
  if (ending.find('/') == std::string_view::npos) return true;
  const auto known = looked_up_.find(Av(ending));
  if (known != looked_up_.end()) return known->second;
  if (looked_up_.size() >= kFileLookupsMax) return true;  // beyond it nothing is called missing
  return looked_up_[std::string(ending)] = LookUp(ending);
}

bool UseMaker::LookUp(std::string_view ending) const {
  const std::string below = Cat("/", ending);
  return std::any_of(files_.begin(), files_.end(),
                     [&](const SourceFile& file) { return file.name == ending || absl::EndsWith(file.name, below); });
}

// Is there another module that may hold the package?
bool UseMaker::MayBeElsewhere(const std::string& import_path) const {
  const auto holds = [&](const std::string& module) {
    return module != found_.declared_module && gomod::IsInModule(import_path, module);
  };
  return std::any_of(found_.requires_.begin(), found_.requires_.end(), holds) ||
         std::any_of(found_.replaces.begin(), found_.replaces.end(),
                     [&](const ReplaceLine& line) { return holds(line.old_path); });
}

const Parts& UseMaker::PartsOf(Folder& folder, size_t target) {
  std::optional<Parts>& made = folder.parts[target];
  if (made) return *made;
  Parts parts;
  std::set<std::string> imports;
  std::set<Need> needs;
  std::set<Folder*> own;
  const auto exclude = [&parts](std::string_view why) {
    if (parts.excluded.empty()) parts.excluded = Clip(EscapeForPrint(why), kForecastDetailMax);
  };
  const std::function<bool(std::string_view)> has_file = [this](std::string_view name) { return HasFile(name); };
  const std::string path = PathBelow(found_.declared_module, folder.dir);
  const PackageFiles& package = FilesFor(folder, target);
  if (package.files.empty()) exclude(Cat("build constraints leave ", path, " no file for this target"));
  if (!package.conflict.empty()) exclude(Cat(path, ": ", package.conflict));
  for (const size_t i : package.files) {
    const gomod::GoHeader& header = *folder.files[i].header;
    parts.cgo = parts.cgo || header.cgo;
    if (header.cgo) {
      for (Need& need : NeedsOfPreamble(header.preamble, tags_[target], path, has_file)) needs.insert(std::move(need));
    }
    for (const gomod::GoImport& import : header.imports) {
      if (import.path == "C") continue;
      if (Folder* const imported = FolderOf(import.path)) {
        if (own.insert(imported).second) parts.own.push_back(imported);
      } else if (gomod::IsInModule(import.path, found_.declared_module) && !MayBeElsewhere(import.path)) {
        exclude(Cat(path, " imports ", import.path, ", which the module lacks"));
      } else if (!IsStandard(import.path)) {
        imports.insert(import.path);
      }
    }
  }
  parts.imports.assign(imports.begin(), imports.end());
  parts.needs.assign(needs.begin(), needs.end());
  return made.emplace(std::move(parts));
}

Use UseMaker::UseOf(Folder& root, size_t target) {
  Use use{.targets = {kAllTargets[target]}};
  std::set<std::string> imports;
  std::set<Need> needs;
  std::deque<Folder*> queue = {&root};
  absl::flat_hash_set<Folder*> seen = {&root};
  while (!queue.empty() && ++visits_ <= kVisitsMax) {
    Folder& folder = *queue.front();
    queue.pop_front();
    const Parts& parts = PartsOf(folder, target);
    if (use.excluded.empty()) use.excluded = parts.excluded;
    use.cgo = use.cgo || parts.cgo;
    use.embedded_c = use.embedded_c || (parts.cgo && folder.embedded);
    needs.insert(parts.needs.begin(), parts.needs.end());
    if (imports.size() < kImportsOfUseMax) imports.insert(parts.imports.begin(), parts.imports.end());
    for (Folder* const imported : parts.own) {
      if (seen.insert(imported).second) queue.push_back(imported);
    }
  }
  use.imports.assign(imports.begin(), imports.end());
  use.needs.assign(needs.begin(), needs.end());
  return use;
}

}  // namespace gofarm::godetect
