// What all pages have in common: head, landmarks (banner, navigation, main, contentinfo), a link past them, the style
// sheet and the header fields. Pages are read without a script and load nothing. Style sheets, and the script of a page
// that is kept live, stand in the page and their digests in the Content-Security-Policy, so a page is one file that can
// be kept, and nothing else can get in. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/web/answer.h"
#include "coordinator/web/html.h"

namespace gofarm::web {

struct Frame {
  std::string title;        // of the page; the site's name is added
  std::string description;  // for search engines and previews; may be empty
  struct NavItem {
    Href href;
    std::string text;
    bool current = false;
  };
  std::vector<NavItem> navigation;
  std::optional<Href> json;  // the same facts as JSON
  bool indexed = true;       // false: search engines shall leave it out
  std::string_view footer = "Programs on this site are built by gofarm, not by their authors.";
  std::optional<Constant> style;   // besides kStyleSheet, and as plain
  std::optional<Constant> script;  // may ask this host again; holds no "</" and no "<!--"
};

// `content` writes what stands in <main>, h1 first.
Answer RenderPage(const Frame& frame, int status, const std::function<void(HtmlWriter&)>& content);

// The same in two parts, for a page whose content takes a while: what stands before the content is sent while the
// content is made. The first answer has all header fields.
Answer OpenPage(const Frame& frame, int status);
std::string RestOfPage(const Frame& frame, const std::function<void(HtmlWriter&)>& content);

// A JSON document with the header fields that belong to it.
Answer JsonAnswer(int status, std::string document);

extern const std::string_view kStyleSheet;

// The value for pages of RenderPage: nothing is loaded, no script runs, the style sheet is ours, no other site frames
// the page, no form is sent.
const std::string& ContentSecurityPolicy();
// The same of a page with more style or a script: these, and no request but to this host.
std::string ContentSecurityPolicy(const Frame& frame);

}  // namespace gofarm::web
