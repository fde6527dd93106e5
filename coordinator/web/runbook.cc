#include "coordinator/web/runbook.h"

#include <gofarm_runbooks.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "coordinator/web/frame.h"

namespace gofarm::web {
namespace {

constexpr size_t kNameShownMax = 80;

std::optional<std::string_view> TextOf(std::string_view name) {
  for (const runbooks::EmbeddedFile& file : runbooks::kAll) {
    if (file.name == name) return file.text;
  }
  return std::nullopt;
}

Href RunbookHref(std::string_view name) { return Href::Path(Cat("/runbooks/", name)); }

bool IsNameByte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Words that name another runbook lead there.
void WriteWords(HtmlWriter& html, std::string_view text, std::string_view here) {
  size_t plain = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && IsNameByte(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    if (!word.empty() && word != here && TextOf(word)) {
      html.Text(text.substr(plain, at - plain)).Link(RunbookHref(word), word);
      plain = end;
    }
    at = std::max(end, at + 1);
  }
  html.Text(text.substr(plain));
}

// What stands between two backticks is code.
void WriteSpans(HtmlWriter& html, std::string_view text, std::string_view here) {
  bool code = false;
  for (const absl::string_view part : absl::StrSplit(Av(text), '`')) {
    if (code) {
      html.Leaf("code", Sv(part));
    } else {
      WriteWords(html, Sv(part), here);
    }
    code = !code;
  }
}

// Takes the lines of one document in turn; a paragraph or an item goes on until something else begins.
class RunbookWriter {
 public:
  RunbookWriter(HtmlWriter& html, std::string_view here) : html_(html), here_(here) {}

  void Line(std::string_view line) {
    if (fence_) {
      if (line == "```") {
        html_.Leaf("pre", code_);
        fence_ = false;
      } else {
        code_ += Cat(line, "\n");
      }
    } else if (line == "```") {
      End();
      fence_ = true;
      code_.clear();
    } else if (line.substr(0, 2) == "# ") {
      End();
      html_.Leaf("h1", line.substr(2));
    } else if (line.substr(0, 3) == "## ") {
      End();
      html_.Leaf("h2", line.substr(3));
    } else if (line.substr(0, 2) == "- ") {
      if (!paragraph_.empty()) End();
      items_.emplace_back(line.substr(2));
    } else if (line.empty()) {
      End();
    } else if (!items_.empty()) {
      items_.back() += Cat(" ", line.substr(line.find_first_not_of(' ')));
    } else {
      paragraph_ += Cat(paragraph_.empty() ? "" : " ", line);
    }
  }
  void End() {
    if (!paragraph_.empty()) {
      const Element paragraph = html_.In("p");
      WriteSpans(html_, paragraph_, here_);
    }
    if (!items_.empty()) {
      const Element list = html_.In("ul");
      for (const std::string& item : items_) {
        const Element entry = html_.In("li");
        WriteSpans(html_, item, here_);
      }
    }
    paragraph_.clear();
    items_.clear();
  }

 private:
  HtmlWriter& html_;
  const std::string_view here_;
  bool fence_ = false;
  std::string code_;
  std::string paragraph_;
  std::vector<std::string> items_;
};

void WriteList(HtmlWriter& html) {
  const Element list = html.In("ul");
  for (const runbooks::EmbeddedFile& file : runbooks::kAll) {
    const Element entry = html.In("li");
    html.Link(RunbookHref(file.name), file.name);
  }
}

}  // namespace

Answer RunbookPage(std::string_view name) {
  const std::optional<std::string_view> text = TextOf(name);
  if (!text) {
    return RenderPage({.title = "No such runbook", .description = "", .indexed = false}, 404, [&](HtmlWriter& html) {
      html.Leaf("h1", "No such runbook");
      html.Leaf("p", Cat("There is no runbook ", EscapeAndClip(name, kNameShownMax), ". These are there:"));
      WriteList(html);
    });
  }
  return RenderPage({.title = std::string(name), .description = "", .indexed = false}, 200, [&](HtmlWriter& html) {
    RunbookWriter writer(html, name);
    for (const absl::string_view line : absl::StrSplit(Av(*text), '\n')) writer.Line(Sv(line));
    writer.End();
    const Element more = html.In("p");
    html.Link(Href::Path("/runbooks"), "All runbooks");
  });
}

Answer RunbookList() {
  return RenderPage({.title = "Runbooks", .description = "", .indexed = false}, 200, [](HtmlWriter& html) {
    html.Leaf("h1", "Runbooks");
    html.Leaf("p", "What each alert means, how it is seen, and what to do.");
    WriteList(html);
  });
}

}  // namespace gofarm::web
