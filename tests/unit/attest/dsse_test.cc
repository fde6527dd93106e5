#include "common/attest/dsse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

struct KeyPair {
  std::string secret = pki::NewKey().value();
  std::string open = pki::P256PublicKeyPem(secret).value();
};

class DsseTest : public ::testing::Test {
 protected:
  Envelope Signed() { return SignEnvelope(key_.secret, kInTotoPayloadType, payload_).value(); }
  absl::StatusOr<VerifiedPayload> Verified(const Envelope& envelope) {
    return VerifyBundle(BundleJson(envelope), {other_.open, key_.open});
  }
  const KeyPair key_{}, other_{};
  const std::string payload_ = R"({"_type":"x"})";
};

TEST_F(DsseTest, TheSignedBytesAreThoseOfTheProtocolsOwnExample) {
  EXPECT_EQ(PreAuthEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(PreAuthEncoding("", ""), "DSSEv1 0  0 ");
}

TEST_F(DsseTest, ABundleIsVerifiedByOneOfSeveralKeys) {
  const auto verified = Verified(Signed());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->payload, payload_);
  EXPECT_EQ(verified->key_hint, KeyHint(key_.open).value());
  EXPECT_EQ(ParseBundle(BundleJson(Signed()))->payload, payload_);
}

TEST_F(DsseTest, TheSameEnvelopeGivesTheSameBytesAndTheHintIsTheKeysDigest) {
  const Envelope envelope{.payload_type = "t", .payload = "p", .signature = "s", .key_hint = "h"};
  EXPECT_EQ(EnvelopeJson(envelope),
            "{\"payload\":\"cA==\",\"payloadType\":\"t\",\"signatures\":[{\"keyid\":\"\",\"sig\":\"cw==\"}]}\n");
  EXPECT_EQ(BundleJson(envelope),
            "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"verificationMaterial\":{\"publicKey\":"
            "{\"hint\":\"h\"},\"tlogEntries\":[]},\"dsseEnvelope\":{\"payload\":\"cA==\",\"payloadType\":\"t\","
            "\"signatures\":[{\"keyid\":\"\",\"sig\":\"cw==\"}]}}\n");
  EXPECT_EQ(ParseBundle(BundleJson(envelope)).value(), envelope);
  EXPECT_EQ(pki::PublicKeyDigest(key_.open).value(), pki::KeyDigest(key_.secret).value());
  EXPECT_EQ(KeyHint(key_.open)->size(), 44u);
}

TEST_F(DsseTest, WhatWasChangedIsRefused) {
  Envelope envelope = Signed();
  envelope.payload += " ";
  EXPECT_EQ(Verified(envelope).status().code(), absl::StatusCode::kDataLoss);
  envelope = Signed();
  envelope.signature = SignEnvelope(key_.secret, kInTotoPayloadType, "another")->signature;
  EXPECT_EQ(Verified(envelope).status().code(), absl::StatusCode::kDataLoss);
  envelope = Signed();
  envelope.signature.back() = static_cast<char>(envelope.signature.back() ^ 1);
  EXPECT_EQ(Verified(envelope).status().code(), absl::StatusCode::kDataLoss);
  // Signed under another type: the signature holds for that one only.
  envelope = SignEnvelope(key_.secret, "text/plain", payload_).value();
  EXPECT_EQ(Verified(envelope).status().code(), absl::StatusCode::kInvalidArgument);
  envelope.payload_type = kInTotoPayloadType;
  EXPECT_EQ(Verified(envelope).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(DsseTest, AnotherKeyIsToldFromADamagedStatementAndAHintIsNoProof) {
  const std::string bundle = BundleJson(Signed());
  const auto unknown = VerifyBundle(bundle, {other_.open});
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(unknown.status()), HasSubstr(KeyHint(key_.open).value()));
  EXPECT_EQ(VerifyBundle(bundle, {}).status().code(), absl::StatusCode::kNotFound);
  Envelope posing = Signed();
  posing.key_hint = KeyHint(other_.open).value();
  EXPECT_EQ(VerifyBundle(BundleJson(posing), {other_.open}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Verified(posing).ok());
}

TEST_F(DsseTest, OnlyP256KeysAreTakenAndNotTooMany) {
  const std::string bundle = BundleJson(Signed());
  const std::string ed25519 = pki::NewEd25519Key().value();
  EXPECT_EQ(SignEnvelope(ed25519, kInTotoPayloadType, payload_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SignEnvelope("", kInTotoPayloadType, payload_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VerifyBundle(bundle, {key_.secret}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VerifyBundle(bundle, {"garbage"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(VerifyBundle(bundle, std::vector<std::string>(kVerifyKeysMax, key_.open)).ok());
  EXPECT_EQ(VerifyBundle(bundle, std::vector<std::string>(kVerifyKeysMax + 1, key_.open)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DsseTest, WhatIsNoBundleIsRefusedWithTheReason) {
  const std::string good =
      BundleJson({.payload_type = std::string(kInTotoPayloadType), .payload = "p", .signature = "s", .key_hint = "h"});
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = absl::StrReplaceAll(good, {{Av(from), Av(to)}});
    EXPECT_NE(changed, good) << from;
    return changed;
  };
  for (const auto& [bundle, why] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"[]", ""},
           {"{}", "mediaType"},
           {with("v0.3", "v0.1"), "media type"},
           {with("publicKey", "certificate"), "publicKey"},
           {with("\"payload\":\"cA==\"", "\"payload\":\"cA\""), "payload"},
           {with("\"payload\":\"cA==\"", "\"payload\":\"\""), "payload"},
           {with("\"payload\":\"cA==\"", "\"payload\":7"), "payload"},
           {with("\"sig\":\"cw==\"", "\"sig\":\" cw==\""), "signature"},
           {with("\"sig\":\"cw==\"", "\"sig\":\"\""), "signature"},
           {with("[{\"keyid\":\"\",\"sig\":\"cw==\"}]", "[]"), "0 signatures"},
           {with("{\"keyid\":\"\",\"sig\":\"cw==\"}", "{\"sig\":\"cw==\"},{\"sig\":\"cw==\"}"), "2 signatures"},
           {std::string(kBundleBytesMax + 1, ' '), "at most"}}) {
    const auto refused = ParseBundle(bundle);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << bundle.substr(0, 300);
    EXPECT_THAT(Message(refused.status()), HasSubstr(why)) << bundle.substr(0, 300);
  }
}

TEST_F(DsseTest, AStatementThatNobodyWouldReadIsNotSigned) {
  EXPECT_EQ(SignEnvelope(key_.secret, kInTotoPayloadType, std::string(kStatementBytesMax + 1, ' ')).status().code(),
            absl::StatusCode::kResourceExhausted);
  // The largest one fits into the largest bundle.
  const Envelope largest = SignEnvelope(key_.secret, kInTotoPayloadType, std::string(kStatementBytesMax, ' ')).value();
  EXPECT_EQ(Verified(largest).value().payload.size(), kStatementBytesMax);
}

TEST(SignatureTest, Ed25519IsThatOfRfc8032) {
  // Section 7.1, test 2.
  const std::string key = absl::HexStringToBytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string signature = absl::HexStringToBytes(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(pki::VerifyEd25519(key, "\x72", signature));
  EXPECT_FALSE(pki::VerifyEd25519(key, "\x73", signature));
  EXPECT_FALSE(pki::VerifyEd25519(key.substr(1), "\x72", signature));
  EXPECT_FALSE(pki::VerifyEd25519(key, "\x72", signature.substr(1)));
}

TEST(SignatureTest, KeysOfOneKindAreNotTakenForTheOther) {
  const std::string ed25519 = pki::NewEd25519Key().value(), p256 = pki::NewKey().value();
  EXPECT_EQ(pki::SignEd25519(p256, "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pki::Ed25519PublicKey(p256).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pki::SignP256(ed25519, "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pki::P256PublicKeyPem(ed25519).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pki::SignEd25519(ed25519, "x").value(), pki::SignEd25519(ed25519, "x").value());
  EXPECT_NE(pki::SignP256(p256, "x").value(), pki::SignP256(p256, "x").value());
}

}  // namespace
}  // namespace gofarm::attest
