// Which state of the published index a file belongs to. It stands in the trusted comment of the file's minisign
// signature, so nobody can pass off an older state, or one file for another. Clients keep the highest number that they
// saw and refuse lower ones: an old state hides what was withdrawn. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::publish {

struct Generation {
  int64_t number = 0;  // from 1; only grows
  absl::Time time = absl::InfinitePast();
};

struct SignedAs {
  Generation generation;
  std::string file;  // below the index: "x86_64-Linux.json.zst", "shards/4f.json"
};

// "gofarm index generation=17 time=2026-11-30T09:40:30Z file=x86_64-Linux.json.zst". One line; what is no file name
// that CheckIndexFile takes is a broken invariant.
std::string TrustedComment(const SignedAs& signed_as);
// INVALID_ARGUMENT: not of this form.
absl::StatusOr<SignedAs> ParseTrustedComment(std::string_view comment);

// A name or FOLDER/NAME of [A-Za-z0-9._-], neither beginning with a dot.
bool IsIndexFile(std::string_view name);

}  // namespace gofarm::publish
