// The go.mod that a form of a module is listed and built with, and in words what it changes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/gomod/go_mod_file.h"
#include "worker/fetch/listing.h"

namespace gofarm::fetch {

// The form that a module is listed in first, as its go.mod asks. `declared_path`: as Listing.
SourceForm FirstForm(const gomod::GoModFile& file, std::string_view declared_path);

// Of kInstall: a main module that requires the module, what the form raises and `locked`. It also has the GODEBUG
// defaults that `go install MODULE@VERSION` gives the module's programs (those of its own go line), so that one built
// in it has the same bytes.
std::string SyntheticGoMod(const Listing& listing, const std::vector<gomod::ModuleVersion>& locked);

// Of a source form: the module's own go.mod (`own`; empty when it has none) changed by the form. `siblings`: versions
// in place of folders, by path; only kSibling has any. INVALID_ARGUMENT as ParseGoMod.
absl::StatusOr<std::string> SourceGoMod(const Listing& listing, std::string_view own,
                                        const std::vector<gomod::ModuleVersion>& siblings);

inline constexpr size_t kEditsMax = 50;

// Lines for people: what the form changes of how the module is written. At most kEditsMax; the last says how many more
// there are.
std::vector<std::string> EditsOf(const Listing& listing, const gomod::GoModFile& own,
                                 const std::vector<gomod::ModuleVersion>& siblings);

// The commit that a version was made from, as far as it is known: from the .info file of the module proxy
// (Origin.Hash), else out of a pseudo-version. Empty: unknown.
std::string CommitOf(std::string_view info_json, std::string_view version);

// A text that names a form: equal for equal forms, and good for a file name. Empty: no form was asked for.
std::string FormKey(const SourceForm* form);

// A note beside `detail` for each replace line to a folder that was dropped and whose module it names; empty: none.
std::string DroppedReplaceNote(const gomod::GoModFile& own, const SourceForm& form, std::string_view detail);

}  // namespace gofarm::fetch
