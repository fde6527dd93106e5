#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <stop_token>
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
constexpr int kTopBatchesRead = 50;     // that run
constexpr int kLookMilliseconds = 100;  // for a key, a signal, another size of the window

constexpr char kTakeScreen[] = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr char kGiveScreen[] = "\x1b[?25h\x1b[?1049l";
constexpr int kDeadlySignals[] = {SIGHUP, SIGQUIT, SIGABRT};  // that no StopSignals waits for

// What the terminal was before, for signals and other threads.
std::atomic<bool> screen_taken{false};
std::atomic<bool> keys_taken{false};
termios terminal_before{};
static_assert(std::atomic<bool>::is_always_lock_free);

// Also in signal handlers. May come twice at once: the terminal is back when any of both returns.
void GiveBack() {
  if (keys_taken) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
  if (screen_taken) {
    // A terminal that is gone is no matter here.
    [[maybe_unused]] const ssize_t n = write(STDOUT_FILENO, kGiveScreen, sizeof kGiveScreen - 1);
  }
  keys_taken = false;
  screen_taken = false;
}

// It ends this program as it would without a screen.
void OnDeadlySignal(int number) {
  GiveBack();
  signal(number, SIG_DFL);
  raise(number);
}

// The terminal as a picture of its own, and as it was when this ends, or a signal ends the program. One at a time.
class Screen {
 public:
  Screen() {
    for (size_t i = 0; i < std::size(kDeadlySignals); ++i) {
      sigaction(kDeadlySignals[i], nullptr, &handlers_before_[i]);
      if (handlers_before_[i].sa_handler == SIG_IGN) continue;  // nohup
      struct sigaction ours {};
      ours.sa_handler = OnDeadlySignal;
      sigaction(kDeadlySignals[i], &ours, nullptr);
    }
    if (tcgetattr(STDIN_FILENO, &terminal_before) == 0) {
      keys_taken = true;
      termios raw = terminal_before;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      raw.c_cc[VMIN] = 0;
      raw.c_cc[VTIME] = 0;
      raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped one would leave the terminal as it is now
      raw.c_cc[VQUIT] = _POSIX_VDISABLE;
      tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    screen_taken = true;
    PrintOut(kTakeScreen);
  }
  ~Screen() {
    if (keys_taken) tcflush(STDIN_FILENO, TCIFLUSH);  // what was typed here is for nobody else
    GiveBack();
    for (size_t i = 0; i < std::size(kDeadlySignals); ++i) {
      sigaction(kDeadlySignals[i], &handlers_before_[i], nullptr);
    }
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // True: q was typed. Waits a moment for that.
  bool Quits() {
    pollfd in{.fd = keys_taken ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    if (poll(&in, 1, kLookMilliseconds) <= 0) return false;
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) > 0) return key == 'q' || key == 'Q';
    // Its end: there are no keys any more.
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    keys_taken = false;
    return false;
  }

 private:
  struct sigaction handlers_before_[std::size(kDeadlySignals)] = {};
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
  GOFARM_RETURN_IF_ERROR(client.ListRunningBatches(kTopBatchesRead, batches));
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
    if (batch.state() != v1::BATCH_STATE_RUNNING) continue;  // of an older coordinator
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
  const sync::StopSignals signals(sync::StopSignals::Second::kHurries);
  // Somebody who presses Ctrl-C twice waits for nothing, but has a terminal afterwards.
  const std::stop_callback second(signals.hurry(), [] {
    GiveBack();
    _exit(kExitInterrupted);
  });
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
