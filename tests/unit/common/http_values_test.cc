// What the HTTP client decides without a socket: header fields, ranges, budgets, URLs, the redirect rule.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/io/http_headers.h"
#include "common/io/request_budget.h"
#include "common/io/url.h"

namespace gofarm::io {
namespace {

using ::testing::HasSubstr;

const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);

TEST(HttpHeadersTest, NamesAreFoundWithoutCase) {
  HttpHeaders headers{{"Content-Type", "text/plain"}, {"LOCATION", "/a"}, {"Location", "/b"}};
  EXPECT_EQ(headers.Get("location"), "/a");
  EXPECT_EQ(headers.Find("content-length"), nullptr);
  headers.Remove("location");
  EXPECT_EQ(headers.fields().size(), 1u);
}

TEST(HttpHeadersTest, NoFieldEndsItsLine) {
  EXPECT_TRUE(CheckHeaders({{"X-Name", "any value, even \xc3\xa4"}}).ok());
  for (const HttpHeaders::Field& bad :
       {HttpHeaders::Field{"X", "a\r\nY: b"}, {"X\r\nY", "b"}, {"", "a"}, {"X Y", "a"}, {"X:", "a"}, {"X", "\x7f"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckHeaders({bad}))) << bad.first;
  }
  EXPECT_THAT(std::string(CheckHeaders({{"Authorization", "secret\n"}}).message()),
              ::testing::Not(HasSubstr("secret")));
}

TEST(HttpHeadersTest, RangesAreWrittenAndRead) {
  EXPECT_EQ(RangeText({.first = 0, .length = 100}), "0-99");
  EXPECT_EQ(RangeText({.first = 100}), "100-");
  EXPECT_EQ(RangeText({.first = -500}), "-500");
  const std::optional<ContentRange> range = ParseContentRange("bytes 0-99/1234");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 0);
  EXPECT_EQ(range->last, 99);
  EXPECT_EQ(range->total, 1234);
  EXPECT_EQ(ParseContentRange("Bytes 5-5/*")->total, std::nullopt);
  for (const char* bad : {"", "bytes */100", "bytes 9-5/100", "bytes 0-100/100", "bytes -1-5/10", "items 0-1/2",
                          "bytes 0-99999999999999999999/1", "bytes 0-9/ 100", "bytes 1/2-3"}) {
    EXPECT_FALSE(ParseContentRange(bad)) << bad;
  }
}

TEST(HttpHeadersTest, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(ParseRetryAfter(" 120 ", kNoon), absl::Minutes(2));
  EXPECT_EQ(ParseRetryAfter(
                absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", kNoon + absl::Seconds(90), absl::UTCTimeZone()), kNoon),
            absl::Seconds(90));
  EXPECT_EQ(ParseRetryAfter("Wed, 21 Oct 2015 07:28:00 GMT", kNoon), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter("999999999", kNoon), kRetryAfterMax);
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999", kNoon), kRetryAfterMax);
  for (const char* bad : {"", "soon", "-5", "1.5"}) EXPECT_FALSE(ParseRetryAfter(bad, kNoon)) << bad;
}

TEST(RequestBudgetTest, RequestsAreSpacedEvenly) {
  RequestBudget budget;
  budget.SetLimits({.per_second = 5});
  int taken = 0;
  absl::Time now = kNoon;
  for (; now < kNoon + absl::Seconds(10); now += absl::Milliseconds(10)) {
    if (budget.TryTake(now)) ++taken;
  }
  EXPECT_EQ(taken, 50);
  EXPECT_EQ(budget.NextAt(now) - now, absl::ZeroDuration());
  ASSERT_TRUE(budget.TryTake(now));
  EXPECT_FALSE(budget.TryTake(now));
  EXPECT_EQ(budget.NextAt(now) - now, absl::Milliseconds(200));
}

TEST(RequestBudgetTest, APauseEarnsABurstAndNoMore) {
  RequestBudget budget;
  budget.SetLimits({.per_second = 1, .burst = 3});
  for (const absl::Time at : {kNoon, kNoon + absl::Hours(1)}) {
    int taken = 0;
    while (budget.TryTake(at)) ++taken;
    EXPECT_EQ(taken, 3);
  }
}

TEST(RequestBudgetTest, SoManyAtOnceUntilOneEnds) {
  RequestBudget budget;
  budget.SetLimits({.concurrent = 2});
  EXPECT_TRUE(budget.TryTake(kNoon));
  EXPECT_TRUE(budget.TryTake(kNoon));
  EXPECT_FALSE(budget.TryTake(kNoon));
  EXPECT_EQ(budget.NextAt(kNoon), absl::InfiniteFuture());
  budget.Release();
  EXPECT_TRUE(budget.TryTake(kNoon));
  EXPECT_EQ(budget.under_way(), 2);
}

TEST(RequestBudgetTest, NewLimitsCountFromNowOn) {
  RequestBudget budget;
  budget.SetLimits({.per_second = 0.001});
  EXPECT_TRUE(budget.TryTake(kNoon));
  EXPECT_FALSE(budget.TryTake(kNoon + absl::Seconds(1)));
  budget.SetLimits({.per_second = 1});
  EXPECT_TRUE(budget.TryTake(kNoon + absl::Seconds(1)));
  budget.SetLimits({});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(budget.TryTake(kNoon));
}

TEST(RequestBudgetTest, AClockThatIsSetBackHoldsNobodyUp) {
  RequestBudget budget;
  budget.SetLimits({.per_second = 1});
  EXPECT_TRUE(budget.TryTake(kNoon));
  EXPECT_TRUE(budget.TryTake(kNoon - absl::Hours(5)));
  EXPECT_FALSE(budget.TryTake(kNoon - absl::Hours(5)));
}

TEST(UrlTest, PartsAreReadAsLibcurlReadsThem) {
  const Url url = ParseUrl("HTTPS://user:pw@Host.Example/a?b").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "host.example");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(ParseUrl("http://[::1]:8080/").value().host, "::1");
  EXPECT_TRUE(url.SameOrigin(ParseUrl("https://host.example:443/other").value()));
  EXPECT_FALSE(url.SameOrigin(ParseUrl("https://host.example:444/").value()));
  for (const char* bad : {"", "ftp://a/", "http://", "http://a b/", "gopher://x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseUrl(bad).status())) << bad;
  }
}

TEST(UrlTest, NumbersThatMeanAnAddressAreOne) {
  for (const char* text : {"http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/"}) {
    const absl::StatusOr<Url> url = ParseUrl(text);
    EXPECT_TRUE(!url.ok() || !MayBePublicHost(url->host)) << text << " is " << (url.ok() ? url->host : "refused");
  }
}

TEST(UrlTest, OnlyPublicAddressesArePublic) {
  for (const char* host : {"127.0.0.1",
                           "10.1.2.3",
                           "172.16.0.1",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "2001:db8::1",
                           "localhost",
                           "a.localhost",
                           "printer.local",
                           "metadata.google.internal",
                           ""}) {
    EXPECT_FALSE(MayBePublicHost(host)) << host;
  }
  for (const char* host : {"8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "host.example"}) {
    EXPECT_TRUE(MayBePublicHost(host)) << host;
  }
}

TEST(RedactUrlTest, LeavesOutSecrets) {
  EXPECT_EQ(RedactUrl("https://user:pass@host.example/a/b?token=1#f"), "https://host.example/a/b");
}

absl::StatusOr<Hop> Next(const std::string& from, HttpMethod method, int status, const std::string& location,
                         const RedirectPolicy& policy = {}) {
  return NextHop(policy, ParseUrl(from).value(), method, status, location);
}

TEST(NextHopTest, MethodAndBodyStayButWhereTheRuleSaysGet) {
  for (const int status : {301, 302, 303}) {
    const Hop hop = Next("http://a/x", HttpMethod::kPost, status, "/y").value();
    EXPECT_EQ(hop.method, HttpMethod::kGet);
    EXPECT_FALSE(hop.with_body);
    EXPECT_EQ(hop.url.text, "http://a/y");
  }
  for (const int status : {307, 308}) {
    const Hop hop = Next("http://a/x", HttpMethod::kPost, status, "y").value();
    EXPECT_EQ(hop.method, HttpMethod::kPost);
    EXPECT_TRUE(hop.with_body);
  }
  EXPECT_EQ(Next("http://a/x", HttpMethod::kPut, 302, "/y").value().method, HttpMethod::kPut);
  EXPECT_EQ(Next("http://a/x", HttpMethod::kHead, 303, "/y").value().method, HttpMethod::kHead);
}

TEST(NextHopTest, CredentialsStayAtTheirOrigin) {
  EXPECT_TRUE(Next("https://a/x", HttpMethod::kGet, 302, "/y").value().with_credentials);
  for (const char* other : {"https://b/x", "https://a:444/x", "//b/x"}) {
    EXPECT_FALSE(Next("https://a/x", HttpMethod::kGet, 302, other).value().with_credentials) << other;
  }
  EXPECT_FALSE(Next("http://a/x", HttpMethod::kGet, 302, "https://a/x").value().with_credentials);
}

TEST(NextHopTest, TargetsThatARuleForbidsAreNamedRedacted) {
  EXPECT_TRUE(absl::IsPermissionDenied(Next("http://a/", HttpMethod::kGet, 302, "file:///etc/passwd").status()));
  const absl::Status down = Next("https://a/", HttpMethod::kGet, 302, "http://a/x?token=1").status();
  EXPECT_TRUE(absl::IsPermissionDenied(down));
  EXPECT_THAT(std::string(down.message()),
              ::testing::AllOf(HasSubstr("http://a/x"), ::testing::Not(HasSubstr("token"))));
  EXPECT_TRUE(Next("https://a/", HttpMethod::kGet, 302, "http://a/", {.allow_https_to_http = true}).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      Next("https://a/", HttpMethod::kGet, 302, "https://b/", {.same_host_only = true}).status()));
  const RedirectPolicy storage{.allow = [](const Url& target) { return target.host == "storage.example"; }};
  EXPECT_TRUE(Next("https://a/", HttpMethod::kGet, 302, "https://storage.example/k", storage).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Next("https://a/", HttpMethod::kGet, 302, "https://c/", storage).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Next("https://a/", HttpMethod::kGet, 302, "javascript:alert(1)").status()));
}

TEST(PercentEncodeTest, OnlyPlainLettersAndWhatIsKeptStay) {
  EXPECT_EQ(PercentEncode("github.com/a_b~c-D1"), "github.com%2Fa_b~c-D1");
  EXPECT_EQ(PercentEncode("a/b c", "/"), "a/b%20c");
  EXPECT_EQ(PercentEncode("name==\"main\"&x"), "name%3D%3D%22main%22%26x");
  EXPECT_EQ(PercentEncode(std::string_view("\0\xff", 2)), "%00%FF");
}

TEST(UrlTest, LoopbackIsDecidedByTheText) {
  for (const std::string yes : {"127.0.0.1", "127.255.3.4", "localhost", "::1"})
    EXPECT_TRUE(IsLoopbackHost(yes)) << yes;
  for (const std::string no : {"", "127", "127.0.0", "127.0.0.1.", "127.0.0.x", "128.0.0.1", "localhost.", "::2",
                               "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0"}) {
    EXPECT_FALSE(IsLoopbackHost(no)) << no;
  }
}

}  // namespace
}  // namespace gofarm::io
