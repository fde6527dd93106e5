#include "common/attest/dsse.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/attest/base64.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"
#include "common/json/writer.h"
#include "common/pki/signature.h"

namespace gofarm::attest {
namespace bundle_form {

struct Signature {
  std::string sig;
};

struct DsseEnvelope {
  std::string payload, payload_type;
  std::vector<Signature> signatures;
};

struct PublicKey {
  std::string hint;
};

struct Material {
  PublicKey public_key;
};

struct Bundle {
  std::string media_type;
  Material material;
  DsseEnvelope envelope;
};

template <typename Form, json::Is<Signature> S>
void Fields(Form& form, S& s) {
  form.Field("sig", s.sig);
}

template <typename Form, json::Is<DsseEnvelope> E>
void Fields(Form& form, E& e) {
  form.Field("payload", e.payload);
  form.Field("payloadType", e.payload_type);
  form.Field("signatures", e.signatures);
}

template <typename Form, json::Is<PublicKey> K>
void Fields(Form& form, K& k) {
  form.Field("hint", k.hint);
}

template <typename Form, json::Is<Material> M>
void Fields(Form& form, M& m) {
  form.Field("publicKey", m.public_key);
}

template <typename Form, json::Is<Bundle> B>
void Fields(Form& form, B& b) {
  form.Field("mediaType", b.media_type);
  form.Field("verificationMaterial", b.material);
  form.Field("dsseEnvelope", b.envelope);
}

}  // namespace bundle_form

namespace {

absl::Status NoBundle(std::string_view why) {
  return absl::InvalidArgumentError(Cat("this is no signed provenance (sigstore bundle v0.3 of a key): ", why));
}

void WriteEnvelope(JsonWriter& json, const Envelope& envelope) {
  json.BeginObject();
  json.Field("payload", Base64(envelope.payload));
  json.Field("payloadType", envelope.payload_type);
  json.Key("signatures").BeginArray().BeginObject();
  json.Field("keyid", "");
  json.Field("sig", Base64(envelope.signature));
  json.EndObject().EndArray().EndObject();
}

}  // namespace

std::string PreAuthEncoding(std::string_view payload_type, std::string_view payload) {
  return Cat("DSSEv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ", payload);
}

absl::StatusOr<std::string> KeyHint(std::string_view public_key_pem) {
  GOFARM_ASSIGN_OR_RETURN(const std::string hex, pki::PublicKeyDigest(public_key_pem));
  return Base64(absl::HexStringToBytes(hex));
}

absl::StatusOr<Envelope> SignEnvelope(std::string_view key_pem, std::string_view payload_type,
                                      std::string_view payload) {
  if (payload.size() > kStatementBytesMax) {
    return absl::ResourceExhaustedError(
        Cat("sign a statement of ", payload.size(), " bytes: at most ", kStatementBytesMax, " are signed"));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string public_key, pki::P256PublicKeyPem(key_pem));
  Envelope envelope{.payload_type = std::string(payload_type), .payload = std::string(payload)};
  GOFARM_ASSIGN_OR_RETURN(envelope.key_hint, KeyHint(public_key));
  GOFARM_ASSIGN_OR_RETURN(envelope.signature, pki::SignP256(key_pem, PreAuthEncoding(payload_type, payload)));
  return envelope;
}

std::string EnvelopeJson(const Envelope& envelope) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  WriteEnvelope(json, envelope);
  return json.Take() + "\n";
}

std::string BundleJson(const Envelope& envelope) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject();
  json.Field("mediaType", kBundleMediaType);
  json.Key("verificationMaterial").BeginObject();
  json.Key("publicKey").BeginObject().Field("hint", envelope.key_hint).EndObject();
  json.Key("tlogEntries").BeginArray().EndArray();
  json.EndObject();
  json.Key("dsseEnvelope");
  WriteEnvelope(json, envelope);
  json.EndObject();
  return json.Take() + "\n";
}

absl::StatusOr<Envelope> ParseBundle(std::string_view bundle) {
  if (bundle.size() > kBundleBytesMax) {
    return NoBundle(Cat("it has ", bundle.size(), " bytes, at most ", kBundleBytesMax, " are read"));
  }
  bundle_form::Bundle form;
  const absl::Status read = json::Read(bundle, json::Rule::kStrict, form);
  if (!read.ok()) return NoBundle(EscapeAndClip(Sv(read.message()), 400));
  if (form.media_type != kBundleMediaType) {
    return NoBundle(Cat("its media type is \"", EscapeAndClip(form.media_type, 100), "\""));
  }
  if (form.envelope.signatures.size() != 1) {
    return NoBundle(Cat("it holds ", form.envelope.signatures.size(), " signatures, expected 1"));
  }
  std::optional<std::string> payload = FromBase64(form.envelope.payload);
  std::optional<std::string> signature = FromBase64(form.envelope.signatures[0].sig);
  if (!payload || payload->empty() || payload->size() > kStatementBytesMax) return NoBundle("it holds no payload");
  if (!signature || signature->empty()) return NoBundle("it holds no signature");
  return Envelope{.payload_type = std::move(form.envelope.payload_type),
                  .payload = *std::move(payload),
                  .signature = *std::move(signature),
                  .key_hint = std::move(form.material.public_key.hint)};
}

absl::StatusOr<VerifiedPayload> VerifyBundle(std::string_view bundle, absl::Span<const std::string> public_key_pems) {
  if (public_key_pems.size() > kVerifyKeysMax) {
    return absl::InvalidArgumentError(
        Cat("verify provenance by ", public_key_pems.size(), " keys: at most ", kVerifyKeysMax, " are tried"));
  }
  GOFARM_ASSIGN_OR_RETURN(Envelope envelope, ParseBundle(bundle));
  if (envelope.payload_type != kInTotoPayloadType) {
    return NoBundle(Cat("its payload is of type \"", EscapeAndClip(envelope.payload_type, 100), "\""));
  }
  const std::string signed_bytes = PreAuthEncoding(envelope.payload_type, envelope.payload);
  bool named = false;
  for (const std::string& pem : public_key_pems) {
    GOFARM_ASSIGN_OR_RETURN(const std::string hint, KeyHint(pem));
    named = named || hint == envelope.key_hint;
    // The hint is not signed, so it chooses the message and not the key.
    GOFARM_ASSIGN_OR_RETURN(const bool good, pki::VerifyP256(pem, signed_bytes, envelope.signature));
    if (good) return VerifiedPayload{.payload = std::move(envelope.payload), .key_hint = hint};
  }
  if (named) return absl::DataLossError("the provenance is not what was signed: its signature does not fit");
  return absl::NotFoundError(Cat("the provenance is signed by a key that is not trusted (hint ",
                                 EscapeAndClip(envelope.key_hint, 100), "); trusted are ", public_key_pems.size()));
}

}  // namespace gofarm::attest
