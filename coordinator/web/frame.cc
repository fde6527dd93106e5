#include "coordinator/web/frame.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::web {
namespace {

constexpr size_t kTitleMax = 200;
constexpr size_t kMetaMax = 300;

void AddSafetyHeaders(Answer& answer) {
  answer.headers.Add("X-Content-Type-Options", "nosniff");
  // The same address answers in two forms.
  answer.headers.Add("Vary", "Accept");
}

// As the policy names it: a digest of its text.
std::string SourceOf(std::string_view text) {
  digest::Sha256 sha256;
  sha256.Update(text);
  return Cat("'sha256-", absl::Base64Escape(sha256.RawAndReset()), "'");
}

void WriteHead(HtmlWriter& html, const Frame& frame) {
  const Element head = html.In("head");
  html.Void("meta", {{"charset", "utf-8"}});
  html.Leaf("title", Cat(Clip(frame.title, kTitleMax), " · gofarm"));
  html.Void("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.Void("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  if (!frame.description.empty()) {
    html.Void("meta", {{"name", "description"}, {"content", Clip(frame.description, kMetaMax)}});
  }
  if (!frame.indexed) html.Void("meta", {{"name", "robots"}, {"content", "noindex"}});
  if (frame.json) html.Void("link", {{"rel", "alternate"}, {"type", "application/json"}, *frame.json});
  // Inside <style> and <script> nothing is escaped: a test sees that the sheets have no "<" and no "&".
  {
    const Element style = html.In("style");
    html.Text(kStyleSheet);
  }
  if (frame.style) {
    const Element style = html.In("style");
    html.Raw(*frame.style);
  }
  if (frame.script) {
    const Element script = html.In("script", {{"type", "module"}});
    html.Raw(*frame.script);
  }
}

void WriteBanner(HtmlWriter& html, const Frame& frame) {
  const Element header = html.In("header");
  html.Leaf("span", {{"class", "site"}}, "gofarm");
  if (frame.navigation.empty()) return;
  const Element nav = html.In("nav", {{"aria-label", "Pages"}});
  const Element list = html.In("ul");
  for (const Frame::NavItem& item : frame.navigation) {
    const Element entry = html.In("li");
    if (item.current) {
      html.Leaf("a", {item.href, {"aria-current", "page"}}, item.text);
    } else {
      html.Link(item.href, item.text);
    }
  }
}

}  // namespace

const std::string& ContentSecurityPolicy() {
  static const std::string* const policy = new std::string(ContentSecurityPolicy(Frame()));
  return *policy;
}

std::string ContentSecurityPolicy(const Frame& frame) {
  std::string policy = Cat("default-src 'none'; style-src ", SourceOf(kStyleSheet));
  if (frame.style) policy += Cat(" ", SourceOf(frame.style->text()));
  if (frame.script) policy += Cat("; script-src ", SourceOf(frame.script->text()), "; connect-src 'self'");
  return Cat(policy, "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

Answer OpenPage(const Frame& frame, int status) {
  Answer answer{
      .status = status, .content_type = "text/html; charset=utf-8", .body = "<!DOCTYPE html>\n<html lang=\"en\">"};
  HtmlWriter html;
  WriteHead(html, frame);
  answer.body += Cat(html.Take(), "<body>");
  html.Leaf("a", {Href::Id("content"), {"class", "skip"}}, "Skip to the content");
  WriteBanner(html, frame);
  answer.body += html.Take();
  answer.headers.Add("Content-Security-Policy",
                     frame.style || frame.script ? ContentSecurityPolicy(frame) : ContentSecurityPolicy());
  answer.headers.Add("Referrer-Policy", "no-referrer");
  AddSafetyHeaders(answer);
  return answer;
}

std::string RestOfPage(const Frame& frame, const std::function<void(HtmlWriter&)>& content) {
  HtmlWriter html;
  {
    const Element main = html.In("main", {{"id", "content"}});
    content(html);
  }
  {
    const Element footer = html.In("footer");
    html.Leaf("p", frame.footer);
  }
  return Cat(html.Take(), "</body></html>\n");
}

Answer RenderPage(const Frame& frame, int status, const std::function<void(HtmlWriter&)>& content) {
  Answer answer = OpenPage(frame, status);
  answer.body += RestOfPage(frame, content);
  return answer;
}

Answer JsonAnswer(int status, std::string document) {
  Answer answer{.status = status, .content_type = "application/json", .body = std::move(document)};
  AddSafetyHeaders(answer);
  return answer;
}

}  // namespace gofarm::web
