// Whether a program may be published under the licences of what is linked into it. Pure: it gets what detection found
// in the licence files of each module, and a policy, and says publish, mark or refuse with the reason, and what the
// record states as the licence (an SPDX expression). No legal advice: a table that an operator can read and change.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/licences/corpus.h"
#include "common/licences/detect.h"
#include "common/licences/expression.h"

namespace gofarm::licences {

enum class Verdict {
  kPublish,
  kMark,  // published, and the record says that a person should look
  kRefuse
};
std::string_view Name(Verdict verdict);  // "publish", "mark", "refuse"

// What a licence asks of who ships binaries.
enum class LicenceClass {
  kPublicDomain,
  kPermissive,
  kWeakCopyleft,     // the source of the licensed files must be offered
  kStrongCopyleft,   // of the whole program
  kNetworkCopyleft,  // also to those who use it over a network
  kOsiApproved,      // open source by the OSI's word, none of the above
  kNonFree,          // forbids some use, or some redistribution
  kOther,            // on the SPDX list, and nobody here has read it
  kUnknown           // not on the list, not recognised, or none at all
};
std::string_view Name(LicenceClass licence_class);  // "public-domain", ...
// "GPL-2.0-only WITH Classpath-exception-2.0" has the class of "GPL-2.0-only".
LicenceClass ClassOf(const Corpus& corpus, std::string_view id);

// Names are SPDX ids or names of classes. What is said of an id comes before what is said of its class, and of two that
// say different things of one the stricter counts. What no list names is refused.
struct Policy {
  std::set<std::string> publish = {"public-domain",   "permissive",       "weak-copyleft",
                                   "strong-copyleft", "network-copyleft", "osi-approved"};
  std::set<std::string> mark;
  std::set<std::string> refuse = {"non-free", "other", "unknown"};
  // Modules that a person has looked at: path or path@version, and what he concluded (an SPDX expression). It stands in
  // for what was found. Of a part of a toolchain only where its files are there. What stands here from the start are
  // files of zig 0.15.2 that say more than a licence: musl's lists its authors and which of its files came from where
  // under terms that MIT covers; LLVM's libraries have an exception to Apache-2.0 and older licences behind it.
  std::map<std::string, std::string> concluded = {{"zig/musl", "MIT"},
                                                  {"zig/libcxx", "Apache-2.0 WITH LLVM-exception"},
                                                  {"zig/libcxxabi", "Apache-2.0 WITH LLVM-exception"},
                                                  {"zig/libunwind", "Apache-2.0 WITH LLVM-exception"}};
  bool operator==(const Policy&) const = default;
};
// INVALID_ARGUMENT names what is no id, no class and no expression.
absl::Status CheckPolicy(const Corpus& corpus, const Policy& policy);

// Of one licence file.
struct FileFinding {
  std::string name;  // inside its module
  Detection detection;
};

enum class Role { kMain, kModule, kToolchain };

struct ModuleFinding {
  Role role = Role::kModule;
  std::string path, version;
  std::vector<FileFinding> files;
  // False: some files were left out when they were collected, so what they say is unknown.
  bool complete = true;
};

struct ModuleVerdict {
  std::string path, version;
  Verdict verdict = Verdict::kRefuse;
  std::string reason;  // why not kPublish; escaped
  std::string expression;
};

struct Decision {
  Verdict verdict = Verdict::kRefuse;
  std::string reason;                  // of the strictest module, in one line; empty for kPublish
  std::string licence;                 // of the main module alone; "LicenseRef-gofarm-unknown" where it has none
  std::string expression;              // of all that is linked
  std::vector<ModuleVerdict> modules;  // in the order that was given
};

inline constexpr std::string_view kUnknownLicence = "LicenseRef-gofarm-unknown";
// A text that holds terms which take rights away ("Commons Clause").
inline constexpr std::string_view kRestrictedLicence = "LicenseRef-gofarm-restricted";

// `modules` names everything that is linked, also what has no licence file: the main module first, then the rest by
// path, then what the toolchains bring. An empty list is refused.
Decision Decide(const Corpus& corpus, const Policy& policy, const std::vector<ModuleFinding>& modules);

}  // namespace gofarm::licences
