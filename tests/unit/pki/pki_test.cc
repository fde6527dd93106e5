// Keys, requests, the authority and what it signs; join strings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"

namespace gofarm::pki {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class PkiTest : public ::testing::Test {
 protected:
  static Authority NewOne(std::string_view farm = "f1") { return NewAuthority(farm, kNow).value(); }
  static std::string ClientOf(const Authority& authority, const Subject& subject, const std::string& key) {
    const Request request = ReadRequest(NewRequest(key).value()).value();
    const auto issued = IssueClient(authority, request.public_key_pem, subject, kNow);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.value_or("");
  }
  // The same text with its last character but one of the body changed.
  static std::string Damaged(std::string pem) {
    const size_t at = pem.find("\n-----END") - 5;
    pem[at] = pem[at] == 'A' ? 'B' : 'A';
    return pem;
  }

  const Subject worker_{.farm = "f1", .role = Role::kWorker, .identity = 7, .name = "far-1"};
};

TEST_F(PkiTest, ARequestProvesItsKeyAndItsDigestIsThatOfTheCertificate) {
  const std::string key = NewKey().value();
  EXPECT_THAT(key, HasSubstr("BEGIN PRIVATE KEY"));
  const std::string request = NewRequest(key).value();
  const Request read = ReadRequest(request).value();
  EXPECT_EQ(read.key_digest, KeyDigest(key).value());
  const std::string certificate = ClientOf(NewOne(), worker_, key);
  EXPECT_EQ(ReadCertificate(certificate)->key_digest, read.key_digest);
  EXPECT_NE(KeyDigest(NewKey().value()).value(), read.key_digest);

  EXPECT_TRUE(absl::IsInvalidArgument(ReadRequest(Damaged(request)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRequest("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRequest(std::string(1 << 20, 'x')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NewRequest("no key").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(KeyDigest(certificate).status()));
}

TEST_F(PkiTest, KeysOfOtherKindsAreNotTaken) {
  // RSA, and EC on P-384: real requests of the openssl command.
  constexpr char kRsa[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIICRTCCAS0CAQAwADCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMGO
jyMr8odWhyuUwyCQ9qbqKCxR8tFX0PbfN3by6htHSJRYC7ahmbUE9FFQNTn1IME5
K4lOu44jE1fkB5/X9NNd9n8iCn6iuiD62eomWgD0FsaglzS3oRAGx1xFYQd+wFmo
QEpC+75/d6jl5lj3V1Kgf8EwqLIe01SQ0LnMqeC/9d/2LamMwG6O72sHKlVFrPU8
CpT1VBpu7l2D4sypjebmN0qLYv/Eb9vRH0DT3tH39PpU7VpqGWUZq5dHSrTygq3U
Gkj6FmwCoHI1WgSlEZpf/5XyZNqExtCtuJ86V+pWF4n2U96buOY/QmqUVWQpMDvW
oL5k7bCdbg643nbH+qsCAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQACTQiSmz+z
oy1rekL6ZR5cST1OWQzQ/kWUc5xOgllccyRkYC9QvfnEO6LvlLDhCg92nOZj1Qox
5v3gG99/Zb04hHK4bKgbs9BThwaI/RkHlpBxRvNDgSCww0evdJqOv1C9dyI9Oy6O
G+HP3ZfSBXHeQzlbFIM+ctP/Nu5imXZ9atFGkOzEIjNa2KNQb6cG5Bo1VD4t5f+a
qbbqPU7BDvejuUpXsMIqmEO5orKdkL39A7Lm+pCJESwRPnSqAb9x+4G4FC4s+0sU
DDn5Wa2uP62xMyIZx++LmUPV1zVwtfdWER6W0/VM2nvWBndo6yZkMMGWGXnIUNQJ
XznpkGV+sgRM
-----END CERTIFICATE REQUEST-----
)";
  constexpr char kP384[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIH4MH8CAQAwADB2MBAGByqGSM49AgEGBSuBBAAiA2IABIuSurmyLeaJpshRgJID
rudkleogPdJqdpQdTJ9OYtviw68PhY0DCfMxamjAWHLXEe7D/s9/TiuTTTKMQSoe
u3EzYe8BVKEb35tm7AkE9lVMHfZhVOG+7oJxmU80qnHdCaAAMAoGCCqGSM49BAMC
A2kAMGYCMQCd9Fz0ZAdgN8zzkd1DFOrK73eS+SJfx2t6uIa+Gu/G6MY4Y0hQ06hq
Dzx+Z4i3sfECMQCmXsldn/Ge6NExKToym8AcvuWDW2+KZqaXQ3aHzS6yRX0sVICx
RBRDR8vCnpkp6DQ=
-----END CERTIFICATE REQUEST-----
)";
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRequest(kRsa).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadRequest(kP384).status()));
}

TEST_F(PkiTest, AClientsCertificateSaysWhoItIsForHowLongAndInWhichFarm) {
  const Authority authority = NewOne();
  const std::string key = NewKey().value();
  for (const Role role : {Role::kWorker, Role::kViewer, Role::kOperator, Role::kAdmin}) {
    const Subject subject{.farm = "f1", .role = role, .identity = 9, .name = "ann_b.c-d"};
    const absl::StatusOr<Certificate> seen =
        Verify(ClientOf(authority, subject, key), authority.certificate, Use::kClient, kNow);
    ASSERT_TRUE(seen.ok()) << seen.status();
    EXPECT_EQ(seen->subject, subject);
    EXPECT_EQ(seen->not_after, kNow + LifeOf(role));
    EXPECT_EQ(seen->not_before, kNow - kBackdated);
  }
}

TEST_F(PkiTest, ASubjectThatCannotBeWrittenDownGetsNoCertificate) {
  const Authority authority = NewOne();
  const std::string key = ReadRequest(NewRequest(NewKey().value()).value())->public_key_pem;
  for (const char* name : {"", "a/b", "a,URI:gofarm://f1/admin/1/x", "a b", "a\nb", "\xc3\xa4"}) {
    Subject subject = worker_;
    subject.name = name;
    EXPECT_TRUE(absl::IsInvalidArgument(IssueClient(authority, key, subject, kNow).status())) << name;
  }
  Subject nobody = worker_;
  nobody.role = Role::kNone;
  EXPECT_TRUE(absl::IsInvalidArgument(IssueClient(authority, key, nobody, kNow).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(IssueClient(authority, "", worker_, kNow).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NewAuthority("a/b", kNow).status()));
}

TEST_F(PkiTest, OnlyWhatThisAuthoritySignedForThisUseIsTaken) {
  const Authority mine = NewOne(), other = NewOne();  // the same farm id: a rebuilt farm
  const std::string key = NewKey().value();
  const std::string client = ClientOf(mine, worker_, key);
  const std::string server = IssueServer(mine, key, "f1", {"farm.example"}, kNow).value();

  EXPECT_TRUE(Verify(client, mine.certificate, Use::kClient, kNow).ok());
  EXPECT_TRUE(Verify(server, mine.certificate, Use::kServer, kNow).ok());
  // Two authorities while one is exchanged for the other.
  EXPECT_TRUE(Verify(client, other.certificate + mine.certificate, Use::kClient, kNow).ok());

  for (const auto& [what, trusted, use] : {std::tuple{client, other.certificate, Use::kClient},
                                           {client, mine.certificate, Use::kServer},
                                           {server, mine.certificate, Use::kClient},
                                           {mine.certificate, mine.certificate, Use::kClient},
                                           {Damaged(client), mine.certificate, Use::kClient},
                                           {client, std::string(), Use::kClient},
                                           {std::string("rubbish"), mine.certificate, Use::kClient}}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Verify(what, trusted, use, kNow).status()));
  }
  // A client's certificate is no authority: what it signs is worth nothing.
  const std::string forged = IssueClient({.key = key, .certificate = client},
                                         ReadRequest(NewRequest(key).value())->public_key_pem, worker_, kNow)
                                 .value();
  EXPECT_TRUE(absl::IsUnauthenticated(Verify(forged, mine.certificate, Use::kClient, kNow).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Verify(forged, mine.certificate + client, Use::kClient, kNow).status()));
}

TEST_F(PkiTest, ClocksMayDifferByTenMinutesAndMoreIsNamed) {
  const Authority authority = NewOne();
  const std::string certificate = ClientOf(authority, worker_, NewKey().value());
  const auto at = [&](absl::Time now) {
    return Verify(certificate, authority.certificate, Use::kClient, now).status();
  };
  EXPECT_TRUE(at(kNow - kBackdated - kSkewMax).ok());
  EXPECT_TRUE(at(kNow + kWorkerLife + kSkewMax).ok());
  const absl::Status early = at(kNow - kBackdated - kSkewMax - absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnauthenticated(early));
  EXPECT_THAT(Message(early), HasSubstr("the certificate of far-1 is valid from 2027-01-15 07:45:00 UTC"));
  EXPECT_THAT(Message(early), HasSubstr("set the clocks"));
  const absl::Status late = at(kNow + kWorkerLife + kSkewMax + absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnauthenticated(late));
  EXPECT_THAT(Message(late), HasSubstr("ran out at 2027-01-16 08:00:00 UTC"));
}

TEST_F(PkiTest, AServersCertificateHasTheFarmsNameAndThosePeopleUse) {
  const Authority authority = NewOne();
  const std::string key = NewKey().value();
  const std::string certificate =
      IssueServer(authority, key, "f1", {"farm.example", "10.77.3.1", "fd00::1"}, kNow).value();
  EXPECT_THAT(ReadCertificate(certificate)->names,
              ElementsAre("f1.gofarm.internal", "farm.example", "10.77.3.1", "fd00::1"));
  for (const char* name : {"", "a,DNS:evil.example", "*.example", "farm example", "10.77.3.1:7443"}) {
    const absl::Status refused = IssueServer(authority, key, "f1", {name}, kNow).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << name;
    EXPECT_THAT(Message(refused), HasSubstr("neither a host name nor an address"));
  }
}

TEST_F(PkiTest, AnAuthorityWhoseKeyIsAnothersSignsNothing) {
  const Authority one = NewOne(), two = NewOne();
  const absl::Status refused =
      IssueServer({.key = one.key, .certificate = two.certificate}, NewKey().value(), "f1", {}, kNow).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(Message(refused), HasSubstr("do not belong together"));
}

TEST(JoinStringTest, SaysWhereTheFarmIsWhoItIsAndWhatLetsIn) {
  const JoinString join{.addresses = {"farm.example:7443", "[fd00::1]:7443"},
                        .authority_sha256 = std::string(64, 'a'),
                        .secret = NewSecret().value()};
  const std::string text = Encode(join);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(DecodeJoin(text).value(), join);
  EXPECT_EQ(DecodeJoin(" " + text + "\n").value(), join);
  EXPECT_NE(NewSecret().value(), NewSecret().value());
}

TEST(JoinStringTest, WhatIsDamagedIsNamedAndNothingOfItIsRepeated) {
  const std::string digest(64, 'a'), secret(43, 'S');
  const std::string addresses = "ZmFybTo3NDQz";  // farm:7443
  ASSERT_TRUE(DecodeJoin(Cat("gofarm1.", addresses, ".", digest, ".", secret)).ok());
  for (const std::string& text :
       {std::string(), std::string("gofarm1"), Cat("gofarm2.", addresses, ".", digest, ".", secret),
        Cat("gofarm1..", digest, ".", secret), Cat("gofarm1.!!!.", digest, ".", secret),
        Cat("gofarm1.YQpi.", digest, ".", secret), Cat("gofarm1.", addresses, ".", digest.substr(1), ".", secret),
        Cat("gofarm1.", addresses, ".", digest, ".short"), Cat("gofarm1.", addresses, ".", digest, ".", secret, "+"),
        Cat("gofarm1.", addresses, ".", digest, ".", secret, ".more"), std::string(10'000, 'S')}) {
    const absl::Status refused = DecodeJoin(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << text;
    EXPECT_THAT(Message(refused), HasSubstr("gofarm token create"));
    EXPECT_EQ(Message(refused).find("SSSS"), std::string::npos);
  }
}

}  // namespace
}  // namespace gofarm::pki
