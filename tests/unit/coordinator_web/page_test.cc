#include "coordinator/web/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>

#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"
#include "coordinator/web/frame.h"

namespace gofarm::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const FarmAddresses kFarm = {.public_url = "https://bins.example.com",
                             .minisign_public_key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"};
const absl::Time kNoon = absl::FromUnixSeconds(1796040000);  // 2026-11-30 12:00 UTC

ProgramFacts Hey() {
  ProgramFacts facts{.module = "github.com/rakyll/hey",
                     .import_path = "github.com/rakyll/hey",
                     .name = "hey",
                     .version = "v0.1.5",
                     .description = "HTTP load generator, ApacheBench (ab) replacement",
                     .homepage = "https://github.com/rakyll/hey",
                     .repository = "https://github.com/rakyll/hey",
                     .authors = {"rakyll"},
                     .licences = {"Apache-2.0"}};
  for (const Target target : kAllTargets) {
    facts.files.push_back({.target = target,
                           .url = Cat("https://bins.example.com/blobs/", std::string(64, 'a')),
                           .size = 8'912'896 + static_cast<int64_t>(target) * 300'000,
                           .sha256 = std::string(64, static_cast<char>('a' + static_cast<int>(target)))});
  }
  facts.attachments = {.provenance = "https://bins.example.com/blobs/hey.sigstore.json",
                       .sbom = "https://bins.example.com/blobs/hey.cdx.json",
                       .licences = "https://bins.example.com/blobs/hey.licenses.txt",
                       .checksums = "https://bins.example.com/blobs/CHECKSUM",
                       .log = "https://bins.example.com/blobs/hey.log"};
  facts.built_at = kNoon;
  facts.published_at = kNoon + absl::Minutes(3);
  facts.go_version = "go1.26.8";
  facts.zig_version = "0.15.2";
  facts.builder = "https://bins.example.com/builder/v1";
  facts.reproduced = Reproduced::kYes;
  facts.reproduced_at = kNoon + absl::Hours(1);
  facts.authors_release = AuthorsRelease{.version = "v0.1.5", .url = "https://github.com/rakyll/hey/releases"};
  facts.help_output = "Usage: hey [options...] <url>\n\nOptions:\n  -n  Number of requests to run. Default is 200.\n";
  facts.versions = {
      {.version = "v0.1.5", .published_at = kNoon},
      {.version = "v0.1.4", .published_at = kNoon - absl::Hours(24 * 300), .withdrawn = "the author asked"}};
  return facts;
}

ModulePrograms Age() {
  return {.module = "filippo.io/age",
          .version = "v1.3.2",
          .programs = {
              {.import_path = "filippo.io/age/cmd/age",
               .name = "age",
               .description = "simple file encryption",
               .targets = {Target::kX86_64, Target::kRiscv64}},
              {.import_path = "filippo.io/age/cmd/age-keygen", .name = "age-keygen", .targets = {Target::kX86_64}}}};
}

// Each text a mixture of what breaks pages.
std::string Hostile(std::mt19937& random, size_t parts_max) {
  static const auto* const parts = new std::vector<std::string>{"<script>alert(1)</script>",
                                                                "</title>",
                                                                "</style>",
                                                                "</pre>",
                                                                "<!--",
                                                                "-->",
                                                                "]]>",
                                                                "<img src=x onerror=alert(1)>",
                                                                "\"",
                                                                "'",
                                                                "\" onclick=\"alert(1)",
                                                                "&",
                                                                "&lt;",
                                                                "&#0;",
                                                                "javascript:alert(1)",
                                                                "\u202e",
                                                                "\u2066",
                                                                std::string(1, '\0'),
                                                                "\x1b[2J",
                                                                "\x7f",
                                                                "\r",
                                                                "\r\n",
                                                                "\n",
                                                                "\xff",
                                                                "\xc0\xbc",
                                                                "\xed\xa0\x80",
                                                                "\xef\xbf\xbf",
                                                                "\ufeff",
                                                                "{{x}}",
                                                                "${x}",
                                                                "سلام",
                                                                "世界",
                                                                "👩‍💻",
                                                                "text ",
                                                                "\\",
                                                                "/",
                                                                "../",
                                                                "?",
                                                                "#",
                                                                "%00",
                                                                "@v1.0.0"};
  std::string text;
  for (size_t n = random() % parts_max; n > 0; --n) text += (*parts)[random() % parts->size()];
  return text;
}

void ForEachText(ProgramFacts& facts, const std::function<void(std::string&)>& change) {
  for (std::string* text : {&facts.module, &facts.import_path, &facts.name, &facts.version, &facts.description,
                            &facts.homepage, &facts.repository, &facts.licence_note, &facts.attachments.provenance,
                            &facts.attachments.sbom, &facts.go_version, &facts.zig_version, &facts.builder,
                            &facts.reproduced_detail, &facts.authors_release->version, &facts.authors_release->url,
                            &facts.deprecated, &facts.version_output, &facts.help_output}) {
    change(*text);
  }
  for (std::string& author : facts.authors) change(author);
  for (std::string& licence : facts.licences) change(licence);
  for (FileFacts& file : facts.files) change(file.url), change(file.sha256);
  for (VersionFacts& version : facts.versions) change(version.version), change(version.withdrawn);
}

bool IsJson(const std::string& text) {
  simdjson::dom::parser parser;
  return parser.parse(text).error() == simdjson::SUCCESS;
}

TEST(ProgramPageTest, SaysWhatPeopleAskFor) {
  const Answer page = ProgramPage("text/html", kFarm, Hey());
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  for (const char* said :
       {"<title>hey v0.1.5 · gofarm</title>", "HTTP load generator", "built by gofarm, not by its author", "rakyll",
        "Apache-2.0", "curl -sS https://bins.example.com/i/github.com/rakyll/hey@v0.1.5 | sh",
        "gofarm install github.com/rakyll/hey@v0.1.5 --index https://bins.example.com/index --key RWQf6", "loongarch64",
        "8.8 MiB", "2026-11-30 12:00 UTC", "go1.26.8", "a second build gave the same bytes", "hey.sigstore.json",
        "The author&#39;s own release", "Usage: hey [options...] &lt;url&gt;", "withdrawn: ", "the author asked"}) {
    EXPECT_THAT(page.body, HasSubstr(said));
  }
  EXPECT_THAT(page.body, HasSubstr("href=\"/p/github.com/rakyll/hey@v0.1.4\""));
}

TEST(ProgramPageTest, WhatIsNotKnownIsNotClaimed) {
  const ProgramFacts bare{
      .module = "example.com/m", .import_path = "example.com/m/cmd/x", .name = "x", .version = "v1.0.0"};
  const Answer page = ProgramPage("", kFarm, bare);
  EXPECT_THAT(page.body, AllOf(HasSubstr("<dt>Licence</dt><dd><bdi>unknown</bdi>"), HasSubstr("not tried"),
                               HasSubstr("There is no file of this version."), Not(HasSubstr("Written by")),
                               Not(HasSubstr("Built at")), Not(HasSubstr("own release")), Not(HasSubstr("Versions"))));
}

TEST(ProgramPageTest, AWithdrawnVersionIsNotOffered) {
  ProgramFacts facts = Hey();
  facts.withdrawn = "malware";
  const Answer page = ProgramPage("", kFarm, facts);
  EXPECT_EQ(page.status, 410);
  EXPECT_THAT(page.body, AllOf(HasSubstr("was withdrawn"), HasSubstr("malware"), HasSubstr("noindex"),
                               Not(HasSubstr("curl -sS")), Not(HasSubstr(std::string(64, 'b')))));
  const Answer json = ProgramPage("application/json", kFarm, facts);
  EXPECT_EQ(json.status, 410);
  EXPECT_THAT(json.body, AllOf(HasSubstr("\"withdrawn\": \"malware\""), Not(HasSubstr("\"install\""))));
}

TEST(ProgramPageTest, TheSameFactsAreJson) {
  const Answer answer = ProgramPage("application/json, text/html;q=0.5", kFarm, Hey());
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(answer.headers.Get("Vary"), "Accept");
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(answer.body);
  EXPECT_EQ(std::string_view(json["name"]), "hey");
  EXPECT_EQ(std::string_view(json["files"].at(3)["target"]), "loongarch64");
  EXPECT_EQ(int64_t(json["files"].at(0)["size"]), 9'212'896);
  EXPECT_EQ(std::string_view(json["built_at"]), "2026-11-30T12:00:00Z");
  EXPECT_EQ(std::string_view(json["reproduced"]), "yes");
  EXPECT_EQ(std::string_view(json["authors_release"]["url"]), "https://github.com/rakyll/hey/releases");
  EXPECT_TRUE(json["authors_release"]["published_at"].is_null());
  EXPECT_EQ(std::string_view(json["install"]["shell"]),
            "curl -sS https://bins.example.com/i/github.com/rakyll/hey@v0.1.5 | sh");
  EXPECT_EQ(int64_t(json["versions_total"]), 2);
}

TEST(ProgramPageTest, AllIsBounded) {
  ProgramFacts facts = Hey();
  ForEachText(facts, [](std::string& text) { text = std::string(100'000, '<'); });
  facts.description = std::string(10 << 20, '<');
  facts.authors = std::vector<std::string>(1000, std::string(10'000, '&'));
  facts.versions = std::vector<VersionFacts>(5000, VersionFacts{.version = std::string(5000, '"')});
  facts.files = std::vector<FileFacts>(1000, FileFacts{.url = std::string(5000, '<')});
  const Answer page = ProgramPage("", kFarm, facts);
  EXPECT_LT(page.body.size(), size_t{8} << 20);
  EXPECT_THAT(page.body, HasSubstr("and 4800 more versions"));
  EXPECT_LT(ProgramPage("application/json", kFarm, facts).body.size(), size_t{1} << 20);
  ModulePrograms module = Age();
  module.programs = std::vector<ModulePrograms::Program>(1200, module.programs[0]);
  EXPECT_THAT(ModulePage("", kFarm, module).body, HasSubstr("and 700 more programs"));
  EXPECT_THAT(ModulePage("application/json", kFarm, module).body, HasSubstr("\"programs_total\": 1200"));
  const std::string long_text(10 << 20, '<');
  EXPECT_LT(NoPage("", 404, long_text, long_text).body.size(), size_t{64} << 10);
  EXPECT_LT(NoPage("application/json", 404, long_text, long_text).body.size(), size_t{64} << 10);
}

TEST(NoPageTest, SaysWhyAndWithWhichStatus) {
  const Answer page = NoPage("", 404, "github.com/no/such", "No version of it was built yet.");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.body, AllOf(HasSubstr("not published"), HasSubstr("github.com/no/such"), HasSubstr("built yet"),
                               HasSubstr("noindex")));
  EXPECT_THAT(NoPage("", 400, "../x", "no path").body, HasSubstr("no address of a program"));
  EXPECT_THAT(NoPage("application/json", 503, "a.b/c", "no leader").body, HasSubstr("\"error\": \"no leader\""));
}

TEST(CommandsForTest, AnAddressStaysOneWord) {
  const InstallCommands commands = CommandsFor(kFarm, "a.b/$(touch x)'; y", "v1\n");
  EXPECT_EQ(commands.shell, "curl -sS https://bins.example.com/i/a.b/%24%28touch%20x%29%27%3B%20y@v1%0A | sh");
  EXPECT_THAT(commands.gofarm, HasSubstr(R"(gofarm install 'a.b/$(touch x)'\''; y@v1\x0a' --index)"));
}

TEST(FrameTest, ThePolicyNamesTheStyleSheetOfThePage) {
  const Answer page = ProgramPage("", kFarm, Hey());
  const std::string policy(page.headers.Get("Content-Security-Policy"));
  EXPECT_EQ(policy, ContentSecurityPolicy());
  EXPECT_THAT(policy,
              AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"), Not(HasSubstr("unsafe"))));
  const size_t begin = page.body.find("<style>") + 7;
  EXPECT_EQ(page.body.substr(begin, page.body.find("</style>") - begin), kStyleSheet);
  EXPECT_EQ(kStyleSheet.find_first_of("<>&'\""), std::string_view::npos);
  EXPECT_EQ(page.headers.Get("X-Content-Type-Options"), "nosniff");
}

// ---- contrast, by WCAG 2.2
// --------------------------------------------------------------------------------------------
double Luminance(const std::string& colour) {
  const auto channel = [&](size_t at) {
    const double value = static_cast<double>(std::strtol(colour.substr(at, 2).c_str(), nullptr, 16)) / 255;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
double Contrast(const std::string& a, const std::string& b) {
  const double x = Luminance(a);
  const double y = Luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}
std::map<std::string, std::string> Colours(size_t from) {
  std::map<std::string, std::string> colours;
  const std::string_view sheet = kStyleSheet.substr(from, kStyleSheet.find('}', from) - from);
  for (size_t at = 0; (at = sheet.find("--", at)) != std::string_view::npos; at += 2) {
    const size_t colon = sheet.find(':', at);
    colours[std::string(sheet.substr(at + 2, colon - at - 2))] = std::string(sheet.substr(colon + 1, 7));
  }
  return colours;
}

TEST(FrameTest, ColoursHaveEnoughContrastInLightAndDark) {
  const size_t light = kStyleSheet.find(":root");
  const size_t dark = kStyleSheet.find(":root", light + 1);
  for (const size_t from : {light, dark}) {
    std::map<std::string, std::string> colours = Colours(from);
    ASSERT_EQ(colours.size(), 9u);
    for (const char* ground : {"page", "panel"}) {
      for (const char* ink : {"text", "quiet", "link", "good", "bad"}) {
        EXPECT_GE(Contrast(colours[ink], colours[ground]), 4.5) << ink << " on " << ground;
      }
      EXPECT_GE(Contrast(colours["focus"], colours[ground]), 3) << ground;
    }
  }
}

// ---- by a real parser
// -------------------------------------------------------------------------------------------------
class WellFormedTest : public ::testing::Test {
 protected:
  void Add(const Answer& page) {
    const std::string path = Cat(folder_->path(), "/", files_.size(), ".html");
    ASSERT_TRUE(io::WriteFileAtomic(path, page.body).ok());
    files_.push_back(path);
    // A copy to look at.
    if (const char* keep = std::getenv("GOFARM_KEEP_PAGES")) {
      ASSERT_TRUE(io::WriteFileAtomic(Cat(keep, "/", files_.size() - 1, ".html"), page.body).ok());
    }
  }
  void Check() {
    process::Command command;
    // Debian's own, which has Debian's html5lib.
    command.argv = {"/usr/bin/python3",
                    Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/unit/coordinator_web/check_html.py")};
    command.argv.insert(command.argv.end(), files_.begin(), files_.end());
    command.environment = {{"PATH", "/usr/bin:/bin"}};
    const auto result = process::Run(Scope::For(absl::Seconds(100)), command);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_code, 0) << result->out.substr(0, 3000) << result->err;
  }
  absl::StatusOr<io::ScratchFolder> folder_ = io::ScratchFolder::Make(::testing::TempDir(), "gofarm-pages-");
  std::vector<std::string> files_;
};

TEST_F(WellFormedTest, EveryPage) {
  Add(ProgramPage("", kFarm, Hey()));
  ProgramFacts facts = Hey();
  facts.withdrawn = "the author asked for it";
  facts.deprecated = "use example.com/other";
  facts.reproduced = Reproduced::kNo;
  facts.reproduced_detail = "12 bytes differ";
  facts.reproduced_report = "https://bins.example.org/files/7/tool.diff.txt";
  Add(ProgramPage("", kFarm, facts));
  Add(ProgramPage("", kFarm,
                  ProgramFacts{.module = "a.b/c", .import_path = "a.b/c", .name = "c", .version = "v1.0.0"}));
  Add(ModulePage("", kFarm, Age()));
  Add(ModulePage("", kFarm, {.module = "a.b/c"}));
  for (const int status : {400, 404, 503}) Add(NoPage("", status, "github.com/no/such", "It was not built."));
  Add(RenderPage(
      {.title = "x", .navigation = {{Href::Path("/"), "Batches", true}, {Href::Path("/workers"), "Workers"}}}, 200,
      [](HtmlWriter& html) { html.Leaf("h1", "x"); }));
  Check();
}

TEST(ProgramPageTest, ADifferenceLeadsToItsReport) {
  ProgramFacts facts = Hey();
  facts.reproduced = Reproduced::kNo;
  facts.reproduced_report = "https://bins.example.org/files/7/hey.diff.txt";
  EXPECT_THAT(ProgramPage("text/html", kFarm, facts).body,
              HasSubstr("<a href=\"https://bins.example.org/files/7/hey.diff.txt\">"));
  facts.reproduced_report.clear();
  EXPECT_THAT(ProgramPage("text/html", kFarm, facts).body, Not(HasSubstr("What differs")));
}

TEST_F(WellFormedTest, HostileFactsBreakNoPage) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20; ++i) {
    ProgramFacts facts = Hey();
    // A heading and a link need some text: the farm publishes nothing without a name and a version.
    ForEachText(facts, [&](std::string& text) { text = Cat("x", Hostile(random, 12)); });
    if (i % 4 == 0) facts.description = Cat("x", Hostile(random, 4000));
    const Answer page = ProgramPage("", kFarm, facts);
    Add(page);
    EXPECT_THAT(page.body, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")), Not(HasSubstr("\u202e"))));
    EXPECT_TRUE(IsJson(ProgramPage("application/json", kFarm, facts).body));
    ModulePrograms module = Age();
    module.module = facts.module;
    module.version = facts.version;
    for (ModulePrograms::Program& program : module.programs) {
      program.import_path = Cat("x", Hostile(random, 12));
      program.name = Cat("x", Hostile(random, 12));
      program.description = Hostile(random, 12);
    }
    Add(ModulePage("", kFarm, module));
    EXPECT_TRUE(IsJson(ModulePage("application/json", kFarm, module).body));
    Add(NoPage("", 404, Hostile(random, 12), Hostile(random, 12)));
    EXPECT_TRUE(IsJson(NoPage("application/json", 404, Hostile(random, 12), Hostile(random, 12)).body));
  }
  Check();
}

}  // namespace
}  // namespace gofarm::web
