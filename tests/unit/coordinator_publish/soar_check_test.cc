// The checker itself: the twelve real records and each negative case of shared/formats.md 3.4.
#include "tests/support/soar_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/zstd_frames.h"
#include "tests/unit/coordinator_publish/samples.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using testing::InstallSoarDirect;
using testing::InstallSoarOci;
using ::testing::Pair;
using testing::QuerySoar;
using testing::ReadSoarIndex;
using testing::SoarClient;
using testing::SoarIndex;
using testing::SoarInstall;
using testing::SoarPackage;

std::vector<std::string> Samples() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(std::getenv("GOFARM_SOURCE_DIR")) /
                                                               "tests/golden/soar")) {
    out.push_back(GoldenFile(Cat("soar/", entry.path().filename().string())));
  }
  return out;
}

std::string ArrayOf(const std::vector<std::string>& records) {
  std::string out = "[";
  for (const std::string& record : records) out += Cat(out.size() > 1 ? "," : "", record);
  return out + "]";
}

// The smallest record that both clients take, with more fields at its end.
std::string Small(std::string_view more = "") {
  return Cat(
      R"({"pkg_name":"x","pkg_id":"e_x","_disabled":"false","description":"d","version":"v1","download_url":"u")",
      more.empty() ? "" : ",", more, "}");
}

absl::Status Taken(std::string_view record, SoarClient client = SoarClient::kCurrent) {
  return ReadSoarIndex(Cat("[", record, "]"), client).status();
}

TEST(SoarCheckTest, TheTwelveRealRecordsAreTaken) {
  const std::vector<std::string> samples = Samples();
  ASSERT_EQ(samples.size(), 12u);
  for (const SoarClient client : {SoarClient::kCurrent, SoarClient::kOld}) {
    for (const std::string& sample : samples) EXPECT_TRUE(Taken(sample, client).ok()) << Taken(sample, client);
    const SoarIndex index = ReadSoarIndex(ArrayOf(samples), client).value();
    EXPECT_EQ(index.packages.size() + index.skipped.size(), 12u);
  }
}

TEST(SoarCheckTest, PlainPackedAndWrappedIndexesAreTaken) {
  const std::string plain = ArrayOf({Small()});
  EXPECT_EQ(ReadSoarIndex(plain, SoarClient::kCurrent)->packages.size(), 1u);
  EXPECT_EQ(ReadSoarIndex(io::ZstdFrame(plain, 3).value(), SoarClient::kCurrent)->packages.size(), 1u);
  EXPECT_TRUE(ReadSoarIndex(Cat(R"({"format":1,"packages":)", plain, "}"), SoarClient::kCurrent).ok());
  EXPECT_FALSE(ReadSoarIndex(Cat(R"({"format":2,"packages":)", plain, "}"), SoarClient::kCurrent).ok());
  EXPECT_FALSE(ReadSoarIndex(R"({"packages":[]})", SoarClient::kCurrent).ok());
  EXPECT_FALSE(ReadSoarIndex("\"text\"", SoarClient::kCurrent).ok());
  EXPECT_FALSE(ReadSoarIndex("[", SoarClient::kCurrent).ok());
  EXPECT_FALSE(ReadSoarIndex("[\"text\"]", SoarClient::kCurrent).ok());
}

TEST(SoarCheckTest, LargeIndexesAreRefusedBeforeAndAfterTheyAreExpanded) {
  const std::string plain = Cat("[", std::string(100'000, ' '), "]");
  const std::string packed = io::ZstdFrame(plain, 3).value();
  EXPECT_TRUE(ReadSoarIndex(packed, SoarClient::kCurrent, 200'000).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadSoarIndex(plain, SoarClient::kCurrent, 50'000).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadSoarIndex(packed, SoarClient::kCurrent, 50'000).status()));
}

TEST(SoarCheckTest, RequiredFieldsMustBeStrings) {
  EXPECT_TRUE(Taken(Small(), SoarClient::kOld).ok());
  for (const std::string field : {"pkg_name", "description", "version", "download_url"}) {
    const std::string quoted = Cat("\"", field, "\":");
    std::string without = Small();
    without.replace(without.find(quoted), quoted.size(), Cat("\"no_", field, "\":"));
    EXPECT_FALSE(Taken(without).ok()) << field;
    std::string null = Small();
    const size_t at = null.find(quoted) + quoted.size();
    null.replace(at, null.find('"', at + 1) + 1 - at, "null");
    EXPECT_FALSE(Taken(null).ok()) << null;
  }
  const std::string today = R"({"pkg_name":"x","description":"d","version":"v1","download_url":"u"})";
  EXPECT_TRUE(Taken(today).ok());
  EXPECT_FALSE(Taken(today, SoarClient::kOld).ok());  // wants pkg_id and _disabled
}

TEST(SoarCheckTest, OneWrongValueRejectsTheWholeIndex) {
  for (const std::string bad :
       {R"("src_url":["a"],"src_urls":["a"])", R"("date":"x","build_date":"x")", R"("disabled":"false")",
        R"("pkg_family":"a","pkg_family":"b")", R"("size_raw":1.5)", R"("size":[])", R"("provides":"x")",
        R"("license":"MIT")", R"("note":[1])", R"("deprecated":"maybe")", R"("portable":1.0)", R"("pkg_type":7)",
        R"("files":{"source":"a"})", R"("extra":["a"])"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadSoarIndex(ArrayOf({Small(), Small(bad)}), SoarClient::kCurrent).status()))
        << bad;
  }
  for (const std::string good : {R"("size_raw":"23 MB")", R"("size_raw":"-1")", R"("size_raw":5)", R"("size":null)",
                                 R"("deprecated":true)", R"("deprecated":"Yes")", R"("unknown":[{"a":1}])",
                                 R"("unknown":1,"unknown":2)", R"("pkg_family":"")", R"("files":[{"source":"a"}])"}) {
    EXPECT_TRUE(Taken(Small(good)).ok()) << good << Taken(Small(good));
  }
}

TEST(SoarCheckTest, UnsafeNamesAndRepetitionsAreSkipped) {
  const std::string unsafe = R"({"pkg_name":"../x","description":"d","version":"v1","download_url":"u"})";
  const SoarIndex index = ReadSoarIndex(ArrayOf({Small(), unsafe, Small()}), SoarClient::kCurrent).value();
  EXPECT_EQ(index.packages.size(), 1u);
  EXPECT_THAT(index.skipped, ElementsAre("../x", "x"));
}

TEST(SoarCheckTest, SizesAreNumbersOrTheirText) {
  EXPECT_EQ(ReadSoarIndex(ArrayOf({Small(R"("size_raw":"77","size":"1 KB")")}), SoarClient::kCurrent)->packages[0].size,
            77u);
  EXPECT_EQ(ReadSoarIndex(ArrayOf({Small(R"("size":"1 KB")")}), SoarClient::kCurrent)->packages[0].size, std::nullopt);
}

TEST(SoarCheckTest, QueriesFindByFamilyIdAndVersion) {
  SoarIndex index;
  for (const std::string version : {"v1.9.0", "v1.10.0"}) {
    index.packages.push_back(
        {.pkg_name = "Auth", .pkg_id = "github.com_absmach_supermq", .pkg_family = "supermq", .version = version});
  }
  index.packages.push_back({.pkg_name = "auth", .pkg_id = "e.org_x", .pkg_family = "x", .version = "v5.0.0"});
  EXPECT_EQ(QuerySoar(index, "supermq/auth:farm")->version, "v1.10.0");
  EXPECT_EQ(QuerySoar(index, "auth#GitHub.com_absmach_supermq@v1.9.0")->version, "v1.9.0");
  EXPECT_TRUE(absl::IsFailedPrecondition(QuerySoar(index, "auth").status()));
  EXPECT_TRUE(absl::IsNotFound(QuerySoar(index, "supermq/auth@v2").status()));
}

TEST(SoarCheckTest, DirectInstallsAreVerifiedByBlake3) {
  const std::string program =
      "\x7f"
      "ELF program";
  SoarPackage package{.pkg_name = "x", .bsum = digest::Blake3Hex(program), .provides = {"x"}};
  const SoarInstall install = InstallSoarDirect(package, program).value();
  EXPECT_THAT(install.links, ElementsAre(Pair("x", "x")));
  EXPECT_THAT(install.executable, ElementsAre("x"));
  EXPECT_TRUE(absl::IsDataLoss(InstallSoarDirect(package, program + " ").status()));
  package.bsum = "";
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallSoarDirect(package, program).status()));
  // What the reference publishes: links to programs that are not in the package.
  package.bsum = digest::Blake3Hex(program);
  package.provides = {"other", "x==y", "x=>z"};
  const SoarInstall more = InstallSoarDirect(package, program).value();
  EXPECT_THAT(more.dangling, ElementsAre(Pair("other", "other")));
  EXPECT_THAT(more.links, ElementsAre(Pair("x", "x"), Pair("y", "x"), Pair("z", "x")));
}

TEST(SoarCheckTest, ImagesAreVerifiedBlobByBlobAndByBlake3) {
  const std::string program =
                        "\x7f"
                        "ELF program",
                    log = "log";
  SoarPackage package{
      .pkg_name = "x", .ghcr_pkg = "ghcr.io/a:v1", .bsum = digest::Blake3Hex(program), .provides = {"x"}};
  const auto layer = [](const std::string& bytes, const std::string& title) {
    return Cat(R"({"mediaType":"m","digest":"sha256:)", digest::Sha256Hex(bytes), R"(","size":1,"annotations":{)",
               title.empty() ? "" : Cat(R"("org.opencontainers.image.title":")", title, "\""), "}}");
  };
  const auto manifest = [&](const std::string& layers) {
    return Cat(R"({"mediaType":"m","config":{"mediaType":"c","digest":"sha256:0","size":0},"layers":[)", layers, "]}");
  };
  const auto blob = [&](const std::string& wanted) {
    return wanted == Cat("sha256:", digest::Sha256Hex(log)) ? log : program;
  };
  const std::string whole = manifest(Cat(layer(program, "./dir/x"), ",", layer(log, "x.log"), ",", layer(log, "")));
  const SoarInstall install = InstallSoarOci(package, whole, blob).value();
  EXPECT_EQ(install.files.size(), 2u);
  EXPECT_THAT(install.links, ElementsAre(Pair("x", "x")));
  EXPECT_TRUE(absl::IsDataLoss(InstallSoarOci(package, whole, [](const std::string&) { return "bad"; }).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallSoarOci(package, manifest(layer(log, "x.log")), blob).status()));
  EXPECT_TRUE(absl::IsDataLoss(InstallSoarOci(package, manifest(layer(log, "x")), blob).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(InstallSoarOci(package, R"({"layers":[]})", blob).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(InstallSoarOci(package, "x", blob).status()));
  package.has_files = true;
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallSoarOci(package, whole, blob).status()));
}

}  // namespace
}  // namespace gofarm::publish
