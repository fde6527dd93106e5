// "Authorization: Bearer WORD" against the word in a file, read anew for each caller so that it may be changed. The
// file's folder and mode are the operator's. Pure but for the reading.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gofarm::http {

inline constexpr size_t kTokenMin = 16;  // characters
inline constexpr int64_t kTokenFileMax = 4096;

// Whether callers can be told by the file: it is there, and its word is no short one. Asked when a listener starts.
absl::Status CheckTokenFile(const std::string& file);

// UNAUTHENTICATED: it is another word. UNAVAILABLE: the file cannot be used now, which the log says; callers learn
// neither its name nor what is wrong with it.
absl::Status CheckBearer(const std::string& file, const std::string& bearer);

}  // namespace gofarm::http
