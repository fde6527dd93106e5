#include "common/digest/digest.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "common/base/hex.h"
#include "common/base/text.h"
#include "common/digest/hmac.h"

namespace gofarm::digest {
namespace {

// From FIPS 180-4 and from BLAKE3's own test vectors (input byte i is i modulo 251).
constexpr char kSha256Empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kSha256Abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kBlake3Empty[] = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
constexpr char kBlake3Vector1024[] = "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7";
constexpr char kBlake3Vector1025[] = "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444";

std::string Vector(size_t size) {
  std::string input(size, '\0');
  for (size_t i = 0; i < size; ++i) input[i] = static_cast<char>(i % 251);
  return input;
}

TEST(Sha256Test, GivesThePublishedDigests) {
  EXPECT_EQ(Sha256Hex(""), kSha256Empty);
  EXPECT_EQ(Sha256Hex("abc"), kSha256Abc);
}

TEST(Sha256Test, PiecesGiveTheDigestOfTheWholeAndTheHasherCanBeUsedAgain) {
  Sha256 hasher;
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.HexAndReset(), kSha256Abc);
  EXPECT_EQ(hasher.HexAndReset(), kSha256Empty);
}

TEST(Blake3Test, GivesThePublishedDigestsOnBothSidesOfAChunk) {
  EXPECT_EQ(Blake3Hex(""), kBlake3Empty);
  EXPECT_EQ(Blake3Hex(Vector(1024)), kBlake3Vector1024);
  EXPECT_EQ(Blake3Hex(Vector(1025)), kBlake3Vector1025);
}

TEST(Blake3Test, PiecesGiveTheDigestOfTheWholeAndTheHasherCanBeUsedAgain) {
  const std::string input = Vector(1025);
  Blake3 hasher;
  hasher.Update(std::string_view(input).substr(0, 1000));
  hasher.Update(std::string_view(input).substr(1000));
  EXPECT_EQ(hasher.HexAndReset(), kBlake3Vector1025);
  EXPECT_EQ(hasher.HexAndReset(), kBlake3Empty);
}

TEST(Blake2bTest, GivesTheDigestOfB2sum) {
  // As `printf abc | b2sum` prints it.
  EXPECT_EQ(Hex(Blake2b512("abc")),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

TEST(DigestFileTest, ReadsAFileLargerThanOneBlockOnceForBothDigests) {
  const std::string path = testing::TempDir() + "/digest_test_file";
  const std::string content = Vector(700'001);
  std::ofstream(path, std::ios::binary) << content;
  const auto digests = DigestFile(path);
  ASSERT_TRUE(digests.ok()) << digests.status();
  EXPECT_EQ(digests->size, 700'001);
  EXPECT_EQ(digests->sha256, Sha256Hex(content));
  EXPECT_EQ(digests->blake3, Blake3Hex(content));
  std::remove(path.c_str());
}

TEST(DigestFileTest, AMissingFileIsNotFoundAndNamed) {
  const auto digests = DigestFile("/nowhere/at-all");
  EXPECT_EQ(digests.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(digests.status().message()).find("/nowhere/at-all"), std::string::npos);
}

TEST(IsLowerHexTest, TakesOnlyTheExactFormOfADigest) {
  EXPECT_TRUE(IsLowerHex(kSha256Abc));
  EXPECT_FALSE(IsLowerHex(std::string(kSha256Abc).substr(1)));
  EXPECT_FALSE(IsLowerHex(Cat(std::string(63, 'a'), "A")));
  EXPECT_FALSE(IsLowerHex(Cat(std::string(63, 'a'), "/")));
}

TEST(HmacTest, GivesThePublishedCodes) {
  // RFC 4231, test cases 2 and 6; the second key is longer than a block.
  EXPECT_EQ(HmacSha256Hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HmacSha256Hex(std::string(131, '\xAA'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace gofarm::digest
