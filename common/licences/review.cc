#include "common/licences/review.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "common/base/status_macros.h"

namespace gofarm::licences {
namespace {

constexpr std::string_view kToolchainParts[] = {"go", "zig/musl", "zig/compiler-rt"};

const LicenceModule* ModuleOf(const LicenceDocument& document, const LinkedName& name) {
  const LicenceModule* const found = document.Find(name.path, name.version);
  // Version 1 named a module that is replaced by what stands in for it.
  if (found != nullptr || document.gofarm_licences > 1 || name.replace_path.empty()) return found;
  return document.Find(name.replace_path, name.replace_version);
}

}  // namespace

absl::StatusOr<std::vector<ModuleFinding>> Review(const Scope& scope, const Corpus& corpus,
                                                  const LicenceDocument& document, const LinkedName& main,
                                                  const std::vector<LinkedName>& linked) {
  std::vector<std::pair<const LicenceModule*, ModuleFinding>> wanted;
  wanted.push_back({ModuleOf(document, main), {.role = Role::kMain, .path = main.path, .version = main.version}});
  std::vector<LinkedName> sorted = linked;
  std::sort(sorted.begin(), sorted.end(), [](const LinkedName& a, const LinkedName& b) {
    return std::tie(a.path, a.version) < std::tie(b.path, b.version);
  });
  for (const LinkedName& name : sorted) {
    wanted.push_back({ModuleOf(document, name), {.role = Role::kModule, .path = name.path, .version = name.version}});
  }
  for (const LicenceModule& module : document.modules) {
    if (module.kind != "toolchain") continue;
    wanted.push_back({&module, {.role = Role::kToolchain, .path = module.path, .version = module.version}});
  }
  for (const std::string_view part : kToolchainParts) {
    const bool there = std::any_of(wanted.begin(), wanted.end(), [part](const auto& item) {
      return item.second.role == Role::kToolchain && item.second.path == part;
    });
    if (!there) wanted.push_back({nullptr, {.role = Role::kToolchain, .path = std::string(part)}});
  }

  std::map<int, size_t> places;  // of the document's texts among those that are looked at
  std::vector<std::string> texts;
  for (const auto& [module, finding] : wanted) {
    if (module == nullptr) continue;
    for (const LicenceFile& file : module->files) {
      if (file.text < 0 || !places.emplace(file.text, texts.size()).second) continue;
      texts.push_back(document.texts.at(static_cast<size_t>(file.text)));
    }
  }
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Detection> found, DetectAll(scope, corpus, texts));

  std::vector<ModuleFinding> out;
  for (auto& [module, finding] : wanted) {
    if (module != nullptr) {
      finding.complete = module->complete;
      for (const LicenceFile& file : module->files) {
        Detection detection{.complete = false};  // of a file that was left out nothing is known
        if (file.text >= 0) detection = found[places.at(file.text)];
        finding.files.push_back({file.name, std::move(detection)});
      }
    }
    out.push_back(std::move(finding));
  }
  return out;
}

}  // namespace gofarm::licences
