#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

#include "cli/cmd_reports.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/top_view.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/signals.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kTopEvery = absl::Seconds(1);
constexpr absl::Duration kTopCallMax = absl::Seconds(10);
constexpr int kTopBatchesRead = 50;
constexpr int kLookMilliseconds = 100;  // for a key, a signal, another size of the window

// The terminal as a picture of its own, and as it was when this ends.
class Screen {
 public:
  Screen() {
    typed_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (typed_) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      raw.c_cc[VMIN] = 0;
      raw.c_cc[VTIME] = 0;
      raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped one would leave the terminal as it is now
      tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    PrintOut("\x1b[?1049h\x1b[?25l\x1b[2J");
  }
  ~Screen() {
    PrintOut("\x1b[?25h\x1b[?1049l");
    if (typed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // True: q was typed. Waits a moment for that.
  bool Quits() {
    pollfd in{.fd = typed_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    if (poll(&in, 1, kLookMilliseconds) <= 0) return false;
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) > 0) return key == 'q' || key == 'Q';
    typed_ = false;  // its end: there are no keys any more
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    return false;
  }

 private:
  bool typed_ = false;
  termios before_{};
};

TopWorker TopWorkerOf(const v1::WorkerRow& row) {
  TopWorker worker{.name = row.name(),
                   .state = std::string(NameOf(row.state())),
                   .detail = row.detail(),
                   .slots = row.slots(),
                   .free_slots = row.free_slots(),
                   .disk_free_bytes = row.disk_free_bytes()};
  for (const v1::RunningJob& job : row.running()) worker.running.push_back(ViewOf(job));
  return worker;
}

absl::Status Look(FarmClient& client, JobRate& rate, TopView& view) {
  v1::FarmStatus status;
  GOFARM_RETURN_IF_ERROR(client.GetFarmStatus(kTopCallMax, status));
  v1::WorkerPage workers;
  GOFARM_RETURN_IF_ERROR(client.ListWorkers(kTopCallMax, /*brief=*/false, workers));
  v1::BatchPage batches;
  GOFARM_RETURN_IF_ERROR(client.ListBatches(kTopBatchesRead, batches));
  v1::Batch all;
  *all.mutable_jobs() = status.jobs();
  view.jobs = ViewOf(all);
  rate.Add(SteadyNow(), view.jobs.ended());
  view.jobs_per_hour = rate.PerHour();
  view.at = WallNow();
  view.workers.clear();
  for (const v1::WorkerRow& row : workers.workers()) view.workers.push_back(TopWorkerOf(row));
  view.batches.clear();
  view.more_batches = 0;
  for (const v1::Batch& batch : batches.batches()) {
    if (batch.state() != v1::BATCH_STATE_RUNNING) continue;
    if (view.batches.size() < kTopBatchesMax) {
      view.batches.push_back(ViewOf(batch));
    } else {
      ++view.more_batches;
    }
  }
  view.notice.clear();
  return absl::OkStatus();
}

bool SameSize(const Terminal& a, const Terminal& b) { return a.columns == b.columns && a.rows == b.rows; }

}  // namespace

Exit Top(const Globals& globals, bool once) {
  const sync::StopSignals signals;
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(globals.farm));
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  client->StopWith(signals.token());
  TopView view{.farm = choice.dir.empty() ? choice.server : choice.dir};
  JobRate rate;
  // Before anything is drawn: a farm that does not answer is an error, and no empty picture.
  GOFARM_RETURN_IF_ERROR(Look(*client, rate, view));
  if (globals.json) {
    PrintOut(TopDocument(view));
    return 0;
  }
  if (once || !OutTerminal().redraws) {
    Terminal whole = OutTerminal();
    whole.is_terminal = false;
    std::string text;
    for (const std::string& line : RenderTop(view, whole)) text += Cat(line, "\n");
    PrintOut(text);
    return 0;
  }
  Screen screen;
  bool quits = false;
  while (!quits && !signals.token().stop_requested()) {
    Terminal drawn = OutTerminal();
    PrintOut(TopFrame(RenderTop(view, CanvasOf(drawn))));
    const absl::Time next = SteadyNow() + kTopEvery;
    while (!quits && !signals.token().stop_requested() && SteadyNow() < next) {
      quits = screen.Quits();
      const Terminal now = OutTerminal();
      if (SameSize(now, drawn)) continue;
      drawn = now;
      PrintOut(Cat("\x1b[2J", TopFrame(RenderTop(view, CanvasOf(drawn)))));
    }
    if (quits || signals.token().stop_requested()) break;
    if (const absl::Status looked = Look(*client, rate, view); !looked.ok()) {
      view.notice = Cat("the farm does not answer: ", Sv(looked.message()));
    }
  }
  return 0;
}

}  // namespace gofarm::cli
