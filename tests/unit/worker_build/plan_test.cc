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

Variant With(fetch::Base base, bool lfs64 = false) {
  Variant variant;
  variant.form.base = base;
  variant.lfs64 = lfs64;
  return variant;
}

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    listing_.module = "example.com/m";
    listing_.version = "v1.2.3";
  }

  void Programs(std::vector<fetch::Program> programs) { programs_ = std::move(programs); }

  PlannedTry Plan(Variant variant, Target target = Target::kAarch64) {
    PlanInput input{listing_, target, variant, {}, "amd64", ShareOf(4, 2, 2, int64_t{6} << 30), apart_, overlay_};
    for (const fetch::Program& program : programs_) input.programs.push_back(&program);
    return PlanTry(input);
  }

  fetch::Listing listing_;
  std::vector<fetch::Program> programs_ = {Main("example.com/m", "m", "."),
                                           Main("example.com/m/cmd/tool", "tool", "cmd/tool")};
  bool apart_ = false;
  std::vector<OverlaidFile> overlay_;
};

TEST_F(PlanTest, InstallNamesEachProgramWithTheJobsVersion) {
  const PlannedTry planned = Plan({});
  ASSERT_EQ(planned.calls.size(), 1u);
  const PlannedCall& call = planned.calls[0];
  EXPECT_EQ(call.argv[0], "/go/bin/go");
  EXPECT_EQ(call.argv[1], "install");
  EXPECT_THAT(call.argv,
              IsSupersetOf({"-trimpath", "-buildmode=pie", "example.com/m@v1.2.3", "example.com/m/cmd/tool@v1.2.3"}));
  EXPECT_THAT(call.argv, Not(Contains(HasSubstr("-mod="))));
  EXPECT_EQ(ValueOf(call.environment, "GOPATH"), "/out");
  EXPECT_FALSE(planned.needs_source);
  EXPECT_EQ(planned.working_directory, "/job");
}

// `go install MODULE@VERSION` would choose the versions again, among what the module cache holds by then.
TEST_F(PlanTest, VersionsThatTheListingChoseAreInstalledInItsMainModule) {
  listing_.pinned_go_mod = "module gofarm.invalid/list\n";
  listing_.pinned_go_sum = "example.com/dep v1.0.0 h1:x\n";
  for (const bool lfs64 : {false, true}) {
    const PlannedTry planned = Plan(With(fetch::Base::kInstall, lfs64));
    EXPECT_FALSE(planned.needs_source);
    EXPECT_TRUE(planned.needs_main);
    EXPECT_EQ(planned.working_directory, "/src");
    EXPECT_EQ(planned.go_mod, listing_.pinned_go_mod);
    EXPECT_EQ(planned.go_sum, listing_.pinned_go_sum);
    EXPECT_EQ(planned.calls[0].argv[1], "install");
    EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({"-mod=readonly", "example.com/m", "example.com/m/cmd/tool"}));
    EXPECT_THAT(planned.calls[0].argv, Not(Contains(HasSubstr("@v1.2.3"))));
    EXPECT_EQ(planned.calls[0].programs[1].out_path, "bin/linux_arm64/tool");
  }
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
  const PlannedTry planned = Plan(With(fetch::Base::kSource));
  ASSERT_EQ(planned.calls.size(), 2u);
  EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({"build", "-mod=readonly", "/out/bin/", "./a/tool"}));
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
  listing_.form.base = fetch::Base::kNoReplace;
  listing_.go_mod = "module example.com/m\n\ngo 1.24\n";
  listing_.go_sum = "sums\n";
  EXPECT_EQ(FirstVariant(listing_, Target::kAarch64), With(fetch::Base::kNoReplace));
  const PlannedTry planned = Plan(With(fetch::Base::kNoReplace));
  EXPECT_TRUE(planned.needs_source);
  EXPECT_EQ(planned.working_directory, "/src");
  EXPECT_EQ(planned.go_mod, listing_.go_mod);
  EXPECT_EQ(planned.go_sum, "sums\n");
  EXPECT_THAT(planned.calls[0].argv, IsSupersetOf({".", "./cmd/tool"}));
  EXPECT_EQ(planned.calls[0].programs[1].out_path, "bin/tool");
}

TEST_F(PlanTest, RepairsOfTheRecipeStandInItsFlagsAndVariables) {
  Variant variant;
  variant.form.experiments = {"jsonv2"};
  variant.form.tags = {"musl"};
  variant.linkname = true;
  const PlannedCall call = Plan(variant).calls[0];
  EXPECT_EQ(ValueOf(call.environment, "GOEXPERIMENT"), "jsonv2");
  EXPECT_THAT(call.argv, IsSupersetOf({"netgo,osusergo,musl"}));
  EXPECT_THAT(call.argv, Contains(HasSubstr(" -checklinkname=0 ")));
  const PlannedCall plain = Plan({}).calls[0];
  EXPECT_THAT(plain.argv, Not(Contains(HasSubstr("checklinkname"))));
  EXPECT_TRUE(std::none_of(plain.environment.begin(), plain.environment.end(),
                           [](const auto& v) { return v.first == "GOEXPERIMENT"; }));
}

TEST_F(PlanTest, NamesThatPrebuiltObjectsWantAreAssembledFirst) {
  Variant variant;
  variant.aliases = {"fopen64", "open64"};
  const PlannedTry planned = Plan(variant, Target::kRiscv64);
  ASSERT_EQ(planned.calls.size(), 2u);
  EXPECT_THAT(planned.calls[0].programs, testing::IsEmpty());
  EXPECT_THAT(planned.calls[0].argv, ElementsAre("/zig/zig", "cc", "-target", "riscv64-linux-musl", "-c",
                                                 "/job/aliases.s", "-o", "/job/aliases.o"));
  EXPECT_THAT(planned.alias_source, HasSubstr("fopen64: tail fopen\n"));
  EXPECT_THAT(planned.alias_source, HasSubstr("open64: tail open\n"));
  EXPECT_THAT(AliasSource(Target::kX86_64, {"readdir64_r"}), HasSubstr("readdir64_r: jmp readdir_r\n"));
  EXPECT_THAT(planned.calls[1].argv, Contains(HasSubstr("--build-id=none /job/aliases.o'")));
  EXPECT_EQ(planned.calls[1].programs[0].out_path, "bin/linux_riscv64/m");
}

TEST_F(PlanTest, ProgramsThatSpoilEachOtherAreBuiltApart) {
  apart_ = true;
  const PlannedTry planned = Plan({}, Target::kX86_64);
  ASSERT_EQ(planned.calls.size(), 2u);
  EXPECT_EQ(planned.calls[0].programs[0].out_path, "bin/m");
  EXPECT_EQ(planned.calls[1].programs[0].out_path, "c1/bin/tool");
}

// Go would go on with what it noted about the file in its module cache.
TEST_F(PlanTest, GoReadsEditedFilesAnew) {
  overlay_ = {{"/mod/example.com/d@v1.0.0/a.go", "package d\n"}};
  EXPECT_EQ(ValueOf(Plan({}).calls[0].environment, "GODEBUG"), "goindex=0");
  overlay_.clear();
  EXPECT_EQ(ValueOf(Plan({}).calls[0].environment, "GODEBUG"), "");
}

// An old sanitizer must not creep in by a module's -O0.
TEST_F(PlanTest, NoBuildHasTheUndefinedBehaviourSanitizer) {
  EXPECT_THAT(ValueOf(Plan({}).calls[0].environment, "CGO_CFLAGS"), HasSubstr("-fno-sanitize=undefined"));
}

TEST_F(PlanTest, LargeFileNamesAreDeclaredOnRequest) {
  EXPECT_THAT(ValueOf(Plan(With(fetch::Base::kInstall, true)).calls[0].environment, "CGO_CFLAGS"),
              HasSubstr("-D_LARGEFILE64_SOURCE"));
  EXPECT_THAT(ValueOf(Plan(With(fetch::Base::kInstall, true)).calls[0].environment, "CGO_CXXFLAGS"),
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
  const std::vector<std::string> argv = RecordedArgv(Plan(With(fetch::Base::kSource)));
  const auto second = std::find(argv.begin(), argv.end(), "&&");
  ASSERT_NE(second, argv.end());
  EXPECT_THAT(std::vector<std::string>(second, second + 3), ElementsAre("&&", "/go/bin/go", "build"));
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

TEST(FirstVariantTest, CodeForTheMachineThatBuildsIsLeftOutFromTheStart) {
  fetch::Listing listing;
  listing.form.base = fetch::Base::kSource;
  listing.targets.resize(1);
  listing.targets[0].target = Target::kX86_64;
  EXPECT_EQ(FirstVariant(listing, Target::kX86_64), With(fetch::Base::kSource));
  listing.targets[0].cgo_demands = {{.import_path = "a.b/c", .native = true}};
  EXPECT_EQ(VariantName(FirstVariant(listing, Target::kX86_64)), "source+portable");
}

TEST(HostGoarchTest, SpeaksGo) {
  EXPECT_EQ(HostGoarch("x86_64"), "amd64");
  EXPECT_EQ(HostGoarch("aarch64"), "arm64");
  EXPECT_EQ(HostGoarch("sparc"), "sparc");
}

}  // namespace
}  // namespace gofarm::build
