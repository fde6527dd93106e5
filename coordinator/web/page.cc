#include "coordinator/web/page.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/publish/address.h"
#include "coordinator/web/frame.h"
#include "coordinator/web/html.h"
#include "coordinator/web/negotiation.h"

namespace gofarm::web {
namespace {

Href PageOf(std::string_view import_path, std::string_view version = "") {
  return Href::Path(Cat("/p/", publish::AddressText(import_path, version)));
}

void AddName(HtmlWriter& html, std::string_view name) { html.Leaf("dt", name); }

void AddText(HtmlWriter& html, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  AddName(html, name);
  const Element value = html.In("dd");
  html.Foreign(text, kFactTextMax);
}

void AddTime(HtmlWriter& html, std::string_view name, absl::Time time) {
  if (time == absl::InfinitePast()) return;
  AddName(html, name);
  const Element value = html.In("dd");
  html.Time(time);
}

// Of what is no URL that may be followed, the text is shown.
void AddForeignLink(HtmlWriter& html, std::string_view name, std::string_view url) {
  if (url.empty()) return;
  AddName(html, name);
  const Element value = html.In("dd");
  if (const std::optional<Href> href = Href::Foreign(url)) {
    html.Link(*href, url);
  } else {
    html.Foreign(url, kFactNameMax);
  }
}

void AddOwnLink(HtmlWriter& html, std::string_view name, std::string_view url, std::string_view text) {
  const std::optional<Href> href = Href::Own(url);
  if (!href) return;
  AddName(html, name);
  const Element value = html.In("dd");
  html.Link(*href, text);
}

void WriteCommand(HtmlWriter& html, std::string_view command) {
  // In several lines where the screen is narrow, so that all of it is seen and nothing must be scrolled.
  const Element pre = html.In("pre", {{"class", "command"}});
  html.Leaf("code", command);
}

void WriteNotice(HtmlWriter& html, bool bad, std::string_view what, std::string_view why) {
  const Element notice = html.In("p", {{"class", bad ? "notice bad" : "notice"}});
  html.Leaf("strong", what);
  if (why.empty()) return;
  html.Text(" ");
  html.Foreign(why, kFactTextMax);
}

void WriteInstall(HtmlWriter& html, const FarmAddresses& farm, const ProgramFacts& facts) {
  html.Leaf("h2", "Install");
  const InstallCommands commands = CommandsFor(farm, facts.import_path, facts.version);
  html.Leaf("p", "With a shell alone: it verifies the SHA-256, and the signature where minisign is installed.");
  WriteCommand(html, commands.shell);
  html.Leaf("p", "With gofarm, which verifies signature and provenance:");
  WriteCommand(html, commands.gofarm);
}

void WriteFiles(HtmlWriter& html, const ProgramFacts& facts) {
  html.Leaf("h2", {{"id", "files"}}, "Files");
  if (facts.files.empty()) {
    html.Leaf("p", "There is no file of this version.");
    return;
  }
  const Element wide =
      html.In("div", {{"class", "wide"}, {"tabindex", "0"}, {"role", "region"}, {"aria-labelledby", "files"}});
  const Element table = html.In("table");
  {
    const Element head = html.In("thead");
    const Element row = html.In("tr");
    html.Leaf("th", {{"scope", "col"}}, "Architecture");
    html.Leaf("th", {{"scope", "col"}, {"class", "number"}}, "Size");
    html.Leaf("th", {{"scope", "col"}}, "SHA-256");
  }
  const Element body = html.In("tbody");
  for (const FileFacts& file : facts.files) {
    const Element row = html.In("tr");
    {
      const Element cell = html.In("th", {{"scope", "row"}});
      const std::optional<Href> href = Href::Own(file.url);
      href ? html.Link(*href, TargetName(file.target)) : html.Text(TargetName(file.target));
    }
    html.Leaf("td", {{"class", "number"}, {"title", Cat(file.size, " bytes")}}, SizeText(file.size));
    const Element cell = html.In("td");
    html.Leaf("code", Clip(file.sha256, kFactNameMax));
  }
}

void WriteOrigin(HtmlWriter& html, const ProgramFacts& facts) {
  html.Leaf("h2", "Origin");
  const Element list = html.In("dl");
  if (!facts.authors.empty()) AddText(html, "Written by", absl::StrJoin(facts.authors, ", "));
  AddForeignLink(html, "Sources", facts.repository);
  AddForeignLink(html, "Home page", facts.homepage);
  AddText(html, "Module", facts.module);
  if (facts.import_path != facts.module) AddText(html, "Package", facts.import_path);
  AddText(html, "Licence", facts.licences.empty() ? "unknown" : absl::StrJoin(facts.licences, ", "));
  AddText(html, "About the licence", facts.licence_note);
  if (!facts.authors_release) return;
  AddName(html, "The author's own release");
  const Element value = html.In("dd");
  const AuthorsRelease& release = *facts.authors_release;
  const std::string text = release.version.empty() ? "release" : release.version;
  if (const std::optional<Href> href = Href::Foreign(release.url)) {
    html.Link(*href, text);
  } else {
    html.Foreign(text, kFactNameMax);
  }
  if (release.published_at != absl::InfinitePast()) html.Text(", ").Time(release.published_at);
}

void WriteReproduced(HtmlWriter& html, const ProgramFacts& facts) {
  AddName(html, "Reproduced");
  const Element value = html.In("dd");
  switch (facts.reproduced) {
    case Reproduced::kYes:
      html.Leaf("span", {{"class", "good"}}, "yes: a second build gave the same bytes");
      break;
    case Reproduced::kNo:
      html.Leaf("span", {{"class", "bad"}}, "no: a second build gave other bytes");
      break;
    case Reproduced::kNotTried:
      html.Text("not tried");
      break;
  }
  if (facts.reproduced_at != absl::InfinitePast()) html.Text(", ").Time(facts.reproduced_at);
  if (!facts.reproduced_detail.empty()) {
    html.Text(". ");
    html.Foreign(facts.reproduced_detail, kFactTextMax);
  }
  if (const std::optional<Href> report = Href::Own(facts.reproduced_report)) {
    html.Text(" ");
    html.Link(*report, "What differs");
  }
}

void WriteBuild(HtmlWriter& html, const ProgramFacts& facts) {
  html.Leaf("h2", "Build");
  const Element list = html.In("dl");
  AddName(html, "Built by");
  {
    const Element value = html.In("dd");
    html.Text("gofarm, not by its author");
    if (!facts.builder.empty()) html.Text(": ").Foreign(facts.builder, kFactNameMax);
  }
  AddTime(html, "Built at", facts.built_at);
  AddTime(html, "Published at", facts.published_at);
  AddText(html, "Go", facts.go_version);
  AddText(html, "zig", facts.zig_version);
  WriteReproduced(html, facts);
  AddOwnLink(html, "Provenance", facts.attachments.provenance, "signed statement (SLSA v1)");
  AddOwnLink(html, "What is in it", facts.attachments.sbom, "bill of materials (CycloneDX)");
  AddOwnLink(html, "Licences of all parts", facts.attachments.licences, "licence texts");
  AddOwnLink(html, "Digests", facts.attachments.checksums, "CHECKSUM");
  AddOwnLink(html, "Build log", facts.attachments.log, "log");
}

void WriteOutput(HtmlWriter& html, std::string_view title, std::string_view output) {
  if (output.empty()) return;
  html.Leaf("h2", title);
  // Whoever has no mouse must be able to scroll it, so it takes the focus; what does needs a name.
  const Element pre = html.In("pre", {{"tabindex", "0"}, {"role", "group"}, {"aria-label", title}, {"dir", "ltr"}});
  html.Text(output);
}

void WriteVersions(HtmlWriter& html, const ProgramFacts& facts) {
  if (facts.versions.empty()) return;
  html.Leaf("h2", {{"id", "versions"}}, "Versions");
  {
    const Element wide =
        html.In("div", {{"class", "wide"}, {"tabindex", "0"}, {"role", "region"}, {"aria-labelledby", "versions"}});
    const Element table = html.In("table");
    {
      const Element head = html.In("thead");
      const Element row = html.In("tr");
      html.Leaf("th", {{"scope", "col"}}, "Version");
      html.Leaf("th", {{"scope", "col"}}, "Published at");
      html.Leaf("th", {{"scope", "col"}}, "State");
    }
    const Element body = html.In("tbody");
    for (const VersionFacts& version : facts.versions) {
      const Element row = html.In("tr");
      {
        const Element cell = html.In("th", {{"scope", "row"}});
        html.Link(PageOf(facts.import_path, version.version), version.version);
      }
      {
        const Element cell = html.In("td");
        html.Time(version.published_at);
      }
      const Element cell = html.In("td");
      if (version.withdrawn.empty()) {
        html.Text(version.version == facts.version ? "this page" : "published");
      } else {
        html.Text("withdrawn: ").Foreign(version.withdrawn, kFactTextMax);
      }
    }
  }
  const int64_t left_out = facts.versions_total - static_cast<int64_t>(facts.versions.size());
  if (left_out > 0) html.Leaf("p", {{"class", "quiet"}}, Cat("and ", left_out, " more versions"));
}

Frame FrameOf(std::string title, std::string description) {
  return Frame{.title = std::move(title), .description = std::move(description)};
}

}  // namespace

Answer ProgramPage(std::string_view accept, const FarmAddresses& farm, const ProgramFacts& untrusted) {
  const ProgramFacts facts = Bounded(untrusted);
  const bool withdrawn = !facts.withdrawn.empty();
  const int status = withdrawn ? 410 : 200;
  if (NegotiatePage(accept) == Media::kJson) return JsonAnswer(status, ProgramJson(farm, facts));
  Frame frame = FrameOf(Cat(facts.name, " ", facts.version), facts.description);
  frame.json = PageOf(facts.import_path, facts.version);
  frame.indexed = !withdrawn;
  return RenderPage(frame, status, [&](HtmlWriter& html) {
    {
      const Element title = html.In("h1");
      html.Foreign(facts.name, kFactNameMax);
      html.Text(" ");
      const Element version = html.In("span", {{"class", "quiet"}});
      html.Foreign(facts.version, kFactNameMax);
    }
    {
      const Element path = html.In("p", {{"class", "quiet"}});
      html.Foreign(facts.import_path, kFactNameMax);
    }
    if (!facts.description.empty()) html.Leaf("p", {{"class", "lead"}, {"dir", "auto"}}, facts.description);
    if (withdrawn) WriteNotice(html, true, "This version was withdrawn and cannot be installed.", facts.withdrawn);
    if (!facts.deprecated.empty()) WriteNotice(html, false, "Its author calls it deprecated.", facts.deprecated);
    html.Leaf("p", {{"class", "notice"}}, "This program is built by gofarm, not by its author.");
    if (!withdrawn) {
      WriteInstall(html, farm, facts);
      WriteFiles(html, facts);
    }
    WriteOrigin(html, facts);
    WriteBuild(html, facts);
    WriteOutput(html, "What --version says", facts.version_output);
    WriteOutput(html, "What it says for help", facts.help_output);
    WriteVersions(html, facts);
  });
}

Answer ModulePage(std::string_view accept, const FarmAddresses& farm, const ModulePrograms& untrusted) {
  const ModulePrograms module = Bounded(untrusted);
  if (NegotiatePage(accept) == Media::kJson) return JsonAnswer(200, ModuleJson(farm, module));
  Frame frame = FrameOf(Cat("Programs of ", module.module), "");
  frame.json = PageOf(module.module, module.version);
  return RenderPage(frame, 200, [&](HtmlWriter& html) {
    {
      const Element title = html.In("h1");
      html.Text("Programs of ").Foreign(module.module, kFactNameMax);
      html.Text(" ").Foreign(module.version, kFactNameMax);
    }
    html.Leaf("p", {{"class", "notice"}}, "These programs are built by gofarm, not by their author.");
    if (module.programs.empty()) {
      html.Leaf("p", "No program of this module is published.");
      return;
    }
    {
      const Element wide =
          html.In("div", {{"class", "wide"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "Programs"}});
      const Element table = html.In("table");
      {
        const Element head = html.In("thead");
        const Element row = html.In("tr");
        for (const std::string_view name : {"Program", "Package", "Architectures", "What it is"}) {
          html.Leaf("th", {{"scope", "col"}}, name);
        }
      }
      const Element body = html.In("tbody");
      for (const ModulePrograms::Program& program : module.programs) {
        const Element row = html.In("tr");
        {
          const Element cell = html.In("th", {{"scope", "row"}});
          html.Link(PageOf(program.import_path, module.version), program.name);
        }
        {
          const Element cell = html.In("td");
          html.Foreign(program.import_path, kFactNameMax);
        }
        html.Leaf("td", absl::StrJoin(program.targets, ", ",
                                      [](std::string* out, Target target) { out->append(TargetName(target)); }));
        const Element cell = html.In("td");
        html.Foreign(program.description, kFactTextMax);
      }
    }
    const int64_t left_out = module.programs_total - static_cast<int64_t>(module.programs.size());
    if (left_out > 0) html.Leaf("p", {{"class", "quiet"}}, Cat("and ", left_out, " more programs"));
  });
}

Answer NoPage(std::string_view accept, int status, std::string_view address, std::string_view why) {
  if (NegotiatePage(accept) == Media::kJson) return JsonAnswer(status, ErrorJson(address, why));
  Frame frame = FrameOf("No such program", "");
  frame.indexed = false;
  return RenderPage(frame, status, [&](HtmlWriter& html) {
    html.Leaf("h1", status == 400   ? "This is no address of a program"
                    : status == 404 ? "This program is not published"
                                    : "There is no answer just now");
    {
      const Element asked = html.In("p");
      html.Text("Asked for: ");
      const Element code = html.In("code");
      html.Foreign(address, kFactNameMax);
    }
    {
      const Element reason = html.In("p");
      html.Foreign(why, kFactTextMax);
    }
    const Element hint = html.In("p");
    html.Text("An address is the path of a module or of a package in it, with a version if you like: ");
    html.Leaf("code", "/p/github.com/rakyll/hey@v0.1.5");
    html.Text(".");
  });
}

}  // namespace gofarm::web
