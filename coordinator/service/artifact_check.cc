#include "coordinator/service/artifact_check.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/elf/gate.h"

namespace gofarm::service {

absl::Status ArtifactCheck::CheckExecutable(const Executable& executable, Target target) {
  const std::string key = Cat(executable.sha256, " ", executable.blake3, " ", executable.size, " ", TargetName(target));
  {
    const absl::MutexLock lock(&mutex_);
    if (good_.contains(key)) return absl::OkStatus();
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string path, blobs_.LocalFile(executable.sha256));
  GOFARM_ASSIGN_OR_RETURN(const digest::FileDigests found, digest::DigestFile(path));
  const TargetInfo& info = InfoOf(target);
  GOFARM_ASSIGN_OR_RETURN(elf::GateReport gate, elf::Gate(path, {info.elf_machine, std::string(info.name)}));
  std::vector<std::string>& reasons = gate.reasons;
  const auto compare = [&](std::string_view what, const auto& reported, const auto& is) {
    if (reported != is) reasons.push_back(Cat("its ", what, " is ", is, " and the report says ", reported));
  };
  compare("size", executable.size, found.size);
  compare("SHA-256", executable.sha256, found.sha256);
  compare("BLAKE3", executable.blake3, found.blake3);
  if (!gate.passes()) {
    // Where it lies here is nobody's business.
    const std::string why = absl::StrReplaceAll(absl::StrJoin(reasons, "; "), {{EscapeForPrint(path), "the file"}});
    return absl::InvalidArgumentError(Cat("the worker brought an executable that is none: ", executable.name, " of ",
                                          executable.import_path, ": ", why));
  }
  const absl::MutexLock lock(&mutex_);
  if (good_.size() >= kCheckedRemembered) good_.clear();
  good_.insert(key);
  return absl::OkStatus();
}

}  // namespace gofarm::service
