// A folder whose files change together: keys with the certificates that belong to them.
//
//   FOLDER/current -> 3      what counts; readers that open both files find a pair
//   FOLDER/3/key.pem, FOLDER/3/cert.pem ...
//
// Folders have mode 0700, files 0600. A crash leaves the old or the new files, never a mixture. One writer at a time;
// any number of readers.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::pki {

inline constexpr char kKeyFile[] = "key.pem";
inline constexpr char kCertificateFile[] = "cert.pem";
inline constexpr char kAuthorityFile[] = "authority.pem";

// Makes the folder if it is missing. The generation before the new one is kept until the next, for readers that are at
// it.
absl::Status ReplaceFiles(const std::string& folder, const std::map<std::string, std::string>& files);

// NOT_FOUND: nothing was written yet. RESOURCE_EXHAUSTED: a file that is none of ours.
absl::StatusOr<std::string> ReadKeyFile(const std::string& folder, const std::string& file);

// With all that stands in it; none is no error.
absl::Status RemoveKeyFolder(const std::string& folder);

// What names the files that count: "FOLDER/current".
std::string CurrentOf(const std::string& folder);

}  // namespace gofarm::pki
