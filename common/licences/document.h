// The artifact "licences" of an attempt: the licence files of every module that is linked into its executables, and of
// what the toolchains link in. One JSON document; each text stands in it once. The worker writes it, the coordinator
// and the CLI read it. Older workers stored plain texts with a header line for each file; Read takes both.
// Deterministic: the same files in the same order give the same bytes. Pure; a builder is used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::licences {

inline constexpr int kDocumentVersion = 2;  // 1: the plain texts
inline constexpr int64_t kDocumentBytesMax = int64_t{32} << 20;
inline constexpr int64_t kFileBytesMax = 1 << 20;
inline constexpr size_t kFilesPerModuleMax = 256;
inline constexpr size_t kFilesMax = 16384;
inline constexpr size_t kModulesMax = 20'000;
inline constexpr size_t kFileNameMax = 1000;

struct LicenceFile {
  std::string name;      // inside the module: "LICENSE", "third_party/lz4/LICENSE"
  int text = -1;         // index of LicenceDocument::texts; -1: left out
  int64_t size = 0;      // of the file, as it was
  std::string left_out;  // why there is no text; empty when there is one
  bool operator==(const LicenceFile&) const = default;
};

// Kinds: "main", "module", "toolchain". Of the last, path is "go", "zig/musl", "zig/compiler-rt", ...
struct LicenceModule {
  std::string kind = "module";
  std::string path, version;                  // as the report's dependencies name it
  std::string replace_path, replace_version;  // whose files these are, where go.mod replaces it
  std::vector<LicenceFile> files;             // by name
  bool complete = true;                       // false: files were left out, or not looked for to the end
  bool operator==(const LicenceModule&) const = default;
};

struct LicenceDocument {
  int gofarm_licences = kDocumentVersion;
  std::vector<LicenceModule> modules;  // the main module, modules by path and version, toolchains
  std::vector<std::string> texts;

  // The module that an executable's dependency names; nullptr: none. An old document knows no replacements: there the
  // replacement itself is found.
  const LicenceModule* Find(std::string_view path, std::string_view version) const;
  bool operator==(const LicenceDocument&) const = default;
};

// Collects files, each within the limits above. What does not fit is named with the reason instead of its text, and
// makes its module incomplete.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(int64_t bytes_max = kDocumentBytesMax) : bytes_left_(bytes_max) {}

  // Files that are added belong to the module that was added last.
  void AddModule(LicenceModule module);
  void AddFile(std::string_view name, std::string_view bytes);
  void LeaveOut(std::string_view name, int64_t size, std::string_view why);
  void Incomplete();
  // True when no module has a file.
  bool empty() const { return files_ == 0; }
  std::string Write() const;
  const LicenceDocument& document() const { return document_; }

 private:
  bool Room(std::string_view name);

  LicenceDocument document_;
  std::map<std::string, int> places_;  // of texts
  int64_t bytes_left_;
  size_t files_ = 0;
};

// Bytes of a file as text: lines end in LF; controls, and characters that hide or reorder others, are gone; a byte that
// is no UTF-8 counts as Latin-1, which old licence files are written in.
std::string CleanText(std::string_view bytes);

// INVALID_ARGUMENT: neither form, or an index that leads nowhere; RESOURCE_EXHAUSTED: over a limit; UNIMPLEMENTED: of a
// release to come.
absl::StatusOr<LicenceDocument> ReadDocument(std::string_view bytes);

}  // namespace gofarm::licences
