#include "coordinator/page/parts.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/shapes/names.h"
#include "coordinator/page/assets.h"

namespace gofarm::page {

using web::Element;
using web::Href;
using web::HtmlWriter;

web::Frame FrameOf(std::string title, Place place) {
  web::Frame frame{.title = std::move(title), .description = ""};
  const auto item = [&](std::string_view path, std::string_view text, Place of) {
    frame.navigation.push_back({.href = Href::Path(path), .text = std::string(text), .current = of == place});
  };
  item("/", "Batches", Place::kBatches);
  item("/workers", "Workers", Place::kWorkers);
  item("/failures", "Failures", Place::kFailures);
  item("/catalog", "Catalog", Place::kCatalog);
  frame.indexed = false;
  frame.footer = "Times are UTC. Without a script the page shows how it was when it was asked for.";
  frame.style = kPageStyle;
  frame.script = kPageScript;
  return frame;
}

Element LivePart(HtmlWriter& html, std::string_view id, absl::Duration refresh) {
  if (refresh == absl::ZeroDuration()) return html.In("div", {{"id", id}, {"data-live", ""}});
  return html.In("div", {{"id", id}, {"data-live", ""}, {"data-refresh", Cat(absl::ToInt64Seconds(refresh))}});
}

Element SaidPart(HtmlWriter& html, std::string_view id) {
  return html.In("div", {{"id", id}, {"data-live", ""}, {"aria-live", "polite"}});
}

void LiveNote(HtmlWriter& html) { html.Leaf("p", {{"id", "live-note"}, {"role", "status"}, {"class", "quiet"}}, ""); }

void Table(HtmlWriter& html, std::string_view label, std::initializer_list<std::string_view> columns,
           const std::function<void()>& rows, std::string_view classes) {
  const Element wide =
      html.In("div", {{"class", "wide"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", label}});
  const Element table = html.In("table", {{"class", classes}});
  {
    const Element head = html.In("thead");
    const Element row = html.In("tr");
    for (const std::string_view name : columns) html.Leaf("th", {{"scope", "col"}}, name);
  }
  const Element body = html.In("tbody");
  rows();
}

void Cell(HtmlWriter& html, const std::function<void()>& content) {
  const Element cell = html.In("td");
  content();
}
void TextCell(HtmlWriter& html, std::string_view text) {
  const Element cell = html.In("td");
  html.Foreign(text, kNameShownMax);
}
void NumberCell(HtmlWriter& html, int64_t number) { html.Leaf("td", {{"class", "number"}}, Cat(number)); }
void TimeCell(HtmlWriter& html, absl::Time time) {
  const Element cell = html.In("td");
  if (time == absl::InfinitePast()) return;
  html.Time(time);
}
void State(HtmlWriter& html, std::string_view name) { html.Leaf("span", {{"class", name}}, name); }

void Fact(HtmlWriter& html, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  Fact(html, name, [&] { html.Foreign(text, kNameShownMax); });
}
void Fact(HtmlWriter& html, std::string_view name, absl::Time time) {
  if (time == absl::InfinitePast()) return;
  Fact(html, name, [&] { html.Time(time); });
}
void Fact(HtmlWriter& html, std::string_view name, const std::function<void()>& content) {
  html.Leaf("dt", name);
  const Element value = html.In("dd");
  content();
}

void Progress(HtmlWriter& html, int64_t done, int64_t all, std::string_view what) {
  const std::string text = Cat(done, " of ", all, " ", what);
  const Element bar = html.In(
      "progress", {{"value", Cat(std::min(done, all))}, {"max", Cat(std::max<int64_t>(all, 1))}, {"aria-label", text}});
  html.Text(text);
}

void Counts(HtmlWriter& html, const v1::JobCounts& jobs) {
  const std::pair<v1::JobState, int64_t> counts[] = {{v1::JOB_STATE_QUEUED, jobs.queued()},
                                                     {v1::JOB_STATE_RUNNING, jobs.running()},
                                                     {v1::JOB_STATE_BUILT, jobs.built()},
                                                     {v1::JOB_STATE_PARTIAL, jobs.partial()},
                                                     {v1::JOB_STATE_NOTHING_TO_BUILD, jobs.nothing_to_build()},
                                                     {v1::JOB_STATE_FAILED, jobs.failed()},
                                                     {v1::JOB_STATE_CANCELLED, jobs.cancelled()}};
  const Element list = html.In("ul", {{"class", "counts"}});
  for (const auto& [state, count] : counts) {
    if (count == 0) continue;
    const Element item = html.In("li");
    html.Leaf("b", Cat(count)).Text(" ");
    State(html, shapes::NameOf(state));
  }
}

Href BatchHref(int64_t id) { return Href::Path(Cat("/batches/", id)); }
Href JobHref(int64_t id) { return Href::Path(Cat("/jobs/", id)); }

std::string DurationText(absl::Duration duration) {
  const int64_t all = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  const int64_t hours = all / 3600, minutes = all / 60 % 60, seconds = all % 60;
  if (hours > 0) return Cat(hours, " h ", minutes, " min");
  if (minutes > 0) return Cat(minutes, " min ", seconds, " s");
  return Cat(seconds, " s");
}

}  // namespace gofarm::page
