// What a page tells of a program, and of the programs of a module. The names of Fields (program_json.cc) are those of
// the JSON, which scripts may rely on. All texts are untrusted: Bounded cuts them, the writers escape them. Plain
// values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/target.h"

namespace gofarm::web {

// What Bounded lets through; beyond it a text is cut and a list ends.
inline constexpr size_t kFactNameMax = 1024;        // bytes of a path, a version, a URL's text
inline constexpr size_t kFactTextMax = 2'000;       // of a description or a reason
inline constexpr size_t kFactOutputMax = 16 << 10;  // of what a program printed
inline constexpr size_t kFactListMax = 50;          // authors, licences
inline constexpr size_t kVersionsMax = 200;         // the first ones of the list
inline constexpr size_t kProgramsMax = 500;         // of a module

struct FileFacts {
  Target target = Target::kX86_64;
  std::string url;
  int64_t size = 0;    // bytes
  std::string sha256;  // lower-case hex
  std::string blake3;
  bool operator==(const FileFacts&) const = default;
};

// What is published beside the program; an empty URL: it is not there.
struct AttachmentUrls {
  std::string provenance, sbom, licences, checksums, log;
  bool operator==(const AttachmentUrls&) const = default;
};

// Whether a second build gave the same bytes.
enum class Reproduced { kNotTried = 0, kYes, kNo };
std::string_view Name(Reproduced reproduced);  // "not_tried", "yes", "no"
std::optional<Reproduced> ParseReproduced(std::string_view name);

// What the program's own authors publish.
struct AuthorsRelease {
  std::string version;
  std::string url;
  absl::Time published_at = absl::InfinitePast();
  bool operator==(const AuthorsRelease&) const = default;
};

struct VersionFacts {
  std::string version;
  absl::Time published_at = absl::InfinitePast();
  std::string withdrawn;  // the reason; empty: it can be installed
  bool operator==(const VersionFacts&) const = default;
};

// Addresses of the farm, which every page needs to say how to install. Trusted: of the configuration.
struct FarmAddresses {
  std::string public_url;           // "https://bins.example.com", without a slash at its end
  std::string minisign_public_key;  // empty: none
};

struct ProgramFacts {
  std::string module;
  std::string import_path;
  std::string name;
  std::string version;
  std::string description;
  std::string homepage;    // URL
  std::string repository;  // URL of the sources
  std::vector<std::string> authors;
  std::vector<std::string> licences;  // SPDX identifiers or expressions
  std::string licence_note;           // what the policy says of them, say "unknown"; empty: nothing
  std::vector<FileFacts> files;
  AttachmentUrls attachments;
  absl::Time built_at = absl::InfinitePast();
  absl::Time published_at = absl::InfinitePast();
  std::string go_version;
  std::string zig_version;
  std::string builder;  // the builder's id in the provenance
  Reproduced reproduced = Reproduced::kNotTried;
  std::string reproduced_detail;
  std::string reproduced_report;  // URL of what differs, section by section; empty: nothing does
  absl::Time reproduced_at = absl::InfinitePast();
  std::optional<AuthorsRelease> authors_release;
  std::string deprecated;  // the author's words; empty: it is not
  std::string withdrawn;   // why this version cannot be installed; empty: it can
  std::string version_output;
  std::string help_output;
  std::vector<VersionFacts> versions;  // newest first
  int64_t versions_total = 0;          // also those that `versions` leaves out
};

struct ModulePrograms {
  std::string module;
  std::string version;
  struct Program {
    std::string import_path;
    std::string name;
    std::string description;
    std::vector<Target> targets;
  };
  std::vector<Program> programs;  // by import path
  int64_t programs_total = 0;     // also those that `programs` leaves out
};

// The same with every limit kept, totals raised to what the lists held.
ProgramFacts Bounded(ProgramFacts facts);
ModulePrograms Bounded(ModulePrograms programs);

// Documents of facts that are bounded.
std::string ProgramJson(const FarmAddresses& farm, const ProgramFacts& facts);
std::string ModuleJson(const FarmAddresses& farm, const ModulePrograms& programs);
// {"error": TEXT, "address": TEXT}
std::string ErrorJson(std::string_view address, std::string_view error);

// How to install, as commands that are copied: for a shell, and for the farm's own client.
struct InstallCommands {
  std::string shell;   // "curl -sS URL | sh"
  std::string gofarm;  // "gofarm install ADDRESS --index URL --key KEY"
};
InstallCommands CommandsFor(const FarmAddresses& farm, std::string_view import_path, std::string_view version);

}  // namespace gofarm::web
