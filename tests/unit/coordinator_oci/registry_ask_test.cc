#include "coordinator/oci/registry_ask.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "coordinator/oci/reference.h"

namespace gofarm::oci {
namespace {

std::unique_ptr<RegistryAsk> Of(const std::string& destination) {
  return *RegistryAsk::Make(ParseDestination(destination)->registry, {.user_agent = "gofarm-test"}, RealClock());
}

TEST(RegistryAskTest, WhereAnUploadGoesOn) {
  const std::unique_ptr<RegistryAsk> far = Of("https://ghcr.io/x");
  const std::string base = "https://ghcr.io/v2/a/blobs/uploads/";
  const std::string digest = Cat("sha256:", std::string(64, 'a'));
  for (const auto& [location, url] : std::vector<std::pair<std::string, std::string>>{
           {"/v2/a/blobs/uploads/1", "https://ghcr.io/v2/a/blobs/uploads/1?"},
           {"/v2/a/blobs/uploads/1?", "https://ghcr.io/v2/a/blobs/uploads/1?"},
           {"1?_state=a%2Bb", "https://ghcr.io/v2/a/blobs/uploads/1?_state=a%2Bb&"},
           {"https://storage.example.org:8443/u?x=1&y=2#part", "https://storage.example.org:8443/u?x=1&y=2&"},
           {"//storage.example.org/u", "https://storage.example.org/u?"}}) {
    EXPECT_EQ(far->UploadUrl(base, location, digest).value(), Cat(url, "digest=", digest)) << location;
  }
  for (const std::string location : {"", "http://ghcr.io/v2/a", "http://127.0.0.1/u", "https://127.0.0.1/u",
                                     "https://localhost/u", "file:///tmp/x"}) {
    EXPECT_EQ(far->UploadUrl(base, location, digest).status().code(), absl::StatusCode::kInvalidArgument) << location;
  }
}

TEST(RegistryAskTest, ARegistryOnThisMachineMayGoOnHereOrByHttps) {
  const std::unique_ptr<RegistryAsk> near = Of("http://127.0.0.1:5000/x");
  const std::string base = "http://127.0.0.1:5000/v2/a/blobs/uploads/";
  EXPECT_TRUE(near->UploadUrl(base, "/v2/a/1", "d").ok());
  EXPECT_TRUE(near->UploadUrl(base, "http://localhost:9000/u", "d").ok());
  EXPECT_TRUE(near->UploadUrl(base, "https://storage.example.org/u", "d").ok());
  EXPECT_FALSE(near->UploadUrl(base, "http://storage.example.org/u", "d").ok());
  // By https on this machine: not back to plain http.
  const std::unique_ptr<RegistryAsk> tls = Of("https://127.0.0.1:5443/x");
  EXPECT_FALSE(tls->UploadUrl("https://127.0.0.1:5443/v2/a/", "http://127.0.0.1:5000/u", "d").ok());
}

}  // namespace
}  // namespace gofarm::oci
