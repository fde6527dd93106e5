// The farm's keys for what it publishes: keys create, show, rotate.
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/publish_client.h"
#include "cli/publish_shapes.h"
#include "common/attest/key_file.h"
#include "common/attest/minisign.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "gofarm/v1/publish.pb.h"

namespace gofarm::cli {
namespace {

// True: it was made; false: it was there.
absl::StatusOr<bool> MakeKeyFile(const std::string& path, const std::string& pem) {
  const absl::Status stored = attest::StoreKeyFile(path, pem);
  if (absl::IsAlreadyExists(stored)) return false;
  GOFARM_RETURN_IF_ERROR(stored);
  return true;
}

std::string Validity(const v1::PublishKey& key) {
  if (key.announced()) return Cat("announced, is to sign from ", MinuteStamp(TimeOf(key.since())), " on");
  return Cat("since ", MinuteStamp(TimeOf(key.since())),
             key.has_until() ? Cat(", until ", MinuteStamp(TimeOf(key.until()))) : ", signs");
}

}  // namespace

Exit KeysCreate(const Globals& globals, const std::string& folder) {
  const std::string provenance_file = Cat(folder, "/", attest::kProvenanceKeyFile);
  const std::string minisign_file = Cat(folder, "/", attest::kMinisignKeyFile);
  GOFARM_ASSIGN_OR_RETURN(const std::string new_provenance, pki::NewKey());
  GOFARM_ASSIGN_OR_RETURN(const attest::MinisignSecretKey new_minisign, attest::MinisignSecretKey::Generate());
  // One that a call of before left alone is completed.
  GOFARM_ASSIGN_OR_RETURN(const bool made_provenance, MakeKeyFile(provenance_file, new_provenance));
  GOFARM_ASSIGN_OR_RETURN(const bool made_minisign, MakeKeyFile(minisign_file, new_minisign.pem()));
  if (!made_provenance && !made_minisign) {
    return absl::AlreadyExistsError(Cat(EscapeForPrint(folder),
                                        " has keys; what was published in their name is checked by them, so none is "
                                        "overwritten: name another folder, or see gofarm keys rotate"));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string provenance, attest::LoadKeyFile(provenance_file));
  GOFARM_ASSIGN_OR_RETURN_CTX(const std::string provenance_public, pki::P256PublicKeyPem(provenance), provenance_file);
  GOFARM_ASSIGN_OR_RETURN(std::string minisign, attest::LoadKeyFile(minisign_file));
  GOFARM_ASSIGN_OR_RETURN_CTX(const attest::MinisignSecretKey secret,
                              attest::MinisignSecretKey::FromPem(std::move(minisign)), minisign_file);
  const std::string line = secret.public_key().Line();
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field("dir", folder)
        .Field("minisign_public_key", line)
        .Field("provenance_public_key", provenance_public)
        .EndObject();
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat("minisign    ", line, "\n", provenance_public));
  PrintErr(Cat("gofarm: ", EscapeForPrint(provenance_file), " and ", EscapeForPrint(minisign_file),
               " are secret: put the same two on every coordinator of the farm, in the folder that keys_dir of "
               "[publish] names, owned by its user; keep a copy where nobody else reads\n"));
  return 0;
}

Exit KeysShow(const Globals& globals, bool public_only) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::PublishKeys keys;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).GetKeys(keys));
  if (public_only) {
    const std::string pem = SigningKey(keys, "provenance");
    if (pem.empty()) return absl::FailedPreconditionError("no provenance key of this farm signs now");
    PrintOut(EscapeForPrint(pem, /*keep_newlines=*/true));
    return 0;
  }
  if (globals.json) {
    PrintOut(PublishKeysDocument(keys));
    return 0;
  }
  std::string text;
  for (const v1::PublishKey& key : keys.keys()) {
    text += Cat(EscapeForPrint(key.kind()), ", ", Validity(key), ":\n",
                EscapeForPrint(key.public_key(), /*keep_newlines=*/true));
    if (text.back() != '\n') text += '\n';
  }
  if (!keys.index_url().empty()) text += Cat("index ", EscapeForPrint(keys.index_url()), "\n");
  PrintOut(text);
  return 0;
}

Exit KeysRotate(const Globals& globals, const KeyRotation& rotation) {
  v1::RotateKeyRequest request;
  request.set_kind(rotation.minisign ? "minisign" : "provenance");
  request.set_finish(rotation.finish);
  request.set_force(rotation.force);
  if (!rotation.overlap.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const absl::Duration overlap, DurationOf("--overlap", rotation.overlap));
    request.set_overlap_micros(absl::ToInt64Microseconds(overlap));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::RotatedKey rotated;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).RotateKey(request, rotated));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field(rotation.minisign ? "minisign_public_key" : "provenance_public_key", rotated.key().public_key())
        .Field("since", TimeOf(rotated.key().since()))
        .Field("announced", rotated.key().announced())
        .Field("file", rotated.file())
        .Field("old_file", rotated.old_file())
        .EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(EscapeForPrint(rotated.key().public_key(), /*keep_newlines=*/true));
    if (rotation.minisign) PrintOut("\n");
  }
  if (rotated.key().announced()) {
    PrintErr(
        Cat("gofarm: this minisign key is to sign from ", MinuteStamp(TimeOf(rotated.key().since())),
            " on, and the list of keys in the index tells it to gofarm install; tell it to users of soar, who keep "
            "one key only. It is ",
            EscapeForPrint(rotated.file()),
            " of the coordinator that leads: put the same file on the other coordinators. Then: gofarm keys rotate "
            "--minisign --finish\n"));
    return 0;
  }
  PrintErr(Cat("gofarm: this key signs from now on, and the old one keeps verifying; it is ",
               EscapeForPrint(rotated.file()),
               " of the coordinator that leads (the old one: ", EscapeForPrint(rotated.old_file()),
               "): put the same file on the other coordinators before one of them leads\n"));
  return 0;
}

}  // namespace gofarm::cli
