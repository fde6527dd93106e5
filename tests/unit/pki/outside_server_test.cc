// A server's certificate of somebody else's authority, and bundles of authorities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"
#include "tests/support/outside_chain.h"

namespace gofarm::pki {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class OutsideServerTest : public ::testing::Test {
 protected:
  absl::Status Check(const std::string& chain, const std::string& key, const std::string& authorities,
                     const std::vector<std::string>& names = {"farm.corp.example"}, absl::Time now = kNow) {
    return CheckOutsideServer(chain, key, authorities, names, now).status();
  }
  const testing::OutsideChain made_ = testing::MakeOutsideChain({"farm.corp.example", "10.1.2.3"}, kNow);
};

TEST_F(OutsideServerTest, AChainThatEndsAtAnAuthorityIsTakenWithItsRoot) {
  const auto taken = CheckOutsideServer(made_.chain, made_.key, made_.root, {"elsewhere.example", "10.1.2.3"}, kNow);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->root, made_.root);
  EXPECT_EQ(taken->not_after, kNow + absl::Hours(24));
  // Among others of the bundle it is still the one that the chain ends at.
  const std::string other = NewAuthority("f1", kNow)->certificate;
  EXPECT_EQ(CheckOutsideServer(made_.chain, made_.key, other + made_.root, {"10.1.2.3"}, kNow)->root, made_.root);
}

TEST_F(OutsideServerTest, EachFaultIsNamed) {
  const struct {
    absl::Status said;
    std::string words;
  } cases[] = {
      {Check(made_.chain, NewKey().value(), made_.root), "the key is not that of the certificate"},
      {Check(made_.chain, "no key", made_.root), "the key is not that of the certificate"},
      {Check(made_.server, made_.key, made_.root), "unable to get local issuer"},
      {Check(made_.chain, made_.key, NewAuthority("f1", kNow)->certificate), "not good by the authorities"},
      {Check(made_.chain, made_.key, "rubbish"), "the authorities: this is no certificate"},
      {Check("rubbish", made_.key, made_.root), "the certificate: this is no certificate"},
      {Check(made_.chain, made_.key, made_.root, {"farm.corp.example"}, kNow + absl::Hours(25)), "expired"},
      {Check(made_.chain, made_.key, made_.root, {"farm.other.example"}), "none of the names"},
      {Check(made_.chain, made_.key, made_.root, {}), "none of the names"},
  };
  for (const auto& [said, words] : cases) {
    EXPECT_TRUE(absl::IsFailedPrecondition(said)) << said;
    EXPECT_THAT(std::string(said.message()), HasSubstr(words));
  }
}

TEST(BundleTest, OneIsFoundByItsFingerprintAndTooManyAreRefused) {
  const std::string one = NewAuthority("f1", kNow)->certificate, two = NewAuthority("f2", kNow)->certificate;
  const std::string bundle = Cat("# first\n", one, "# second\n", two);
  EXPECT_THAT(SplitCertificates(bundle).value(), SizeIs(2));
  EXPECT_EQ(CertificateWith(Fingerprint(two).value(), bundle).value(), two);
  EXPECT_TRUE(absl::IsNotFound(CertificateWith(Fingerprint(two).value(), one).status()));
  EXPECT_TRUE(absl::IsNotFound(CertificateWith("", "").status()));
  std::string many;
  for (int i = 0; i <= kAuthoritiesMax; ++i) many += one;
  EXPECT_TRUE(absl::IsInvalidArgument(SplitCertificates(many).status()));
}

}  // namespace
}  // namespace gofarm::pki
