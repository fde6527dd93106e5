#include <array>

#include "common/base/text.h"
#include "common/shapes/names.h"
#include "common/vocab/target.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {

using web::Element;
using web::Href;
using web::HtmlWriter;

namespace {

constexpr std::array<JobState, 7> kFilters = {JobState::kFailed,   JobState::kPartial, JobState::kRunning,
                                              JobState::kQueued,   JobState::kBuilt,   JobState::kNothingToBuild,
                                              JobState::kCancelled};

void WriteSummary(HtmlWriter& html, const v1::Batch& batch) {
  const v1::JobCounts& jobs = batch.jobs();
  {
    const Element list = html.In("dl");
    Fact(html, "State", [&] { State(html, shapes::NameOf(batch.state())); });
    Fact(html, "Submitted", shapes::TimeOf(batch.created_at()));
    Fact(html, "By", batch.submitter());
    Fact(html, "Programs", Cat(batch.executables()));
  }
  Progress(html, shapes::Ended(jobs), shapes::Total(jobs), "jobs ended");
  Counts(html, jobs);
  if (jobs.failed() + jobs.partial() == 0) return;
  const Element more = html.In("p");
  html.Link(Href::Path("/failures", {{"batch", Cat(batch.id())}}), "What failed, by cause");
}

void WriteFilters(HtmlWriter& html, const BatchView& view) {
  const std::string path = Cat("/batches/", view.batch.id());
  const Element nav = html.In("nav", {{"aria-label", "Modules by the state of their jobs"}});
  const Element list = html.In("ul", {{"class", "filter"}});
  const auto item = [&](std::optional<JobState> state, std::string_view text) {
    const Element entry = html.In("li");
    const Href href = Href::Path(path, {{"state", state ? Name(*state) : ""}});
    if (state == view.state) {
      html.Leaf("a", {href, {"aria-current", "true"}}, text);
    } else {
      html.Link(href, text);
    }
  };
  item(std::nullopt, "all");
  for (const JobState state : kFilters) item(state, Name(state));
}

void WriteCell(HtmlWriter& html, const domain::MatrixRow& row, Target target) {
  const Element cell = html.In("td");
  const domain::MatrixCell* shown = nullptr;  // the newest: one that was built anew stands for those before
  for (const domain::MatrixCell& one : row.cells) {
    if (one.target == target) shown = &one;
  }
  if (shown == nullptr) {
    html.Text("–");
    return;
  }
  html.Leaf("a", {JobHref(shown->job.value), {"class", Name(shown->state)}}, Name(shown->state));
  if (shown->failure != FailureClass::kNone) html.Text(" ").Leaf("span", {{"class", "quiet"}}, Name(shown->failure));
  if (shown->executables > 0) html.Text(" ").Leaf("span", {{"class", "quiet"}}, Cat(shown->executables));
}

}  // namespace

void WriteBatch(HtmlWriter& html, const BatchView& view) {
  const v1::Batch& batch = view.batch;
  const absl::Duration refresh = batch.state() == v1::BATCH_STATE_RUNNING ? kRefresh : absl::ZeroDuration();
  {
    const Element title = html.In("h1");
    html.Text(Cat("Batch ", batch.id(), batch.name().empty() ? "" : ": "));
    if (!batch.name().empty()) html.Foreign(batch.name(), kNameShownMax);
  }
  LiveNote(html);
  {
    const Element said = SaidPart(html, "ended");
    html.Leaf("p", Cat(shapes::Ended(batch.jobs()), " of ", shapes::Total(batch.jobs()), " jobs ended"));
  }
  {
    const Element live = LivePart(html, "summary", refresh);
    WriteSummary(html, batch);
  }
  html.Leaf("h2", "Modules and targets");
  WriteFilters(html, view);
  {
    const Element live = LivePart(html, "matrix", refresh);
    if (view.matrix.rows.empty()) {
      html.Leaf("p", "There are none here.");
    } else {
      static_assert(kAllTargets.size() == 4);
      Table(
          html, "Modules and targets",
          {"Module", TargetName(kAllTargets[0]), TargetName(kAllTargets[1]), TargetName(kAllTargets[2]),
           TargetName(kAllTargets[3])},
          [&] {
            for (const domain::MatrixRow& row : view.matrix.rows) {
              const Element line = html.In("tr");
              {
                const Element head = html.In("th", {{"scope", "row"}});
                html.Foreign(Cat(row.module, "@", row.version), kNameShownMax);
              }
              for (const Target target : kAllTargets) WriteCell(html, row, target);
            }
          },
          "matrix");
    }
  }
  const Element pages = html.In("nav", {{"class", "pages"}, {"aria-label", "Pages of modules"}});
  const std::string path = Cat("/batches/", batch.id());
  const std::string_view state = view.state ? Name(*view.state) : "";
  if (!view.first) html.Link(Href::Path(path, {{"state", state}}), "First modules");
  if (view.matrix.next) {
    html.Link(Href::Path(path, {{"state", state}, {"after", Cat(view.matrix.next.value)}}), "More modules");
  }
}

}  // namespace gofarm::page
