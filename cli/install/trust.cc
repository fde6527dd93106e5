#include "cli/install/trust.h"

#include <algorithm>
#include <utility>

#include "common/attest/dsse.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::install {
namespace {

std::string KeyIds(const std::vector<attest::MinisignPublicKey>& keys) {
  std::string ids;
  for (const attest::MinisignPublicKey& key : keys) ids += Cat(ids.empty() ? "" : ", ", key.IdHex());
  return ids;
}

struct Signature {
  attest::MinisignPublicKey key;
  std::string comment;
};

// Of the first key that made it; NOT_FOUND when none did.
absl::StatusOr<Signature> VerifyByAny(const std::vector<attest::MinisignPublicKey>& keys, std::string_view bytes,
                                      std::string_view signature) {
  absl::Status last = absl::NotFoundError(
      "the minisign key that is known for this index has ended; name the one that signs now with --key");
  for (const attest::MinisignPublicKey& key : keys) {
    absl::StatusOr<std::string> comment = attest::VerifyMinisign(key, bytes, signature);
    if (comment.ok()) return Signature{.key = key, .comment = *std::move(comment)};
    if (!absl::IsNotFound(comment.status())) return comment.status();
    last =
        absl::NotFoundError(keys.size() == 1 ? comment.status().message()
                                             : absl::string_view("it is signed by none of the trusted minisign keys"));
  }
  return keys.size() > 1 ? absl::NotFoundError(Cat(Sv(last.message()), " ", KeyIds(keys))) : last;
}

std::vector<attest::MinisignPublicKey> ListedMinisign(const publish::KeyList& list, absl::Time at, bool ended) {
  std::vector<attest::MinisignPublicKey> keys;
  for (const publish::ListedKey& listed : list.keys) {
    if (listed.kind != publish::kMinisignKind || (listed.until && *listed.until <= at) != ended) continue;
    absl::StatusOr<attest::MinisignPublicKey> key = attest::MinisignPublicKey::Parse(listed.public_key);
    if (key.ok()) keys.push_back(*std::move(key));
  }
  return keys;
}

const publish::ListedKey* KeyOfHint(const Signers& signers, std::string_view hint) {
  for (const publish::ListedKey& key : signers.keys) {
    const absl::StatusOr<std::string> its = attest::KeyHint(key.public_key);
    if (its.ok() && *its == hint) return &key;
  }
  return nullptr;
}

}  // namespace

absl::Status NotAsSigned(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::DataLossError(Cat(context, ": ", Sv(status.message())));
}

absl::StatusOr<CheckedFile> CheckIndexFile(const Trust& trust, std::string_view file, std::string_view bytes,
                                           std::string_view signature) {
  absl::StatusOr<Signature> by = VerifyByAny(trust.keys, bytes, signature);
  if (!by.ok()) return NotAsSigned(by.status(), file);
  const absl::StatusOr<publish::SignedAs> signed_as = publish::ParseTrustedComment(by->comment);
  if (!signed_as.ok()) return NotAsSigned(signed_as.status(), file);
  if (signed_as->file != file) {
    return absl::DataLossError(Cat(file, ": it was signed as another file, ", signed_as->file));
  }
  const publish::Generation& generation = signed_as->generation;
  if (generation.number < trust.generation) {
    return absl::DataLossError(Cat(file, " is of generation ", generation.number, " (", FormatUtc(generation.time),
                                   "), and generation ", trust.generation,
                                   " was seen before: an older index hides what was withdrawn since"));
  }
  return CheckedFile{.generation = generation, .key = std::move(by->key)};
}

std::vector<attest::MinisignPublicKey> MinisignKeys(const publish::KeyList& list, absl::Time at) {
  return ListedMinisign(list, at, false);
}

std::vector<attest::MinisignPublicKey> EndedMinisignKeys(const publish::KeyList& list, absl::Time at) {
  return ListedMinisign(list, at, true);
}

Signers SignersOf(const publish::KeyList& list) {
  Signers signers{.builder = list.builder};
  for (const publish::ListedKey& key : list.keys) {
    if (key.kind == publish::kProvenanceKind && attest::KeyHint(key.public_key).ok()) signers.keys.push_back(key);
  }
  // Those that sign now first: a list may have more than are tried.
  std::stable_sort(signers.keys.begin(), signers.keys.end(), [](const auto& a, const auto& b) {
    return a.until.value_or(absl::InfiniteFuture()) > b.until.value_or(absl::InfiniteFuture());
  });
  if (signers.keys.size() > attest::kVerifyKeysMax) signers.keys.resize(attest::kVerifyKeysMax);
  return signers;
}

absl::StatusOr<Built> CheckBundle(std::string_view bundle, const Signers& signers, attest::Expectation expected) {
  constexpr std::string_view kContext = "provenance";
  std::vector<std::string> pems;
  for (const publish::ListedKey& key : signers.keys) pems.push_back(key.public_key);
  absl::StatusOr<attest::VerifiedPayload> payload = attest::VerifyBundle(bundle, pems);
  if (absl::IsNotFound(payload.status())) return payload.status();
  if (!payload.ok()) return NotAsSigned(payload.status(), kContext);
  absl::StatusOr<attest::Provenance> provenance = attest::ParseStatement(payload->payload);
  if (!provenance.ok()) return NotAsSigned(provenance.status(), kContext);
  expected.builder_id = signers.builder.empty() ? provenance->builder_id : signers.builder;
  absl::StatusOr<attest::Subject> subject = attest::CheckProvenance(*provenance, expected);
  if (!subject.ok()) return NotAsSigned(subject.status(), kContext);
  const publish::ListedKey* const key = KeyOfHint(signers, payload->key_hint);
  if (key != nullptr && key->until && provenance->finished_on > *key->until + kKeyEndSlack) {
    return absl::DataLossError(Cat("provenance: its key signed until ", FormatUtc(*key->until),
                                   ", and it is of a build that ended at ", FormatUtc(provenance->finished_on)));
  }
  return Built{
      .provenance = *std::move(provenance), .subject = *std::move(subject), .key_hint = std::move(payload->key_hint)};
}

}  // namespace gofarm::install
