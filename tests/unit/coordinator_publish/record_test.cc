#include "coordinator/publish/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/text.h"
#include "coordinator/publish/file_names.h"
#include "tests/support/soar_check.h"
#include "tests/unit/coordinator_publish/samples.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Record Made(const RecordInput& p, RecordForm form = RecordForm::kIndex) {
  return MakeRecord(p, {.name = "gofarm", .page = "https://farm.example"}, form).value();
}

std::vector<std::string> List(const Record& record, std::string_view key) {
  for (const RecordField& field : record.fields) {
    if (field.key == key) return field.list;
  }
  return {"no such list"};
}

std::set<std::string> KeysOf(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  EXPECT_EQ(parser.parse(json).get(object), simdjson::SUCCESS) << json;
  std::set<std::string> keys;
  for (const auto& [key, value] : object) {
    EXPECT_TRUE(keys.insert(std::string(key)).second) << key;
    EXPECT_TRUE(value.is_string() || value.is_array()) << key;
    if (!value.is_array()) continue;
    for (const auto item : value.get_array()) EXPECT_TRUE(item.is_string()) << key;
  }
  return keys;
}

TEST(RecordTest, HasAllKeysOfTheReferenceButThoseOfGhcr) {
  std::set<std::string> wanted =
      KeysOf(GoldenFile("soar/ghcr_io_pkgforge_go_github_fortio_logc_logc-x86_64-Linux.json"));
  ASSERT_EQ(wanted.size(), 43u);
  wanted.erase("ghcr_pkg");
  wanted.erase("ghcr_url");
  const std::set<std::string> ours = KeysOf(CompactJson(Made(SomeInput())));
  for (const std::string& key : wanted) EXPECT_EQ(ours.count(key), 1u) << key;
  for (const std::string& key : ours) EXPECT_FALSE(absl::StartsWith(key, "ghcr")) << key;
}

TEST(RecordTest, SaysWhatWasPublished) {
  const Record record = Made(SomeInput());
  EXPECT_EQ(record.Text("pkg"), "hey");
  EXPECT_EQ(record.Text("pkg_name"), "hey");
  EXPECT_EQ(record.Text("pkg_family"), "hey");
  EXPECT_EQ(record.Text("pkg_id"), "github.com_rakyll_hey");
  EXPECT_EQ(record.Text("host"), "x86_64-Linux");
  EXPECT_EQ(record.Text("version"), "v0.1.5");
  EXPECT_EQ(record.Text("size"), "9.0 MB");
  EXPECT_EQ(record.Text("size_raw"), "9437184");
  EXPECT_EQ(record.Text("build_date"), "2026-11-30T09:40:30Z");
  EXPECT_EQ(record.Text("download_count"), "18000");
  EXPECT_EQ(record.Text("_disabled"), "false");
  EXPECT_EQ(record.Text("reproduced"), "");
  EXPECT_THAT(List(record, "provides"), ElementsAre("hey"));
  EXPECT_THAT(List(record, "tag"), ElementsAre("benchmark", "go"));
  EXPECT_THAT(List(record, "maintainer"), ElementsAre("gofarm (https://farm.example)"));
  EXPECT_EQ(Made(SomeInput(), RecordForm::kPackage).Text("pkg_id"), "hey#github.com_rakyll_hey");
}

TEST(RecordTest, WhatIsMissingHasTheWordsThatClientsKnow) {
  RecordInput p = SomeInput();
  p.description = p.homepage = "";
  p.licences.clear();
  p.topics.clear();
  p.stars = 4;
  const Record record = Made(p);
  EXPECT_EQ(record.Text("description"), kNoDescription);
  EXPECT_THAT(List(record, "homepage"), ElementsAre());
  EXPECT_THAT(List(record, "license"), ElementsAre("NOASSERTION"));
  EXPECT_THAT(List(record, "tag"), ElementsAre("Utility"));
  EXPECT_EQ(record.Text("download_count"), "-1");
}

TEST(RecordTest, ADeprecatedModuleKeepsItsRecordWithANote) {
  RecordInput p = SomeInput();
  const size_t usual = List(Made(p), "note").size();
  p.deprecated_note = "not shown, as it is not deprecated";
  EXPECT_EQ(List(Made(p), "note").size(), usual);
  EXPECT_EQ(Made(p).Text("deprecated"), "false");
  p.deprecated = true;
  p.deprecated_note = "use <b>other</b>\x1b[2J\n" + std::string(5'000, 'x');
  const Record record = Made(p);
  EXPECT_EQ(record.Text("deprecated"), "true");
  ASSERT_EQ(List(record, "note").size(), usual + 1);
  const std::string note = List(record, "note").back();
  EXPECT_TRUE(absl::StartsWith(note, "Deprecated by its author: use <b>other</b> [2J xxx")) << note;
  EXPECT_LE(note.size(), kTextMax + 30);
  EXPECT_EQ(CompactJson(record).find('<'), std::string::npos);
  EXPECT_TRUE(testing::ReadSoarIndex(Cat("[", CompactJson(record), "]"), testing::SoarClient::kOld).ok());
  p.deprecated_note = "";
  EXPECT_EQ(List(Made(p), "note").back(), "Deprecated by its author");
}

TEST(RecordTest, GhcrKeysOnlyForWhatStandsThere) {
  RecordInput p = SomeInput();
  p.version = "v2.0.0+incompatible";
  for (const std::string other : {"", "localhost:5000/x", "ghcr.io/", "ghcr.io/A", "https://ghcr.io/a/b"}) {
    p.ghcr_repository = other;
    EXPECT_EQ(CompactJson(Made(p)).find("ghcr"), std::string::npos) << other;
  }
  p.ghcr_repository = "ghcr.io/farm/github/rakyll/hey/hey";
  const Record record = Made(p);
  EXPECT_EQ(record.Text("ghcr_pkg"), "ghcr.io/farm/github/rakyll/hey/hey:v2.0.0-incompatible-x86_64-Linux");
  EXPECT_EQ(record.Text("ghcr_blob"), Cat("ghcr.io/farm/github/rakyll/hey/hey@sha256:", p.sha256));
  EXPECT_EQ(record.Text("version"), "v2.0.0-incompatible");
}

TEST(RecordTest, HostileTextsAreCleanedAndBounded) {
  RecordInput p = SomeInput();
  p.description = "<script>alert(1)</script>\x1b[2J\r\n\tsee\xff \xe2\x80\xae" + std::string(10 << 20, 'A');
  p.homepage = "javascript:alert(1)";
  p.topics = {std::string("a\0b", 3), "</title>", std::string(1000, 'x'), "", "go"};
  p.licences = {"MIT", "<b>", "Apache-2.0 OR MIT", std::string(5000, 'M'), "MIT\n"};
  p.job_url = "https://user:secret@farm.example/";
  p.job_id = "7\"},{";
  p.log_url = "file:///etc/passwd";
  p.older_tags = {"v1-x86_64-Linux", "../../x", "a b"};
  const Record record = Made(p);
  const std::string json = CompactJson(record);
  EXPECT_LE(json.size(), kRecordBytesMax);
  EXPECT_EQ(json.find('<'), std::string::npos);
  for (const char c : json) EXPECT_TRUE(c >= 0x20 && c != 0x7f);
  KeysOf(json);
  EXPECT_LE(record.Text("description").size(), kDescriptionMax);
  EXPECT_TRUE(absl::StartsWith(Av(record.Text("description")), "<script>alert(1)</script> [2J see AAAA"));
  EXPECT_THAT(List(record, "homepage"), ElementsAre());
  EXPECT_EQ(record.Text("pkg_webpage"), "");
  EXPECT_EQ(record.Text("build_gha"), "");
  EXPECT_EQ(record.Text("build_log"), "");
  EXPECT_THAT(List(record, "license"), ElementsAre("Apache-2.0 OR MIT", "MIT"));
  EXPECT_THAT(List(record, "snapshots"), ElementsAre("v1-x86_64-Linux"));
  EXPECT_TRUE(testing::ReadSoarIndex(Cat("[", json, "]"), testing::SoarClient::kOld).ok());
}

TEST(RecordTest, TheLargestRecordIsWithinItsBound) {
  RecordInput p = SomeInput(Cat("github.com/a/", std::string(1000, 'm')));
  p.import_path = Cat(p.module, "/", std::string(10, 'x'));
  p.name = std::string(64, 'n');
  p.description = std::string(1 << 20, '<');
  p.topics.clear();
  for (int i = 0; i < 1000; ++i) p.topics.push_back(Cat(std::string(60, '<'), i));
  for (int i = 0; i < 1000; ++i) p.topics.push_back(Cat(i, std::string(60, '<')));
  for (int i = 0; i < 1000; ++i) p.licences.push_back(Cat("L-", i, std::string(90, 'l')));
  for (int i = 0; i < 1000; ++i) p.older_tags.push_back(std::string(128, 't'));
  const std::string url = Cat("https://e.org/", std::string(kUrlMax - 14, 'u'));
  p.download_url = p.homepage = p.job_url = p.log_url = p.manifest_url = p.recipe_url = p.source_url =
      p.provenance_url = url;
  p.job_id = std::string(5000, '"');
  const Record record = MakeRecord(p, {.name = std::string(5000, '>'), .page = url}, RecordForm::kIndex).value();
  const std::string json = CompactJson(record);
  EXPECT_LE(json.size(), kRecordBytesMax);
  EXPECT_GE(json.size(), kRecordBytesMax / 2);  // the bound is not far off either
}

TEST(RecordTest, WhatCannotBePublishedIsRefusedByName) {
  const auto refused = [](const std::function<void(RecordInput&)>& change, std::string_view word) {
    RecordInput p = SomeInput();
    change(p);
    const absl::Status status = MakeRecord(p, {}, RecordForm::kIndex).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << word;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(word)));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  };
  refused([](RecordInput& p) { p.module = "../etc"; }, "module path");
  refused([](RecordInput& p) { p.import_path = "github.com/other/x"; }, "outside its module");
  refused([](RecordInput& p) { p.version = "HEAD-abc"; }, "version");
  refused([](RecordInput& p) { p.name = "../../bin/sh\n"; }, "name");
  refused([](RecordInput& p) { p.sha256 = "ABC"; }, "sha256");
  refused([](RecordInput& p) { p.blake3[0] = 'G'; }, "blake3");
  refused([](RecordInput& p) { p.size = 0; }, "size");
  refused([](RecordInput& p) { p.built_at = absl::InfinitePast(); }, "build time");
  refused([](RecordInput& p) { p.download_url = "http://a/'b"; }, "download_url");
  refused([](RecordInput& p) { p.family = "A/b"; }, "family");
}

TEST(RecordTest, PackageRecordsAreReadableAndHoldTheTextsOfTheProgram) {
  RecordInput p = SomeInput();
  p.version_text = "hey v0.1.5\x1b[31m";
  p.help_text = std::string(100 << 10, 'h');
  p.reproduced = false;
  const Record record = Made(p, RecordForm::kPackage);
  EXPECT_EQ(record.Text("version_output"), "hey v0.1.5\\x1b[31m");
  EXPECT_LE(record.Text("help").size(), kProgramTextMax);
  EXPECT_EQ(record.Text("reproduced"), "false");
  const std::string json = PrettyJson(record);
  KeysOf(json);
  EXPECT_TRUE(absl::StartsWith(json, "{\n  \"_disabled\": \"false\",\n")) << json.substr(0, 60);
  EXPECT_TRUE(absl::EndsWith(json, "\n}\n"));
}

TEST(RecordTextsTest, ARecordGivesBackTheTextsOfItsProgram) {
  RecordInput p = SomeInput();
  p.version_text = "hey 1.0 <b>&\nbuilt";
  p.help_text = "Usage: \"hey\" <url>\n\t-n\xc3\xa4";
  const RecordTexts texts = TextsOfRecord(PrettyJson(Made(p, RecordForm::kPackage)));
  EXPECT_EQ(texts.version_output, p.version_text);
  EXPECT_EQ(texts.help, p.help_text);
  p.version_text = p.help_text = std::string(kProgramTextMax, '<');
  const std::string largest = PrettyJson(Made(p, RecordForm::kPackage));
  EXPECT_GT(largest.size(), 2 * kProgramTextMax);
  EXPECT_LE(static_cast<int64_t>(largest.size()), kRecordFileBytesMax);
  EXPECT_EQ(TextsOfRecord(largest).help.size(), kProgramTextMax);
  EXPECT_EQ(TextsOfRecord(PrettyJson(Made(p, RecordForm::kIndex))).help, "");
  EXPECT_EQ(TextsOfRecord("{\"help\": 7}").help, "");
  EXPECT_EQ(TextsOfRecord("no JSON").help, "");
}

TEST(VersionLineTest, IsOneLineWithANumberInIt) {
  EXPECT_EQ(VersionLine("hey v0.1.5"), "hey v0.1.5");
  EXPECT_EQ(VersionLine("\n\n  hey v0.1.5  \ncommit abc"), "hey v0.1.5");
  EXPECT_EQ(VersionLine("hey\x1b[31m 1\t2"), "hey [31m 1 2");
  EXPECT_EQ(VersionLine("dev build\n1.0"), "") << "the first line says nothing";
  EXPECT_EQ(VersionLine(""), "");
  EXPECT_EQ(VersionLine(" \n\t"), "");
  EXPECT_EQ(VersionLine(std::string(10'000, '1')).size(), kTextMax);
}

TEST(SourceFileTest, IsNamedByModuleAndVersion) {
  EXPECT_EQ(SourceFile("github.com/BurntSushi/toml", "v1.6.0"), "toml-v1.6.0.src.tar.zst");
  EXPECT_EQ(SourceFile("github.com/x/tool/v2", "v2.0.0+incompatible"), "tool-v2.0.0+incompatible.src.tar.zst");
  EXPECT_EQ(SourceFile("gopkg.in/yaml.v2", "v2.4.0"), "yaml.v2-v2.4.0.src.tar.zst");
  EXPECT_EQ(SourceFile("example.com", "v1.0.0"), "example.com-v1.0.0.src.tar.zst");
  EXPECT_EQ(SourceFile("v2", "v1.0.0"), "v2-v1.0.0.src.tar.zst");
  EXPECT_EQ(SourceFile("example.com/~x/../a b", "v1\x1b"), "a_b-v1_.src.tar.zst");
  EXPECT_EQ(SourceFile("example.com/.git", "v1"), "_.git-v1.src.tar.zst");
  EXPECT_EQ(SourceFile("example.com/-rf", "v1"), "_-rf-v1.src.tar.zst");
  EXPECT_LE(SourceFile(std::string(1000, 'm'), std::string(1000, 'v')).size(), 255u);
}

TEST(SourceFileTest, AProgramOfSuchANameTakesAnother) {
  const std::vector<std::string> paths = {"example.com/m/cmd/m-v1.0.0.src.tar.zst"};
  EXPECT_THAT(ProgramFiles("example.com/m", paths), ElementsAre(::testing::StartsWith("program-")));
}

TEST(HumanSizeTest, RoundsUpAsTheReferenceDoes) {
  for (const std::string sample :
       {"absmach_supermq_auth-aarch64", "fortio_logc_logc-x86_64", "fortio_logc_logc-loongarch64",
        "barelyhuman_goblin_goblin-loongarch64", "arnhemcr_financial_mrglent-aarch64"}) {
    simdjson::dom::parser parser;
    const std::string text = GoldenFile(Cat("soar/ghcr_io_pkgforge_go_github_", sample, "-Linux.json"));
    simdjson::dom::element document = parser.parse(text);
    std::string_view size = document["size"], raw = document["size_raw"];
    int64_t bytes = 0;
    ASSERT_TRUE(absl::SimpleAtoi(Av(raw), &bytes));
    EXPECT_EQ(HumanSize(bytes), size) << sample;
  }
  EXPECT_EQ(HumanSize(1), "1 B");
  EXPECT_EQ(HumanSize(1023), "1023 B");
  EXPECT_EQ(HumanSize(1024), "1.0 KB");
  EXPECT_EQ(HumanSize(1025), "1.1 KB");
  EXPECT_EQ(HumanSize(10 * 1024 - 1), "10 KB");
  EXPECT_EQ(HumanSize(1024 * 1024 - 1), "1.0 MB");
  EXPECT_EQ(HumanSize(int64_t{5} << 40), "5.0 TB");
  EXPECT_EQ(HumanSize(std::numeric_limits<int64_t>::max()), "8388608 TB");
}

TEST(CleanUrlTest, OnlyPlainAddressesOfTheWeb) {
  EXPECT_EQ(CleanUrl("https://e.org/a?b=c&d#e"), "https://e.org/a?b=c&d#e");
  EXPECT_EQ(CleanUrl("HTTP://e.org/~user/@x"), "HTTP://e.org/~user/@x");
  for (const std::string url : {"", "e.org", "ftp://e.org", "https://", "https:///x", "javascript:alert(1)",
                                "https://e.org/a b", "https://e.org/\n", "https://e.org/\"", "https://e.org/<x>",
                                "https://good.example@evil.example/", "https://e.org/ä", "https://e.org/`id`"}) {
    EXPECT_EQ(CleanUrl(url), "") << url;
  }
  EXPECT_EQ(CleanUrl(Cat("https://e.org/", std::string(kUrlMax, 'a'))), "");
}

}  // namespace
}  // namespace gofarm::publish
