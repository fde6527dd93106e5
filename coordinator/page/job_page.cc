#include <algorithm>
#include <string>

#include "common/base/text.h"
#include "common/shapes/names.h"
#include "common/vocab/failure_text.h"
#include "coordinator/page/ansi.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"

namespace gofarm::page {

using web::Element;
using web::Href;
using web::HtmlWriter;

namespace {

constexpr int kRowsMax = 1'000;  // of executables, failed programs

bool IsOver(v1::JobState state) { return state != v1::JOB_STATE_QUEUED && state != v1::JOB_STATE_RUNNING; }

void WriteFacts(HtmlWriter& html, const v1::Job& job) {
  const Element list = html.In("dl");
  if (job.wait_reason() != v1::WAIT_REASON_UNSPECIFIED) {
    Fact(html, "Why it waits",
         Cat(shapes::NameOf(job.wait_reason()), job.wait_detail().empty() ? "" : ": ", job.wait_detail()));
  }
  Fact(html, "Target", shapes::NameOf(job.target()));
  if (job.batch_ids_size() > 0) {
    Fact(html, "Batches", [&] {
      constexpr int kShown = 20;
      for (int i = 0; i < std::min(job.batch_ids_size(), kShown); ++i) {
        if (i > 0) html.Text(", ");
        html.Link(BatchHref(job.batch_ids(i)), Cat(job.batch_ids(i)));
      }
      if (job.batch_ids_size() > kShown) html.Text(Cat(" and ", job.batch_ids_size() - kShown, " more"));
    });
  }
  Fact(html, "Created", shapes::TimeOf(job.created_at()));
  Fact(html, "Toolset", job.toolset());
  Fact(html, "Recipe", job.recipe_digest());
  if (job.generation() > 1) Fact(html, "Generation", Cat(job.generation()));
  if (job.rebuild_of() != 0) {
    Fact(html, "Rebuild of", [&] { html.Link(JobHref(job.rebuild_of()), Cat("job ", job.rebuild_of())); });
  }
}

void WriteFailure(HtmlWriter& html, v1::FailureClass failure, std::string_view detail) {
  if (failure == v1::FAILURE_CLASS_UNSPECIFIED) return;
  html.Leaf("h2", "Why it failed");
  {
    const Element what = html.In("p");
    html.Leaf("span", {{"class", "failed"}}, shapes::NameOf(failure));
    const std::string_view headline = Headline(detail);
    if (!headline.empty()) html.Text(": ").Foreign(headline, kNameShownMax);
  }
  if (const std::string_view hint = HintOf(static_cast<FailureClass>(failure), detail); !hint.empty()) {
    html.Leaf("p", {{"class", "notice"}}, hint);
  }
  if (detail.empty()) return;
  const Element text = html.In("pre", {{"tabindex", "0"}, {"role", "region"}, {"aria-label", "Detail of the failure"}});
  html.Text(Clip(detail, kDetailShownMax));
}

void WriteExecutables(HtmlWriter& html, const v1::Job& job) {
  if (job.executables().empty()) return;
  html.Leaf("h2", "Programs");
  Table(html, "Programs", {"Program", "Package", "Size", "Smoke", "SHA-256"}, [&] {
    int left = kRowsMax;
    for (const v1::ArtifactRow& program : job.executables()) {
      if (left-- <= 0) break;
      const Element row = html.In("tr");
      {
        const Element head = html.In("th", {{"scope", "row"}});
        html.Foreign(program.name(), kNameShownMax);
      }
      TextCell(html, program.import_path());
      html.Leaf("td", {{"class", "number"}}, web::SizeText(program.size()));
      Cell(html, [&] {
        html.Text(shapes::NameOf(program.smoke()));
        if (program.smoke_detail().empty()) return;
        html.Text(": ").Foreign(program.smoke_detail(), kNameShownMax);
      });
      Cell(html, [&] { html.Leaf("code", program.sha256()); });
    }
  });
}

void WriteFailedPrograms(HtmlWriter& html, const v1::Job& job) {
  if (job.failed_programs().empty()) return;
  html.Leaf("h2", "Programs that were not built");
  Table(html, "Programs that were not built", {"Program", "Class", "Detail"}, [&] {
    int left = kRowsMax;
    for (const v1::FailedProgram& program : job.failed_programs()) {
      if (left-- <= 0) break;
      const Element row = html.In("tr");
      {
        const Element head = html.In("th", {{"scope", "row"}});
        html.Foreign(program.import_path(), kNameShownMax);
      }
      html.Leaf("td", shapes::NameOf(program.failure_class()));
      TextCell(html, program.failure_detail());
    }
  });
}

std::string PhasesOf(const v1::Attempt& attempt) {
  std::string text;
  for (const auto& [phase, seconds] : shapes::PhaseSeconds(attempt)) {
    text += Cat(text.empty() ? "" : ", ", shapes::NameOf(phase), " ", DurationText(absl::Seconds(seconds)));
  }
  return text;
}

void WriteVariants(HtmlWriter& html, const v1::Attempt& attempt) {
  if (attempt.variants().empty()) return;
  const Element details = html.In("details");
  html.Leaf("summary", Cat("What attempt ", attempt.token(), " tried: ", attempt.variants_size(), " ",
                           attempt.variants_size() == 1 ? "variant" : "variants"));
  Table(html, Cat("Variants of attempt ", attempt.token()), {"Variant", "Outcome", "Fingerprint", "Seconds", "Edits"},
        [&] {
          for (const v1::VariantTry& variant : attempt.variants()) {
            const Element row = html.In("tr");
            {
              const Element head = html.In("th", {{"scope", "row"}});
              html.Foreign(variant.variant(), kNameShownMax);
            }
            Cell(html, [&] { State(html, shapes::NameOf(variant.outcome())); });
            TextCell(html, variant.fingerprint());
            NumberCell(html, static_cast<int64_t>(variant.seconds()));
            Cell(html, [&] {
              for (const std::string& edit : variant.edits()) {
                const Element line = html.In("div");
                html.Foreign(edit, kNameShownMax);
              }
            });
          }
        });
  const v1::VariantTry& last = *attempt.variants().rbegin();
  if (last.argv().empty()) return;
  std::string command;
  for (const std::string& word : last.argv()) command += Cat(command.empty() ? "" : " ", word);
  const Element text =
      html.In("pre", {{"class", "command"}, {"tabindex", "0"}, {"aria-label", "Command"}, {"role", "region"}});
  html.Text(Clip(command, kDetailShownMax));
}

void WriteAttempts(HtmlWriter& html, const v1::Job& job, absl::Time now) {
  if (job.attempts().empty()) return;
  html.Leaf("h2", "Attempts");
  const std::vector<const v1::Attempt*> attempts = shapes::ByToken(job);
  Table(html, "Attempts", {"Attempt", "Outcome", "Worker", "Phase", "Started", "Took", "Times", "Why"}, [&] {
    for (const v1::Attempt* attempt : attempts) {
      const absl::Time began = shapes::TimeOf(attempt->started_at()), ended = shapes::TimeOf(attempt->ended_at());
      const Element row = html.In("tr");
      {
        const Element head = html.In("th", {{"scope", "row"}});
        html.Link(Href::Path(Cat("/jobs/", job.id()), {{"attempt", Cat(attempt->token())}}), Cat(attempt->token()));
      }
      Cell(html, [&] { State(html, shapes::NameOf(attempt->outcome())); });
      TextCell(html, attempt->worker());
      Cell(html, [&] {
        html.Text(shapes::NameOf(shapes::CurrentPhase(*attempt)));
        if (!attempt->has_progress()) return;
        html.Text(" ").Foreign(attempt->progress().detail(), kNameShownMax);
      });
      TimeCell(html, began);
      html.Leaf(
          "td", {{"class", "number"}},
          began == absl::InfinitePast() ? "" : DurationText((ended == absl::InfinitePast() ? now : ended) - began));
      TextCell(html, PhasesOf(*attempt));
      TextCell(html, shapes::FailureGist(attempt->failure_class(), attempt->failure_detail()));
    }
  });
  for (const v1::Attempt* attempt : attempts) {
    WriteVariants(html, *attempt);
    for (const std::string& note : attempt->notes()) {
      const Element line = html.In("p", {{"class", "notice"}});
      html.Foreign(note, kNameShownMax);
    }
  }
}

void WriteRebuilds(HtmlWriter& html, const v1::Job& job) {
  if (job.rebuilds().empty()) return;
  html.Leaf("h2", "Built again");
  Table(html, "Rebuilds", {"Job", "Package", "Result", "Worker", "Detail", "At"}, [&] {
    for (const v1::RebuildResult& rebuild : job.rebuilds()) {
      const Element row = html.In("tr");
      {
        const Element head = html.In("th", {{"scope", "row"}});
        html.Link(JobHref(rebuild.job_id()), Cat(rebuild.job_id()));
      }
      TextCell(html, rebuild.import_path());
      html.Leaf("td", rebuild.reproduced() ? "the same bytes" : "differs");
      TextCell(html, rebuild.worker());
      TextCell(html, rebuild.detail());
      TimeCell(html, shapes::TimeOf(rebuild.at()));
    }
  });
}

void WriteRuns(HtmlWriter& html, AnsiReader& reader, std::string_view text) {
  for (const LogRun& run : reader.Read(text)) {
    if (run.classes.empty()) {
      html.Text(run.text);
    } else {
      html.Leaf("span", {{"class", run.classes}}, run.text);
    }
  }
}

void WriteLog(HtmlWriter& html, const v1::Job& job, const LogView& log) {
  html.Leaf("h2", log.token == 0 ? "Log" : Cat("Log of attempt ", log.token));
  if (log.token == 0) {
    html.Leaf("p", "No attempt has begun yet.");
    return;
  }
  if (log.skipped > 0) {
    const Element said = html.In("p", {{"class", "quiet"}});
    html.Text(Cat(log.skipped, " bytes in the middle are not shown here. The whole log: "));
    html.Leaf("code", Cat("gofarm job log ", job.id()));
  }
  // Nothing is said to screen readers line by line: a build prints thousands of them.
  const std::string token = Cat(log.token);
  const std::string source =
      log.live
          ? Href::Path(Cat("/jobs/", job.id(), "/log"), {{"attempt", token}, {"offset", Cat(log.next_offset)}}).text()
          : "";
  const auto write = [&] {
    AnsiReader reader;
    WriteRuns(html, reader, log.head);
    if (log.skipped > 0) html.Leaf("span", {{"class", "quiet"}}, Cat("[", log.skipped, " bytes]\n"));
    WriteRuns(html, reader, log.tail);
  };
  if (log.live) {
    const Element pre = html.In("pre", {{"class", "log"},
                                        {"tabindex", "0"},
                                        {"role", "log"},
                                        {"aria-live", "off"},
                                        {"aria-label", "Log"},
                                        {"data-attempt", token},
                                        {"data-log", source}});
    write();
  } else {
    const Element pre = html.In("pre", {{"class", "log"},
                                        {"tabindex", "0"},
                                        {"role", "log"},
                                        {"aria-live", "off"},
                                        {"aria-label", "Log"},
                                        {"data-attempt", token}});
    write();
  }
}

}  // namespace

void WriteJob(HtmlWriter& html, const JobView& view, absl::Time now) {
  const v1::Job& job = view.job;
  {
    const Element title = html.In("h1");
    html.Text(Cat("Job ", job.id(), ": "));
    html.Foreign(Cat(job.module(), "@", job.version()), kNameShownMax);
    html.Text(Cat(" for ", shapes::NameOf(job.target())));
  }
  LiveNote(html);
  {
    const Element said = SaidPart(html, "state");
    const Element line = html.In("p");
    html.Text("State: ");
    State(html, shapes::NameOf(job.state()));
  }
  {
    const Element live = LivePart(html, "job", IsOver(job.state()) ? absl::ZeroDuration() : kRefresh);
    WriteFacts(html, job);
    WriteFailure(html, job.failure_class(), job.failure_detail());
    WriteExecutables(html, job);
    WriteFailedPrograms(html, job);
    WriteAttempts(html, job, now);
    WriteRebuilds(html, job);
  }
  WriteLog(html, job, view.log);
}

}  // namespace gofarm::page
