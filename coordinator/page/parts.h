// What the pages of the operators are put together from. Texts of builds and people are hostile: they go through
// HtmlWriter and are bounded here. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "coordinator/web/frame.h"
#include "coordinator/web/html.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::page {

inline constexpr size_t kNameShownMax = 1'024;       // of a module, a worker, a batch
inline constexpr size_t kDetailShownMax = 16 << 10;  // of a failure
inline constexpr absl::Duration kRefresh = absl::Seconds(5);
inline constexpr absl::Duration kSlowRefresh = absl::Seconds(30);

enum class Place { kBatches, kWorkers, kFailures, kCatalog, kElsewhere };
web::Frame FrameOf(std::string title, Place place);

// A part that the script takes over from a newer page. `refresh`: how soon the page is asked for again; zero: never.
web::Element LivePart(web::HtmlWriter& html, std::string_view id, absl::Duration refresh);
// The same for what screen readers say aloud when it changes. It is a part of its own, beside the others: what stands
// in one of those is made anew with it, and they say nothing of what is new as a whole.
web::Element SaidPart(web::HtmlWriter& html, std::string_view id);
// Where the script says that the farm does not answer.
void LiveNote(web::HtmlWriter& html);

// Scrolls inside where it is wider than the page.
void Table(web::HtmlWriter& html, std::string_view label, std::initializer_list<std::string_view> columns,
           const std::function<void()>& rows, std::string_view classes = "");
void Cell(web::HtmlWriter& html, const std::function<void()>& content);
void TextCell(web::HtmlWriter& html, std::string_view text);  // by others
void NumberCell(web::HtmlWriter& html, int64_t number);
void TimeCell(web::HtmlWriter& html, absl::Time time);
// Of a state of a job, an attempt, a batch; its class is its name.
void State(web::HtmlWriter& html, std::string_view name);

// A line of a description list; nothing for an empty text.
void Fact(web::HtmlWriter& html, std::string_view name, std::string_view text);
void Fact(web::HtmlWriter& html, std::string_view name, absl::Time time);
void Fact(web::HtmlWriter& html, std::string_view name, const std::function<void()>& content);

void Progress(web::HtmlWriter& html, int64_t done, int64_t all, std::string_view what);
// How many jobs are in which state; those that none is in are left out.
void Counts(web::HtmlWriter& html, const v1::JobCounts& jobs);

web::Href BatchHref(int64_t id);
web::Href JobHref(int64_t id);

// "45 s", "3 min 20 s", "2 h 5 min".
std::string DurationText(absl::Duration duration);

}  // namespace gofarm::page
