// catalog: what the module index holds, what is known of it, what is selected from it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/time/clock.h"
#include "cli/catalog_client.h"
#include "cli/commands.h"
#include "cli/list_url.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/catalog/fields.h"
#include "common/io/fd.h"
#include "common/io/redact_url.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kWaitPoll = absl::Milliseconds(400);
constexpr absl::Duration kPlainLineEvery = absl::Seconds(10);
constexpr int kBarWidth = 30;
constexpr size_t kOriginShownMax = 200;  // bytes of the name of a list that the coordinator keeps

template <typename Value>
absl::StatusOr<Value> Parse(const std::string& document) {
  Value value;
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(document, json::Rule::kLenient, value), "read the coordinator's answer");
  return value;
}

// The document as it is, or `text` of what it says.
template <typename Value, typename Text>
Exit Show(const Globals& globals, const absl::StatusOr<std::string>& document, Text text) {
  if (!document.ok()) return document.status();
  if (globals.json) {
    PrintOut(*document);
    return 0;
  }
  GOFARM_ASSIGN_OR_RETURN(const Value value, Parse<Value>(*document));
  PrintOut(text(value));
  return 0;
}

struct Asked {
  std::unique_ptr<FarmClient> farm;
  std::unique_ptr<CatalogClient> catalog;
};
absl::StatusOr<Asked> Ask(const Globals& globals) {
  Asked asked;
  GOFARM_ASSIGN_OR_RETURN(asked.farm, ConnectTo(globals));
  asked.catalog = std::make_unique<CatalogClient>(*asked.farm);
  return asked;
}

std::string Bar(double share, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  std::string out;
  for (int i = 0; i < width; ++i) out += i < full ? "█" : "░";
  return out;
}

std::string Percent(double share) { return Cat(std::llround(share * 100), " %"); }

std::string When(absl::Time time) { return time == absl::InfinitePast() ? "-" : FormatUtc(time).substr(0, 19); }

std::string Rate(double per_second) {
  if (per_second <= 0) return "-";
  return per_second >= 10 ? Cat(std::llround(per_second), "/s") : Cat(std::llround(per_second * 60), "/min");
}

std::string Errors(const std::map<std::string, int64_t>& errors) {
  std::string out;
  for (const auto& [name, count] : errors) out += Cat(out.empty() ? "" : ", ", name, " ", count);
  return out;
}

std::string RoomText(const catalog::RoomForecast& room) {
  if (!room.detail.empty()) return Cat(EscapeForPrint(room.detail), "\n");
  if (room.versions == 0) return "";
  return Cat("the back-fill is expected to bring ", room.versions, " more versions, ", HumanBytes(room.bytes), " at ",
             std::llround(room.bytes_per_version), " bytes each; ",
             room.free ? Cat(HumanBytes(*room.free), " are free where PostgreSQL stands")
                       : "how much is free where PostgreSQL stands is not known here",
             ", and it stops at ", HumanBytes(room.floor), "\n");
}

std::string StatusText(const catalog::CatalogStatus& status) {
  TableText table({{"STAGE"},
                   {"STATE"},
                   {"DONE", true},
                   {"BACKLOG", true},
                   {"RATE", true},
                   {"LEFT", true},
                   {"ERRORS", false, true}});
  for (const catalog::StageStatus& stage : status.stages) {
    table.Add({stage.name,
               {stage.state, ColorOfState(stage.state)},
               Cat(stage.done),
               Cat(stage.backlog),
               Rate(stage.rate),
               stage.eta_seconds ? HumanSeconds(*stage.eta_seconds) : "-",
               Errors(stage.errors)});
  }
  std::string out = table.Render(OutTerminal());
  for (const catalog::HostStatus& host : status.hosts) {
    out += Cat("paused until ", When(host.paused_until), ": ", EscapeForPrint(host.host), " (",
               EscapeForPrint(host.reason), ")\n");
  }
  out += RoomText(status.room);
  for (const auto& [name, value] : status.settings) {
    out += Cat(EscapeForPrint(name), " = ", EscapeForPrint(value), "\n");
  }
  return out + Cat("as of ", When(status.as_of), " UTC\n");
}

// A bar a stage: how much of what it has met is done.
std::vector<std::string> WaitLines(const catalog::CatalogStatus& status) {
  std::vector<std::string> lines;
  for (const catalog::StageStatus& stage : status.stages) {
    const double all = static_cast<double>(stage.done + stage.backlog);
    const double share = all == 0 ? 1 : static_cast<double>(stage.done) / all;
    std::string name = stage.name;
    name.resize(8, ' ');
    lines.push_back(Cat(name, Bar(share, kBarWidth), " ", stage.done, " done, ", stage.backlog, " left, ",
                        Rate(stage.rate), stage.eta_seconds ? Cat(", ", HumanSeconds(*stage.eta_seconds)) : "",
                        stage.state == "running" ? "" : Cat(" (", EscapeForPrint(stage.state), ")")));
  }
  for (const catalog::HostStatus& host : status.hosts) {
    lines.push_back(Cat("  ", EscapeForPrint(host.host), " is paused until ", When(host.paused_until), ": ",
                        EscapeForPrint(host.reason)));
  }
  return lines;
}

// Until no running stage has anything left that is due.
Exit AwaitSettled(const Globals& globals, CatalogClient& catalog) {
  const Terminal terminal = DescribeTerminal(STDERR_FILENO);
  LivePicture picture;
  absl::Time line_at = SteadyNow() + kPlainLineEvery;
  for (;;) {
    GOFARM_ASSIGN_OR_RETURN(const std::string document, catalog.Status(/*fresh=*/true));
    GOFARM_ASSIGN_OR_RETURN(const catalog::CatalogStatus status, Parse<catalog::CatalogStatus>(document));
    if (terminal.redraws) {
      PrintErr(picture.Next({}, WaitLines(status), CanvasOf(terminal)));
    } else if (SteadyNow() >= line_at) {
      line_at = SteadyNow() + kPlainLineEvery;
      for (const std::string& line : WaitLines(status)) PrintErr(Cat(line, "\n"));
    }
    if (status.settled) {
      PrintOut(globals.json ? document : StatusText(status));
      if (status.held_up_by.empty()) return 0;
      std::string names;
      for (const std::string& name : status.held_up_by) names += Cat(names.empty() ? "" : ", ", EscapeForPrint(name));
      PrintErr(Cat("gofarm: what is left waits for what is paused: ", names, "; see gofarm catalog status\n"));
      return kExitJobs;
    }
    absl::SleepFor(kWaitPoll);
  }
}

// A file, or standard input for "-".
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::string& path) {
    if (path == "-") return InputFile(io::Fd(::dup(STDIN_FILENO)), "standard input");
    io::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
      const absl::Status status = ErrnoStatus(errno, Cat("open ", EscapeForPrint(path)));
      return absl::InvalidArgumentError(status.message());
    }
    return InputFile(std::move(fd), EscapeForPrint(path));
  }
  // Empty: the end.
  absl::StatusOr<std::string> Next() {
    std::string bytes(kIngestChunk, '\0');
    size_t got = 0;
    while (got < bytes.size()) {
      const ssize_t n = ::read(fd_.get(), bytes.data() + got, bytes.size() - got);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, Cat("read ", name_));
      if (n == 0) break;
      got += static_cast<size_t>(n);
    }
    bytes.resize(got);
    read_ += static_cast<int64_t>(got);
    return bytes;
  }
  int64_t bytes_read() const { return read_; }

 private:
  InputFile(io::Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  io::Fd fd_;
  std::string name_;
  int64_t read_ = 0;
};

std::string IngestText(const catalog::IngestResult& r) {
  return Cat(r.lines, " lines in ", HumanSeconds(r.seconds), ": ", r.stored, " stored, ", r.known, " known before, ",
             r.rejected, " rejected\n");
}

std::string ImportText(const catalog::ImportResult& r) {
  std::string out = Cat(r.items, " entries of ", EscapeForPrint(r.origin), ": ", r.modules, " modules, ",
                        r.repositories, " repositories, ", r.skipped, " skipped\n");
  if (r.searches > 0) {
    out += Cat(r.searches, r.searches == 1 ? " search" : " searches", ", as GitHub shows at most 1,000 of each\n");
  }
  if (!r.complete) out += Cat("not all of it: ", EscapeForPrint(r.detail), "; import it again to have the rest\n");
  return out;
}

// GitHub's search takes its time: how far it is stands on a terminal meanwhile.
Exit ImportTopic(const Globals& globals, const std::string& topic) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  const Terminal terminal = DescribeTerminal(STDERR_FILENO);
  LivePicture picture;
  const absl::StatusOr<std::string> document = asked.catalog->ImportTopic(topic, [&](const std::string& so_far) {
    const absl::StatusOr<catalog::ImportResult> result = Parse<catalog::ImportResult>(so_far);
    if (!result.ok() || !terminal.redraws) return;
    PrintErr(picture.Next({}, {Cat(result->items, " repositories in ", result->searches, " searches of GitHub")},
                          CanvasOf(terminal)));
  });
  return Show<catalog::ImportResult>(globals, document, ImportText);
}

std::string FunnelText(const std::vector<catalog::FunnelStep>& steps) {
  TableText table({{"STEP"}, {"MODULES", true}, {"OF BEFORE", true}, {""}});
  const double first = steps.empty() ? 0 : static_cast<double>(steps.front().count);
  int64_t before = 0;
  // `enriched` is told, and no condition of what follows.
  for (const catalog::FunnelStep& step : steps) {
    const double share = before == 0 ? 0 : static_cast<double>(step.count) / static_cast<double>(before);
    table.Add({step.step, Cat(step.count), before == 0 ? "" : Percent(share),
               Bar(first == 0 ? 0 : static_cast<double>(step.count) / first, kBarWidth)});
    if (step.step != "enriched") before = step.count;
  }
  return table.Render(OutTerminal());
}

std::string StatsText(const catalog::CatalogStats& s) {
  return Cat(s.modules, " modules, ", s.versions, " versions, ", HumanBytes(s.bytes), "\n", s.rejected, " bad lines, ",
             s.stuck, " timestamps with more rows than a page", s.landed == 0 ? "" : ", ",
             s.landed == 0 ? "" : Cat(s.landed, " rows landed and not yet keyed"), "\n");
}

std::string Targets(const std::vector<Target>& targets) {
  if (targets.size() == kAllTargets.size()) return "all";
  std::string out;
  for (const Target target : targets) out += Cat(out.empty() ? "" : ",", TargetName(target));
  return out;
}

std::string ModuleText(const catalog::ModuleView& m) {
  std::string out = Cat(EscapeForPrint(m.module), " ", EscapeForPrint(m.latest), ", ", m.versions, " versions, last ",
                        When(m.last_indexed_at), "\n");
  const catalog::Repository& r = m.repository;
  if (!r.url.empty()) {
    out += Cat("  ", EscapeForPrint(r.url), r.stars ? Cat(", ", *r.stars, " stars") : "",
               r.license ? Cat(", ", EscapeForPrint(*r.license)) : "", r.archived ? ", archived" : "", "\n");
  }
  if (r.description) out += Cat("  ", EscapeForPrint(*r.description), "\n");
  if (!m.deprecated.empty()) out += Cat("  deprecated: ", EscapeForPrint(m.deprecated), "\n");
  out += Cat("  source ", m.reachability.state.empty() ? "not checked" : m.reachability.state,
             m.reachability.detail.empty() ? "" : Cat(": ", EscapeForPrint(m.reachability.detail)), "\n");
  TableText programs({{"PROGRAM"}, {"KIND"}, {"TARGETS"}, {"IMPORT PATH", false, true}});
  for (const catalog::ProgramView& p : m.programs) programs.Add({p.name, p.kind, Targets(p.targets), p.import_path});
  if (!programs.empty()) out += programs.Render(OutTerminal());
  TableText forecast({{"TARGET"}, {"FORECAST"}, {"DETAIL", false, true}});
  for (const auto& [target, f] : m.forecast) forecast.Add({target, f.verdict, f.detail});
  if (!forecast.empty()) out += forecast.Render(OutTerminal());
  std::string signals;
  for (const auto& [name, count] : m.signals) {
    if (count != 0) signals += Cat(signals.empty() ? "  " : ", ", EscapeForPrint(name), " ", count);
  }
  if (!signals.empty()) out += Cat(signals, "\n");
  return out +
         Cat("  ", m.decision.selected ? "selected: " : "not selected: ", EscapeForPrint(m.decision.reason), "\n");
}

std::string WhyText(const catalog::WhyView& why) {
  TableText table({{"STAGE"}, {"RESULT"}, {"AT"}, {"DETAIL", false, true}});
  for (const catalog::WhyStep& step : why.steps) table.Add({step.stage, step.result, When(step.at), step.detail});
  return Cat(EscapeForPrint(why.module), " ", EscapeForPrint(why.version), "\n", table.Render(OutTerminal()),
             why.decision.selected ? "selected: " : "not selected: ", EscapeForPrint(why.decision.reason), "\n");
}

std::string SearchText(const std::vector<catalog::SearchHit>& hits) {
  if (hits.empty()) return "nothing was found\n";
  TableText table({{"MODULE"}, {"LATEST"}, {"STARS", true}, {"PROGRAMS", false, true}, {"SYNOPSIS", false, true}});
  for (const catalog::SearchHit& hit : hits) {
    std::string programs;
    for (const std::string& name : hit.programs) programs += Cat(programs.empty() ? "" : " ", name);
    table.Add({hit.module, hit.latest, Cat(hit.stars), programs, hit.synopsis});
  }
  return table.Render(OutTerminal());
}

std::string SelectText(const catalog::SelectionResult& r) {
  TableText table({{"MODULES", true}, {"REASON", false, true}});
  std::vector<std::pair<int64_t, std::string>> reasons;
  for (const auto& [reason, count] : r.reasons) reasons.emplace_back(count, reason);
  std::sort(reasons.rbegin(), reasons.rend());
  for (const auto& [count, reason] : reasons) table.Add({Cat(count), reason});
  std::string out = table.Render(OutTerminal());
  out += Cat(r.modules, " of ", r.considered, " modules with programs are selected");
  if (r.batch_id != 0) {
    out += Cat("; ", r.submitted, " of them became batch ", r.batch_id, " of ", r.jobs, " jobs");
  } else if (r.left_out == 0) {
    out += Cat("; ", r.waiting, " of them are in no batch yet, which makes ", r.jobs, " jobs");
  }
  if (r.left_out != 0) {
    out += Cat("; ", r.left_out, " were left out, as gofarm catalog why says of each: they cannot be fetched");
  }
  return out + "\n";
}

std::string ForecastText(const std::vector<catalog::VerdictCheck>& checks) {
  TableText table(
      {{"VERDICT"}, {"FORECAST", true}, {"RIGHT", true}, {"OUTCOMES", true}, {"PRECISION", true}, {"RECALL", true}});
  for (const catalog::VerdictCheck& c : checks) {
    table.Add({c.verdict, Cat(c.forecast), Cat(c.right), Cat(c.outcomes), Percent(c.precision), Percent(c.recall)});
  }
  return table.empty() ? "no job has ended yet that had a forecast\n" : table.Render(OutTerminal());
}

}  // namespace

Exit CatalogRun(const Globals& globals, const std::vector<std::string>& stages, bool wait) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  const absl::StatusOr<std::string> document = asked.catalog->RunStages(stages);
  if (!wait || !document.ok()) return Show<catalog::CatalogStatus>(globals, document, StatusText);
  return AwaitSettled(globals, *asked.catalog);
}

Exit CatalogPause(const Globals& globals, const std::vector<std::string>& stages) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::CatalogStatus>(globals, asked.catalog->PauseStages(stages), StatusText);
}

Exit CatalogIngest(const Globals& globals, const std::string& path) {
  GOFARM_ASSIGN_OR_RETURN(InputFile input, InputFile::Open(path));
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  const Terminal terminal = DescribeTerminal(STDERR_FILENO);
  LivePicture picture;
  absl::Time drawn_at = absl::InfinitePast();
  const absl::StatusOr<std::string> document = asked.catalog->Ingest(Scope::For(kIngestDeadline), [&] {
    if (terminal.redraws && SteadyNow() - drawn_at >= kWaitPoll) {
      drawn_at = SteadyNow();
      PrintErr(picture.Next({}, {Cat(HumanBytes(input.bytes_read()), " sent")}, CanvasOf(terminal)));
    }
    return input.Next();
  });
  return Show<catalog::IngestResult>(globals, document, IngestText);
}

Exit CatalogImport(const Globals& globals, const CatalogImportArgs& args) {
  if (!args.topic.empty()) return ImportTopic(globals, args.topic);
  if (args.source.empty()) {
    return absl::InvalidArgumentError("name a list (a file, - or a URL), or a topic with --github-topic");
  }
  std::string origin = args.origin;
  std::string text;
  if (IsListUrl(args.source)) {
    GOFARM_ASSIGN_OR_RETURN(text, FetchList(Scope::For(kListUrlMax), args.source));
    if (origin.empty()) origin = io::RedactUrl(args.source);
  } else {
    GOFARM_ASSIGN_OR_RETURN(text, ReadList(args.source));
    if (origin.empty()) origin = args.source;
  }
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::ImportResult>(globals, asked.catalog->Import(Clip(origin, kOriginShownMax), text), ImportText);
}

Exit CatalogStatusVerb(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::CatalogStatus>(globals, asked.catalog->Status(/*fresh=*/false), StatusText);
}

Exit CatalogFunnel(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<std::vector<catalog::FunnelStep>>(globals, asked.catalog->Funnel(), FunnelText);
}

Exit CatalogStatsVerb(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::CatalogStats>(globals, asked.catalog->Stats(), StatsText);
}

Exit CatalogForecast(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<std::vector<catalog::VerdictCheck>>(globals, asked.catalog->CheckForecast(), ForecastText);
}

Exit CatalogShow(const Globals& globals, const std::string& module) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::ModuleView>(globals, asked.catalog->Show(module), ModuleText);
}

Exit CatalogVersions(const Globals& globals, const std::string& module) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  std::vector<catalog::VersionRow> rows;
  GOFARM_RETURN_IF_ERROR(asked.catalog->Versions(module, [&](const std::string& page) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(std::vector<catalog::VersionRow> more, Parse<std::vector<catalog::VersionRow>>(page));
    rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    return absl::OkStatus();
  }));
  if (globals.json) {
    PrintOut(json::Write(rows));
    return 0;
  }
  TableText table({{"VERSION"}, {"INDEXED AT"}});
  for (const catalog::VersionRow& row : rows) table.Add({row.version, When(row.indexed_at)});
  PrintOut(table.Render(OutTerminal()));
  return 0;
}

Exit CatalogWhy(const Globals& globals, const std::string& module) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::WhyView>(globals, asked.catalog->Why(module), WhyText);
}

Exit CatalogSearch(const Globals& globals, const std::vector<std::string>& words, int limit) {
  std::string all;
  for (const std::string& word : words) all += Cat(all.empty() ? "" : " ", word);
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<std::vector<catalog::SearchHit>>(globals, asked.catalog->Search(all, limit), SearchText);
}

Exit CatalogRefresh(const Globals& globals, const std::string& module, const std::string& stage) {
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  return Show<catalog::ModuleView>(globals, asked.catalog->Refresh(module, stage), ModuleText);
}

Exit CatalogSelect(const Globals& globals, const CatalogSelectArgs& args) {
  if (args.submit && args.dry_run) {
    return absl::InvalidArgumentError("--dry-run shows what would be selected, --submit makes a batch of it; give one");
  }
  GOFARM_ASSIGN_OR_RETURN(const Asked asked, Ask(globals));
  const char* const user = std::getenv("USER");
  return Show<catalog::SelectionResult>(
      globals,
      asked.catalog->Select(
          {.submit = args.submit, .name = args.name, .submitter = user == nullptr ? "" : std::string(user)}),
      SelectText);
}

}  // namespace gofarm::cli
