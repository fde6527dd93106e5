// The answers to GET /i/MODULE[/path][@VERSION]: POSIX sh that people pipe into a shell, run by dash, bash and busybox.
// An offer becomes a script that installs one program, everything else one that says why not and exits with 1: with
// `curl -sS URL | sh` the exit code of curl is lost, and an empty or HTML answer would look like success.
//
// What came from a module, and every other value, stands in assignments as a quoted word; the code that uses them is
// constant (install_body.h). Everything is one function that the last line calls, so a cut download does nothing.
// Pure functions.
//
// The script honours GOFARM_BIN (the folder; ~/.local/bin), GOFARM_FORCE=1 (replaces a file that it did not install),
// GOFARM_INDEX_KEY (the only minisign key to trust: then the signature must be there and be checked) and the proxy
// variables. Beside the program it keeps the note of common/publish/install_note.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocab/target.h"
#include "coordinator/web/answer.h"

namespace gofarm::web {

inline constexpr size_t kScriptUrlMax = 2048;
inline constexpr size_t kScriptTextMax = 1024;    // of a module, a version and the like
inline constexpr size_t kRefusalTextMax = 4'000;  // of why nothing is installed

// One executable. Signatures are minisign's over the file at `signed_list_url`, which is a CHECKSUM file with the line
// "SHA256 (NAME) = HEX"; where that is empty, over the executable itself. The targets of one version may be signed by
// different keys.
struct OfferedFile {
  Target target = Target::kX86_64;
  std::string url;
  std::string sha256;         // 64 lower-case hex digits
  int64_t size = 0;           // bytes
  std::string signature_url;  // empty: none
  std::string signed_list_url;
  std::string public_key;  // of this signature; empty: the offer's
};

struct InstallOffer {
  std::string name;  // what the file will be called
  std::string module;
  std::string import_path;  // of the program's package
  std::string version;
  std::string page_url;
  std::string public_key;          // the base64 line of a minisign key; empty: none
  std::vector<OfferedFile> files;  // at most one a target
};

// INVALID_ARGUMENT names the field that no script may hold: a file name, URL, digest, key or size that is none. Texts
// that are only said are made fit to print instead.
absl::StatusOr<std::string> InstallScript(const InstallOffer& offer);

// `reason` may have several lines; it is made fit to print and cut to kRefusalTextMax.
std::string RefusalScript(std::string_view reason);

// The script as an answer: 200; 400 for INVALID_ARGUMENT, 404 for NOT_FOUND, 410 for FAILED_PRECONDITION (withdrawn),
// 503 for UNAVAILABLE, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED, 500 for the rest, also for an offer that cannot be
// one.
Answer InstallAnswer(const absl::StatusOr<InstallOffer>& offer);

}  // namespace gofarm::web
