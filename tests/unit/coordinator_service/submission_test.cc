#include "coordinator/service/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/synchronization/mutex.h"
#include "common/base/text.h"
#include "coordinator/service/batch_service.h"

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

domain::SubmitRequest Request(std::vector<std::pair<std::string, std::string>> modules) {
  domain::SubmitRequest request{.request_id = "r-1", .name = "n", .submitter = "s", .targets = {Target::kX86_64}};
  int line = 0;
  for (auto& [module, version] : modules)
    request.entries.push_back({.line = ++line, .module = module, .version = version});
  return request;
}

std::string MessageOf(const domain::SubmitRequest& request) {
  Errors errors;
  CheckRequest(request, "", errors);
  return std::string(errors.ToStatus().message());
}

// Knows some versions; counts questions and how many are asked at once.
class FakeProxy final : public ModuleProxy {
 public:
  VersionAnswer Check(const Scope&, const std::string& module, const std::string& version) override {
    Asked();
    const auto known = answers_.find(Cat(module, "@", version));
    if (known != answers_.end()) return {.state = known->second, .detail = "says the proxy"};
    return {.state = VersionState::kThere};
  }
  absl::StatusOr<std::string> Latest(const Scope&, const std::string& module) override {
    Asked();
    const auto known = latest_.find(module);
    if (known == latest_.end()) return absl::NotFoundError("no such module");
    return known->second;
  }
  int questions() const {
    absl::MutexLock lock(&mutex_);
    return questions_;
  }

  std::map<std::string, VersionState> answers_;
  std::map<std::string, std::string> latest_;

 private:
  void Asked() {
    absl::MutexLock lock(&mutex_);
    ++questions_;
  }
  mutable absl::Mutex mutex_;
  int questions_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct Resolved {
  std::vector<CheckedModule> modules;
  std::string errors;
  std::vector<std::string> warnings;
};
Resolved Resolve(FakeProxy& proxy, std::vector<CheckedModule> modules,
                 const Scope& scope = Scope::For(absl::Seconds(10))) {
  Errors errors;
  Resolved out;
  ResolveVersions(scope, proxy, modules, errors, out.warnings);
  out.modules = std::move(modules);
  out.errors = std::string(errors.ToStatus().message());
  return out;
}

TEST(CheckRequestTest, AGoodListPassesInItsOrder) {
  Errors errors;
  const CheckedRequest checked = CheckRequest(
      Request({{"example.com/b", "v1.2.3"}, {"example.com/a", "latest"}, {"example.com/c", ""}}), "", errors);
  EXPECT_TRUE(errors.empty());
  ASSERT_EQ(checked.modules.size(), 3u);
  EXPECT_EQ(checked.modules[0].module, "example.com/b");
  EXPECT_EQ(checked.modules[1].version, "") << "latest";
  EXPECT_EQ(checked.modules[2].line, 3);
}

TEST(CheckRequestTest, AllErrorsAreToldAtOnceEachWithItsLine) {
  const std::string message = MessageOf(Request({{"example.com/good", "v1.0.0"},
                                                 {"GitHub.com/x/y", "v1.0.0"},
                                                 {"github.com/../../etc/passwd", "v1.0.0"},
                                                 {std::string("github.com/a/\033[31mb"), "v1.0.0"},
                                                 {"github.com/a/b", "1.2"},
                                                 {"github.com/a/b/v2", "v1.0.0"}}));
  EXPECT_THAT(message, HasSubstr("line 2: "));
  EXPECT_THAT(message, HasSubstr("upper case"));
  EXPECT_THAT(message, HasSubstr("line 3: "));
  EXPECT_THAT(message, HasSubstr(".."));
  EXPECT_THAT(message, HasSubstr("line 4: "));
  EXPECT_THAT(message, HasSubstr("control character"));
  EXPECT_THAT(message, HasSubstr("line 5: "));
  EXPECT_THAT(message, HasSubstr("\"1.2\""));
  EXPECT_THAT(message, HasSubstr("line 6: "));
  EXPECT_THAT(message, Not(HasSubstr("line 1: ")));
  EXPECT_EQ(message.find('\033'), std::string::npos) << "nothing that a terminal would obey";
}

TEST(CheckRequestTest, BothFaultsOfALineAreTold) {
  const std::string message = MessageOf(Request({{"nodot/x", "1.0"}}));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
}

TEST(CheckRequestTest, AModuleThatNoProxyMayHearOfIsRefusedWithoutAsking) {
  Errors errors;
  const domain::SubmitRequest request =
      Request({{"git.corp.example/tool", "v1.0.0"}, {"example.com/a", "v1.0.0"}, {"git.corp.example/other", ""}});
  const CheckedRequest checked = CheckRequest(request, "*.corp.example,rsc.io/private", errors);
  ASSERT_EQ(checked.modules.size(), 1u);
  EXPECT_EQ(checked.modules[0].module, "example.com/a");
  const std::string message(errors.ToStatus().message());
  EXPECT_THAT(message, HasSubstr("line 1: git.corp.example/tool: goprivate"));
  EXPECT_THAT(message, HasSubstr("line 3: "));
  EXPECT_THAT(message, Not(HasSubstr("line 2: ")));
}

TEST(CheckRequestTest, ABatchWithoutModulesIsRefused) {
  EXPECT_THAT(MessageOf(Request({})), HasSubstr("batch names no modules"));
}

TEST(CheckRequestTest, EqualLinesCountOnce) {
  Errors errors;
  EXPECT_EQ(CheckRequest(Request({{"example.com/a", "v1.0.0"}, {"example.com/a", "v1.0.0"}, {"example.com/a", ""}}), "",
                         errors)
                .modules.size(),
            2u);
}

TEST(CheckRequestTest, NoTargetMeansAllOfThem) {
  domain::SubmitRequest request = Request({{"example.com/a", "v1.0.0"}});
  request.targets = {};
  Errors errors;
  EXPECT_EQ(CheckRequest(request, "", errors).header.targets.size(), 4u);
  request.targets = {Target::kRiscv64, Target::kX86_64, Target::kRiscv64};
  EXPECT_THAT(CheckRequest(request, "", errors).header.targets, ElementsAre(Target::kX86_64, Target::kRiscv64));
  request.targets = {static_cast<Target>(9)};
  EXPECT_THAT(MessageOf(request), HasSubstr("unknown target number 9"));
}

TEST(CheckRequestTest, TheHeaderHasLimits) {
  const auto message = [](auto change) {
    domain::SubmitRequest request = Request({{"example.com/a", "v1.0.0"}});
    change(request);
    return MessageOf(request);
  };
  EXPECT_THAT(message([](auto& r) { r.request_id = "a b"; }), HasSubstr("request id"));
  EXPECT_THAT(message([](auto& r) { r.request_id = std::string(65, 'x'); }), HasSubstr("request id"));
  EXPECT_THAT(message([](auto& r) { r.name = std::string(kNameBytesMax + 1, 'x'); }), HasSubstr("name is 201 bytes"));
  EXPECT_THAT(message([](auto& r) { r.submitter = "a\x01"; }), HasSubstr("control character"));
  EXPECT_THAT(message([](auto& r) { r.priority = kPriorityMax + 1; }), HasSubstr("priority"));
  EXPECT_THAT(message([](auto& r) { r.labels["k"] = "\xff"; }), HasSubstr("label"));
}

TEST(CheckRequestTest, TooManyLinesAreRefusedWithTheLimit) {
  domain::SubmitRequest request = Request({});
  request.entries.resize(kEntriesMax + 1);
  EXPECT_THAT(MessageOf(request), HasSubstr("at most 200000"));
}

TEST(CheckRequestTest, AFloodOfErrorsIsCutWithTheirNumber) {
  std::vector<std::pair<std::string, std::string>> bad(kErrorsShownMax + 5, {"BAD", "v1.0.0"});
  const std::string message = MessageOf(Request(bad));
  EXPECT_THAT(message, HasSubstr("and 5 more errors"));
}

TEST(ResolveVersionsTest, UnknownAndRefusedVersionsAreErrorsThatNameThem) {
  FakeProxy proxy;
  proxy.answers_ = {{"example.com/a@v9.9.9", VersionState::kAbsent}, {"example.com/b@v1.0.0", VersionState::kRefused}};
  const Resolved r = Resolve(proxy, {{.line = 3, .module = "example.com/a", .version = "v9.9.9"},
                                     {.line = 7, .module = "example.com/b", .version = "v1.0.0"},
                                     {.line = 9, .module = "example.com/c", .version = "v1.0.0"}});
  EXPECT_THAT(r.errors, HasSubstr("line 3: example.com/a@v9.9.9"));
  EXPECT_THAT(r.errors, HasSubstr("line 7: example.com/b@v1.0.0"));
  EXPECT_THAT(r.errors, Not(HasSubstr("line 9")));
}

TEST(ResolveVersionsTest, NoAnswerIsAWarning) {
  FakeProxy proxy;
  proxy.answers_ = {{"example.com/a@v1.0.0", VersionState::kUnknown}};
  const Resolved r = Resolve(proxy, {{.line = 1, .module = "example.com/a", .version = "v1.0.0"}});
  EXPECT_EQ(r.errors, "");
  EXPECT_THAT(r.warnings, ElementsAre(HasSubstr("example.com/a@v1.0.0")));
}

TEST(ResolveVersionsTest, LatestIsFilledInAndAMissingOneIsAnError) {
  FakeProxy proxy;
  proxy.latest_ = {{"example.com/a", "v1.4.0"}};
  const Resolved r = Resolve(proxy, {{.line = 1, .module = "example.com/a"}, {.line = 2, .module = "example.com/b"}});
  EXPECT_EQ(r.modules[0].version, "v1.4.0");
  EXPECT_THAT(r.errors, HasSubstr("line 2: example.com/b@latest"));
}

TEST(ResolveVersionsTest, ALongListIsAskedForItsLatestVersionsOnly) {
  FakeProxy proxy;
  proxy.latest_ = {{"example.com/latest", "v1.0.0"}};
  std::vector<CheckedModule> modules;
  for (size_t i = 0; i < kCheckedVersionsMax; ++i) {
    modules.push_back({.line = static_cast<int>(i) + 1, .module = Cat("example.com/m", i), .version = "v1.0.0"});
  }
  Resolve(proxy, modules);
  EXPECT_EQ(proxy.questions(), static_cast<int>(kCheckedVersionsMax));
  modules.push_back({.line = 101, .module = "example.com/latest"});
  Resolve(proxy, modules);
  EXPECT_EQ(proxy.questions(), static_cast<int>(kCheckedVersionsMax) + 1);
}

TEST(ResolveVersionsTest, WhenTimeIsUpVersionsAreAcceptedAndLatestIsNot) {
  FakeProxy proxy;
  const Resolved r = Resolve(
      proxy, {{.line = 1, .module = "example.com/a", .version = "v1.0.0"}, {.line = 2, .module = "example.com/b"}},
      Scope{absl::InfinitePast(), {}});
  EXPECT_EQ(proxy.questions(), 0);
  EXPECT_EQ(r.warnings.size(), 1u);
  EXPECT_THAT(r.errors, HasSubstr("line 2: "));
}

TEST(ExpandTest, EveryModuleTimesEveryTargetSideBySide) {
  const std::vector<domain::WantedJob> jobs =
      Expand({{.module = "example.com/a", .version = "v1.0.0"}, {.module = "example.com/b", .version = "v1.0.0"}},
             {Target::kX86_64, Target::kRiscv64}, std::string(64, 'a'), domain::CurrentPolicy());
  ASSERT_EQ(jobs.size(), 4u);
  EXPECT_EQ(jobs[1].module, "example.com/a");
  EXPECT_EQ(jobs[1].target, Target::kRiscv64);
  std::set<std::string> digests;
  for (const domain::WantedJob& job : jobs) digests.insert(job.recipe_digest);
  EXPECT_EQ(digests.size(), 4u);
}

TEST(ExpandTest, AModuleWithTargetsOfItsOwnHasThese) {
  const std::vector<domain::WantedJob> jobs =
      Expand({{.module = "example.com/a", .version = "v1.0.0", .targets = {Target::kRiscv64}},
              {.module = "example.com/b", .version = "v1.0.0"}},
             {Target::kX86_64}, "d", domain::CurrentPolicy());
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].target, Target::kRiscv64);
  EXPECT_EQ(jobs[1].target, Target::kX86_64);
}

TEST(CheckRequestTest, AnEntryMayNameItsTargetsAndEqualOnesAddUp) {
  domain::SubmitRequest request =
      Request({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.0.0"}, {"example.com/a", "v1.0.0"}});
  request.entries[0].targets = {Target::kRiscv64, Target::kAarch64, Target::kRiscv64};
  request.entries[2].targets = {Target::kX86_64};
  Errors errors;
  const CheckedRequest checked = CheckRequest(request, "", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus();
  ASSERT_EQ(checked.modules.size(), 2u);
  EXPECT_THAT(checked.modules[0].targets, ElementsAre(Target::kX86_64, Target::kAarch64, Target::kRiscv64));
  EXPECT_THAT(checked.modules[1].targets, ElementsAre(Target::kX86_64)) << "those of the request";
  request.entries[1].targets = {static_cast<Target>(9)};
  EXPECT_THAT(MessageOf(request), HasSubstr("line 2: unknown target number 9"));
}

TEST(ErrorsTest, ThoseOfLinesCanBeTakenOut) {
  Errors errors;
  errors.Add(7, "late");
  errors.Add(0, "all");
  errors.Add(3, "first");
  errors.Add(3, "second");
  const std::vector<domain::LeftOut> lines = errors.TakeLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].line, 3);
  EXPECT_EQ(lines[0].why, "first");
  EXPECT_EQ(lines[1].line, 7);
  EXPECT_EQ(errors.ToStatus().message(), "all");
  EXPECT_TRUE(Errors().TakeLines().empty());
}

TEST(ExpandTest, WhatLatestMadeEqualCountsOnce) {
  EXPECT_EQ(Expand({{.module = "example.com/a", .version = "v1.0.0"}, {.module = "example.com/a", .version = "v1.0.0"}},
                   {Target::kX86_64}, "d", domain::CurrentPolicy())
                .size(),
            1u);
}

}  // namespace
}  // namespace gofarm::service
