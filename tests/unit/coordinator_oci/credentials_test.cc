#include "coordinator/oci/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"

namespace gofarm::oci {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Destination kGhcr = *ParseDestination("https://ghcr.io/farm/sub");

std::string Entry(const std::string& key, const std::string& plain) {
  return Cat("\"", key, R"(":{"auth":")", absl::Base64Escape(plain), "\"}");
}
std::string Auths(const std::string& entries) { return Cat(R"({"auths":{)", entries, "}}"); }

std::string UserOf(const std::string& text) {
  const absl::StatusOr<std::optional<Credentials>> read = ParseCredentials(text, kGhcr);
  if (!read.ok()) return std::string(absl::StatusCodeToString(read.status().code()));
  return *read ? Cat((*read)->user, "/", (*read)->secret) : "none";
}

TEST(CredentialsTest, OneLine) {
  EXPECT_EQ(UserOf("farm:s3cret:with:colons\n"), "farm/s3cret:with:colons");
  for (const std::string bad : {"", "\n", "farm", ":x", "farm:", "a:b\nc:d", "a:b\x01"}) {
    EXPECT_EQ(UserOf(bad), "INVALID_ARGUMENT") << bad;
  }
  EXPECT_EQ(UserOf(Cat("a:", std::string(kCredentialBytesMax, 'x'))), "INVALID_ARGUMENT");
  EXPECT_EQ(BasicHeader({.user = "farm", .secret = "x"}), "Basic ZmFybTp4");
}

TEST(CredentialsTest, DockersConfiguration) {
  EXPECT_EQ(UserOf(Auths(Entry("ghcr.io", "u:p"))), "u/p");
  EXPECT_EQ(UserOf(Auths(Entry("https://ghcr.io/v1/", "u:p"))), "u/p");
  EXPECT_EQ(UserOf(Auths(Entry("https://GHCR.IO", "u:p"))), "u/p");
  EXPECT_EQ(UserOf(R"({"auths":{"ghcr.io":{"username":"u","password":"p"}}})"), "u/p");
  EXPECT_EQ(UserOf(Auths(Entry("ghcr.io", std::string("u:p\0", 4)))), "u/p");
  // The nearest one, as podman does.
  EXPECT_EQ(
      UserOf(Auths(Cat(Entry("ghcr.io/farm", "b:p"), ",", Entry("ghcr.io", "a:p"), ",", Entry("ghcr.io/fa", "c:p")))),
      "b/p");
  for (const std::string other : {"docker.io", "ghcr.io.evil.org", "ghcr.io:444", "ghcr.io/other", "xghcr.io"}) {
    EXPECT_EQ(UserOf(Auths(Entry(other, "u:p"))), "none") << other;
  }
  EXPECT_EQ(UserOf("{}"), "none");
  const Destination near = *ParseDestination("http://127.0.0.1:5000/x");
  EXPECT_TRUE(ParseCredentials(Auths(Entry("127.0.0.1:5000", "u:p")), near)->has_value());
}

TEST(CredentialsTest, WhatCannotBeUsedIsSaid) {
  EXPECT_EQ(UserOf(R"({"auths":{"ghcr.io":{}},"credsStore":"desktop"})"), "FAILED_PRECONDITION");
  EXPECT_EQ(UserOf(R"({"credsStore":"desktop"})"), "FAILED_PRECONDITION");
  EXPECT_EQ(UserOf(R"({"credHelpers":{"ghcr.io":"x"}})"), "FAILED_PRECONDITION");
  EXPECT_EQ(UserOf(R"({"credHelpers":{"docker.io":"x"}})"), "none");
  EXPECT_EQ(UserOf(R"({"auths":{"ghcr.io":{"identitytoken":"x"}}})"), "FAILED_PRECONDITION");
  EXPECT_EQ(UserOf(R"({"auths":{"ghcr.io":{"auth":"%%%"}}})"), "INVALID_ARGUMENT");
  EXPECT_EQ(UserOf(R"({"auths":{"ghcr.io":"x"}})"), "FAILED_PRECONDITION");
  EXPECT_EQ(UserOf("{broken"), "INVALID_ARGUMENT");
}

TEST(CredentialsTest, NoMessageHoldsASecret) {
  const absl::StatusOr<io::ScratchFolder> folder = io::ScratchFolder::Make("/tmp", "credentials");
  const std::string path = folder->path() + "/c";
  for (const std::string text : {"hunter2", "hunter2\n:hunter2", "{\"auths\": hunter2}",
                                 R"({"auths":{"ghcr.io":{"auth":"hunter2","username":"hunter2"}}})",
                                 R"({"auths":{"ghcr.io":{"identitytoken":"hunter2"}}})"}) {
    ASSERT_TRUE(io::WriteFileAtomic(path, text).ok());
    const absl::StatusOr<std::optional<Credentials>> read = ReadCredentials(path, kGhcr);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_THAT(read.status().ToString(), AllOf(HasSubstr(path), Not(HasSubstr("hunter2")))) << text;
  }
  EXPECT_EQ(ReadCredentials(folder->path() + "/missing", kGhcr).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(io::WriteFileAtomic(path, std::string(kCredentialsFileMax + 1, 'a')).ok());
  EXPECT_EQ(ReadCredentials(path, kGhcr).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gofarm::oci
