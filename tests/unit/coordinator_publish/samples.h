// What the tests of this folder publish, and the files of tests/golden that they read.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"
#include "common/io/decompress.h"
#include "common/io/files.h"
#include "coordinator/publish/record.h"

namespace gofarm::publish {

inline std::string GoldenFile(const std::string& name) {
  const char* const source = std::getenv("GOFARM_SOURCE_DIR");
  EXPECT_NE(source, nullptr) << "run by ctest, or set GOFARM_SOURCE_DIR";
  return source == nullptr ? "" : io::ReadFile(Cat(source, "/tests/golden/", name), 16 << 20).value();
}

// Real module paths: those of the reference's 7,381 outcomes and of the farm's own tables.
inline std::vector<std::string> RealModules() {
  std::string text;
  io::Decompressor expand(
      [&](std::string_view bytes) {
        text += bytes;
        return absl::OkStatus();
      },
      16 << 20);
  EXPECT_TRUE(expand.Add(GoldenFile("publish/module_paths.txt.zst")).ok());
  EXPECT_TRUE(expand.Finish().ok());
  std::vector<std::string> modules;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (gomod::CheckModulePath(Sv(line)).ok()) modules.emplace_back(line);
  }
  return modules;
}

inline RecordInput SomeInput(const std::string& module = "github.com/rakyll/hey", const std::string& version = "v0.1.5",
                             Target target = Target::kX86_64) {
  RecordInput p{.module = module, .version = version, .import_path = module};
  p.name = gomod::ProgramName(module);
  p.target = target;
  const std::string seed = Cat(module, version, TargetName(target));
  p.sha256 = digest::Sha256Hex(seed);
  p.blake3 = digest::Blake3Hex(seed);
  p.size = 9'437'184;
  p.download_url = Cat("http://127.0.0.1:8080/blobs/", p.sha256);
  p.built_at = absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 40, 30), absl::UTCTimeZone());
  p.description = "HTTP load generator";
  p.homepage = "https://example.com/hey";
  p.licences = {"Apache-2.0"};
  p.topics = {"go", "benchmark"};
  p.stars = 18'000;
  p.log_url = "http://127.0.0.1:8080/logs/7";
  return p;
}

}  // namespace gofarm::publish
