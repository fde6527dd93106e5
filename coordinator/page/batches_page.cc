#include "absl/strings/str_format.h"
#include "common/base/text.h"
#include "common/shapes/names.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {

using web::Element;
using web::Href;
using web::HtmlWriter;

namespace {

void WriteFarm(HtmlWriter& html, const FarmGlance& farm) {
  html.Leaf("h2", "The farm");
  const Element list = html.In("dl");
  Fact(html, "Workers", [&] { html.Link(Href::Path("/workers"), Cat(farm.workers_connected, " connected")); });
  Fact(html, "Queue",
       Cat(farm.jobs_waiting, " waiting, ", farm.jobs_offered, " offered, ", farm.jobs_running, " running"));
  Fact(html, "Leader", Cat(farm.leader, ", epoch ", farm.epoch, ", up for ", DurationText(farm.uptime)));
  Fact(html, "Version", farm.version);
}

void WriteRow(HtmlWriter& html, const v1::Batch& batch) {
  const v1::JobCounts& jobs = batch.jobs();
  const Element row = html.In("tr");
  {
    const Element head = html.In("th", {{"scope", "row"}});
    const Element link = html.In("a", {BatchHref(batch.id())});
    html.Text(Cat(batch.id(), " "));
    html.Foreign(batch.name(), kNameShownMax);
  }
  Cell(html, [&] { State(html, shapes::NameOf(batch.state())); });
  Cell(html, [&] { Progress(html, shapes::Ended(jobs), shapes::Total(jobs), "jobs ended"); });
  NumberCell(html, shapes::Total(jobs));
  NumberCell(html, jobs.built());
  NumberCell(html, jobs.partial());
  NumberCell(html, jobs.failed());
  NumberCell(html, batch.executables());
  TimeCell(html, shapes::TimeOf(batch.created_at()));
  TextCell(html, batch.submitter());
}

}  // namespace

void WriteBatches(HtmlWriter& html, const BatchesView& view) {
  html.Leaf("h1", "Batches");
  LiveNote(html);
  {
    const Element live = LivePart(html, "farm", kRefresh);
    WriteFarm(html, view.farm);
  }
  html.Leaf("h2", view.first ? "Newest first" : "Older ones");
  {
    const Element live = LivePart(html, "batches", kRefresh);
    if (view.batches.batches().empty()) {
      const Element none = html.In("p");
      html.Text(view.first ? "There are no batches yet: " : "There are no older ones. ");
      if (view.first) html.Leaf("code", "gofarm submit MODULE@VERSION");
    } else {
      Table(html, "Batches",
            {"Batch", "State", "Progress", "Jobs", "Built", "Partial", "Failed", "Programs", "Submitted", "By"}, [&] {
              for (const v1::Batch& batch : view.batches.batches()) WriteRow(html, batch);
            });
    }
  }
  const Element pages = html.In("nav", {{"class", "pages"}, {"aria-label", "Pages of batches"}});
  if (!view.first) html.Link(Href::Path("/"), "Newest");
  if (view.before > 0) html.Link(Href::Path("/", {{"before", Cat(view.before)}}), "Older");
}

void WriteProblem(HtmlWriter& html, std::string_view title, std::string_view why) {
  html.Leaf("h1", title);
  const Element reason = html.In("p");
  html.Foreign(why, kNameShownMax);
}

void WriteCatalog(HtmlWriter& html, const CatalogView& view) {
  html.Leaf("h1", "Catalog");
  LiveNote(html);
  const Element live = LivePart(html, "catalog", kSlowRefresh);
  html.Leaf("h2", "From the index to what is built");
  const int64_t most = view.funnel.empty() ? 0 : view.funnel.front().count;
  Table(html, "Funnel", {"Step", "Modules", "Of those indexed"}, [&] {
    for (const catalog::FunnelStep& step : view.funnel) {
      const Element row = html.In("tr");
      html.Leaf("th", {{"scope", "row"}}, step.step);
      NumberCell(html, step.count);
      Cell(html, [&] { Progress(html, step.count, most, "modules"); });
    }
  });
  if (!view.status) return;
  html.Leaf("h2", "Stages");
  {
    const Element when = html.In("p", {{"class", "quiet"}});
    html.Text("As of ").Time(view.status->as_of);
  }
  Table(html, "Stages", {"Stage", "State", "Done", "Left", "A second"}, [&] {
    for (const catalog::StageStatus& stage : view.status->stages) {
      const Element row = html.In("tr");
      html.Leaf("th", {{"scope", "row"}}, stage.name);
      TextCell(html, stage.state);
      NumberCell(html, stage.done);
      NumberCell(html, stage.backlog);
      html.Leaf("td", {{"class", "number"}}, absl::StrFormat("%.1f", stage.rate));
    }
  });
}

}  // namespace gofarm::page
