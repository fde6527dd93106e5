#include "coordinator/publish/linked_licences.h"

#include <utility>

#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::publish {
namespace {

using licences::LicenceDocument;
using licences::LicenceFile;
using licences::LicenceModule;
using licences::ModuleFinding;
using licences::Role;

Role RoleOf(const LicenceModule& module) {
  if (module.kind == "main") return Role::kMain;
  return module.kind == "toolchain" ? Role::kToolchain : Role::kModule;
}

const std::string& TextOf(const LicenceDocument& document, const LicenceFile& file) {
  return document.texts[static_cast<size_t>(file.text)];
}

std::string NameOf(const LicenceModule& module) {
  const std::string own = Cat(module.path, module.version.empty() ? "" : " ", module.version);
  return module.replace_path.empty()
             ? own
             : Cat(own, " (replaced by ", module.replace_path, " ", module.replace_version, ")");
}

}  // namespace

std::vector<const LicenceModule*> LinkedModules(const LicenceDocument& document, const AttemptReport& report,
                                                const Executable& executable) {
  std::vector<const LicenceModule*> modules;
  for (const LicenceModule& module : document.modules) {
    if (RoleOf(module) == Role::kMain) modules.push_back(&module);
  }
  for (const int index : executable.dependencies) {
    const Dependency& dependency = report.dependencies[static_cast<size_t>(index)];
    if (const LicenceModule* module = document.Find(dependency.path, dependency.version)) modules.push_back(module);
  }
  for (const LicenceModule& module : document.modules) {
    if (RoleOf(module) == Role::kToolchain) modules.push_back(&module);
  }
  return modules;
}

std::shared_ptr<const licences::Detection> LinkedLicences::Detected(const std::string& text) const {
  const std::string key = digest::Sha256Hex(text);
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = detections_.find(key);
    if (found != detections_.end()) return found->second;
  }
  auto detection = std::make_shared<const licences::Detection>(licences::Detect(corpus_, text));
  const absl::MutexLock lock(&mutex_);
  if (detections_.size() >= kDetectionsKept) detections_.clear();
  return detections_.try_emplace(key, std::move(detection)).first->second;
}

ModuleFinding LinkedLicences::FindingOf(const LicenceDocument& document, const LicenceModule& module, Role role) const {
  ModuleFinding finding{.role = role, .path = module.path, .version = module.version, .complete = module.complete};
  for (const LicenceFile& file : module.files) {
    if (file.text < 0) continue;
    finding.files.push_back({.name = file.name, .detection = *Detected(TextOf(document, file))});
  }
  return finding;
}

licences::Decision LinkedLicences::Decide(const LicenceDocument& document, const AttemptReport& report,
                                          const Executable& executable) const {
  std::vector<ModuleFinding> findings;
  bool has_main = false;
  for (const LicenceModule& module : document.modules) {
    if (RoleOf(module) != Role::kMain) continue;
    findings.push_back(FindingOf(document, module, Role::kMain));
    has_main = true;
  }
  // What has no licence file at all is named too, so that it counts as unknown.
  if (!has_main) findings.push_back({.role = Role::kMain});
  for (const int index : executable.dependencies) {
    const Dependency& dependency = report.dependencies[static_cast<size_t>(index)];
    const LicenceModule* const module = document.Find(dependency.path, dependency.version);
    findings.push_back(module != nullptr
                           ? FindingOf(document, *module, Role::kModule)
                           : ModuleFinding{.path = dependency.path, .version = dependency.version, .files = {}});
  }
  for (const LicenceModule& module : document.modules) {
    if (RoleOf(module) == Role::kToolchain) findings.push_back(FindingOf(document, module, Role::kToolchain));
  }
  return licences::Decide(corpus_, policy_, findings);
}

std::string LicenceTexts(const LicenceDocument& document, const std::vector<const LicenceModule*>& modules) {
  std::string out;
  for (const LicenceModule* module : modules) {
    for (const LicenceFile& file : module->files) {
      out += Cat("==== ", EscapeForPrint(NameOf(*module)), ": ", EscapeForPrint(file.name), "\n\n");
      if (file.text >= 0) {
        out += TextOf(document, file);
        if (out.back() != '\n') out += '\n';
      } else {
        out += Cat("left out: ", EscapeForPrint(file.left_out), "\n");
      }
      out += '\n';
    }
  }
  return out;
}

std::string OwnLicence(const LicenceDocument& document) {
  std::string out;
  int texts = 0;
  for (const LicenceModule& module : document.modules) {
    if (RoleOf(module) != Role::kMain) continue;
    for (const LicenceFile& file : module.files) {
      if (file.text < 0 || file.name.find('/') != std::string::npos) continue;
      // One text stands as it is; of several each says which file it is.
      if (++texts == 1) {
        out = TextOf(document, file);
        continue;
      }
      if (!out.empty() && out.back() != '\n') out += '\n';
      out += Cat("\n==== ", EscapeForPrint(file.name), "\n\n", TextOf(document, file));
    }
  }
  return out;
}

}  // namespace gofarm::publish
