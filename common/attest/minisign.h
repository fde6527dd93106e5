// Signatures that the program minisign and the soar client take (https://jedisct1.github.io/minisign/): Ed25519 over
// the BLAKE2b-512 digest of a file. A public key is one line of base64: "Ed", an id of 8 bytes, the key. A signature
// file has four lines: a comment that nothing protects, base64 of "ED", id and signature, a trusted comment, and the
// signature of both. The older form, which signs the file itself ("Ed"), is neither made nor taken.
//
// The secret key is a PEM file of its own (key_file.h), not minisign's: that one asks for a password. The id is made of
// the public key, so that the PEM says all. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::attest {

inline constexpr size_t kMinisignCommentBytesMax = 512;  // of a comment that we write; the program takes 1 KiB
inline constexpr size_t kMinisignSignatureBytesMax = 16
                                                     << 10;  // of a file that we read; the program's own limit is less

class MinisignPublicKey {
 public:
  // Of the base64 line, with or without the comment line that minisign's own .pub files have above it and a newline
  // behind it. INVALID_ARGUMENT: anything else.
  static absl::StatusOr<MinisignPublicKey> Parse(std::string_view text);

  MinisignPublicKey(std::string_view id, std::string_view key) : id_(id), key_(key) {}
  std::string Line() const;   // base64 without a newline
  std::string IdHex() const;  // 16 upper-case digits; minisign prints them without leading zeros
  const std::string& id() const { return id_; }
  const std::string& key() const { return key_; }
  bool operator==(const MinisignPublicKey&) const = default;

 private:
  std::string id_, key_;  // 8 and 32 raw bytes
};

class MinisignSecretKey {
 public:
  static absl::StatusOr<MinisignSecretKey> Generate();
  // INVALID_ARGUMENT: no Ed25519 key in PEM.
  static absl::StatusOr<MinisignSecretKey> FromPem(std::string pem);

  const std::string& pem() const { return pem_; }  // secret
  const MinisignPublicKey& public_key() const { return public_key_; }

  // The signature file of `bytes`. The same arguments get the same file. INVALID_ARGUMENT: a comment that is too long,
  // or holds what is not printable.
  absl::StatusOr<std::string> Sign(std::string_view bytes, std::string_view trusted_comment,
                                   std::string_view untrusted_comment) const;

 private:
  MinisignSecretKey(std::string pem, MinisignPublicKey public_key)
      : pem_(std::move(pem)), public_key_(std::move(public_key)) {}

  std::string pem_;
  MinisignPublicKey public_key_;
};

// The trusted comment, as it stands: escape it before it is printed. INVALID_ARGUMENT: `signature` is no signature file
// of the form above. NOT_FOUND: it was made by another key. DATA_LOSS: `bytes` or the trusted comment are not what was
// signed.
absl::StatusOr<std::string> VerifyMinisign(const MinisignPublicKey& key, std::string_view bytes,
                                           std::string_view signature);

// Which key a signature file says that it is of, as MinisignPublicKey::id: whose key to look for, and no proof.
// INVALID_ARGUMENT: as above.
absl::StatusOr<std::string> MinisignKeyId(std::string_view signature);

}  // namespace gofarm::attest
