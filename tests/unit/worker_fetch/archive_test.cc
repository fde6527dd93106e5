#include "common/io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/zip_maker.h"

namespace gofarm::io {
namespace {

namespace fs = std::filesystem;
using ::gofarm::testing::MakeZip;
using ::gofarm::testing::WriteFileOrDie;
using ::gofarm::testing::ZipEntry;
using ::testing::HasSubstr;

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() {
    char name[] = "/tmp/gofarm-archive-XXXXXX";
    base_ = mkdtemp(name);
    out_ = base_ + "/deep/er/out";
    fs::create_directories(out_);
  }
  ~ArchiveTest() override { fs::remove_all(base_); }

  absl::StatusOr<Extracted> Unzip(const std::vector<ZipEntry>& entries, const ExtractOptions& options = {}) {
    WriteFileOrDie(base_ + "/a.zip", MakeZip(entries));
    return ExtractArchive(Scope::For(absl::Seconds(60)), base_ + "/a.zip", out_, options);
  }

  // All names below the base but the archive itself, sorted.
  std::vector<std::string> Outside() {
    std::vector<std::string> names;
    for (const auto& e : fs::recursive_directory_iterator(base_)) {
      const std::string name = e.path().lexically_relative(base_).string();
      if (name != "a.zip" && name != "deep" && name != "deep/er" && name.rfind("deep/er/out", 0) != 0)
        names.push_back(name);
    }
    return names;
  }

  std::string base_;
  std::string out_;
};

struct TarEntry {
  std::string name, data, symlink, hardlink;
};

std::string MakeTar(const std::string& path, const std::vector<TarEntry>& entries, int (*filter)(archive*)) {
  archive* a = archive_write_new();
  archive_write_set_format_pax_restricted(a);
  filter(a);
  archive_write_open_filename(a, path.c_str());
  for (const TarEntry& e : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, e.name.c_str());
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_filetype(entry, e.symlink.empty() ? AE_IFREG : AE_IFLNK);
    if (!e.symlink.empty()) archive_entry_set_symlink(entry, e.symlink.c_str());
    if (!e.hardlink.empty()) archive_entry_set_hardlink(entry, e.hardlink.c_str());
    archive_entry_set_size(entry, e.symlink.empty() && e.hardlink.empty() ? static_cast<la_int64_t>(e.data.size()) : 0);
    archive_write_header(a, entry);
    archive_write_data(a, e.data.data(), e.data.size());
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  return path;
}

TEST_F(ArchiveTest, UnpacksFilesFoldersAndExecuteBits) {
  int64_t reported = 0;
  ExtractOptions options;
  options.progress = [&](int64_t bytes) { reported = bytes; };
  const auto done =
      Unzip({{"bin/", "", 040755}, {"bin/tool", "#!", 0100755}, {"lib/a/b.txt", "text", 0100600}}, options);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->entries, 3);
  EXPECT_EQ(done->bytes, 6);
  EXPECT_EQ(reported, 6);
  EXPECT_EQ(Slurp(out_ + "/lib/a/b.txt"), "text");
  struct stat info {};
  ASSERT_EQ(stat((out_ + "/bin/tool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  ASSERT_EQ(stat((out_ + "/lib/a/b.txt").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
}

TEST_F(ArchiveTest, StripsTheWantedFolderAndSkipsTheRest) {
  ExtractOptions options;
  options.strip_prefix = "ziglang";
  const auto done = Unzip({{"ziglang/zig", "z"}, {"ziglang-0.15.2.dist-info/RECORD", "r"}}, options);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(fs::exists(out_ + "/zig"));
  EXPECT_FALSE(fs::exists(out_ + "/ziglang-0.15.2.dist-info"));
  options.strip_prefix = "elsewhere";
  EXPECT_EQ(Unzip({{"x/y", "z"}}, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ArchiveTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../evil", "a/../../evil", "/evil", "..", "a/.."}) {
    const auto done = Unzip({{name, "x"}});
    EXPECT_EQ(done.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(Outside(), ::testing::IsEmpty()) << name;
  }
}

TEST_F(ArchiveTest, EscapesNamesInMessages) {
  EXPECT_THAT(std::string(Unzip({{"../\x1b[31mred", "x"}}).status().message()), HasSubstr("\\x1b[31mred"));
}

TEST_F(ArchiveTest, RefusesLinksThatLeadOutAndKeepsLinksInside) {
  for (const char* target : {"/etc/passwd", "../x", "a/../../x", "../../../x"}) {
    EXPECT_EQ(Unzip({{"link", target, 0120777}}).status().code(), absl::StatusCode::kInvalidArgument) << target;
  }
  ASSERT_TRUE(Unzip({{"lib/a", "text"}, {"bin/a", "../lib/a", 0120777}}).ok());
  EXPECT_EQ(Slurp(out_ + "/bin/a"), "text");
}

TEST_F(ArchiveTest, NeverWritesThroughALink) {
  EXPECT_EQ(Unzip({{"d/x", "."}, {"here", "d", 0120777}, {"here/file", "x"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(out_ + "/d/file"));
}

TEST_F(ArchiveTest, RefusesTwoEntriesOfOneName) {
  EXPECT_THAT(std::string(Unzip({{"a", "1"}, {"a", "2"}}).status().message()), HasSubstr("twice"));
}

TEST_F(ArchiveTest, RefusesDevices) {
  EXPECT_EQ(Unzip({{"dev", "", 0020666}}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ArchiveTest, CountsBytesItWritesAndNotWhatHeadersClaim) {
  ExtractOptions options;
  options.bytes_max = 1 << 20;
  EXPECT_EQ(Unzip({{"bomb", "", 0100644, -1, 64 << 20}}, options).status().code(),
            absl::StatusCode::kResourceExhausted);
  // Claims ten bytes and unpacks to 64 MiB.
  fs::remove_all(out_);
  fs::create_directories(out_);
  const auto lying = Unzip({{"liar", "", 0100644, 10, 64 << 20}}, options);
  EXPECT_FALSE(lying.ok());
}

TEST_F(ArchiveTest, CountsEntries) {
  ExtractOptions options;
  options.entries_max = 2;
  EXPECT_EQ(Unzip({{"a", ""}, {"b", ""}, {"c", ""}}, options).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ArchiveTest, RefusesTruncatedAndRandomFiles) {
  std::string zip = MakeZip({{"a", std::string(100000, 'x')}});
  WriteFileOrDie(base_ + "/a.zip", zip.substr(0, zip.size() / 2));
  EXPECT_FALSE(ExtractArchive(Scope{}, base_ + "/a.zip", out_).ok());
  WriteFileOrDie(base_ + "/a.zip", std::string("not an archive at all, only text"));
  EXPECT_EQ(ExtractArchive(Scope{}, base_ + "/a.zip", out_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ArchiveTest, EndsWhenItsScopeEnds) {
  std::stop_source source;
  source.request_stop();
  WriteFileOrDie(base_ + "/a.zip", MakeZip({{"a", "1"}}));
  EXPECT_EQ(ExtractArchive(Scope{absl::InfiniteFuture(), source.get_token()}, base_ + "/a.zip", out_).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ArchiveTest, ReadsTarInEveryCompression) {
  int (*const filters[])(archive*) = {archive_write_add_filter_none, archive_write_add_filter_gzip,
                                      archive_write_add_filter_xz, archive_write_add_filter_zstd};
  int n = 0;
  for (const auto filter : filters) {
    const std::string path =
        MakeTar(base_ + "/a.zip", {{"top/file", "hello"}, {"top/same", "", "", "top/file"}}, filter);
    const std::string out = out_ + std::to_string(n++);
    fs::create_directories(out);
    const auto done = ExtractArchive(Scope{}, path, out);
    ASSERT_TRUE(done.ok()) << done.status();
    EXPECT_EQ(Slurp(out + "/top/same"), "hello");
  }
}

TEST_F(ArchiveTest, RefusesHardLinksToWhatIsNotInTheArchive) {
  WriteFileOrDie(base_ + "/deep/er/secret", "s");
  MakeTar(base_ + "/a.zip", {{"x", "", "", "../secret"}}, archive_write_add_filter_none);
  EXPECT_EQ(ExtractArchive(Scope{}, base_ + "/a.zip", out_).status().code(), absl::StatusCode::kInvalidArgument);
  MakeTar(base_ + "/a.zip", {{"l", "", "none"}, {"y", "", "", "l"}}, archive_write_add_filter_none);
  EXPECT_EQ(ExtractArchive(Scope{}, base_ + "/a.zip", out_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gofarm::io
