// Programs from an index into a folder: found, downloaded, checked by digest, signature and provenance, put in place.
// Blocks; one call at a time for one program.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/install/download.h"
#include "cli/install/index_reader.h"
#include "cli/install/place.h"
#include "cli/install/source.h"
#include "cli/install/trust.h"
#include "common/base/scope.h"
#include "common/publish/address.h"
#include "common/publish/lookup.h"
#include "common/vocab/target.h"

namespace gofarm::install {

inline constexpr size_t kAddressesMax = 1000;  // of one command

// What an index says of programs, and by whom it must be signed.
struct Answers {
  std::vector<absl::StatusOr<publish::Resolved>> programs;  // as asked for
  publish::KeyList keys;
  attest::MinisignPublicKey keys_signed_by{"", ""};
  publish::Generation generation;
};
// Asks once for all. The errors of single programs are Resolve's; all others are IndexReader's.
absl::StatusOr<Answers> Find(const Scope& scope, const io::HttpAsk& ask, const Source& source,
                             const std::vector<publish::Address>& addresses, Target target);

struct Outcome {
  enum class State { kInstalled, kReplaced, kAlready };
  State state = State::kInstalled;
  publish::Resolved program;
  Target target = Target::kX86_64;
  std::string path;            // of the file
  std::string version_before;  // of kReplaced, when it was ours
};
std::string_view NameOf(Outcome::State state);  // "installed", "replaced", "already"

struct InstallOptions {
  std::string folder;
  Target target = Target::kX86_64;
  bool force = false;
  Progress progress;
};
// DATA_LOSS: what came is not what was signed, or there is no provenance; FAILED_PRECONDITION: what stands there was
// not installed by gofarm, or the folder cannot be written; UNAVAILABLE: the server does not give it. After any of them
// nothing that was there is changed.
absl::StatusOr<Outcome> Install(const Scope& scope, const io::HttpAsk& ask, const publish::Resolved& program,
                                const Signers& signers, const InstallOptions& options);

// What to ask for to upgrade what `note` is about.
publish::Address AddressOf(const publish::InstallNote& note);
// Whether `found` is newer than what `note` is about, or another build of the same version.
bool IsUpgrade(const publish::InstallNote& note, const publish::Resolved& found);

// What is to be remembered of an index after it answered.
RememberedIndex ToRemember(const Source& source, const Answers& answers, absl::Time now);

}  // namespace gofarm::install
