// Says of one executable whether it is what a farm signed, by what stands beside it: FILE.sigstore.json, and CHECKSUM
// with CHECKSUM.minisig. No network.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/install/trust.h"

namespace gofarm::install {

inline constexpr int64_t kSignedTextBytesMax = 4 << 20;  // CHECKSUM

// Keys that are trusted. `provenance` are tried one after the other, as each has its own builder.
struct TrustedKeys {
  std::vector<Signers> provenance;
  std::vector<attest::MinisignPublicKey> minisign;
};

// What --key gave: PEM of a provenance key, a minisign line, or a file with one of them. `read` reads a file.
// INVALID_ARGUMENT: it is neither.
absl::Status AddKey(const std::string& text,
                    const std::function<absl::StatusOr<std::string>(const std::string& path)>& read, TrustedKeys& keys);

// Whether CHECKSUM says the same.
enum class ListState {
  kNone,        // there is no CHECKSUM, or it does not name the file
  kNotSigned,   // it says the same and has no signature
  kNotChecked,  // it has one, and no minisign key is known
  kSigned
};
std::string_view NameOf(ListState state);  // "none", "not_signed", "not_checked", "signed"

struct FileToVerify {
  std::string name;  // without folders
  std::string sha256, blake3;
  int64_t size = 0;
  std::string bundle;
  std::optional<std::string> checksums, checksums_signature;
};
// FILE and what is beside it. NOT_FOUND: FILE or its FILE.sigstore.json is not there.
absl::StatusOr<FileToVerify> ReadFileToVerify(const std::string& path);

struct Verified {
  std::string name, sha256;
  std::string blake3;  // empty: not known
  int64_t size = 0;
  Built built;
  ListState list = ListState::kNone;
  std::string list_comment;  // that was signed with it; not escaped
};
// DATA_LOSS: it is not what was signed. NOT_FOUND: its provenance is signed by none of these keys. FAILED_PRECONDITION:
// there are no keys.
absl::StatusOr<Verified> Verify(const FileToVerify& file, const TrustedKeys& keys);

// The provenance of `bundle` by whichever of `signers` made it; errors as those of CheckBundle.
absl::StatusOr<Built> CheckByAny(std::string_view bundle, const std::vector<Signers>& signers,
                                 const attest::Expectation& expected);

}  // namespace gofarm::install
