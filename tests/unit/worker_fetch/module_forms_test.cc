// The forms that a module is listed in, and what go says about modules that are not whole: with a real Go.
#include <algorithm>

#include "common/base/text.h"
#include "tests/unit/worker_fetch/module_fetcher_fixture.h"
#include "worker/fetch/module_form.h"

namespace gofarm::fetch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCommit[] = "0123456789abcdef0123456789abcdef01234567";
constexpr char kPseudo[] = "v0.0.0-20260102030405-0123456789ab";

class ModuleFormsTest : public ModuleFetcherTest {
 protected:
  static const Program& Of(const FetchOutcome& outcome, const std::string& import_path,
                           Target target = Target::kX86_64) {
    static const Program none;
    if (outcome.listing == nullptr || outcome.listing->Find(target) == nullptr) {
      ADD_FAILURE() << outcome.detail;
      return none;
    }
    for (const Program& program : outcome.listing->Find(target)->programs) {
      if (program.import_path == import_path) return program;
    }
    ADD_FAILURE() << "no program " << import_path;
    return none;
  }

  FetchOutcome FetchForm(const std::string& module, const SourceForm& form) {
    ModuleFetcher fetcher = Fetcher("file://" + proxy_->root());
    FetchRequest request = Request(module, "v1.0.0", {Target::kX86_64});
    request.form = form;
    return fetcher.FetchAndList(Scope::For(absl::Minutes(2)), request);
  }

  // What a proxy answers for a commit of a module that lies in a repository.
  void AddCommit(const std::string& module, const std::string& version) {
    for (const std::string& name : {std::string(kCommit), std::string(kCommit).substr(0, 12), version}) {
      std::ofstream(Cat(proxy_->VersionFolder(module), "/", name, ".info"))
          << R"({"Version":")" << version
          << R"(","Time":"2026-01-02T03:04:05Z","Origin":{"VCS":"git","URL":"https://a.b/mono","Hash":")" << kCommit
          << R"("}})";
    }
  }
};

TEST_F(ModuleFormsTest, AModuleThatIsCalledOtherwiseIsBuiltUnderItsOwnName) {
  proxy_->Add("example.com/fork", "v1.0.0",
              {{"go.mod", "module grypy\n\ngo 1.21\n"},
               {"main.go", "package main\n\nimport _ \"grypy/util\"\n\nfunc main() {}\n"},
               {"util/u.go", "package util\n"}});
  const FetchOutcome outcome = Fetch("example.com/fork", "v1.0.0");
  EXPECT_EQ(Of(outcome, "grypy").failure, FailureClass::kNone);
  EXPECT_EQ(Of(outcome, "grypy").name, "grypy");
  ASSERT_NE(outcome.listing, nullptr);
  EXPECT_EQ(outcome.listing->form.base, Base::kSource);
  EXPECT_EQ(outcome.listing->declared_path, "grypy");
  EXPECT_EQ(AskedImportPath(*outcome.listing, "grypy/util"), "example.com/fork/util");
  EXPECT_EQ(AskedImportPath(*outcome.listing, "grypyx"), "grypyx");
  EXPECT_THAT(outcome.listing->edits, ElementsAre(HasSubstr("built as grypy")));
}

TEST_F(ModuleFormsTest, AFolderOfTheRepositoryBecomesTheSameCommitsVersion) {
  proxy_->Add("a.b/mono/lib", kPseudo, {{"go.mod", "module a.b/mono/lib\n"}, {"l.go", "package lib\n"}});
  AddCommit("a.b/mono/lib", kPseudo);
  proxy_->Add(
      "a.b/mono/tool", "v1.0.0",
      {{"go.mod", "module a.b/mono/tool\n\ngo 1.21\n\nrequire a.b/mono/lib v0.0.0\n\nreplace a.b/mono/lib => ../lib\n"},
       {"main.go", "package main\n\nimport _ \"a.b/mono/lib\"\n\nfunc main() {}\n"}});
  AddCommit("a.b/mono/tool", "v1.0.0");
  const FetchOutcome outcome = Fetch("a.b/mono/tool", "v1.0.0");
  EXPECT_EQ(Of(outcome, "a.b/mono/tool").failure, FailureClass::kNone) << Of(outcome, "a.b/mono/tool").detail;
  ASSERT_NE(outcome.listing, nullptr);
  EXPECT_EQ(outcome.listing->form.base, Base::kSibling);
  EXPECT_THAT(outcome.listing->go_mod, HasSubstr(Cat("replace a.b/mono/lib => a.b/mono/lib ", kPseudo)));
  EXPECT_THAT(outcome.listing->edits, ElementsAre(HasSubstr("of the same commit: replace a.b/mono/lib => ../lib")));
}

// A report holds so many lines and no more; a monorepo replaces hundreds of its modules.
TEST_F(ModuleFormsTest, TheLinesAboutEditsAreBounded) {
  Listing listing;
  listing.form.base = Base::kNoReplace;
  gomod::GoModFile own;
  for (int i = 0; i < 200; ++i) own.replacements.push_back({{Cat("a.b/m", i), ""}, {"../m", ""}, i + 1});
  const std::vector<std::string> lines = EditsOf(listing, own, {});
  EXPECT_THAT(lines, SizeIs(kEditsMax));
  EXPECT_THAT(lines.back(), HasSubstr("and 151 more"));
}

TEST_F(ModuleFormsTest, ALineThatWasLeftOutIsNamedByWhatFailsWithoutIt) {
  proxy_->Add("a.b/tool", "v1.0.0",
              {{"go.mod", "module a.b/tool\n\ngo 1.21\n\nrequire a.b/lib v0.0.0\n\nreplace a.b/lib => ../lib\n"},
               {"main.go", "package main\n\nimport _ \"a.b/lib\"\n\nfunc main() {}\n"}});
  const FetchOutcome outcome = Fetch("a.b/tool", "v1.0.0");
  const std::string detail = outcome.listing == nullptr ? outcome.detail : Of(outcome, "a.b/tool").detail;
  EXPECT_THAT(detail, HasSubstr("go.mod replaces a.b/lib by the folder ../lib"));
}

TEST_F(ModuleFormsTest, WhatOneProgramLacksCostsTheOthersNothing) {
  proxy_->Add("a.b/c", "v1.0.0",
              {{"go.mod", "module a.b/c\n\ngo 1.21\n"},
               {"cmd/fine/main.go", kMain},
               {"cmd/embed/main.go",
                "package main\n\nimport \"embed\"\n\n//go:embed all:dist\nvar f embed.FS\n\nfunc main() { _ = f }\n"},
               {"cmd/up/main.go",
                "package main\n\nimport \"embed\"\n\n//go:embed ../x\nvar f embed.FS\n\nfunc main() { _ = f }\n"},
               {"cmd/gen/main.go", "package main\n\nimport _ \"a.b/c/internal/pb\"\n\nfunc main() {}\n"},
               {"cmd/two/main.go", kMain},
               {"cmd/two/other.go", "package other\n"},
               {"cmd/arch/main.go", kMain},
               {"cmd/arch/x_amd64.go", "package native\n"},
               {"cmd/clause/main.go", "pakage main\n\nfunc main() {}\n"},
               {"docs/a b/x.go", "package x\n"}});
  const FetchOutcome outcome = Fetch("a.b/c", "v1.0.0");
  EXPECT_EQ(Of(outcome, "a.b/c/cmd/fine").failure, FailureClass::kNone);
  EXPECT_EQ(Name(Of(outcome, "a.b/c/cmd/embed").failure), "source_incomplete");
  EXPECT_EQ(Name(Of(outcome, "a.b/c/cmd/up").failure), "compile_error");
  EXPECT_EQ(Name(Of(outcome, "a.b/c/cmd/gen").failure), "source_incomplete");
  EXPECT_EQ(Name(Of(outcome, "a.b/c/cmd/two").failure), "source_invalid");
  EXPECT_EQ(Name(Of(outcome, "a.b/c/cmd/arch").failure), "target_unsupported");
  EXPECT_EQ(Of(outcome, "a.b/c/cmd/arch", Target::kRiscv64).failure, FailureClass::kNone);
  ASSERT_NE(outcome.listing, nullptr);
  EXPECT_THAT(outcome.listing->Find(Target::kX86_64)->unreadable,
              Contains(HasSubstr("a.b/c/cmd/clause: main.go:1:1: expected 'package'")));
}

TEST_F(ModuleFormsTest, AnExperimentIsFoundInTheFilesOfStd) {
  proxy_->Add("a.b/c", "v1.0.0",
              {{"go.mod", "module a.b/c\n\ngo 1.25\n"},
               {"main.go", "package main\n\nimport _ \"encoding/json/v2\"\n\nfunc main() {}\n"}});
  const FetchOutcome outcome = Fetch("a.b/c", "v1.0.0");
  if (Of(outcome, "a.b/c").failure == FailureClass::kNone) GTEST_SUCCEED() << "this Go has the package by default";
  EXPECT_EQ(Of(outcome, "a.b/c").wants_experiment, "jsonv2");
  SourceForm form;
  form.experiments = {"jsonv2"};
  const FetchOutcome with = FetchForm("a.b/c", form);
  EXPECT_EQ(Of(with, "a.b/c").failure, FailureClass::kNone) << Of(with, "a.b/c").detail;
  EXPECT_THAT(with.listing->edits, ElementsAre("GOEXPERIMENT=jsonv2"));
}

TEST_F(ModuleFormsTest, ADependencyIsRaisedToItsNewestRelease) {
  for (const char* version : {"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}) {
    proxy_->Add("a.b/dep", version, {{"go.mod", "module a.b/dep\n\ngo 1.18\n"}, {"d.go", "package dep\n"}});
  }
  proxy_->Add("a.b/dep", "v1.2.0", {{"go.mod", "module a.b/dep\n\ngo 1.99\n"}, {"d.go", "package dep\n"}});
  proxy_->Add("a.b/c", "v1.0.0",
              {{"go.mod", "module a.b/c\n\ngo 1.18\n\nrequire a.b/dep v1.0.0\n"},
               {"main.go", "package main\n\nimport _ \"a.b/dep\"\n\nfunc main() {}\n"}});
  ModuleFetcher fetcher = Fetcher("file://" + proxy_->root());
  const Scope scope = Scope::For(absl::Minutes(2));
  const auto newest = fetcher.NewestRelease(scope, HostGo(), {"a.b/dep", "v1.0.0"});
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(*newest, "v1.1.0") << "v1.2.0 wants a newer Go";
  EXPECT_EQ(fetcher.NewestRelease(scope, HostGo(), {"a.b/dep", "v1.1.0"}).value(), "");
  for (const Base base : {Base::kInstall, Base::kSource}) {
    SourceForm form;
    form.base = base;
    form.raised = {{"a.b/dep", "v1.1.0"}};
    const FetchOutcome outcome = FetchForm("a.b/c", form);
    ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
    ASSERT_THAT(outcome.listing->targets[0].modules, SizeIs(1));
    EXPECT_EQ(outcome.listing->targets[0].modules[0].version, "v1.1.0");
    EXPECT_THAT(IsSource(form) ? outcome.listing->go_mod : outcome.listing->pinned_go_mod, HasSubstr("a.b/dep v1.1.0"));
  }
}

TEST_F(ModuleFormsTest, AGoLineIsRaisedInACopy) {
  proxy_->Add("a.b/c", "v1.0.0", {{"go.mod", "module a.b/c\n\ngo 1.16\n"}, {"main.go", kMain}});
  SourceForm form;
  form.base = Base::kSource;
  form.go_line = "1.22";
  const FetchOutcome outcome = FetchForm("a.b/c", form);
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  EXPECT_THAT(outcome.listing->go_mod, HasSubstr("go 1.22\n"));
  EXPECT_THAT(outcome.listing->go_mod, Not(HasSubstr("1.16")));
  EXPECT_THAT(outcome.listing->edits, ElementsAre("go 1.22 in place of go 1.16"));
}

TEST_F(ModuleFormsTest, WhatTheProxyLacksTodayIsAskedForAgain) {
  proxy_->Add("a.b/c", "v1.0.0",
              {{"go.mod", "module a.b/c\n\ngo 1.16\n\nrequire a.b/late v1.0.0\n"},
               {"main.go", "package main\n\nimport _ \"a.b/late\"\n\nfunc main() {}\n"}});
  const FetchOutcome before = Fetch("a.b/c", "v1.0.0");
  const FailureClass failure = before.listing == nullptr ? before.failure : Of(before, "a.b/c").failure;
  EXPECT_EQ(Name(failure), "source_unavailable");
  EXPECT_THAT(before.listing == nullptr ? before.detail : Of(before, "a.b/c").detail, HasSubstr("(asked 20"));
  proxy_->Add("a.b/late", "v1.0.0", {{"go.mod", "module a.b/late\n"}, {"l.go", "package late\n"}});
  EXPECT_EQ(Of(Fetch("a.b/c", "v1.0.0"), "a.b/c").failure, FailureClass::kNone);
}

TEST_F(ModuleFormsTest, AGoModThatGoRefusesIsTheSourcesFault) {
  for (const char* go_mod : {"module a.b/c\n\ngo 1.21.0.1\n", "module a.b/c\n\nfuture (\n\tx y\n)\n"}) {
    proxy_->Add("a.b/c", "v1.0.0", {{"go.mod", go_mod}, {"main.go", kMain}});
    EXPECT_EQ(Name(Fetch("a.b/c", "v1.0.0").failure), "source_invalid") << go_mod;
  }
}

// A zip of a few megabytes can hold a million empty files.
TEST_F(ModuleFormsTest, AModuleOfTooManyFilesIsNotKept) {
  std::map<std::string, std::string> files = {{"go.mod", "module a.b/many\n"}, {"main.go", kMain}};
  for (int i = 0; i < 50; ++i) files[Cat("x/", i, ".txt")] = "";
  proxy_->Add("a.b/many", "v1.0.0", files);
  const auto fetch = [&](int64_t entries_max) {
    FetchLimits limits;
    limits.entries_max = entries_max;
    ModuleFetcher fetcher = Fetcher("file://" + proxy_->root(), limits);
    return fetcher.FetchAndList(Scope::For(absl::Minutes(2)), Request("a.b/many", "v1.0.0", {Target::kX86_64}));
  };
  const FetchOutcome outcome = fetch(52);
  EXPECT_EQ(Name(outcome.failure), "source_invalid");
  EXPECT_THAT(outcome.detail, HasSubstr("more than 52 files"));
  EXPECT_FALSE(fs::exists(Cache().Mod() + "/a.b/many@v1.0.0"));
  EXPECT_NE(fetch(53).listing, nullptr);
}

// A module of 2018 without a go.mod: its lock file names one version, the other has to be of its time.
TEST_F(ModuleFormsTest, AModuleWithoutGoModGetsTheVersionsOfItsLockFileAndOfItsTime) {
  const auto made_at = [&](const std::string& module, const std::string& version, const std::string& time) {
    std::ofstream(Cat(proxy_->VersionFolder(module), "/", version, ".info"))
        << R"({"Version":")" << version << R"(","Time":")" << time << R"("})";
  };
  for (const char* version : {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"}) {
    proxy_->Add("a.b/unlocked", version, {{"u.go", "package unlocked\n"}});
    proxy_->Add("github.com/x/locked", version, {{"sub/l.go", "package sub\n"}});
  }
  made_at("a.b/unlocked", "v1.0.0", "2016-01-01T00:00:00Z");
  made_at("a.b/unlocked", "v1.1.0", "2018-05-01T00:00:00Z");
  made_at("a.b/unlocked", "v1.2.0", "2018-07-01T00:00:00Z");
  made_at("a.b/unlocked", "v1.3.0", "2020-01-01T00:00:00Z");
  proxy_->Add(
      "a.b/c", "v1.0.0",
      {{"main.go",
        "package main\n\nimport (\n\t_ \"a.b/unlocked\"\n\t_ \"github.com/x/locked/sub\"\n)\n\nfunc main() {}\n"},
       {"Gopkg.lock",
        "[[projects]]\n  name = \"github.com/x/locked\"\n  packages = [\"sub\"]\n  revision = "
        "\"0123\"\n  version = \"v1.1.0\"\n"}});
  made_at("a.b/c", "v1.0.0", "2018-06-01T00:00:00Z");
  const auto versions = [](const FetchOutcome& outcome) {
    std::map<std::string, std::string> all;
    if (outcome.listing == nullptr) ADD_FAILURE() << outcome.detail;
    if (outcome.listing != nullptr) {
      for (const LinkedModule& module : outcome.listing->targets[0].modules) all[module.path] = module.version;
    }
    return all;
  };
  using Versions = std::map<std::string, std::string>;
  EXPECT_EQ(versions(Fetch("a.b/c", "v1.0.0")),
            (Versions{{"a.b/unlocked", "v1.3.0"}, {"github.com/x/locked", "v1.3.0"}}));
  SourceForm form;
  form.locked = true;
  const FetchOutcome outcome = FetchForm("a.b/c", form);
  EXPECT_EQ(versions(outcome), (Versions{{"a.b/unlocked", "v1.1.0"}, {"github.com/x/locked", "v1.1.0"}}));
  EXPECT_THAT(outcome.listing->edits, ElementsAre(HasSubstr("lock file")));
}

TEST_F(ModuleFormsTest, FlagsOfCgoLinesAreListed) {
  proxy_->Add("a.b/c", "v1.0.0",
              {{"go.mod", "module a.b/c\n\ngo 1.21\n"},
               {"main.go",
                "package main\n\n// #cgo CFLAGS: -O3 -march=native\n// #cgo LDFLAGS: -Wl,-s -lstdc++\nimport "
                "\"C\"\n\nfunc main() {}\n"}});
  const FetchOutcome outcome = Fetch("a.b/c", "v1.0.0");
  ASSERT_NE(outcome.listing, nullptr) << outcome.detail;
  const TargetListing& target = *outcome.listing->Find(Target::kX86_64);
  ASSERT_THAT(target.cgo_demands, SizeIs(1));
  EXPECT_EQ(target.cgo_demands[0],
            (CgoDemand{"a.b/c", "a.b/c@v1.0.0", false, {"main.go"}, /*native=*/true, /*linker_flags=*/true}));
  EXPECT_TRUE(target.uses_cxx) << "-lstdc++ is libc++ here";
}

}  // namespace
}  // namespace gofarm::fetch
