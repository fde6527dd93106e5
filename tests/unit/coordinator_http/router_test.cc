#include "common/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/text.h"

namespace gofarm::http {
namespace {

using ::testing::HasSubstr;

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    for (const char* pattern : {"/", "/batches", "/batches/{id}", "/batches/new", "/jobs/{id}/log", "/p/{module...}"}) {
      router_.Get(pattern, Router::Kind::kQuick, [pattern](const Request&) { return Response{.body = pattern}; });
    }
  }
  // The pattern that answers and its parameters, or the status of the refusal.
  std::string Ask(const std::string& target, const std::string& method = "GET") {
    const Router::Match match = router_.Find(method, target);
    if (match.handler == nullptr) return Cat(match.refusal.status);
    std::string text = (*match.handler)(match.request).body;
    for (const auto& [name, value] : match.request.parameters) text += Cat(" ", name, "=", value);
    return text;
  }
  Router router_;
};

TEST_F(RouterTest, PatternsBindDecodedSegments) {
  EXPECT_EQ(Ask("/"), "/");
  EXPECT_EQ(Ask("/batches"), "/batches");
  EXPECT_EQ(Ask("/batches/42?x=1"), "/batches/{id} id=42");
  EXPECT_EQ(Ask("/batches/a%20b%25"), "/batches/{id} id=a b%");
  EXPECT_EQ(Ask("/batches/new"), "/batches/new") << "fixed segments win";
  EXPECT_EQ(Ask("/jobs/7/log", "HEAD"), "/jobs/{id}/log id=7");
  EXPECT_EQ(Ask("/p/github.com/a/b"), "/p/{module...} module=github.com/a/b");
}

TEST_F(RouterTest, WhatMatchesNothingIs404) {
  for (const char* target :
       {"/batches/", "/batches/1/2", "//batches", "/jobs//log", "/p", "/p/", "/p/a//b", "/Batches", "/x"}) {
    EXPECT_EQ(Ask(target), "404") << target;
  }
  EXPECT_THAT(router_.Find("GET", "/x").refusal.body, HasSubstr("/batches/{id}"));
}

TEST_F(RouterTest, NoParameterLeadsOutOfItsPlace) {
  for (const char* target :
       {"/batches/..", "/batches/%2e%2e", "/batches/.%2E", "/batches/.", "/batches/a%2fb", "/batches/%2Fetc",
        "/p/a/../b", "/p/%2e%2e/%2e%2e/etc/passwd", "/batches/%00", "/batches/a%0d%0ab", "/batches/%7f", "/batches/%zz",
        "/batches/%2", "/batches/%", "/batches?x=%0a", "/batches?%=1"}) {
    EXPECT_EQ(Ask(target), "400") << target;
  }
  for (const char* target : {"", "batches", "*", "http://host/batches"}) EXPECT_EQ(Ask(target), "400") << target;
  // Decoded once only.
  EXPECT_EQ(Ask("/batches/%252e%252e"), "/batches/{id} id=%2e%2e");
}

TEST_F(RouterTest, OtherMethodsAreRefusedWhereThereIsAPath) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    const Router::Match match = router_.Find(method, "/batches/1");
    EXPECT_EQ(match.refusal.status, 405) << method;
    EXPECT_EQ(match.refusal.headers.Get("allow"), "GET, HEAD");
    EXPECT_EQ(Ask("/none", method), "404");
  }
}

TEST_F(RouterTest, QueriesAreDecodedAndBounded) {
  const Request request = router_.Find("GET", "/batches?a=1+2&b=%2B&flag&a=3&=x").request;
  EXPECT_EQ(request.Query("a"), "1 2");
  EXPECT_EQ(request.Query("b"), "+");
  EXPECT_EQ(request.Query("flag"), "");
  EXPECT_EQ(request.query.size(), 5u);
  std::string many = "/batches?";
  for (size_t i = 0; i < kQueryFieldsMax; ++i) many += "a=1&";
  EXPECT_EQ(Ask(many), "/batches");
  EXPECT_EQ(Ask(many + "b=1"), "400");
}

}  // namespace
}  // namespace gofarm::http
