// The main job on real modules, seen through the CLI as an operator sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kToml[] = "github.com/BurntSushi/toml@v1.6.0";
constexpr char kHey[] = "github.com/rakyll/hey@v0.1.5";

class MainJobTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { farm_ = new Farm(1); }
  static void TearDownTestSuite() {
    delete farm_;
    farm_ = nullptr;
  }
  static Farm* farm_;

  static std::set<std::string> Digests(int64_t batch) {
    const Json rows = farm_->GofarmJson({"artifact", "list", "--batch", Cat(batch)});
    std::set<std::string> out;
    for (const simdjson::dom::element row : Items(rows.root())) out.insert(Text(row, "sha256"));
    return out;
  }
};
Farm* MainJobTest::farm_ = nullptr;

TEST_F(MainJobTest, TomlGivesThreeStaticProgramsThatRun) {
  const Json batch = farm_->GofarmJson({"submit", kToml, "--target", "x86_64", "--wait"});
  EXPECT_EQ(Text(batch.root(), "state"), "done");
  EXPECT_EQ(Number(batch.root(), "executables"), 3);
  EXPECT_EQ(Number(At(batch.root(), "jobs"), "built"), 1);
  EXPECT_EQ(Number(At(batch.root(), "jobs"), "failed"), 0);
  EXPECT_THAT(Text(batch.root(), "created_at"), MatchesRegex("....-..-..T..:..:..*Z"));

  const Json jobs = farm_->Jobs(Number(batch.root(), "id"));
  ASSERT_EQ(Items(jobs.root()).size(), 1u);
  const simdjson::dom::element job = Items(jobs.root())[0];
  EXPECT_EQ(Text(job, "state"), "built");
  EXPECT_EQ(Text(job, "target"), "x86_64");
  ASSERT_EQ(Count(job, "attempts"), 1u);
  const simdjson::dom::element attempt = Items(At(job, "attempts"))[0];
  EXPECT_EQ(Text(attempt, "outcome"), "built");
  EXPECT_GT(Number(attempt, "peak_memory_bytes"), 1 << 20);
  EXPECT_EQ(Count(attempt, "variants"), 1u);
  EXPECT_EQ(Count(job, "executables"), 3u);
  EXPECT_EQ(Count(job, "failed_programs"), 0u);

  for (const simdjson::dom::element e : Items(At(job, "executables"))) {
    EXPECT_EQ(Text(e, "main_version"), "v1.6.0");
    EXPECT_THAT(Text(e, "import_path"), HasSubstr("github.com/BurntSushi/toml/"));
    const std::string file = farm_->scratch() + "/" + Text(e, "name");
    ASSERT_EQ(farm_->Gofarm({"artifact", "get", Text(e, "sha256"), "-o", file}).exit_code, 0);
    const CommandResult sum = RunCommand({"sha256sum", file});
    EXPECT_EQ(sum.out.substr(0, 64), Text(e, "sha256"));
    const CommandResult b3 = RunCommand({"b3sum", "--no-names", file});
    EXPECT_EQ(b3.out.substr(0, 64), Text(e, "blake3"));
    struct stat info {};
    ASSERT_EQ(stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_size, Number(e, "size"));
    const CommandResult elf = RunCommand({"readelf", "-hldW", file});
    EXPECT_THAT(elf.out, AllOf(HasSubstr("DYN (Position"), HasSubstr("GNU_RELRO"), ::testing::Not(HasSubstr("INTERP")),
                               ::testing::Not(HasSubstr("NEEDED"))));
    if (Text(e, "name") == "tomlv") {
      chmod(file.c_str(), 0755);
      std::ofstream(farm_->scratch() + "/good.toml") << "a = 1\n";
      EXPECT_EQ(RunCommand({file, farm_->scratch() + "/good.toml"}).exit_code, 0);
      std::ofstream(farm_->scratch() + "/bad.toml") << "a = = 1\n";
      EXPECT_NE(RunCommand({file, farm_->scratch() + "/bad.toml"}).exit_code, 0);
    }
  }
}

TEST_F(MainJobTest, TheSameSubmissionJoinsAndForceBuildsAgainToTheSameBytes) {
  const int64_t first = Number(farm_->GofarmJson({"submit", kToml, "--target", "x86_64", "--wait"}).root(), "id");
  const int64_t again = Number(farm_->GofarmJson({"submit", kToml, "--target", "x86_64", "--wait"}).root(), "id");
  const int64_t forced =
      Number(farm_->GofarmJson({"submit", kToml, "--target", "x86_64", "--force", "--wait"}).root(), "id");
  const Json a = farm_->Jobs(first), b = farm_->Jobs(again), f = farm_->Jobs(forced);
  EXPECT_EQ(Number(Items(a.root())[0], "id"), Number(Items(b.root())[0], "id"));
  EXPECT_NE(Number(Items(a.root())[0], "id"), Number(Items(f.root())[0], "id"));
  EXPECT_EQ(Count(Items(f.root())[0], "attempts"), 1u);
  EXPECT_EQ(Digests(first).size(), 3u);
  EXPECT_EQ(Digests(first), Digests(forced));
}

TEST_F(MainJobTest, HeyIsBuiltForFourTargetsInOneFetchAndRunsUnderEmulation) {
  const Json batch = farm_->GofarmJson({"submit", kHey, "--wait"});
  EXPECT_EQ(Number(At(batch.root(), "jobs"), "built"), 4);
  const Json rows = farm_->GofarmJson({"artifact", "list", "--module", "github.com/rakyll/hey"});
  std::set<std::string> targets;
  for (const simdjson::dom::element row : Items(rows.root())) {
    const std::string target = Text(row, "target");
    targets.insert(target);
    const std::string file = Cat(farm_->scratch(), "/hey-", target);
    ASSERT_EQ(farm_->Gofarm({"artifact", "get", Text(row, "sha256"), "-o", file}).exit_code, 0);
    chmod(file.c_str(), 0755);
    const CommandResult run = RunCommand(RunOn(target, file, {"-h"}));
    EXPECT_THAT(run.err + run.out, HasSubstr("Usage: hey")) << target;
    utsname host{};
    uname(&host);
    if (target == host.machine) {
      EXPECT_EQ(Text(row, "smoke"), "ok") << "its worker ran it too";
    } else {
      EXPECT_THAT(Text(row, "smoke_detail"), AnyOf("emulator", "no runner for this target")) << target;
    }
  }
  EXPECT_EQ(targets, (std::set<std::string>{"aarch64", "loongarch64", "riscv64", "x86_64"}));
}

TEST_F(MainJobTest, ALibraryIsNothingToBuildAndCountsAsDone) {
  const Json batch = farm_->GofarmJson({"submit", "github.com/spf13/pflag@v1.0.5", "--target", "x86_64", "--wait"});
  EXPECT_EQ(Number(At(batch.root(), "jobs"), "nothing_to_build"), 1);
}

TEST_F(MainJobTest, AMissingSystemLibraryMakesAPartialJobThatSaysWhy) {
  const Json batch = farm_->GofarmJson({"submit", "github.com/buger/goreplay@v1.3.2", "--target", "x86_64", "--wait"},
                                       /*expected_exit=*/1);
  const Json jobs = farm_->Jobs(Number(batch.root(), "id"));
  const simdjson::dom::element job = Items(jobs.root())[0];
  EXPECT_EQ(Text(job, "state"), "partial");
  EXPECT_EQ(Text(job, "failure_class"), "system_library_missing");
  EXPECT_EQ(Count(job, "executables"), 1u);
  ASSERT_EQ(Count(job, "failed_programs"), 1u);
  EXPECT_THAT(Text(Items(At(job, "failed_programs"))[0], "failure_detail"), HasSubstr("pcap.h"));
}

TEST_F(MainJobTest, AnOldDependencyIsRaisedOnTheOneTargetThatItDoesNotKnow) {
  const Json batch = farm_->GofarmJson(
      {"submit", "github.com/google/gops@v0.3.14", "--target", "loongarch64", "--target", "x86_64", "--wait"});
  const Json jobs = farm_->Jobs(Number(batch.root(), "id"));
  for (const simdjson::dom::element job : Items(jobs.root())) {
    EXPECT_EQ(Text(job, "state"), "built");
    EXPECT_EQ(Count(job, "executables"), 2u);
    const auto variants = Items(At(Items(At(job, "attempts"))[0], "variants"));
    const bool raised = Text(job, "target") == "loongarch64";
    ASSERT_EQ(variants.size(), raised ? 2u : 1u);
    if (!raised) continue;
    EXPECT_EQ(Text(variants[0], "fingerprint"), "dependency_broken");
    EXPECT_EQ(Text(variants[1], "variant"), "install+raised");
  }
}

TEST_F(MainJobTest, ProgramsWithTheSameNameAllSurviveAndAreExportedApart) {
  const Json batch =
      farm_->GofarmJson({"submit", "github.com/hashicorp/go-plugin@v1.6.3", "--target", "aarch64", "--wait"});
  EXPECT_EQ(Number(batch.root(), "executables"), 9);
  const std::string out = farm_->scratch() + "/export";
  ASSERT_EQ(farm_->Gofarm({"artifact", "export", "--batch", Cat(Number(batch.root(), "id")), out}).exit_code, 0);
  const CommandResult check = RunCommand({"sh", "-c", "cd \"$1\" && sha256sum --quiet -c SHA256SUMS", "sh", out});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  const auto count = [&](const char* command) { return std::stoi(RunCommand({"sh", "-c", command, "sh", out}).out); };
  EXPECT_EQ(count("find \"$1\" -type f -perm -100 | wc -l"), 9) << "beside them stands what was made with them";
  EXPECT_EQ(count("wc -l <\"$1\"/SHA256SUMS"), count("find \"$1\" -type f ! -name SHA256SUMS | wc -l"));
}

TEST_F(MainJobTest, AModuleWithoutGoModIsBuilt) {
  const Json batch =
      farm_->GofarmJson({"submit", "github.com/Masterminds/glide@v0.13.2", "--target", "riscv64", "--wait"});
  EXPECT_EQ(Number(batch.root(), "executables"), 1);
}

TEST_F(MainJobTest, WaitPrintsOneLineAtLeastForEachStep) {
  const CommandResult r = farm_->Gofarm({"submit", kToml, "--target", "x86_64", "--force", "--wait"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  for (const char* step : {"queued", "fetch", "build", "check", "built"}) EXPECT_THAT(r.out + r.err, HasSubstr(step));
}

TEST_F(MainJobTest, TheLogAndTheCommandOfAJobAreShown) {
  const Json batch = farm_->GofarmJson({"submit", kToml, "--target", "x86_64", "--wait"});
  const Json jobs = farm_->Jobs(Number(batch.root(), "id"));
  const std::string id = Cat(Number(Items(jobs.root())[0], "id"));
  const CommandResult log = farm_->Gofarm({"job", "log", id});
  EXPECT_EQ(log.exit_code, 0) << log.err;
  EXPECT_THAT(log.out, HasSubstr("build/install|"));
  const CommandResult command = farm_->Gofarm({"job", "show", id, "--command"});
  EXPECT_THAT(command.out, AllOf(HasSubstr("install"), HasSubstr("-buildmode=pie"), HasSubstr("CGO_ENABLED=1")));
}

TEST_F(MainJobTest, BadSubmissionsAreRefusedWholeAndStoreNothing) {
  const size_t before = Items(farm_->GofarmJson({"batch", "list"}).root()).size();
  const std::string list = farm_->scratch() + "/list";
  std::ofstream(list) << "github.com/rakyll/hey@v0.1.5\nGitHub.com/x/y\n\n# comment\ngithub.com/a/b@1.2\n";
  const CommandResult r = farm_->Gofarm({"submit", "--file", list});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_THAT(r.err, AllOf(HasSubstr("line 2:"), HasSubstr("line 5:")));
  EXPECT_EQ(farm_->Gofarm({"submit", "github.com/rakyll/hey@v9.9.9"}).exit_code, 2);
  EXPECT_EQ(farm_->Gofarm({"submit", kHey, "--target", "sparc"}).exit_code, 2);
  EXPECT_EQ(farm_->Gofarm({"batch", "show", "999999"}).exit_code, 2);
  EXPECT_EQ(Items(farm_->GofarmJson({"batch", "list"}).root()).size(), before);
}

TEST_F(MainJobTest, WorkersAndToolchainsAreListed) {
  const Json workers = farm_->GofarmJson({"worker", "list"});
  ASSERT_EQ(Items(workers.root()).size(), 1u);
  const simdjson::dom::element w = Items(workers.root())[0];
  EXPECT_EQ(Count(w, "targets"), 4u);
  std::set<std::string> kinds;
  for (const simdjson::dom::element t : Items(At(w, "toolchains"))) {
    kinds.insert(Text(t, "kind"));
    EXPECT_EQ(RunCommand({Text(t, "path"), "version"}).exit_code, 0);
    EXPECT_EQ(Text(t, "sha256").size(), 64u);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"go", "zig"}));
}

}  // namespace
}  // namespace gofarm::testing
