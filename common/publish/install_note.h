// The note by which an installed program is known later: FOLDER/.gofarm/NAME beside FOLDER/NAME, written by the install
// script (coordinator/web/install_body.cc) and by `gofarm install`. Lines "FIELD VALUE" behind "gofarm-note 1": module,
// package, version, target, url, sha256, and while a file of its own is replaced "before" with that file's SHA-256. A
// file is its own when its SHA-256 stands in its note. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gofarm::publish {

inline constexpr char kNoteFolder[] = ".gofarm";
inline constexpr size_t kInstallNameMax = 100;  // bytes
inline constexpr size_t kNoteTextMax = 1024;    // of a module, a version and the like
inline constexpr size_t kNoteUrlMax = 2048;
inline constexpr size_t kNoteBytesMax = 16 << 10;

// A file name that needs no care anywhere: letters, digits, ".", "_", "-", "+" and "~", beginning with a letter, a
// digit or "_", at most kInstallNameMax bytes.
bool IsInstallName(std::string_view name);

struct InstallNote {
  std::string module, package, version, target;  // target: "x86_64"
  std::string url;
  std::string sha256;  // lower hex
  std::string before;  // the same of the file that it replaces; empty: none
  bool operator==(const InstallNote&) const = default;
};

// Values are made fit to print and cut, so that each stays one line.
std::string WriteNote(const InstallNote& note);
// INVALID_ARGUMENT: no such note, more than kNoteBytesMax, or no digest in it. Fields that are not known are passed
// over.
absl::StatusOr<InstallNote> ParseNote(std::string_view text);
bool IsOwn(const InstallNote& note, std::string_view sha256);

}  // namespace gofarm::publish
