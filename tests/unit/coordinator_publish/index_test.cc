#include "coordinator/publish/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/base/text.h"
#include "common/io/zstd_frames.h"
#include "common/publish/lookup.h"
#include "coordinator/publish/names.h"
#include "tests/support/soar_check.h"
#include "tests/unit/coordinator_publish/samples.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using testing::ReadSoarIndex;
using testing::SoarClient;
using testing::SoarIndex;

std::map<std::string, std::string> FilesOf(Index& index) {
  std::map<std::string, std::string> out;
  const std::vector<IndexFile> files = index.Render().value();
  for (const IndexFile& file : files) out[file.name] = *file.bytes;
  return out;
}

SoarIndex Soar(const std::map<std::string, std::string>& files, const std::string& name) {
  const auto at = files.find(name);
  EXPECT_NE(at, files.end()) << name;
  if (at == files.end()) return {};
  absl::StatusOr<SoarIndex> index = ReadSoarIndex(at->second, SoarClient::kOld);
  EXPECT_TRUE(index.ok()) << index.status();
  EXPECT_THAT(index->skipped, ElementsAre());
  return *std::move(index);
}

std::string Expanded(const std::string& packed) {
  std::string out;
  const std::vector<io::FramePlace> frames = io::FindZstdFrames(packed).value();
  for (const io::FramePlace& frame : frames) {
    out += io::ExpandZstdFrame(
               std::string_view(packed).substr(static_cast<size_t>(frame.offset), static_cast<size_t>(frame.size)))
               .value();
  }
  return out;
}

RecordInput Numbered(int i, const std::string& version = "v1.0.0", Target target = Target::kX86_64) {
  return SomeInput(absl::StrFormat("github.com/owner/tool%05d", i), version, target);
}

TEST(IndexTest, AnEmptyIndexHasAFileForEachHostAndEachShard) {
  Index index;
  const std::map<std::string, std::string> files = FilesOf(index);
  EXPECT_EQ(files.size(), 4u + kShards);
  for (const Target target : kAllTargets) {
    EXPECT_TRUE(Soar(files, Cat(HostName(target), ".json.zst")).packages.empty());
  }
  EXPECT_TRUE(ReadShard(files.at("shards/ff.json"), "ff").ok());
}

TEST(IndexTest, ARecordStandsWhereItsClientsLook) {
  Index index;
  const RecordInput p = SomeInput();
  ASSERT_TRUE(index.Put(p).ok());
  const std::map<std::string, std::string> files = FilesOf(index);
  for (const std::string name : {"x86_64-Linux.json.zst", "x86_64-Linux-2026.json.zst"}) {
    const SoarIndex soar = Soar(files, name);
    ASSERT_EQ(soar.packages.size(), 1u);
    EXPECT_EQ(testing::QuerySoar(soar, "hey/hey#github.com_rakyll_hey@v0.1.5:farm")->download_url, p.download_url);
  }
  EXPECT_TRUE(Soar(files, "riscv64-Linux.json.zst").packages.empty());
  EXPECT_EQ(files.count("riscv64-Linux-2026.json.zst"), 0u);
  const std::string shard = ShardOf(p.module);
  const Resolved found = Resolve({ReadShard(files.at(ShardFile(shard)), shard).value()},
                                 ParseAddress("github.com/rakyll/hey").value(), "x86_64-Linux")
                             .value();
  EXPECT_EQ(found.target.sha256, p.sha256);
  EXPECT_EQ(found.target.url, p.download_url);
  EXPECT_EQ(found.target.size, p.size);
}

TEST(IndexTest, TheDefaultFileHasTheNewestVersionOfEachProgram) {
  Index index;
  for (const std::string version : {"v1.9.0", "v1.10.0", "v2.0.0-rc.1"}) {
    RecordInput p = SomeInput("github.com/rakyll/hey", version);
    if (version == "v1.9.0") p.built_at -= absl::Hours(24 * 365);
    ASSERT_TRUE(index.Put(p).ok());
  }
  std::map<std::string, std::string> files = FilesOf(index);
  SoarIndex newest = Soar(files, "x86_64-Linux.json.zst");
  ASSERT_EQ(newest.packages.size(), 1u);
  EXPECT_EQ(newest.packages[0].version, "v1.10.0");
  EXPECT_EQ(Soar(files, "x86_64-Linux-2026.json.zst").packages.size(), 2u);
  EXPECT_EQ(Soar(files, "x86_64-Linux-2025.json.zst").packages[0].version, "v1.9.0");

  // Withdrawn: the version before it is the newest again, and a year without records has no file.
  EXPECT_TRUE(index.Remove("github.com/rakyll/hey", "v1.10.0", "github.com/rakyll/hey", Target::kX86_64));
  EXPECT_FALSE(index.Remove("github.com/rakyll/hey", "v1.10.0", "github.com/rakyll/hey", Target::kX86_64));
  EXPECT_EQ(Soar(FilesOf(index), "x86_64-Linux.json.zst").packages[0].version, "v1.9.0");
  EXPECT_TRUE(index.Remove("github.com/rakyll/hey", "v1.9.0", "github.com/rakyll/hey", Target::kX86_64));
  files = FilesOf(index);
  EXPECT_EQ(files.count("x86_64-Linux-2025.json.zst"), 0u);
  EXPECT_EQ(Soar(files, "x86_64-Linux.json.zst").packages[0].version, "v2.0.0-rc.1");
  EXPECT_EQ(index.size(), 1);
}

TEST(IndexTest, RecordsAreSortedOneALine) {
  Index index;
  for (const int i : {5, 1, 3}) {
    ASSERT_TRUE(index.Put(Numbered(i, "v1.0.0")).ok());
    ASSERT_TRUE(index.Put(Numbered(i, "v1.1.0")).ok());
  }
  const std::string text = Expanded(FilesOf(index).at("x86_64-Linux-2026.json.zst"));
  simdjson::dom::parser parser;
  simdjson::dom::array records;
  ASSERT_EQ(parser.parse(text).get(records), simdjson::SUCCESS);
  std::vector<std::tuple<std::string, std::string, std::string>> keys;
  for (const simdjson::dom::element record : records) {
    std::string_view pkg = record["pkg"], version = record["version"], id = record["pkg_id"];
    keys.emplace_back(pkg, version, id);
  }
  EXPECT_EQ(keys.size(), 6u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
}

// Whatever came before, the files are those of an index that got the same records at once.
TEST(IndexTest, TheSameRecordsGiveTheSameBytes) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937_64 random(seed);
  Index changed({.file_bytes_max = 2 << 20});
  std::map<std::pair<int, int>, RecordInput> truth;
  for (int round = 0; round < 4; ++round) {
    for (int step = 0; step < 400; ++step) {
      const int i = static_cast<int>(random() % 900), v = static_cast<int>(random() % 3);
      RecordInput p = Numbered(i, Cat("v1.", v, ".0"), kAllTargets[random() % 2]);
      const auto key = std::pair(i * 2 + (p.target == Target::kX86_64 ? 0 : 1), v);
      if (random() % 4 == 0) {
        EXPECT_EQ(changed.Remove(p.module, p.version, p.import_path, p.target), truth.erase(key) > 0);
        continue;
      }
      p.built_at -= absl::Hours(24 * 365) * static_cast<int64_t>(random() % 3);
      p.description = Cat("described for the ", random() % 100, ". time");
      ASSERT_TRUE(changed.Put(p).ok());
      truth[key] = p;
    }
    Index fresh({.file_bytes_max = 2 << 20});
    std::vector<RecordInput> shuffled;
    for (const auto& [key, p] : truth) shuffled.push_back(p);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (const RecordInput& p : shuffled) ASSERT_TRUE(fresh.Put(p).ok());
    ASSERT_EQ(FilesOf(changed), FilesOf(fresh)) << "round " << round;
    EXPECT_EQ(changed.size(), static_cast<int64_t>(truth.size()));
  }
}

TEST(IndexTest, AChangeCompressesOnlyTheFramesAroundIt) {
  Index index;
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(index.Put(Numbered(i)).ok());
  const std::map<std::string, std::string> before = FilesOf(index);
  const int64_t at_first = index.frames_compressed();
  EXPECT_GE(at_first, 5);  // the file of the newest and that of the year share all frames
  EXPECT_LE(at_first, 60);
  ASSERT_TRUE(index.Render().ok());
  EXPECT_EQ(index.frames_compressed(), at_first);
  RecordInput p = Numbered(2500);
  p.description = "changed";
  ASSERT_TRUE(index.Put(p).ok());
  const std::map<std::string, std::string> after = FilesOf(index);
  EXPECT_LE(index.frames_compressed() - at_first, 2);
  int changed = 0;
  for (const auto& [name, bytes] : after) changed += before.at(name) != bytes ? 1 : 0;
  EXPECT_EQ(changed, 2);  // a look-up file says nothing of descriptions
  // Once more the same: nothing to do.
  ASSERT_TRUE(index.Put(p).ok());
  EXPECT_EQ(FilesOf(index), after);
}

TEST(IndexTest, FilesThatDidNotChangeShareTheirBytes) {
  Index index;
  ASSERT_TRUE(index.Put(Numbered(1)).ok());
  const std::vector<IndexFile> before = index.Render().value();
  ASSERT_TRUE(index.Put(Numbered(1, "v1.0.0", Target::kRiscv64)).ok());
  const std::vector<IndexFile> after = index.Render().value();
  for (const IndexFile& file : before) {
    const auto same = std::find_if(after.begin(), after.end(), [&](const IndexFile& f) { return f.name == file.name; });
    ASSERT_NE(same, after.end());
    const bool touched =
        absl::StartsWith(file.name, "riscv64") || file.name == ShardFile(ShardOf("github.com/owner/tool00001"));
    EXPECT_EQ(same->bytes == file.bytes, !touched) << file.name;
  }
}

TEST(IndexTest, FilesStayBelowTheLimitOfTheirClients) {
  constexpr int64_t kLimit = 3 << 20;
  Index index({.file_bytes_max = kLimit});
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(index.Put(Numbered(i)).ok());
  std::map<std::string, std::string> files = FilesOf(index);
  size_t records = 0;
  int parts = 0;
  for (const auto& [name, bytes] : files) {
    if (!absl::StartsWith(name, "x86_64-Linux.")) continue;
    ++parts;
    EXPECT_LE(static_cast<int64_t>(Expanded(bytes).size()), kLimit) << name;
    records += Soar(files, name).packages.size();
  }
  EXPECT_GE(parts, 2);
  EXPECT_EQ(records, 5000u);
  EXPECT_EQ(files.count("x86_64-Linux.2.json.zst"), 1u);
  // With fewer records the parts go.
  for (int i = 10; i < 5000; ++i) {
    const RecordInput p = Numbered(i);
    index.Remove(p.module, p.version, p.import_path, p.target);
  }
  files = FilesOf(index);
  EXPECT_EQ(files.count("x86_64-Linux.2.json.zst"), 0u);
  EXPECT_EQ(Soar(files, "x86_64-Linux-2026.json.zst").packages.size(), 10u);
}

TEST(IndexTest, WhatClientsCannotTellApartIsRefused) {
  Index index;
  ASSERT_TRUE(index.Put(SomeInput("github.com/a/b", "v1.0.0-rc1")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(index.Put(SomeInput("github.com/a/b", "v1.0.0-RC1"))));
  RecordInput other = SomeInput("github.com/a/b", "v1.0.0-rc1");
  other.import_path += "/cmd/b";
  EXPECT_TRUE(absl::IsAlreadyExists(index.Put(other)));
  EXPECT_EQ(index.size(), 1);
  other.name = "b-other";
  EXPECT_TRUE(index.Put(other).ok());
}

TEST(IndexTest, WrongRecordsAndTooManyAreRefused) {
  Index index({.records_max = 2});
  RecordInput wrong = Numbered(1);
  wrong.sha256 = "";
  EXPECT_TRUE(absl::IsInvalidArgument(index.Put(wrong)));
  ASSERT_TRUE(index.Put(Numbered(1)).ok());
  ASSERT_TRUE(index.Put(Numbered(2)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(index.Put(Numbered(3))));
  RecordInput again = Numbered(2);
  again.description = "new";
  EXPECT_TRUE(index.Put(again).ok());
}

TEST(IndexTest, HostileMetadataDoesNotBreakIt) {
  Index index;
  RecordInput p = SomeInput();
  p.description = "\"},{\"pkg_name\":\"evil\"" + std::string("\0\n\x1b]", 4) + std::string(10 << 20, '\\');
  p.homepage = "http://e.org/\"";
  p.topics = {"]", "\xff\xfe", "null"};
  ASSERT_TRUE(index.Put(p).ok());
  const SoarIndex soar = Soar(FilesOf(index), "x86_64-Linux.json.zst");
  ASSERT_EQ(soar.packages.size(), 1u);
  EXPECT_EQ(soar.packages[0].pkg_name, "hey");
}

TEST(IndexTest, SoarInstallsWhatItNamesAndRefusesAChangedByte) {
  const std::string program =
      "\x7f"
      "ELF a program";
  RecordInput p = SomeInput();
  p.sha256 = digest::Sha256Hex(program);
  p.blake3 = digest::Blake3Hex(program);
  p.size = static_cast<int64_t>(program.size());
  Index index;
  ASSERT_TRUE(index.Put(p).ok());
  const SoarIndex soar = Soar(FilesOf(index), "x86_64-Linux.json.zst");
  const testing::SoarPackage package = testing::QuerySoar(soar, "hey").value();
  const testing::SoarInstall install = testing::InstallSoarDirect(package, program).value();
  EXPECT_EQ(install.links.size(), 1u);
  EXPECT_TRUE(install.dangling.empty());
  EXPECT_TRUE(absl::IsDataLoss(testing::InstallSoarDirect(package,
                                                          "\x7f"
                                                          "ELF a prograM")
                                   .status()));
}

}  // namespace
}  // namespace gofarm::publish
