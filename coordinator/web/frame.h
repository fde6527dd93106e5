// What all pages have in common: head, landmarks (banner, navigation, main, contentinfo), a link past them, the style
// sheet and the header fields. Pages need no script and load nothing. The style sheet stands in the page and its digest
// in the Content-Security-Policy, so a page is one file that can be kept, and no other style can get in. Pure.
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
};

// `content` writes what stands in <main>, h1 first.
Answer RenderPage(const Frame& frame, int status, const std::function<void(HtmlWriter&)>& content);

// A JSON document with the header fields that belong to it.
Answer JsonAnswer(int status, std::string document);

extern const std::string_view kStyleSheet;

// The value for pages of RenderPage: nothing is loaded, no script runs, the style sheet is ours, no other site frames
// the page, no form is sent.
const std::string& ContentSecurityPolicy();

}  // namespace gofarm::web
