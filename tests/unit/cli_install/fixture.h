// The road of `gofarm install` from a fake index into a scratch folder. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cli/install/installer.h"
#include "common/base/check.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/io/scratch_folder.h"
#include "tests/unit/cli_install/fake_index.h"

namespace gofarm::install {

inline io::ScratchFolder MakeScratch() {
  absl::StatusOr<io::ScratchFolder> folder = io::ScratchFolder::Make(::testing::TempDir(), "gofarm-install-");
  GOFARM_CHECK(folder.ok());
  return *std::move(folder);
}

class InstallFixture : public ::testing::Test {
 protected:
  InstallFixture() : scratch_(MakeScratch()), http_("gofarm-test"), ask_(io::AskDirectly(http_)) {
    index_.Publish("v0.1.5", bytes_);
  }

  Source SourceOfIndex(int64_t seen = 0) const {
    Source source{.url = index_.url(), .key = index_.minisign().public_key(), .named_by = "--index"};
    source.trust = {.keys = {source.key}, .generation = seen};
    return source;
  }
  InstallOptions Options(bool force = false) const { return {.folder = Path("bin"), .force = force}; }
  static Scope Now() { return Scope::For(absl::Seconds(30)); }

  // As the command does it: find, then install.
  absl::StatusOr<Outcome> InstallAddress(std::string_view address, bool force = false, int64_t seen = 0) {
    const absl::StatusOr<publish::Address> parsed = publish::ParseAddress(address);
    if (!parsed.ok()) return parsed.status();
    const absl::StatusOr<Answers> found = Find(Now(), ask_, SourceOfIndex(seen), {*parsed}, Target::kX86_64);
    if (!found.ok()) return found.status();
    if (!found->programs[0].ok()) return found->programs[0].status();
    return Install(Now(), ask_, *found->programs[0], SignersOf(found->keys), Options(force));
  }

  std::string Path(const std::string& below) const { return scratch_.path() + "/" + below; }
  std::string Read(const std::string& below) const {
    const absl::StatusOr<std::string> text = io::ReadFile(Path(below), 10 << 20);
    return text.ok() ? *text : "";
  }
  void Write(const std::string& below, const std::string& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(Path(below)).parent_path());
    ASSERT_TRUE(io::WriteFileAtomic(Path(below), bytes).ok());
  }
  // Files below the scratch folder, sorted.
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_.path())) {
      if (!entry.is_directory()) names.push_back(entry.path().string().substr(scratch_.path().size() + 1));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string bytes_ = ProgramBytes(1);
  FakeIndex index_;
  const io::ScratchFolder scratch_;
  const io::HttpClient http_;
  const io::HttpAsk ask_;
};

}  // namespace gofarm::install
