// What the verbs that install and verify print: JSON documents, and lines for people. Pure; all texts from outside are
// escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/install/installer.h"
#include "cli/install/place.h"
#include "cli/install/verify_file.h"

namespace gofarm::install {

// [{name, module, path, version, version_before, target, file, sha256, size, reproduced, state}].
std::string InstallDocument(const std::vector<Outcome>& outcomes);
// [{name, module, path, version, target, file, sha256, state}].
std::string InstalledDocument(const std::string& folder, const std::vector<Installed>& programs);

// One line of `gofarm upgrade`.
struct UpgradeLine {
  enum class State { kUpgraded, kCurrent, kNotFound, kRefused };
  std::string name, path, target;
  std::string version;         // what is installed now
  std::string version_before;  // of kUpgraded
  State state = State::kCurrent;
  std::string detail;  // why, of kNotFound and kRefused
};
std::string_view NameOf(UpgradeLine::State state);  // "upgraded", "current", "not_found", "refused"
std::string UpgradeDocument(const std::vector<UpgradeLine>& lines);

// [{name, file, state}]: all of them "removed".
std::string RemovedDocument(const std::vector<Place>& places);

// {name, sha256, ..., checksum, provenance{...}}.
std::string VerifyDocument(const Verified& verified);
std::string VerifyText(const Verified& verified);

// "installed /home/ann/.local/bin/hey: hey v0.1.5 (x86_64), signature, SHA-256 and provenance verified".
std::string OutcomeText(const Outcome& outcome);
// What to do so that a shell finds what is in `folder`; empty when it does.
std::string PathHint(const std::string& folder, std::string_view path_variable);

}  // namespace gofarm::install
