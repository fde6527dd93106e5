// Every module of the table comes out as listed, on all four targets. Takes an hour with cold caches: `tests/run.sh
// --full`.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

struct Expected {
  std::map<std::string, std::string> by_target;  // "3 built"
};

std::vector<std::string> Split(const std::string& text, char by) {
  std::vector<std::string> out;
  std::stringstream in(text);
  for (std::string part; std::getline(in, part, by);) out.push_back(part);
  return out;
}

// What the program says of itself, run natively or under emulation.
std::string VersionOf(const Farm& farm, simdjson::dom::element executable) {
  const std::string file = Cat(farm.scratch(), "/", Text(executable, "target"), "-", Text(executable, "name"));
  EXPECT_EQ(farm.Gofarm({"artifact", "get", Text(executable, "sha256"), "-o", file}).exit_code, 0);
  EXPECT_EQ(chmod(file.c_str(), 0755), 0);
  return RunCommand(RunOn(Text(executable, "target"), file, {"--version"})).out;
}

// What the build found out by itself: this module needs the names of large files.
void ExpectLargeFileNames(simdjson::dom::element job) {
  const std::vector<simdjson::dom::element> variants = Items(At(Items(At(job, "attempts")).back(), "variants"));
  ASSERT_EQ(variants.size(), 2u);
  EXPECT_EQ(Text(variants[0], "variant"), "install");
  EXPECT_EQ(Text(variants[0], "outcome"), "failed");
  EXPECT_EQ(Text(variants[1], "variant"), "install+lfs64");
  EXPECT_EQ(Text(variants[1], "outcome"), "built");
}

TEST(TableTest, EveryModuleComesOutAsListed) {
  std::ifstream in(Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/e2e/modules.tsv"));
  ASSERT_TRUE(in) << "tests/e2e/modules.tsv";
  Farm farm(1);
  std::map<std::string, Expected> table;
  std::ofstream list(farm.scratch() + "/list");
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::vector<std::string> f = Split(line, '\t');
    ASSERT_GE(f.size(), 7u) << line;
    const std::vector<std::string> outcomes = Split(f[6], ',');
    const char* targets[] = {"x86_64", "aarch64", "riscv64", "loongarch64"};
    for (size_t i = 0; i < 4; ++i) {
      table[f[0] + "@" + f[1]].by_target[targets[i]] = f[2 + i] + " " + outcomes[outcomes.size() == 4 ? i : 0];
    }
    list << f[0] << "@" << f[1] << "\n";
  }
  list.close();
  const CommandResult r =
      farm.Gofarm({"submit", "--file", farm.scratch() + "/list", "--wait", "--output", "json"}, absl::Hours(3));
  ASSERT_LE(r.exit_code, 1) << r.err;
  const Json batch(r.out);
  const Json jobs = farm.Jobs(Number(batch.root(), "id"));
  size_t cells = 0, ages = 0;
  for (const simdjson::dom::element job : Items(jobs.root())) {
    const std::string module = Text(job, "module") + "@" + Text(job, "version");
    std::string got = Cat(Count(job, "executables"), " ", Text(job, "state"));
    const std::string want = table[module].by_target[Text(job, "target")];
    if (want.find(':') != std::string::npos) got += ":" + Text(job, "failure_class");
    EXPECT_EQ(got, want) << module << " " << Text(job, "target") << ": " << Text(job, "failure_detail");
    ++cells;
    if (Text(job, "module") == "github.com/benbjohnson/litestream") ExpectLargeFileNames(job);
    if (Text(job, "module") != "filippo.io/age") continue;
    for (const simdjson::dom::element e : Items(At(job, "executables"))) {
      if (Text(e, "name") != "age") continue;
      EXPECT_EQ(VersionOf(farm, e), Text(job, "version") + "\n") << Text(job, "target");
      ++ages;
    }
  }
  EXPECT_EQ(cells, 4 * table.size());
  EXPECT_EQ(ages, 4u);
}

}  // namespace
}  // namespace gofarm::testing
