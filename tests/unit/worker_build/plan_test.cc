// From listing to command lines.
#include "worker/build/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gofarm::build {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

fetch::Program Main(std::string import_path, std::string name, std::string dir) {
  fetch::Program program;
  program.import_path = std::move(import_path);
  program.name = std::move(name);
  program.dir = std::move(dir);
  program.has_main_func = true;
  return program;
}

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    listing_.module = "example.com/m";
    listing_.version = "v1.2.3";
    listing_.variant = "install";
  }

  void Programs(std::vector<fetch::Program> programs) { programs_ = std::move(programs); }

  PlannedTry Plan(Variant variant, Target target = Target::kAarch64) {
    PlanInput input{listing_, target, variant, {}, "amd64", ShareOf(4, 2, 2, int64_t{6} << 30), own_go_mod_};
    for (const fetch::Program& program : programs_) input.programs.push_back(&program);
    return PlanTry(input);
  }

  fetch::Listing listing_;
  std::vector<fetch::Program> programs_ = {Main("example.com/m", "m", "."),
                                           Main("example.com/m/cmd/tool", "tool", "cmd/tool")};
  std::string own_go_mod_;
};

TEST_F(PlanTest, InstallNamesEachProgramWithTheJobsVersion) {
  const PlannedTry planned = Plan({});
  ASSERT_EQ(planned.calls.size(), 1u);
  const PlannedCall& call = planned.calls[0];
  EXPECT_EQ(call.argv[0], "/go/bin/go");
  EXPECT_EQ(call.argv[1], "install");
  EXPECT_THAT(call.argv,
              IsSupersetOf({"-trimpath", "-buildmode=pie", "example.com/m@v1.2.3", "example.com/m/cmd/tool@v1.2.3"}));
  EXPECT_THAT(call.argv, Not(Contains("-mod=mod")));
  EXPECT_EQ(ValueOf(call.environment, "GOPATH"), "/out");
  EXPECT_FALSE(planned.needs_source);
  EXPECT_EQ(planned.working_directory, "/job");
}

// `go install MODULE@VERSION` would choose the versions again, among what the module cache holds by then.
TEST_F(PlanTest, VersionsThatTheListingChoseAreInstalledInItsMainModule) {
  listing_.pinned_go_mod = "module gofarm.invalid/list\n";
  listing_.pinned_go_sum = "example.com/dep v1.0.0 h1:x\n";
  for (const bool lfs64 : {false, true}) {
    const PlannedTry planned = Plan({Base::kInstall, lfs64});
    EXPECT_FALSE(planned.needs_source);
    EXPECT_TRUE(planned.needs_main);
    EXPECT_EQ(planned.working_directory, "/src");
    EXPECT_EQ(planned.go_mod, listing_.pinned_go_mod);
    EXPECT_EQ(planned.go_sum, listing_.pinned_go_sum);
    EXPECT_EQ(planned.calls[0].argv[1], "install");
    EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({"-mod=mod", "example.com/m", "example.com/m/cmd/tool"}));
    EXPECT_THAT(planned.calls[0].argv, Not(Contains(HasSubstr("@v1.2.3"))));
    EXPECT_EQ(planned.calls[0].programs[1].out_path, "bin/linux_arm64/tool");
  }
  own_go_mod_ = "module example.com/m\n";
  EXPECT_EQ(Plan({Base::kSource, false}).go_mod, own_go_mod_) << "a source variant has the module's own";
}

TEST_F(PlanTest, TheRecipesEnvironmentIsWholeAndSorted) {
  const Environment env = Plan({}).calls[0].environment;
  EXPECT_TRUE(std::is_sorted(env.begin(), env.end()));
  EXPECT_EQ(ValueOf(env, "GOPROXY"), "file:///mod/cache/download");
  EXPECT_EQ(ValueOf(env, "GOSUMDB"), "off");
  EXPECT_EQ(ValueOf(env, "GOENV"), "off");
  EXPECT_EQ(ValueOf(env, "GOTOOLCHAIN"), "local");
  EXPECT_EQ(ValueOf(env, "GOWORK"), "off");
  EXPECT_EQ(ValueOf(env, "GOVCS"), "*:off");
  EXPECT_EQ(ValueOf(env, "GOARCH"), "arm64");
  EXPECT_THAT(env, Contains(testing::Pair("GOFLAGS", "")));
}

TEST_F(PlanTest, ProgramsForAnotherArchitectureLieInAFolderOfItsName) {
  EXPECT_EQ(Plan({}, Target::kLoongarch64).calls[0].programs[1].out_path, "bin/linux_loong64/tool");
  EXPECT_EQ(Plan({}, Target::kX86_64).calls[0].programs[1].out_path, "bin/tool");
}

TEST_F(PlanTest, MemoryAndCoresOfTheSlotBoundTheCompilers) {
  const PlannedCall call = Plan({}).calls[0];
  EXPECT_EQ(ValueOf(call.environment, "GOGC"), "off");
  EXPECT_EQ(ValueOf(call.environment, "GOMEMLIMIT"), "2048MiB");
  EXPECT_EQ(ValueOf(call.environment, "GOMAXPROCS"), "2");
  const auto p = std::find(call.argv.begin(), call.argv.end(), "-p");
  ASSERT_NE(p, call.argv.end());
  EXPECT_EQ(*(p + 1), "2");
}

TEST_F(PlanTest, MoreSlotsThanCoresStillBuild) {
  EXPECT_EQ(ShareOf(2, 8, 8, 0).parallel, 1);
  EXPECT_GT(ShareOf(2, 8, 8, 0).memory_bytes, 0);
}

// The sampler would end it as out_of_memory on an idle worker, while it builds on a busy one.
TEST_F(PlanTest, IdleCoresAreTakenAsFarAsTheMemoryOfTheSlotGoes) {
  EXPECT_EQ(ShareOf(64, 42, 1, int64_t{6} << 30).parallel, 8);
  EXPECT_EQ(ShareOf(64, 42, 1, int64_t{3} << 30).parallel, 4);
  EXPECT_EQ(ShareOf(64, 42, 1, int64_t{3} << 30).memory_bytes, int64_t{3} << 30);
  EXPECT_EQ(ShareOf(64, 1, 1, int64_t{6} << 30).parallel, 64);  // what the operator gave each slot stays
}

TEST_F(PlanTest, AJobAloneOnItsWorkerHasEveryCore) {
  EXPECT_EQ(ShareOf(8, 4, 1, 0).parallel, 8);
  EXPECT_EQ(ShareOf(8, 4, 2, 0).parallel, 4);
  EXPECT_EQ(ShareOf(8, 4, 4, 0).parallel, 2);
  // A count beyond the slots (an attempt that is just leaving) takes nobody's share away.
  EXPECT_EQ(ShareOf(8, 4, 5, 0).parallel, 2);
}

// `go install` writes one over the other and says nothing.
TEST_F(PlanTest, ClashingNamesAreInstalledApart) {
  Programs({Main("example.com/m/a/tool", "tool", "a/tool"), Main("example.com/m/b/tool", "tool", "b/tool"),
            Main("example.com/m/c/tool", "tool", "c/tool"), Main("example.com/m/other", "other", "other")});
  const PlannedTry planned = Plan({}, Target::kX86_64);
  ASSERT_EQ(planned.calls.size(), 3u);
  std::set<std::string> paths;
  for (const PlannedCall& call : planned.calls) {
    for (const PlannedProgram& program : call.programs) paths.insert(program.out_path);
  }
  EXPECT_THAT(paths, ElementsAre("bin/other", "bin/tool", "c1/bin/tool", "c2/bin/tool"));
  EXPECT_EQ(ValueOf(planned.calls[1].environment, "GOPATH"), "/out/c1");
  EXPECT_THAT(planned.calls[1].argv, Contains("example.com/m/b/tool@v1.2.3"));
}

TEST_F(PlanTest, ClashingNamesAreBuiltApartFromSourceToo) {
  Programs({Main("example.com/m/a/tool", "tool", "a/tool"), Main("example.com/m/b/tool", "tool", "b/tool")});
  const PlannedTry planned = Plan({Base::kSource, false});
  ASSERT_EQ(planned.calls.size(), 2u);
  EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({"build", "-mod=mod", "/out/bin/", "./a/tool"}));
  EXPECT_THAT(planned.calls[1].argv, IsSupersetOf({"/out/c1/bin/", "./b/tool"}));
  EXPECT_EQ(planned.calls[1].programs[0].out_path, "c1/bin/tool");
}

TEST_F(PlanTest, ManyProgramsAreSplitOverCallsAndNoneIsLost) {
  std::vector<fetch::Program> many;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "p" + std::to_string(i);
    many.push_back(Main("example.com/m/" + name, name, name));
  }
  Programs(std::move(many));
  const PlannedTry planned = Plan({});
  ASSERT_EQ(planned.calls.size(), 3u);
  std::set<std::string> paths;
  for (const PlannedCall& call : planned.calls) {
    EXPECT_LE(call.programs.size(), kProgramsPerCall);
    for (const PlannedProgram& program : call.programs) paths.insert(program.out_path);
  }
  EXPECT_EQ(paths.size(), 1000u);
}

TEST_F(PlanTest, ASourceVariantBuildsTheCopyWithTheListingsGoMod) {
  listing_.variant = "noreplace";
  listing_.go_mod = "module example.com/m\n\ngo 1.24\n";
  listing_.go_sum = "sums\n";
  EXPECT_EQ(FirstVariant(listing_), (Variant{Base::kNoReplace, false}));
  const PlannedTry planned = Plan(FirstVariant(listing_));
  EXPECT_EQ(planned.variant, FirstVariant(listing_));
  EXPECT_TRUE(planned.needs_source);
  EXPECT_EQ(planned.working_directory, "/src");
  EXPECT_EQ(planned.go_mod, listing_.go_mod);
  EXPECT_EQ(planned.go_sum, "sums\n");
  EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({".", "./cmd/tool"}));
  EXPECT_EQ(planned.calls[0].programs[1].out_path, "bin/tool");
}

TEST_F(PlanTest, NoreplaceThatTheListingDidNotPrepareDropsFolderReplacements) {
  own_go_mod_ = "module example.com/m\n\nrequire example.com/z v1.0.0\n\nreplace example.com/z => ../z\n";
  EXPECT_THAT(Plan({Base::kNoReplace, false}).go_mod, Not(HasSubstr("replace")));
  EXPECT_THAT(Plan({Base::kSource, false}).go_mod, HasSubstr("replace"));
}

TEST_F(PlanTest, LargeFileNamesAreDeclaredOnRequest) {
  EXPECT_THAT(ValueOf(Plan({Base::kInstall, true}).calls[0].environment, "CGO_CFLAGS"),
              HasSubstr("-D_LARGEFILE64_SOURCE"));
  EXPECT_THAT(ValueOf(Plan({Base::kInstall, true}).calls[0].environment, "CGO_CXXFLAGS"),
              HasSubstr("-D_LARGEFILE64_SOURCE"));
  EXPECT_THAT(ValueOf(Plan({}).calls[0].environment, "CGO_CFLAGS"), Not(HasSubstr("LARGEFILE64")));
}

TEST_F(PlanTest, TheRecordHoldsEveryCallAndWhatDiffersInIt) {
  Programs({Main("example.com/m/a/tool", "tool", "a/tool"), Main("example.com/m/b/tool", "tool", "b/tool")});
  const PlannedTry planned = Plan({});
  const std::vector<std::string> argv = RecordedArgv(planned);
  const auto second = std::find(argv.begin(), argv.end(), "&&");
  ASSERT_NE(second, argv.end());
  EXPECT_THAT(std::vector<std::string>(second, second + 5),
              ElementsAre("&&", "env", "GOPATH=/out/c1", "/go/bin/go", "install"));
  EXPECT_THAT(RecordedEnvironment(planned), IsSupersetOf({"GOPATH=/out", "GOARCH=arm64", "GOFLAGS="}));
}

TEST_F(PlanTest, TheRecordNamesNoVariablesForACallWhoseEnvironmentIsTheFirstOnes) {
  Programs({Main("example.com/m/a/tool", "tool", "a/tool"), Main("example.com/m/b/tool", "tool", "b/tool")});
  const std::vector<std::string> argv = RecordedArgv(Plan({Base::kSource, false}));
  const auto second = std::find(argv.begin(), argv.end(), "&&");
  ASSERT_NE(second, argv.end());
  EXPECT_THAT(std::vector<std::string>(second, second + 3), ElementsAre("&&", "/go/bin/go", "build"));
}

TEST(SplitProgramsTest, WithoutFuncMainIsNoProgramAndBrokenOnesAreNotBuilt) {
  fetch::TargetListing listing;
  listing.programs = {Main("example.com/m/a", "a", "a"), Main("example.com/m/b", "b", "b"),
                      Main("example.com/m/tests", "tests", "tests")};
  listing.programs[1].failure = FailureClass::kTargetUnsupported;
  listing.programs[2].has_main_func = false;
  listing.programs[2].failure = FailureClass::kCompileError;
  const ProgramSplit split = SplitPrograms(listing);
  ASSERT_EQ(split.buildable.size(), 1u);
  EXPECT_EQ(split.buildable[0]->name, "a");
  ASSERT_EQ(split.broken.size(), 1u);
  EXPECT_EQ(split.broken[0]->name, "b");
}

TEST(SharedGoCacheTest, OnlyJobsWithoutForeignCMayWriteIt) {
  fetch::TargetListing listing;
  listing.uses_assembly = true;
  EXPECT_TRUE(MayShareGoCache(listing));
  for (bool fetch::TargetListing::*foreign : {&fetch::TargetListing::uses_cgo, &fetch::TargetListing::uses_c,
                                              &fetch::TargetListing::uses_cxx, &fetch::TargetListing::uses_syso}) {
    fetch::TargetListing with = listing;
    with.*foreign = true;
    EXPECT_FALSE(MayShareGoCache(with));
  }
}

TEST(FirstVariantTest, UnknownAdviceIsInstall) {
  fetch::Listing listing;
  listing.variant = "source";
  EXPECT_EQ(FirstVariant(listing), (Variant{Base::kSource, false}));
  listing.variant = "something else";
  EXPECT_EQ(FirstVariant(listing), kFirstVariant);
}

TEST(HostGoarchTest, SpeaksGo) {
  EXPECT_EQ(HostGoarch("x86_64"), "amd64");
  EXPECT_EQ(HostGoarch("aarch64"), "arm64");
  EXPECT_EQ(HostGoarch("sparc"), "sparc");
}

}  // namespace
}  // namespace gofarm::build
