#include "common/attest/minisign.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/attest/base64.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/pki/signature.h"

namespace gofarm::attest {
namespace {

constexpr std::string_view kKeyMark = "Ed";
constexpr std::string_view kPrehashedMark = "ED";
constexpr std::string_view kUntrusted = "untrusted comment: ";
constexpr std::string_view kTrusted = "trusted comment: ";
constexpr size_t kMarkBytes = 2;
constexpr size_t kIdBytes = 8;
constexpr size_t kPublicKeyBytes = kMarkBytes + kIdBytes + pki::kEd25519KeyBytes;
constexpr size_t kSignatureBytes = kMarkBytes + kIdBytes + pki::kEd25519SignatureBytes;
constexpr size_t kPublicTextBytesMax = 4096;

absl::Status NoKey() {
  return absl::InvalidArgumentError("this is no minisign public key: one line of 56 characters that begins with RW");
}

absl::Status NoSignature(std::string_view why) {
  return absl::InvalidArgumentError(Cat("this is no minisign signature: ", why));
}

std::string HexOfId(std::string_view id) {
  // A number whose lowest byte comes first.
  return absl::AsciiStrToUpper(digest::Hex(std::string(id.rbegin(), id.rend())));
}

// The next line, without its end; "\r\n" ends one too.
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

absl::Status CheckComment(std::string_view which, std::string_view comment) {
  if (comment.size() > kMinisignCommentBytesMax) {
    return absl::InvalidArgumentError(
        Cat(which, " comment of ", comment.size(), " bytes, at most ", kMinisignCommentBytesMax, " are written"));
  }
  if (EscapeForPrint(comment) != comment) {
    return absl::InvalidArgumentError(Cat(which, " comment holds what is not printable: ", EscapeForPrint(comment)));
  }
  return absl::OkStatus();
}

struct SignatureFile {
  std::string id, signature, trusted_comment, global_signature;
};

absl::StatusOr<SignatureFile> ParseSignature(std::string_view text) {
  if (text.size() > kMinisignSignatureBytesMax) {
    return NoSignature(Cat("it has ", text.size(), " bytes, at most ", kMinisignSignatureBytesMax, " are read"));
  }
  std::array<std::string_view, 4> lines;
  for (std::string_view& line : lines) line = TakeLine(text);
  if (!text.empty()) return NoSignature("it has more than four lines");
  if (!absl::StartsWith(Av(lines[0]), Av(kUntrusted))) return NoSignature("its first line is no comment");
  if (!absl::StartsWith(Av(lines[2]), Av(kTrusted))) return NoSignature("its third line is no trusted comment");
  const std::optional<std::string> raw = FromBase64(lines[1]), global = FromBase64(lines[3]);
  if (!raw || raw->size() != kSignatureBytes) return NoSignature("its second line holds no signature");
  if (!global || global->size() != pki::kEd25519SignatureBytes) return NoSignature("its last line holds no signature");
  if (absl::StartsWith(*raw, Av(kKeyMark))) {
    return NoSignature("it is of the older form, without a digest; sign again with a newer minisign, without -l");
  }
  if (!absl::StartsWith(*raw, Av(kPrehashedMark))) return NoSignature("its algorithm is unknown");
  return SignatureFile{.id = raw->substr(kMarkBytes, kIdBytes),
                       .signature = raw->substr(kMarkBytes + kIdBytes),
                       .trusted_comment = std::string(lines[2].substr(kTrusted.size())),
                       .global_signature = *global};
}

}  // namespace

absl::StatusOr<MinisignPublicKey> MinisignPublicKey::Parse(std::string_view text) {
  if (text.size() > kPublicTextBytesMax) return NoKey();
  std::string_view line = TakeLine(text);
  if (absl::StartsWith(Av(line), Av(kUntrusted))) line = TakeLine(text);
  if (!text.empty()) return NoKey();
  const std::optional<std::string> raw = FromBase64(line);
  if (!raw || raw->size() != kPublicKeyBytes || !absl::StartsWith(*raw, Av(kKeyMark))) return NoKey();
  return MinisignPublicKey(raw->substr(kMarkBytes, kIdBytes), raw->substr(kMarkBytes + kIdBytes));
}

std::string MinisignPublicKey::Line() const { return Base64(Cat(kKeyMark, id_, key_)); }

std::string MinisignPublicKey::IdHex() const { return HexOfId(id_); }

absl::StatusOr<MinisignSecretKey> MinisignSecretKey::Generate() {
  GOFARM_ASSIGN_OR_RETURN(std::string pem, pki::NewEd25519Key());
  return FromPem(std::move(pem));
}

absl::StatusOr<MinisignSecretKey> MinisignSecretKey::FromPem(std::string pem) {
  GOFARM_ASSIGN_OR_RETURN(const std::string key, pki::Ed25519PublicKey(pem));
  digest::Sha256 hasher;
  hasher.Update(key);
  const std::string id = hasher.RawAndReset().substr(0, kIdBytes);
  return MinisignSecretKey(std::move(pem), MinisignPublicKey(id, key));
}

absl::StatusOr<std::string> MinisignSecretKey::Sign(std::string_view bytes, std::string_view trusted_comment,
                                                    std::string_view untrusted_comment) const {
  GOFARM_RETURN_IF_ERROR(CheckComment("trusted", trusted_comment));
  GOFARM_RETURN_IF_ERROR(CheckComment("untrusted", untrusted_comment));
  GOFARM_ASSIGN_OR_RETURN(const std::string signature, pki::SignEd25519(pem_, digest::Blake2b512(bytes)));
  GOFARM_ASSIGN_OR_RETURN(const std::string global, pki::SignEd25519(pem_, Cat(signature, trusted_comment)));
  return Cat(kUntrusted, untrusted_comment, "\n", Base64(Cat(kPrehashedMark, public_key_.id(), signature)), "\n",
             kTrusted, trusted_comment, "\n", Base64(global), "\n");
}

absl::StatusOr<std::string> VerifyMinisign(const MinisignPublicKey& key, std::string_view bytes,
                                           std::string_view signature) {
  GOFARM_ASSIGN_OR_RETURN(SignatureFile file, ParseSignature(signature));
  if (file.id != key.id()) {
    return absl::NotFoundError(
        Cat("signed by the minisign key ", HexOfId(file.id), ", and the one that is trusted is ", key.IdHex()));
  }
  if (!pki::VerifyEd25519(key.key(), digest::Blake2b512(bytes), file.signature)) {
    return absl::DataLossError("these bytes are not what was signed by minisign");
  }
  if (!pki::VerifyEd25519(key.key(), Cat(file.signature, file.trusted_comment), file.global_signature)) {
    return absl::DataLossError("the trusted comment is not what was signed by minisign");
  }
  return std::move(file.trusted_comment);
}

absl::StatusOr<std::string> MinisignKeyId(std::string_view signature) {
  GOFARM_ASSIGN_OR_RETURN(SignatureFile file, ParseSignature(signature));
  return std::move(file.id);
}

}  // namespace gofarm::attest
