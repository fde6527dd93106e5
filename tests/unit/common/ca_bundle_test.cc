#include "common/io/ca_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <set>

#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Choose(std::string_view ssl_cert_file, const std::set<std::string>& there) {
  return ChooseCaBundle(ssl_cert_file, [&](const std::string& path) { return there.count(path) != 0; });
}

TEST(CaBundleTest, EveryUsualPlaceIsFoundWhereItIsTheOnlyOne) {
  for (const char* place :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    EXPECT_EQ(Choose("", {place}), place);
    EXPECT_EQ(Choose("/own.pem", {place}), place) << "what SSL_CERT_FILE names is not there";
    EXPECT_EQ(Choose("/own.pem", {place, "/own.pem"}), "/own.pem");
  }
  EXPECT_EQ(Choose("", {"/etc/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"}),
            "/etc/ssl/certs/ca-certificates.crt");
  EXPECT_EQ(Choose("", {"/somewhere/else.pem"}), "");
}

TEST(CaBundleTest, AHostWithoutOneIsToldWhatToDo) {
  EXPECT_THAT(NoCaBundle(), AllOf(HasSubstr("SSL_CERT_FILE"), HasSubstr("/etc/pki/tls/certs/ca-bundle.crt"),
                                  HasSubstr("install the package ca-certificates")));
}

TEST(CaBundleTest, WhatTheEnvironmentNamesMustBeAFile) {
  char name[] = "/tmp/gofarm-ca-XXXXXX";
  const std::string folder = mkdtemp(name);
  const char* const before = getenv("SSL_CERT_FILE");
  const std::string kept = before == nullptr ? "" : before;
  setenv("SSL_CERT_FILE", folder.c_str(), 1);
  EXPECT_NE(FindCaBundle(), folder);
  const std::string file = folder + "/own.pem";
  std::ofstream(file) << "pem";
  setenv("SSL_CERT_FILE", file.c_str(), 1);
  EXPECT_EQ(FindCaBundle(), file);
  before == nullptr ? unsetenv("SSL_CERT_FILE") : setenv("SSL_CERT_FILE", kept.c_str(), 1);
  EXPECT_TRUE(RemoveTree(folder).ok());
}

}  // namespace
}  // namespace gofarm::io
