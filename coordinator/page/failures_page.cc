#include "common/base/text.h"
#include "common/shapes/names.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {

using web::Element;
using web::Href;
using web::HtmlWriter;

void WriteFailures(HtmlWriter& html, const FailuresView& view) {
  const v1::FailureList& failures = view.failures;
  html.Leaf("h1", view.batch == 0 ? "Failures" : Cat("Failures of batch ", view.batch));
  if (view.batch != 0) {
    const Element back = html.In("p");
    html.Link(BatchHref(view.batch), Cat("Batch ", view.batch));
  }
  LiveNote(html);
  const Element live = LivePart(html, "failures", kSlowRefresh);
  if (failures.groups().empty()) {
    html.Leaf("p", "Nothing failed.");
    return;
  }
  {
    const Element said = html.In("p");
    html.Text(Cat(failures.jobs(), " jobs failed, or some of their programs did. "));
    html.Text("Alike but for what differs from module to module: FILE, PATH, VERSION, HASH and N stand for that.");
    if (failures.older_left_out()) html.Text(" These are the newest; there are older ones.");
  }
  Table(html, "Failures by cause", {"Class", "What is said", "Jobs", "Modules", "Examples"}, [&] {
    for (const v1::FailureGroup& group : failures.groups()) {
      const Element row = html.In("tr");
      {
        const Element head = html.In("th", {{"scope", "row"}});
        html.Text(shapes::NameOf(group.failure_class()));
      }
      Cell(html, [&] {
        {
          const Element code = html.In("code");
          html.Foreign(group.fingerprint().empty() ? "nothing" : group.fingerprint(), kNameShownMax);
        }
        if (group.hint().empty()) return;
        const Element hint = html.In("p", {{"class", "quiet"}});
        html.Text(group.hint());
      });
      NumberCell(html, group.jobs());
      NumberCell(html, group.modules());
      Cell(html, [&] {
        for (const v1::FailureExample& example : group.examples()) {
          const Element line = html.In("div");
          const Element link = html.In("a", {JobHref(example.job_id())});
          html.Foreign(Cat(example.module(), "@", example.version()), kNameShownMax);
          html.Text(Cat(" ", shapes::NameOf(example.target())));
        }
      });
    }
  });
  if (failures.groups_left_out() > 0) {
    html.Leaf("p", {{"class", "quiet"}}, Cat("and ", failures.groups_left_out(), " more causes"));
  }
}

}  // namespace gofarm::page
