// What may be listened on, and what others dial and find in the certificate.
#include "common/rpc/listen_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CheckListenTest, SocketsAndPortsThatOthersCanDial) {
  EXPECT_TRUE(CheckListen({"unix:/run/x"}, {}).ok());
  EXPECT_TRUE(CheckListen({"unix:/run/x", "10.77.3.1:7443", "[fd00::1]:7443", "farm.example:7443"}, {}).ok());
  EXPECT_TRUE(CheckListen({"0.0.0.0:7443"}, {"farm.example", "10.1.2.3", "fd00::1"}).ok());
  for (const auto& [addresses, names] : std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>>{
           {{}, {}},
           {{"0.0.0.0:7443"}, {}},
           {{"[::]:7443"}, {}},
           {{"*:7443"}, {}},
           {{":7443"}, {"farm.example"}},
           {{"farm.example"}, {}},
           {{"farm.example:70000"}, {}},
           {{"unix:relative"}, {}},
           {{"unix:/run/x"}, {"a b"}},
           {{"unix:/run/x"}, {"0.0.0.0"}},
           {std::vector<std::string>(kListenMax + 1, "unix:/run/x"), {}}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckListen(addresses, names)));
  }
}

TEST(ListenNamesTest, TheCertificateHasWhatIsDialled) {
  EXPECT_FALSE(ReachesOut({"unix:/run/x"}));
  EXPECT_TRUE(ReachesOut({"unix:/run/x", "127.0.0.1:7443"}));
  EXPECT_THAT(CertificateNames({"unix:/run/x", "0.0.0.0:7443"}, {"farm.example"}), ElementsAre("farm.example"));
  EXPECT_THAT(CertificateNames({"10.77.3.1:7443", "[fd00::1]:7443", "farm.example:1"}, {"farm.example"}),
              ElementsAre("farm.example", "10.77.3.1", "fd00::1"));
  EXPECT_THAT(CertificateNames({"unix:/run/x"}, {}), IsEmpty());
  EXPECT_THAT(JoinAddresses("10.77.3.1:7443", {}), ElementsAre("10.77.3.1:7443"));
  EXPECT_THAT(JoinAddresses("0.0.0.0:7443", {"farm.example", "fd00::1"}),
              ElementsAre("farm.example:7443", "[fd00::1]:7443"));
}

}  // namespace
}  // namespace gofarm::rpc
