#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "worker/fetch/cache_layout.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/go_commands.h"
#include "worker/fetch/go_list.h"
#include "worker/fetch/listing.h"
#include "worker/fetch/lock_files.h"

namespace gofarm::fetch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A configuration that names only its checksum database must not lose that to what `go env` says.
TEST(FilledUpTest, WhatIsConfiguredStaysAndTheRestComesFromGo) {
  const ProxyEnvironment of_go{goproxy::Parse("https://a.example").value(), "sum.example", "", "corp.example"};
  const ProxyEnvironment both = FilledUp({.gosumdb = "off", .gonosumdb = "x.example"}, of_go);
  EXPECT_EQ(goproxy::ToText(both.goproxy), "https://a.example");
  EXPECT_EQ(both.gosumdb, "off");
  EXPECT_EQ(both.gonosumdb, "x.example");
  EXPECT_EQ(both.goprivate, "corp.example");
}

TEST(CacheLayoutTest, ItsKeyIsOfTheToolsThatBuildHereAndNotOfWhereTheyComeFrom) {
  const Toolset toolset{
      .name = "t",
      .go_versions = {"1.26.8"},
      .previous_go = "1.25.12",
      .zig_version = "0.15.2",
      .archives = {{"go", "1.26.8", "x86_64", "goproxy", "l", "aa"}, {"zig", "0.15.2", "x86_64", "pypi", "z", "bb"}},
      .digest = "dd"};
  const std::string key = CacheLayout::Key(toolset, 1);
  EXPECT_EQ(key.size(), std::string("0123456789ab-L1").size());
  Toolset moved = toolset;
  moved.archives[0].source = "url";
  moved.archives[0].locator = "https://mirror.test/go.zip";
  std::swap(moved.archives[0], moved.archives[1]);
  moved.archives.push_back({"go", "1.25.12", "x86_64", "goproxy", "p", "cc"});
  EXPECT_EQ(CacheLayout::Key(moved, 1), key) << "the previous Go makes no seed";
  Toolset other_file = toolset;
  other_file.archives[1].sha256 = "be";
  EXPECT_NE(CacheLayout::Key(other_file, 1), key) << "of another farm that shares the cache";
  Toolset other = toolset;
  other.digest = "de";
  EXPECT_NE(CacheLayout::Key(other, 1), key);
  EXPECT_NE(CacheLayout::Key(toolset, 2), key);
}

TEST(ClassifyFetchErrorTest, KnowsWhoIsConcerned) {
  const struct {
    const char* message;
    FailureClass failure;
  } kCases[] = {
      {"m@v1: reading https://p.example/m/@v/v1.zip: 403 Forbidden\n\tserver response: This module version is not "
       "available.",
       FailureClass::kSourceUnavailable},
      {"m@v1: reading https://p.example/m/@v/v1.info: 404 Not Found\n\tserver response: not found: fetch timed out",
       FailureClass::kProxyError},
      {"m@v1: reading https://p.example/m/@v/v1.info: 410 Gone", FailureClass::kSourceUnavailable},
      {"m@v1: reading https://p.example/m/@v/v1.info: 503 Service Unavailable", FailureClass::kProxyError},
      {"m@v1: reading https://p.example/m/@v/v1.info: 429 Too Many Requests", FailureClass::kProxyError},
      {"Get \"https://p.example/x\": dial tcp 127.0.0.1:9: connect: connection refused", FailureClass::kProxyError},
      {"Get \"https://p.example/x\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
       FailureClass::kProxyError},
      {"m@v1: reading file:///p/m/@v/v1.info: no such file or directory", FailureClass::kSourceUnavailable},
      {"m@v9: invalid version: unknown revision v9", FailureClass::kSourceUnavailable},
      {"verifying m@v1: checksum mismatch\n\tdownloaded: h1:a\n\tsum.example: h1:b\n\nSECURITY ERROR",
       FailureClass::kSourceInvalid},
      {"zip: not a valid zip file", FailureClass::kSourceInvalid},
      {"create zip: multiple entries for file \"a.go\"", FailureClass::kSourceInvalid},
      {"m@v1/x/go.mod: go.mod file not in module root directory", FailureClass::kSourceInvalid},
      {"m@v1/GO.MOD: go.mod files must have lowercase names", FailureClass::kSourceInvalid},
      {"m@v1/a//b: file path is not clean", FailureClass::kSourceInvalid},
      {"/a: file path is not relative", FailureClass::kSourceInvalid},
      {"n@v1/a: path does not have prefix \"m@v1/\"", FailureClass::kSourceInvalid},
      {"entry \"a\" is both a file and a directory", FailureClass::kSourceInvalid},
      {"m@v1/a: not a regular file", FailureClass::kSourceInvalid},
      {"uncompressed size of file m@v1/a is larger than declared size (1 bytes)", FailureClass::kSourceInvalid},
      {"total uncompressed size of module contents too large (max size is 1 bytes)", FailureClass::kSourceInvalid},
      {"go: errors parsing go.mod:\n/x/go.mod:3: unknown directive: requires", FailureClass::kSourceInvalid},
      {"module declares its path as: a.example/b\n\t but was required as: c.example/d", FailureClass::kSourceInvalid},
      {"go: m@v1 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)", FailureClass::kGoTooOld},
      {"write /cache/x.zip: no space left on device", FailureClass::kDiskFull},
      {"the moon is in the wrong house", FailureClass::kInternal},
  };
  for (const auto& c : kCases) EXPECT_EQ(ClassifyFetchError(c.message), c.failure) << c.message;
}

TEST(ClassifyFetchErrorTest, NamesOfModulesAndTalesOfServersDecideNothing) {
  EXPECT_EQ(ClassifyFetchError("example.com/timeout@v1.0.0: reading https://p/x: 404 Not Found"),
            FailureClass::kSourceUnavailable);
  for (const char* name : {"tls", "http2", "x509", "proxyconnect"}) {
    EXPECT_EQ(ClassifyFetchError(Cat("go: example.com/", name, ": no matching versions for query \"latest\"")),
              FailureClass::kSourceUnavailable)
        << name;
  }
  EXPECT_EQ(ClassifyFetchError("Get \"https://p/x\": remote error: tls: internal error"), FailureClass::kProxyError);
  EXPECT_EQ(ClassifyFetchError("Get \"https://p/x\": http2: server sent GOAWAY"), FailureClass::kProxyError);
  EXPECT_EQ(
      ClassifyFetchError("m@v1: reading https://p/x.zip: 404 Not Found\n\tserver response: no space left on device"),
      FailureClass::kSourceUnavailable);
}

TEST(ClassifyPackageErrorTest, TellsTargetSourceAndAbsenceApart) {
  EXPECT_EQ(ClassifyPackageError("build constraints exclude all Go files in /mod/x"), FailureClass::kTargetUnsupported);
  EXPECT_EQ(ClassifyPackageError("found packages native (a.go) and not_supported (b.go) in /mod/x"),
            FailureClass::kTargetUnsupported);
  EXPECT_EQ(ClassifyPackageError("module m@latest found (v1.2.3), but does not contain package m/gone"),
            FailureClass::kSourceInvalid);
  EXPECT_EQ(ClassifyPackageError("m@v1: reading https://p/x.zip: 403 Forbidden"), FailureClass::kSourceUnavailable);
  EXPECT_EQ(ClassifyPackageError("expected 'package', found 'EOF'"), FailureClass::kCompileError);
  EXPECT_EQ(ClassifyPackageError("pattern dist/*: no matching files found"), FailureClass::kSourceIncomplete);
  EXPECT_EQ(ClassifyPackageError("something go says for the first time"), FailureClass::kCompileError);
}

TEST(ErrorLinesTest, LeavesOutWhatOnlyTellsProgress) {
  EXPECT_EQ(ErrorLines("go: downloading a v1\ngo: finding module for package b\ngo: c@v1: it broke\n"),
            "go: c@v1: it broke");
}

TEST(ParseDownloadAnswerTest, ReadsAnswersAndSurvivesOthers) {
  const DownloadAnswer answer = ParseDownloadAnswer(R"({"Path":"m","Version":"v1","Error":"it broke"})");
  EXPECT_EQ(answer.version, "v1");
  EXPECT_EQ(answer.error, "it broke");
  EXPECT_EQ(ParseDownloadAnswer("<html>").path, "");
  EXPECT_EQ(ParseDownloadAnswer("[]").path, "");
}

constexpr std::string_view kAnswer = R"({
	"Dir": "/cache/mod/example.com/m@v1.0.0/cmd/tool/v2",
	"ImportPath": "example.com/m/cmd/tool/v2",
	"Name": "main",
	"Module": {
		"Path": "example.com/m",
		"Version": "v1.0.0",
		"Dir": "/cache/mod/example.com/m@v1.0.0"
	},
	"GoFiles": ["main.go"],
	"Imports": ["fmt", "example.com/dep", "C"]
}
{
	"ImportPath": "fmt",
	"Name": "fmt",
	"Standard": true,
	"CgoFiles": ["never_counts.go"]
}
{
	"Dir": "/cache/mod/example.com/dep@v0.1.0",
	"ImportPath": "example.com/dep",
	"Name": "dep",
	"Module": {
		"Path": "example.com/dep",
		"Version": "v0.1.0",
		"Dir": "/cache/mod/example.com/dep@v0.1.0",
		"Sum": "h1:dep"
	},
	"GoFiles": ["d.go"],
	"SFiles": ["d_amd64.s"],
	"Imports": ["alias"],
	"ImportMap": {"alias": "example.com/real"}
}
{
	"ImportPath": "example.com/real",
	"Name": "real",
	"Module": {
		"Path": "example.com/real",
		"Version": "v0.2.0",
		"Dir": "/cache/mod/example.com/fork@v0.3.0",
		"Replace": {"Path": "example.com/fork", "Version": "v0.3.0", "Sum": "h1:fork"}
	},
	"GoFiles": ["r.go"]
}
{
	"Dir": "/cache/mod/example.com/m@v1.0.0/broken",
	"ImportPath": "example.com/m/broken",
	"Name": "main",
	"Module": {
		"Path": "example.com/m",
		"Version": "v1.0.0"
	},
	"GoFiles": ["main.go"],
	"Imports": ["example.com/native"]
}
{
	"Dir": "/cache/x",
	"ImportPath": "example.com/native",
	"Name": "",
	"Module": {
		"Path": "example.com/native",
		"Version": "v1.0.0"
	},
	"CXXFiles": ["x.cc"],
	"CgoFiles": ["x.go"],
	"Error": {
		"Pos": "../x/debugger.go:32:2",
		"Err": "found packages native (a.go) and other (b.go) in /cache/x"
	}
}
{
	"ImportPath": "example.com/m/testsuite",
	"Name": "main",
	"Module": {
		"Path": "example.com/m",
		"Version": "v1.0.0"
	},
	"GoFiles": ["no_main.go"]
}
{
	"ImportPath": "example.com/m/nested/cmd",
	"Name": "main",
	"Module": {
		"Path": "example.com/m/nested",
		"Version": "v1.0.0"
	},
	"GoFiles": ["main.go"]
}
{
	"ImportPath": "example.com/m/lib",
	"Name": "library",
	"Module": {
		"Path": "example.com/m",
		"Version": "v1.0.0"
	},
	"CgoFiles": ["unused.go"]
}
)";

ListingInput Input() {
  ListingInput input;
  input.target = Target::kRiscv64;
  input.module = "example.com/m";
  input.version = "v1.0.0";
  input.mod_cache = "/cache/mod";
  input.go_version = "1.26.8";
  input.reader.go_files_in = [](const std::string&) { return std::vector<std::string>(); };
  input.reader.read_file = [](const std::string& path) -> std::optional<std::string> {
    if (path.ends_with("/a.go")) return "//go:build amd64\n\npackage native\n";
    if (path.find("no_main.go") != std::string::npos) return "package main\n\nfunc helper() {}\n";
    return "package main\n\nfunc main() {}\n";
  };
  return input;
}

TEST(MakeTargetListingTest, FindsTheProgramsOfTheModuleItself) {
  const auto packages = ParseGoList(kAnswer);
  ASSERT_TRUE(packages.ok()) << packages.status();
  ASSERT_EQ(packages->size(), 9u);
  const TargetListing listing = MakeTargetListing(*packages, Input());
  ASSERT_EQ(listing.programs.size(), 3u);
  EXPECT_EQ(listing.programs[0].import_path, "example.com/m/broken");
  EXPECT_EQ(listing.programs[0].failure, FailureClass::kTargetUnsupported);
  EXPECT_THAT(listing.programs[0].detail, HasSubstr("example.com/native: debugger.go:32:2: found packages"));
  EXPECT_EQ(listing.programs[1].import_path, "example.com/m/cmd/tool/v2");
  EXPECT_EQ(listing.programs[1].name, "tool");
  EXPECT_EQ(listing.programs[1].dir, "cmd/tool/v2");
  EXPECT_TRUE(listing.programs[1].has_main_func);
  EXPECT_EQ(listing.programs[1].failure, FailureClass::kNone);
  EXPECT_EQ(listing.programs[2].import_path, "example.com/m/testsuite");
  EXPECT_FALSE(listing.programs[2].has_main_func);
}

TEST(MakeTargetListingTest, CountsOnlyWhatProgramsLink) {
  const TargetListing listing = MakeTargetListing(*ParseGoList(kAnswer), Input());
  // C of std, of a library that no program imports and of a program that cannot be loaded does not count; assembly
  // alone is Go's own assembler.
  EXPECT_FALSE(listing.uses_cgo);
  EXPECT_FALSE(listing.uses_c);
  EXPECT_FALSE(listing.uses_cxx);
  EXPECT_TRUE(listing.uses_assembly);
  ASSERT_EQ(listing.modules.size(), 2u);
  EXPECT_EQ(listing.modules[0].path, "example.com/dep");
  EXPECT_EQ(listing.modules[0].h1, "h1:dep");
  EXPECT_EQ(listing.modules[0].dir, "example.com/dep@v0.1.0");
  EXPECT_EQ(listing.modules[1].path, "example.com/real");
  EXPECT_EQ(listing.modules[1].replace_path, "example.com/fork");
  EXPECT_EQ(listing.modules[1].h1, "h1:fork");
  EXPECT_EQ(listing.modules[1].dir, "example.com/fork@v0.3.0");
  EXPECT_EQ(listing.packages.at("example.com/m/lib"), "library");
  EXPECT_EQ(listing.packages.count("fmt"), 0u);
}

TEST(MakeTargetListingTest, AnyForeignCKeepsTheJobOutOfTheSharedCache) {
  const struct {
    const char* field;
    bool cgo, cxx, syso;
  } kCases[] = {{"CgoFiles", true, false, false},  {"CFiles", false, false, false},
                {"SysoFiles", false, false, true}, {"SwigCXXFiles", false, true, false},
                {"MFiles", false, false, false},   {"FFiles", false, false, false}};
  for (const auto& c : kCases) {
    const std::string answer =
        Cat(R"({"ImportPath":"example.com/m","Name":"main","Module":{"Path":"example.com/m","Version":"v1.0.0"},)",
            R"("GoFiles":["main.go"],")", c.field, R"(":["x"]})");
    const TargetListing listing = MakeTargetListing(*ParseGoList(answer), Input());
    EXPECT_TRUE(listing.uses_c) << c.field;
    EXPECT_EQ(listing.uses_cgo, c.cgo) << c.field;
    EXPECT_EQ(listing.uses_cxx, c.cxx) << c.field;
    EXPECT_EQ(listing.uses_syso, c.syso) << c.field;
    EXPECT_EQ(listing.programs[0].dir, ".") << c.field;
  }
}

TEST(WhyNotReportableTest, MoreProgramsOrLongerPathsThanAReportHolds) {
  TargetListing listing;
  listing.programs.resize(kProgramsMax);
  listing.programs[7].import_path = std::string(kImportPathMax, 'x');
  EXPECT_EQ(WhyNotReportable(listing), "");
  listing.programs[7].import_path += "x";
  EXPECT_THAT(WhyNotReportable(listing), HasSubstr("import path"));
  listing.programs.resize(kProgramsMax + 1);
  EXPECT_THAT(WhyNotReportable(listing), HasSubstr("4097 programs"));
}

TEST(ParseGoListTest, RefusesBrokenAnswersAndTakesEmptyOnes) {
  EXPECT_THAT(*ParseGoList(""), IsEmpty());
  EXPECT_THAT(*ParseGoList(" \n"), IsEmpty());
  EXPECT_FALSE(ParseGoList("{\n\t\"ImportPath\": \"a\"").ok());
  EXPECT_FALSE(ParseGoList("go: it broke").ok());
  EXPECT_FALSE(ParseGoList("{\n\t\"ImportPath\": \"a\"\n}\n[1]").ok());
  // Fields of another type count as absent.
  EXPECT_EQ((*ParseGoList(R"({"ImportPath":"a","Name":7,"Imports":"b","Module":[]})"))[0].name, "");
}

TEST(WithdrawnNoteTest, SpeaksOnlyWhereTheChecksumDatabaseKnowsNoSuchVersion) {
  EXPECT_THAT(WithdrawnNote("verifying module: a.b/c@v1.0.0: reading https://sum.example.org/lookup/a.b/c@v1.0.0: 404 "
                            "Not Found"),
              HasSubstr("withdrawn"));
  EXPECT_EQ(
      WithdrawnNote("verifying module: a.b/c@v1.0.0: reading https://sum.example.org/lookup/a.b/c@v1.0.0: 502 Bad"),
      "");
  EXPECT_EQ(WithdrawnNote("a.b/c@v1.0.0: reading https://proxy.example.org/a.b/c/@v/v1.0.0.info: 404 Not Found"), "");
}

TEST(LockFilesTest, EachToolsFileIsRead) {
  using gomod::ModuleVersion;
  EXPECT_THAT(
      ReadLockFile("Gopkg.lock",
                   "[[projects]]\n  branch = \"master\"\n  name = \"github.com/a/b\"\n  revision = \"0123456789ab\"\n\n"
                   "[[projects]]\n  name = \"golang.org/x/net\"\n  version = \"v1.2.3\"\n  revision = \"ff\"\n\n"
                   "[solve-meta]\n  name = \"none\"\n"),
      ElementsAre(ModuleVersion{"github.com/a/b", "0123456789ab"}, ModuleVersion{"golang.org/x/net", "v1.2.3"}));
  EXPECT_THAT(
      ReadLockFile("glide.lock",
                   "hash: 0\nimports:\n- name: github.com/a/b\n  version: 0123456789ab\n  subpackages:\n  - c\n"
                   "- name: gopkg.in/yaml.v2\n  version: 2.0.1\n"),
      ElementsAre(ModuleVersion{"github.com/a/b", "0123456789ab"}, ModuleVersion{"gopkg.in/yaml.v2", "v2.0.1"}));
  EXPECT_THAT(ReadLockFile("vendor/vendor.json",
                           R"({"package":[{"path":"github.com/a/b/sub","revision":"0123456789ab"},{"path":7}]})"),
              ElementsAre(ModuleVersion{"github.com/a/b", "0123456789ab"}));
  EXPECT_THAT(ReadLockFile("Godeps/Godeps.json",
                           R"({"Deps":[{"ImportPath":"github.com/a/b/sub","Comment":"v1-2","Rev":"0123456789ab"}]})"),
              ElementsAre(ModuleVersion{"github.com/a/b", "0123456789ab"}));
  // What is no version or no path never reaches a command line.
  EXPECT_THAT(ReadLockFile("glide.lock", "- name: github.com/a/b\n  version: --help me\n- name: -x\n  version: 01\n"),
              IsEmpty());
  EXPECT_THAT(ReadLockFile("Gopkg.lock", "\x01[[["), IsEmpty());
}

TEST(ListingJsonTest, ReadsBackWhatItWrote) {
  Listing listing;
  listing.module = "example.com/m";
  listing.version = "v1.0.0";
  listing.module_h1 = "h1:x=";
  listing.go_line = "1.21";
  listing.go_version = "1.26.8";
  listing.form.base = Base::kNoReplace;
  listing.go_mod = "module \"example.com/m\"\n";
  listing.dir = "example.com/m@v1.0.0";
  listing.bytes_fetched = 7;
  listing.cache_dirs = {"a@v1", "b@v2"};
  listing.targets.push_back(MakeTargetListing(*ParseGoList(kAnswer), Input()));
  const auto read = ListingFromJson(ToJson(listing));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), ToJson(listing));
  EXPECT_THAT(read->cache_dirs, ElementsAre("a@v1", "b@v2"));
  ASSERT_NE(read->Find(Target::kRiscv64), nullptr);
  EXPECT_EQ(read->Find(Target::kRiscv64)->programs[0].failure, FailureClass::kTargetUnsupported);
  EXPECT_EQ(read->Find(Target::kX86_64), nullptr);
}

TEST(ListingJsonTest, RefusesDamagedAndOtherForms) {
  EXPECT_FALSE(ListingFromJson("").ok());
  EXPECT_FALSE(ListingFromJson("{}").ok());
  EXPECT_FALSE(ListingFromJson(R"({"format":2,"module":"m"})").ok());
  std::string other = ToJson(Listing{});
  other.replace(other.find("\"format\": 3"), 11, "\"format\": 9");
  EXPECT_FALSE(ListingFromJson(other).ok());
}

}  // namespace
}  // namespace gofarm::fetch
