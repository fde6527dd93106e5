// What makes a file of an index, and the provenance of a program, worth believing: minisign signatures that name file
// and generation, and signed statements by the keys that the signed key list names. Pure; thread-safe.
//
// Everything that is not what was signed is DATA_LOSS, whatever is wrong with it: commands end with exit code 6 then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/attest/minisign.h"
#include "common/attest/provenance.h"
#include "common/publish/generation.h"
#include "common/publish/key_list.h"

namespace gofarm::install {

// Provenance that was made so much later than its key signed at last is taken all the same: clocks differ.
inline constexpr absl::Duration kKeyEndSlack = absl::Hours(1);

// DATA_LOSS with the message of `status`, behind "context: ". OK stays OK.
absl::Status NotAsSigned(const absl::Status& status, std::string_view context);

struct Trust {
  std::vector<attest::MinisignPublicKey> keys;  // none that has ended, as far as is known
  int64_t generation = 0;                       // the highest that was seen: lower ones hide what was withdrawn since
};

struct CheckedFile {
  publish::Generation generation;
  attest::MinisignPublicKey key{"", ""};  // that signed it
};
// `file` is the name below the index that the signature must be for.
absl::StatusOr<CheckedFile> CheckIndexFile(const Trust& trust, std::string_view file, std::string_view bytes,
                                           std::string_view signature);

// The minisign keys that sign, or will, by a list that was signed at `at`. What is no key is passed over.
std::vector<attest::MinisignPublicKey> MinisignKeys(const publish::KeyList& list, absl::Time at);
// Those that do not sign any more. CHECKSUM files of their time go on being verified by them, and no file of an index.
std::vector<attest::MinisignPublicKey> EndedMinisignKeys(const publish::KeyList& list, absl::Time at);

// Of whom a statement may be.
struct Signers {
  std::vector<publish::ListedKey> keys;  // provenance keys in PEM
  std::string builder;                   // the only one that these keys sign for; empty: not known
};
Signers SignersOf(const publish::KeyList& list);

struct Built {
  attest::Provenance provenance;
  attest::Subject subject;
  std::string key_hint;  // of the key that signed
};

// The statement of `bundle`, when one of `signers` signed it and it is what `expected` says; the builder of `expected`
// counts for nothing, that of `signers` does. NOT_FOUND: another key signed it.
absl::StatusOr<Built> CheckBundle(std::string_view bundle, const Signers& signers, attest::Expectation expected);

}  // namespace gofarm::install
