// What the detector finds out about one module version, as plain values: its programs, what they are made of, what else
// the catalog wants to know of a module. Text from modules is unescaped and bounded by the detector.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/godetect/module_packages.h"
#include "common/vocab/target.h"

namespace gofarm::godetect {

enum class ProgramKind { kProgram, kExample, kTestHelper };
std::string_view KindName(ProgramKind kind);
std::optional<ProgramKind> ParseKind(std::string_view name);

// What a build asks of the system beyond Go and C's own library.
struct Need {
  enum class Kind { kLibrary, kPkgConfig, kHeader };
  Kind kind = Kind::kLibrary;
  std::string name;     // "pcap", "libpcap", "pcap.h"
  std::string package;  // import path that asks for it

  auto operator<=>(const Need&) const = default;
};
std::string TextOf(const Need& need);  // "library pcap"
std::string_view NeedKindName(Need::Kind kind);
std::optional<Need::Kind> ParseNeedKind(std::string_view name);

// What a package and all of its own module below it are made of, for some targets.
struct Use {
  std::vector<Target> targets;
  std::vector<std::string> imports;  // packages of other modules, sorted
  std::vector<Need> needs;           // sorted
  bool cgo = false;
  bool embedded_c = false;  // C, C++ or assembly files beside cgo
  // Why it cannot be built there whatever the system has: constraints leave an imported package no file, the module
  // lacks the package, two package names in one folder. Empty: nothing is known against it.
  std::string excluded;

  bool SameAs(const Use& other) const {
    return imports == other.imports && needs == other.needs && cgo == other.cgo && embedded_c == other.embedded_c &&
           excluded == other.excluded;
  }
};

struct Program {
  std::string import_path;    // below the path that was asked for
  std::string declared_path;  // below the path of go.mod, where that differs; else empty
  std::string name;           // of the executable
  std::string dir;            // "." for the root
  ProgramKind kind = ProgramKind::kProgram;
  std::vector<Target> targets;  // a func main in a file of the target
  std::vector<Use> uses;        // each target of `targets` once
  std::vector<std::string> frameworks;
};

struct ReplaceLine {
  std::string old_path, old_version, new_path, new_version;
};

// `go install P@V` and `go run P@V` in what people read and what builds run.
struct InstallLine {
  std::string path;
  std::string version;
  std::string file;
};

enum class Verdict { kBuildable, kNeedsLibrary, kExcluded, kGoTooNew, kNoProgram };
std::string_view VerdictName(Verdict verdict);
std::optional<Verdict> ParseVerdict(std::string_view name);
// In the order of the enumeration: a build that lacks a library is worth more than one that is excluded.
inline bool IsWorse(Verdict a, Verdict b) { return static_cast<int>(a) > static_cast<int>(b); }

struct TargetForecast {
  Verdict verdict = Verdict::kNoProgram;
  std::string detail;
};

struct Detection {
  std::string module;           // as asked for
  std::string declared_module;  // as go.mod says; the same when there is none
  std::string version;
  std::string go_version;  // go line; empty: none
  std::string toolchain;
  bool has_go_mod = false;
  std::string go_mod_fault;       // why nothing can be built by its go.mod; empty: nothing is known against it
  std::vector<Program> programs;  // by import path; also with a go.mod that Go takes of dependencies alone
  ModulePackages packages;        // when they were asked for; not part of the JSON
  std::vector<ReplaceLine> replaces;
  std::vector<std::string> requires_;      // module paths
  std::vector<std::string> tools;          // tool lines of go.mod
  std::vector<std::string> blank_imports;  // of files tools.go
  std::vector<InstallLine> install_lines;
  std::vector<std::string> licences;  // file names at the root
  std::vector<std::string> docker_files, ci_files, release_files;
  std::map<std::string, TargetForecast> forecast;  // by target name, from this module alone
};

}  // namespace gofarm::godetect
