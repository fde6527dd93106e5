// The record by which soar and others know one published executable: the 43 keys that pkgforge-go publishes, and what
// this farm adds. Every value is a text or an array of texts; keys are sorted. It differs from the original where that
// breaks clients: `provides` is the program alone, the id in an index has no "PROG#", versions are lower case, and keys
// of ghcr.io are there only for what stands on ghcr.io (soar fetches from there as soon as it finds one).
//
// All metadata of modules and their pages is hostile: texts lose control characters and are cut, addresses that are no
// plain http or https ones are left out, and so is what is no licence or topic. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/vocab/target.h"

namespace gofarm::publish {

inline constexpr size_t kDescriptionMax = 500;
inline constexpr size_t kTextMax = 200;  // other one-line texts
inline constexpr size_t kUrlMax = 1000;
inline constexpr size_t kLicencesMax = 40;
inline constexpr size_t kLicenceMax = 100;
inline constexpr size_t kTopicsMax = 20;
inline constexpr size_t kTopicMax = 50;
inline constexpr size_t kSnapshotsMax = 20;
inline constexpr size_t kProgramTextMax = 16 << 10;  // help and version texts, in PROG.json alone
// What a record comes to at most in an index, whatever it is made of.
inline constexpr size_t kRecordBytesMax = 32 << 10;
// And as PROG.json: JSON makes six bytes of one that it escapes.
inline constexpr int64_t kRecordFileBytesMax = kRecordBytesMax + 2 * 6 * kProgramTextMax;

inline constexpr char kNoDescription[] = "No Description Provided";
inline constexpr char kNoLicence[] = "NOASSERTION";  // SPDX: nothing is known

// Who publishes: the same in all records of a farm.
struct Publisher {
  std::string name = "gofarm";
  std::string page;  // an address; empty: none
};

// One executable of one target, as it is published.
struct RecordInput {
  // Checked: MakeRecord refuses others.
  std::string module, version, import_path;
  std::string name;    // of ProgramNames
  std::string family;  // of SettleFamilies; empty: PlainFamily
  bool twin = false;   // of FindTwins
  Target target = Target::kX86_64;
  std::string sha256, blake3;
  int64_t size = 0;
  std::string download_url;
  absl::Time built_at = absl::InfinitePast();

  // Cleaned: what does not fit is left out.
  std::string description, homepage;
  std::vector<std::string> licences;  // SPDX ids and expressions
  std::vector<std::string> topics;    // of its repository
  int64_t stars = -1;                 // -1: not known
  bool deprecated = false;
  std::string deprecated_note;  // its author's words; empty: none
  std::string job_id, job_url;
  std::string log_url, manifest_url, recipe_url, source_url, provenance_url;
  std::vector<std::string> older_tags;  // of this program and target, newest first
  std::optional<bool> reproduced;       // by a rebuild; nullopt: none was made
  std::string ghcr_repository;          // "ghcr.io/OWNER/...", only of what stands there
  // What the program answered in the sandbox; for PROG.json.
  std::string version_text, help_text;
};

struct RecordField {
  std::string_view key;  // of static storage
  bool is_list = false;
  std::string text;
  std::vector<std::string> list;
};

struct Record {
  std::vector<RecordField> fields;  // by key
  // "" when there is no such text.
  std::string_view Text(std::string_view key) const;
};

enum class RecordForm {
  kIndex,   // pkg_id is that of the module; no texts of the program
  kPackage  // PROG.json beside the file: pkg_id is "PROG#ID"; help and version texts
};

// INVALID_ARGUMENT names the field that cannot be published, escaped.
absl::StatusOr<Record> MakeRecord(const RecordInput& input, const Publisher& publisher, RecordForm form);

// An object in one line, without a newline at its end. "<" and ">" are escaped, so that it may stand in a page.
std::string CompactJson(const Record& record);
// The same over several lines, with a newline at its end.
std::string PrettyJson(const Record& record);

// What a program says of its version, in one line of at most kTextMax bytes: the first that is not blank. Empty where
// that has no digit in it, as no version does without.
std::string VersionLine(std::string_view version_text);

// The texts of the program in a record that PrettyJson wrote. What is no such record has none.
struct RecordTexts {
  std::string help, version_output;
};
RecordTexts TextsOfRecord(std::string_view text);

// "3.8 MB": powers of 1024, rounded up, with one digit after the point below 10.
std::string HumanSize(int64_t bytes);

// The address when it is one that may be published (http or https, printable, nothing that quotes or spaces), else "".
std::string CleanUrl(std::string_view url);

}  // namespace gofarm::publish
