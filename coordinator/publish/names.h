// What published things are called: in the index, in a registry, on the disks of those who install them. Follows
// what pkgforge-go publishes (soar's index, OCI repositories), and differs from it where two modules or programs would
// get one name.
//
// Every name is a function of module and import path alone. Where the mapping loses more than upper case, "-" and 8 hex
// digits of the SHA-256 of what was mapped are appended; a name that looks as if it had such an ending gets one of its
// own. Two things only the whole set of published modules can tell, so callers say so: `twin`, another module of the
// farm has the same path but for upper case (FindTwins), and the family (SettleFamilies). Both are functions of the
// set, whatever the order it came in.
//
// Pure; thread-safe. Module and import paths are those that common/gomod takes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "common/vocab/target.h"

namespace gofarm::publish {

// Of a repository below the prefix of a registry: host and prefix have what is left of the 255 bytes that clients take.
inline constexpr size_t kFolderMax = 120;  // RepositoryFolder
inline constexpr size_t kProgramMax = 64;  // a program's name, and its element of a repository
inline constexpr size_t kFamilyMax = 100;
inline constexpr size_t kPkgIdMax = 160;
inline constexpr size_t kTagMax = 128;  // distribution-spec, "Pulling manifests"
inline constexpr size_t kHashDigits = 8;

// "x86_64-Linux": the name of a target in the index and in tags.
std::string HostName(Target target);
std::optional<Target> ParseHostName(std::string_view host);

// ---- modules ----------------------------------------------------------------------------------------------------

// "github/fortio/logc": the forge, then the path without its host. Fits the grammar of repository names.
std::string RepositoryFolder(std::string_view module, bool twin = false);

// "github.com_fortio_logc": soar's pkg_id in the form of a published index. One path component.
std::string PkgId(std::string_view module, bool twin = false);

// Those of `modules` that have a twin among them: another path that differs from theirs in upper case only. Each of the
// two gets its ending, so that none takes over what was published under the name without one.
absl::flat_hash_set<std::string> FindTwins(absl::Span<const std::string> modules);

// ---- programs ---------------------------------------------------------------------------------------------------

// What each program of one module@version is called, in the order of `import_paths`: soar's pkg_name, the file that is
// installed. Give all programs of all targets, also those that failed, so that each has one name everywhere. No two
// names are equal, upper case apart. Of several with one base name the one nearest to the module's root keeps it
// ("cmd/NAME" before others), and the others get an ending.
std::vector<std::string> ProgramNames(std::string_view module, absl::Span<const std::string> import_paths);

// One path component that needs no quoting anywhere: [A-Za-z0-9_] first, then also ".", "+" and "-", at most
// kProgramMax.
bool IsProgramName(std::string_view name);

// "github/fortio/logc/logc". `name` is one of ProgramNames.
std::string RepositoryPath(std::string_view module, std::string_view name, bool twin = false);

// distribution-spec, "Pulling manifests".
bool IsRepositoryName(std::string_view name);
bool IsTag(std::string_view tag);

// ---- versions ---------------------------------------------------------------------------------------------------

// A version as a tag: "+" becomes "-". Of the image index of all targets.
std::string VersionTag(std::string_view version);
// "v0.1.0-x86_64-Linux": of one target's files.
std::string TargetTag(std::string_view version, Target target);
// As the index has it: the tag form in lower case, for clients ask in lower case.
std::string RecordVersion(std::string_view version);

// ---- families -----------------------------------------------------------------------------------------------------

// "etcdctl" of go.etcd.io/etcd/etcdctl/v3: soar's pkg_family, by which programs of one name are told apart.
std::string PlainFamily(std::string_view module);

struct ModuleProgram {
  std::string module;
  std::string name;  // of ProgramNames
  auto operator<=>(const ModuleProgram&) const = default;
};
// The family of each, in the order of `programs`: PlainFamily; where another module has the same family and name, with
// the element before it ("absmach.supermq"); where that does not tell them apart, with an ending. No two modules have
// the same pair of family and name, upper case apart. Repeated programs get what the first one got.
std::vector<std::string> SettleFamilies(absl::Span<const ModuleProgram> programs);

// ---- kinds ------------------------------------------------------------------------------------------------------

enum class Kind { kProgram, kExample, kTestHelper };
std::string_view Name(Kind kind);  // "program", "example", "test_helper"

// By whole folders of the import path, in any case of letters: never by a part of one, never by the host or the owner
// of a repository. The first folder that says so decides.
Kind KindOf(std::string_view import_path);

}  // namespace gofarm::publish
