#include "coordinator/publish/linked_licences.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::publish {
namespace {

using licences::LicenceDocument;
using licences::LicenceFile;
using licences::LicenceModule;
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

absl::StatusOr<licences::Decision> DecideLicences(const Scope& scope, const licences::Detector& detector,
                                                  const licences::Policy& policy, const LicenceDocument& document,
                                                  const AttemptReport& report, const Executable& executable,
                                                  const licences::LinkedName& module) {
  std::vector<licences::LinkedName> linked;
  for (const int index : executable.dependencies) {
    const Dependency& d = report.dependencies[static_cast<size_t>(index)];
    linked.push_back({d.path, d.version, d.replace_path, d.replace_version});
  }
  GOFARM_ASSIGN_OR_RETURN(const std::vector<licences::ModuleFinding> findings,
                          licences::Review(scope, detector, document, module, linked));
  return licences::Decide(detector.corpus(), policy, findings);
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
