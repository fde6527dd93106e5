// The names of the files of one attempt: of its executables and of what stands beside them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace gofarm::publish {

inline constexpr char kLicenceFile[] = "LICENSE";
inline constexpr char kChecksumFile[] = "CHECKSUM";
inline constexpr char kChecksumSignatureFile[] = "CHECKSUM.minisig";
// Behind the name of a program.
inline constexpr char kRecordEnd[] = ".json";
inline constexpr char kSbomEnd[] = ".cdx.json";
inline constexpr char kProvenanceEnd[] = ".sigstore.json";
inline constexpr char kLicencesEnd[] = ".licenses.txt";
inline constexpr char kVersionEnd[] = ".version";
inline constexpr char kLogEnd[] = ".log";
inline constexpr char kSourceKind[] = "source";       // of its attachment
inline constexpr char kDiffEnd[] = ".diff.txt";       // of a rebuild that came out differently
inline constexpr char kSourceEnd[] = ".src.tar.zst";  // behind that of SourceFile

// "toml-v1.6.0.src.tar.zst": the sources of a module version, one file an attempt. The module's last element, without a
// major version ("/v2") behind it; what needs quoting anywhere becomes "_".
std::string SourceFile(std::string_view module, std::string_view version);

// The file of each program, in the order of `import_paths`: as ProgramNames, but a program that is called like a file
// that stands beside programs takes the path of its package ("cmd_LICENSE").
std::vector<std::string> ProgramFiles(std::string_view module, absl::Span<const std::string> import_paths);

}  // namespace gofarm::publish
