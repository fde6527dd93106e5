// Every byte of what is read from outside, changed in turn: nothing that is signed changes unseen, and nothing breaks.
#include <gtest/gtest.h>

#include <functional>

#include "common/attest/checksums.h"
#include "common/attest/dsse.h"
#include "common/attest/minisign.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "tests/unit/attest/example.h"

namespace gofarm::attest {
namespace {

// Other bits, and bytes with a meaning in JSON, base64 or lines.
constexpr std::string_view kBytes("\x00\x01\n\r \"\\{}[],:=+/AZaz09\x7f\xff", 24);

// Calls `check` with each byte replaced by a few others, with it left out, and with the text cut there.
void ForEachChange(const std::string& text, const std::function<void(const std::string&)>& check) {
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    for (const char byte : {static_cast<char>(text[at] ^ 1), kBytes[at % kBytes.size()]}) {
      changed[at] = byte;
      if (changed != text) check(changed);
    }
    check(text.substr(0, at) + text.substr(at + 1));
    check(text.substr(0, at));
  }
}

TEST(FlippedTest, ABundleIsWhatWasSignedOrRefused) {
  const std::string secret = pki::NewKey().value(), open = pki::P256PublicKeyPem(secret).value();
  const std::string payload = R"({"a":[1,2]})";
  const std::string bundle = BundleJson(SignEnvelope(secret, kInTotoPayloadType, payload).value());
  int taken = 0;
  ForEachChange(bundle, [&](const std::string& changed) {
    const auto verified = VerifyBundle(changed, {open});
    if (!verified.ok()) return;
    ++taken;
    EXPECT_EQ(verified->payload, payload) << changed;
  });
  EXPECT_GT(taken, 0) << "the hint and fields that nobody reads may change";
}

TEST(FlippedTest, AMinisignSignatureIsWhatWasSignedOrRefused) {
  const MinisignSecretKey key = MinisignSecretKey::Generate().value();
  const std::string signature = key.Sign("bytes", "trusted", "untrusted").value();
  ForEachChange(signature, [&](const std::string& changed) {
    const auto verified = VerifyMinisign(key.public_key(), "bytes", changed);
    if (verified.ok()) {
      EXPECT_EQ(*verified, "trusted") << changed;
    }
  });
  ForEachChange("bytes", [&](const std::string& changed) {
    EXPECT_EQ(VerifyMinisign(key.public_key(), changed, signature).status().code(), absl::StatusCode::kDataLoss);
  });
  ForEachChange(key.public_key().Line(), [&](const std::string& changed) {
    const auto read = MinisignPublicKey::Parse(changed);
    if (read.ok()) {
      EXPECT_FALSE(VerifyMinisign(*read, "bytes", signature).ok()) << changed;
    }
  });
}

TEST(FlippedTest, AStatementIsReadAsItIsWrittenOrRefused) {
  const std::string statement = ToStatement(HeyProvenance()).value();
  int taken = 0;
  ForEachChange(statement, [&](const std::string& changed) {
    const auto read = ParseStatement(changed);
    if (!read.ok()) return;
    ++taken;
    // What was read is whole, so it can be written and is the same again.
    const auto written = ToStatement(*read);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(ParseStatement(*written).value(), *read);
  });
  EXPECT_GT(taken, 0);
}

TEST(FlippedTest, AChecksumFileIsReadAsItIsWrittenOrRefused) {
  const std::string text = ChecksumFile({{.name = "hey", .sha256 = DigestNumber(1), .blake3 = DigestNumber(2)},
                                         {.name = "LICENSE", .sha256 = DigestNumber(3), .blake3 = DigestNumber(4)}})
                               .value();
  ForEachChange(text, [&](const std::string& changed) {
    const auto read = ParseChecksums(changed);
    if (read.ok()) {
      EXPECT_EQ(ParseChecksums(ChecksumFile(*read).value()).value(), *read) << changed;
    }
  });
}

}  // namespace
}  // namespace gofarm::attest
