#include "common/io/zip_index.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"
#include "tests/support/zip_maker.h"

namespace gofarm::io {
namespace {

using testing::MakeZip;

absl::StatusOr<std::vector<ZipEntry>> Entries(const std::string& zip, const ZipLimits& limits = {}) {
  const absl::StatusOr<ZipDirectory> at = FindZipDirectory(zip, static_cast<int64_t>(zip.size()), limits);
  if (!at.ok()) return at.status();
  return ReadZipDirectory(std::string_view(zip).substr(static_cast<size_t>(at->offset), static_cast<size_t>(at->bytes)),
                          *at, limits);
}
absl::StatusOr<ZipText> Text(const std::string& zip, const ZipEntry& entry, int64_t size_max = 1 << 30) {
  return ReadZipEntry(std::string_view(zip).substr(static_cast<size_t>(entry.offset)), entry, size_max);
}
void Put(std::string& bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xFF);
}

TEST(ZipIndexTest, ReadsEntriesWholeAndTheirBeginnings) {
  const std::string zip =
      MakeZip({{.name = "m/a", .data = "hello"}, {.name = "m/zeros", .zeros = 100'000}, {.name = "m/empty"}});
  const auto entries = Entries(zip);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ(Text(zip, (*entries)[0])->text, "hello");
  EXPECT_TRUE(Text(zip, (*entries)[0])->whole);
  EXPECT_EQ(Text(zip, (*entries)[1])->text, std::string(100'000, '\0'));
  EXPECT_TRUE(Text(zip, (*entries)[1])->whole);
  EXPECT_EQ(Text(zip, (*entries)[1], 10)->text, std::string(10, '\0'));
  EXPECT_FALSE(Text(zip, (*entries)[1], 10)->whole);
  EXPECT_EQ(Text(zip, (*entries)[2])->text, "");
  // A part of the packed bytes gives a part of the text.
  const ZipEntry& zeros = (*entries)[1];
  const auto part =
      ReadZipEntry(std::string_view(zip).substr(static_cast<size_t>(zeros.offset), 30 + 7 + 40), zeros, 1 << 20);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_FALSE(part->whole);
  EXPECT_TRUE(absl::IsOutOfRange(
      ReadZipEntry(std::string_view(zip).substr(static_cast<size_t>(zeros.offset), 20), zeros, 10).status()));
}

TEST(ZipIndexTest, EndRecordMayHaveAComment) {
  std::string zip = MakeZip({{.name = "m/a", .data = "hello"}});
  Put(zip, zip.size() - 2, 4, 2);
  zip += "PK\x05\x06";  // a mark inside the comment
  ASSERT_TRUE(Entries(zip).ok()) << Entries(zip).status();
  EXPECT_FALSE(Entries(zip + "x").ok());
  EXPECT_FALSE(Entries(zip.substr(0, zip.size() - 1)).ok());
  EXPECT_FALSE(Entries("").ok());
}

TEST(ZipIndexTest, SixtyFourBitFieldsAreRead) {
  std::string zip = MakeZip({{.name = "m/a", .data = "hello"}});
  const size_t end = zip.size() - 22;
  const uint64_t bytes = end - zip.find("PK\x01\x02");
  const uint64_t offset = end - bytes;
  std::string record("PK\x06\x06", 4);
  record.resize(56);
  Put(record, 4, 44, 8);
  Put(record, 24, 1, 8);
  Put(record, 32, 1, 8);
  Put(record, 40, bytes, 8);
  Put(record, 48, offset, 8);
  std::string locator("PK\x06\x07", 4);
  locator.resize(20);
  Put(locator, 8, end, 8);
  std::string with = zip.substr(0, end) + record + locator + zip.substr(end);
  Put(with, with.size() - 12, 0xFFFF, 2);
  Put(with, with.size() - 10, 0xFFFFFFFF, 4);
  Put(with, with.size() - 6, 0xFFFFFFFF, 4);
  const auto entries = Entries(with);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(Text(with, (*entries)[0])->text, "hello");
  // A locator that leads elsewhere.
  Put(with, end + 56 + 8, 7, 8);
  EXPECT_FALSE(Entries(with).ok());
}

TEST(ZipIndexTest, LyingSizesAreRefused) {
  // Declared more than is there, declared less, and more than deflate can pack.
  for (const int64_t claimed : {int64_t{100'001}, int64_t{99'999}, int64_t{10}}) {
    const std::string zip = MakeZip({{.name = "m/a", .claimed_size = claimed, .zeros = 100'000}});
    const auto entries = Entries(zip);
    ASSERT_TRUE(entries.ok()) << entries.status();
    const auto text = Text(zip, (*entries)[0]);
    EXPECT_TRUE(absl::IsInvalidArgument(text.status())) << claimed << " " << text.status();
  }
  EXPECT_FALSE(Entries(MakeZip({{.name = "m/a", .claimed_size = 400 << 20, .zeros = 100'000}})).ok());
  EXPECT_FALSE(Entries(MakeZip({{.name = "m/a", .data = "hello", .claimed_size = 6}})).ok());
}

TEST(ZipIndexTest, BombsAreStoppedByTheirDeclaredSum) {
  const std::string zip = MakeZip({{.name = "m/a", .zeros = 3 << 20}, {.name = "m/b", .zeros = 3 << 20}});
  EXPECT_TRUE(Entries(zip, {.unpacked_bytes = 6 << 20}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Entries(zip, {.unpacked_bytes = (6 << 20) - 1}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Entries(zip, {.file_bytes = 100}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Entries(zip, {.entries = 1}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Entries(zip, {.directory_bytes = 10}).status()));
}

TEST(ZipIndexTest, OverlappingEntriesAreRefused) {
  std::string zip = MakeZip({{.name = "m/a", .data = "hello"}, {.name = "m/b", .data = "world"}});
  ASSERT_TRUE(Entries(zip).ok());
  const size_t second = zip.find("PK\x01\x02", zip.find("PK\x01\x02") + 1);
  Put(zip, second + 42, 0, 4);  // both at the start of the file
  EXPECT_TRUE(absl::IsInvalidArgument(Entries(zip).status())) << Entries(zip).status();
  Put(zip, second + 42, zip.size(), 4);
  EXPECT_TRUE(absl::IsInvalidArgument(Entries(zip).status())) << Entries(zip).status();
}

TEST(ZipIndexTest, DamagedEntriesAreRefused) {
  const std::string good = MakeZip({{.name = "m/a", .data = "hello"}});
  const auto entries = Entries(good);
  ASSERT_TRUE(entries.ok());
  std::string other_text = good;
  other_text[33] = 'x';  // the checksum does not fit
  EXPECT_TRUE(absl::IsInvalidArgument(Text(other_text, (*entries)[0]).status()));
  std::string other_name = good;
  other_name[30] = 'x';
  EXPECT_TRUE(absl::IsInvalidArgument(Text(other_name, (*entries)[0]).status()));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(Entries(good.substr(0, n)).ok()) << n;
}

TEST(ZipIndexTest, EveryChangedByteIsReadOrRefused) {
  const std::string good = MakeZip({{.name = "m/a", .data = "hello"}, {.name = "m/b", .zeros = 500}});
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int change : {1, 0x80, 0xFF}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ change);
      const auto entries = Entries(bad);
      if (!entries.ok()) continue;
      for (const ZipEntry& entry : *entries) (void)Text(bad, entry, 1 << 20).status();
    }
  }
}

}  // namespace
}  // namespace gofarm::io
