#include "cli/install/verify_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "cli/install/source.h"
#include "common/attest/checksums.h"
#include "common/attest/dsse.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"

namespace gofarm::install {
namespace {

constexpr char kPemBegin[] = "-----BEGIN";
constexpr char kChecksums[] = "CHECKSUM";

bool AddText(const std::string& text, TrustedKeys& keys) {
  if (absl::StartsWith(text, kPemBegin) && attest::KeyHint(text).ok()) {
    keys.provenance.push_back({.keys = {{.kind = publish::kProvenanceKind, .public_key = text}}});
    return true;
  }
  absl::StatusOr<attest::MinisignPublicKey> key = attest::MinisignPublicKey::Parse(text);
  if (key.ok()) keys.minisign.push_back(*std::move(key));
  return key.ok();
}

absl::StatusOr<std::optional<std::string>> ReadBeside(const std::string& path, int64_t bytes_max) {
  absl::StatusOr<std::string> text = io::ReadFile(path, bytes_max);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  return std::optional(*std::move(text));
}

absl::Status CheckList(const FileToVerify& file, const std::vector<attest::MinisignPublicKey>& keys, Verified& out) {
  if (!file.checksums) return absl::OkStatus();
  const absl::StatusOr<std::vector<attest::FileSums>> sums = attest::ParseChecksums(*file.checksums);
  if (!sums.ok()) return NotAsSigned(sums.status(), kChecksums);
  const auto listed =
      std::find_if(sums->begin(), sums->end(), [&](const attest::FileSums& one) { return one.name == file.name; });
  if (listed == sums->end()) return absl::OkStatus();
  if (listed->sha256 != file.sha256 || listed->blake3 != file.blake3) {
    return absl::DataLossError(Cat("CHECKSUM names other digests for ", EscapeForPrint(file.name)));
  }
  if (!file.checksums_signature) {
    out.list = ListState::kNotSigned;
    return absl::OkStatus();
  }
  if (keys.empty()) {
    out.list = ListState::kNotChecked;
    return absl::OkStatus();
  }
  absl::Status last;
  for (const attest::MinisignPublicKey& key : keys) {
    absl::StatusOr<std::string> comment = attest::VerifyMinisign(key, *file.checksums, *file.checksums_signature);
    if (comment.ok()) {
      out.list = ListState::kSigned;
      out.list_comment = *std::move(comment);
      return absl::OkStatus();
    }
    if (last.ok() || absl::IsNotFound(last)) last = comment.status();
  }
  return NotAsSigned(last, "CHECKSUM.minisig");
}

}  // namespace

absl::Status AddKey(const std::string& text,
                    const std::function<absl::StatusOr<std::string>(const std::string& path)>& read,
                    TrustedKeys& keys) {
  if (AddText(text, keys)) return absl::OkStatus();
  const absl::StatusOr<std::string> file = read(text);
  if (file.ok() && AddText(*file, keys)) return absl::OkStatus();
  return absl::InvalidArgumentError(Cat("key \"", EscapeAndClip(text, 200),
                                        "\" is neither a public P-256 key in PEM nor a minisign line, nor a file that "
                                        "holds one"));
}

std::string_view NameOf(ListState state) {
  switch (state) {
    case ListState::kNone:
      return "none";
    case ListState::kNotSigned:
      return "not_signed";
    case ListState::kNotChecked:
      return "not_checked";
    case ListState::kSigned:
      return "signed";
  }
  return "";
}

absl::StatusOr<FileToVerify> ReadFileToVerify(const std::string& path) {
  const size_t slash = path.rfind('/');
  FileToVerify file{.name = path.substr(slash == std::string::npos ? 0 : slash + 1)};
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  GOFARM_ASSIGN_OR_RETURN(digest::FileDigests digests, digest::DigestFile(path));
  file.sha256 = std::move(digests.sha256);
  file.blake3 = std::move(digests.blake3);
  file.size = digests.size;
  absl::StatusOr<std::string> bundle = io::ReadFile(path + ".sigstore.json", int64_t{attest::kBundleBytesMax});
  if (absl::IsNotFound(bundle.status())) {
    return absl::NotFoundError(Cat("there is no ", EscapeForPrint(path),
                                   ".sigstore.json, which says where the file comes from; gofarm artifact export "
                                   "writes it beside the program"));
  }
  if (!bundle.ok()) return bundle.status();
  file.bundle = *std::move(bundle);
  GOFARM_ASSIGN_OR_RETURN(file.checksums, ReadBeside(Cat(folder, "/", kChecksums), kSignedTextBytesMax));
  GOFARM_ASSIGN_OR_RETURN(file.checksums_signature, ReadBeside(Cat(folder, "/", kChecksums, ".minisig"),
                                                               int64_t{attest::kMinisignSignatureBytesMax}));
  return file;
}

absl::StatusOr<Built> CheckByAny(std::string_view bundle, const std::vector<Signers>& signers,
                                 const attest::Expectation& expected) {
  absl::Status last = absl::FailedPreconditionError("no key of provenance is known; name one with --key");
  for (const Signers& one : signers) {
    if (one.keys.empty()) continue;
    absl::StatusOr<Built> built = CheckBundle(bundle, one, expected);
    if (!absl::IsNotFound(built.status())) return built;
    last = built.status();
  }
  return last;
}

absl::StatusOr<Verified> Verify(const FileToVerify& file, const TrustedKeys& keys) {
  Verified out{.name = file.name, .sha256 = file.sha256, .blake3 = file.blake3, .size = file.size};
  GOFARM_ASSIGN_OR_RETURN(out.built, CheckByAny(file.bundle, keys.provenance, {.sha256 = file.sha256}));
  if (!out.built.subject.blake3.empty() && out.built.subject.blake3 != file.blake3) {
    return absl::DataLossError("provenance: it names another BLAKE3 digest");
  }
  GOFARM_RETURN_IF_ERROR(CheckList(file, keys.minisign, out));
  return out;
}

}  // namespace gofarm::install
