#include "cli/updates_text.h"

#include <vector>

#include "common/base/text.h"
#include "common/vocab/target.h"

namespace gofarm::cli {
namespace {

std::string Names(const std::vector<Target>& targets) {
  std::string names;
  for (const Target target : targets) names += Cat(names.empty() ? "" : " ", TargetName(target));
  return names.empty() ? "-" : names;
}

std::string Until(const catalog::UpdateRow& row) {
  if (row.state != "waits") return "-";
  return row.until ? FormatUtc(*row.until).substr(0, 19) : "something changes";
}

}  // namespace

std::string UpdatesText(const catalog::UpdatesView& view, const Terminal& terminal) {
  std::string text;
  if (!view.on) text += "new versions are not built by themselves: updates = false in [catalog]\n";
  if (view.on && !view.running) text += "stage select is paused: gofarm catalog run select lets updates go on\n";
  TableText waiting({{"MODULE", false, true},
                     {"PUBLISHED", false, true},
                     {"NEW", false, true},
                     {"STATE"},
                     {"UNTIL"},
                     {"WHY", false, true}});
  for (const catalog::UpdateRow& row : view.waiting) {
    waiting.Add({row.module, row.published.empty() ? "-" : row.published, row.version, row.state, Until(row),
                 row.reason.empty() ? "-" : row.reason});
  }
  if (!waiting.empty()) text += waiting.Render(terminal);
  const int64_t more = view.waiting_total - static_cast<int64_t>(view.waiting.size());
  if (more > 0) text += Cat("and ", more, " more\n");
  TableText queued(
      {{"QUEUED TODAY", false, true}, {"BATCH", true}, {"AT"}, {"TARGETS", false, true}, {"WHY NOT", false, true}});
  for (const catalog::QueuedUpdate& row : view.queued) {
    queued.Add({Cat(row.module, "@", row.version), row.batch_id == 0 ? "-" : Cat(row.batch_id),
                FormatUtc(row.queued_at).substr(0, 19), Names(row.targets), row.detail.empty() ? "-" : row.detail});
  }
  if (!queued.empty()) text += queued.Render(terminal);
  TableText retracted({{"RETRACTED", false, true}, {"WHY", false, true}});
  for (const catalog::RetractedView& row : view.retracted) {
    retracted.Add({Cat(row.module, "@", row.version), row.reason});
  }
  if (!retracted.empty()) text += retracted.Render(terminal);
  return Cat(text, "budget of the day: ", view.used_today, " of ", view.per_day, " used, ", view.left_today, " left\n");
}

}  // namespace gofarm::cli
