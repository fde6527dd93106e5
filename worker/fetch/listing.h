// What one look at a module@version found out for some targets, without running any of its code: its programs, what
// they link, and what kind of source that is. It plans the job and decides which cache the job may write; publishing
// needs it later. Plain values; the JSON form is what CACHE/listings keeps.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/gomod/go_mod_file.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"

namespace gofarm::fetch {

// What the coordinator takes in one report; a module beyond that is refused before anything is built.
inline constexpr size_t kProgramsMax = 4096;
inline constexpr size_t kImportPathMax = 1000;

// From where a module is built, and with which go.mod.
enum class Base {
  kInstall,    // from the module cache, as a dependency of a main module that requires it
  kSource,     // a copy of its source as the main module: for go.mod files that `go install` refuses by design
  kNoReplace,  // kSource without the replace lines that point to folders: a module's zip never holds those folders
  kSibling     // kNoReplace, but each of those modules is replaced by its version of the same commit
};

// Everything that decides which files and versions a build is made of. Each form of a module has a listing of its own.
struct SourceForm {
  Base base = Base::kInstall;
  bool previous_go = false;                  // the toolset's previous Go instead of the one that the go line asks for
  std::string go_line;                       // in place of the one in the module's go.mod; empty: as it stands
  std::vector<gomod::ModuleVersion> raised;  // dependencies that need at least this version, by path
  std::vector<std::string> experiments;      // GOEXPERIMENT, sorted
  std::vector<std::string> tags;             // beside the recipe's, sorted
  // Of a module without go.mod: versions that its lock file names, and of what nobody names those that were there when
  // the module was, instead of today's newest.
  bool locked = false;
  auto operator<=>(const SourceForm&) const = default;
};

// Whether the module itself is the main module of the build.
bool IsSource(const SourceForm& form);

// A package named main with at least one non-test file for the target.
struct Program {
  std::string import_path;
  std::string name;  // of the file that go install writes: last element, /vN skipped
  std::string dir;   // inside the module: ".", "cmd/tool"
  // False: `package main` without `func main`; no program, and it spoils nothing.
  bool has_main_func = false;
  // What keeps it or something it imports from being loaded; kNone when all is there. One such program makes go refuse
  // the whole command line, so build only those without a failure.
  FailureClass failure = FailureClass::kNone;
  std::string detail;  // escaped, at most 1 KiB
  // What would let it load: a GOEXPERIMENT that a package of std is only there with ("jsonv2"), or a module whose
  // release has nothing for the target. Both empty: nothing that is known.
  std::string wants_experiment, wants_newer;
};

// What a package of the build says in its #cgo lines beyond what every build may have.
struct CgoDemand {
  std::string import_path;
  std::string dir;                 // of its files: inside the module cache, or inside the module when `in_source`
  bool in_source = false;          // of the main module in a source form
  std::vector<std::string> files;  // that import "C"
  bool native = false;             // asks for code for the machine that it is built on (-march=native)
  bool linker_flags = false;       // has -Wl, flags
  bool operator==(const CgoDemand&) const = default;
};

struct LinkedModule {
  std::string path, version, h1;
  std::string replace_path, replace_version;  // both empty without a replace
  std::string
      dir;  // inside the module cache: "github.com/!burnt!sushi/toml@v1.6.0"; empty for the module in source mode
};

// -march, -mcpu and -mtune choose code by the CPU of the machine that compiles.
bool IsNativeFlag(std::string_view flag);

struct TargetListing {
  Target target = Target::kX86_64;
  std::vector<Program> programs;  // by import path
  // Over all packages outside std that the programs (with func main, without failure) are made of.
  bool uses_cgo = false;  // any CgoFiles
  bool uses_c = false;    // the C compiler or linker sees foreign input: cgo, C, C++, Fortran, Objective-C, SWIG, syso
  bool uses_cxx = false;  // C++ (or SWIG C++): needs libc++
  bool uses_assembly = false;  // .s; of a package without cgo it is Go's own assembler, and uses_c stays false
  bool uses_syso = false;
  std::vector<LinkedModule> modules;            // by path, without the module itself
  std::map<std::string, std::string> packages;  // import path -> package name, outside std
  // Import path -> what it imports outside std, of the packages that the programs are made of; without an entry:
  // nothing.
  std::map<std::string, std::vector<std::string>> imports;
  std::vector<CgoDemand> cgo_demands;  // by import path, only of packages that demand something
  // Folders of the module that go could make nothing of, each with the reason: whether they are programs is unknown.
  std::vector<std::string> unreadable;
};

// Whether the import path lies in the module of this path.
bool IsInModule(std::string_view import_path, std::string_view module);
// The linked module that a package belongs to, the one with the longest path; nullptr: none.
const LinkedModule* ModuleOf(const TargetListing& listing, std::string_view import_path);

// Beyond kProgramsMax or kImportPathMax: in words; else empty.
std::string WhyNotReportable(const TargetListing& listing);

struct Listing {
  std::string module;
  std::string version;
  std::string module_h1;   // of the zip, "h1:..."
  std::string go_line;     // of its go.mod, "" when it has none
  std::string go_version;  // the Go of the toolset that was picked: "1.26.8"
  // What go.mod calls the module, where that is not what it was asked for as; else empty. Import paths begin with it.
  std::string declared_path;
  SourceForm form;  // resolved: what was listed
  // What was changed in go.mod beside the form's name: lines for people.
  std::vector<std::string> edits;
  std::string go_mod;  // of source forms: text to put in place of the module's go.mod; empty otherwise
  std::string go_sum;  // of source forms: complete for what was listed
  // Of the install form, when no go.mod names the versions of something that is imported (a module without go.mod,
  // or with an incomplete one): go.mod and go.sum of a main module that requires the module and the versions that were
  // chosen. Builds run in it: `go install MODULE@VERSION` would choose again, the newest that the module cache happens
  // to hold by then. Both empty otherwise.
  std::string pinned_go_mod;
  std::string pinned_go_sum;
  std::string dir;  // of the module inside the module cache: "github.com/!burnt!sushi/toml@v1.6.0"
  bool has_go_mod = true;
  // Folders inside the module cache of every module whose files loading needed, also such as only might have held a
  // package: the offline build looks at the same ones.
  std::vector<std::string> cache_dirs;
  // "github.com/!burnt!sushi/toml/@v/v1.6.0" below cache/download: of every module whose go.mod loading read.
  std::vector<std::string> downloads;
  int64_t bytes_fetched = 0;  // by the fetch that made this listing; 0 when everything was in the cache
  std::vector<TargetListing> targets;

  const TargetListing* Find(Target target) const;
  const std::string& own_path() const { return declared_path.empty() ? module : declared_path; }
};

// The path below the module that it was asked for as, of an import path below the declared one.
std::string AskedImportPath(const Listing& listing, std::string_view import_path);

std::string ToJson(const Listing& listing);
// INVALID_ARGUMENT for anything that ToJson does not write (a damaged or older file: list again).
absl::StatusOr<Listing> ListingFromJson(std::string_view json);

}  // namespace gofarm::fetch
