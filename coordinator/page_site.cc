#include "coordinator/page_site.h"

#include <gofarm/v1/farm.pb.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"
#include "common/shapes/json_shapes.h"
#include "common/shapes/names.h"
#include "coordinator/answer_response.h"
#include "coordinator/log_stream.h"
#include "coordinator/page/log_events.h"
#include "coordinator/page/pages.h"
#include "coordinator/page/parts.h"
#include "coordinator/recent.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::coordinator {
namespace {

using http::BodyStream;
using http::Request;
using http::Response;
using page::Place;

Scope CallScope(const PageParts& parts) { return Scope::For(kPageCallMax, parts.stop); }

absl::Status NotLeading() {
  return absl::UnavailableError("this coordinator stands by: another one leads, or this one is about to; ask again");
}

Response ProblemPage(const absl::Status& why) {
  const int status = web::StatusCodeOf(why);
  return ResponseOf(
      web::RenderPage(page::FrameOf("Nothing here", Place::kElsewhere), status, [&](web::HtmlWriter& html) {
        page::WriteProblem(html, status == 404 ? "There is no such page" : "There is no answer just now",
                           Sv(why.message()));
      }));
}

Response JsonResponse(int status, std::string document) {
  Response response = ResponseOf(web::JsonAnswer(status, std::move(document)));
  response.headers.Add("Content-Security-Policy", "default-src 'none'");
  return response;
}
Response JsonProblem(const absl::Status& why) {
  JsonWriter json;
  json.BeginObject().Field("error", Sv(why.message())).EndObject();
  Response response = JsonResponse(web::StatusCodeOf(why), json.Take());
  if (absl::IsResourceExhausted(why)) response.headers.Add("Retry-After", "1");
  return response;
}

// A page whose beginning is sent before its content is made, which may take the database a while.
class PageStream final : public BodyStream {
 public:
  PageStream(std::string beginning, std::function<std::string()> rest)
      : ready_(std::move(beginning)), rest_(std::move(rest)) {}

  absl::StatusOr<Piece> Next() override {
    if (ready_.empty() && rest_ != nullptr) ready_ = std::exchange(rest_, nullptr)();
    Piece piece{.data = ready_.substr(0, http::kPieceBytesMax)};
    ready_.erase(0, piece.data.size());
    if (ready_.empty() && rest_ == nullptr) piece.then = Piece::Then::kEnd;
    return piece;
  }
  // A database that is slow must not keep lines from who follows a log.
  bool blocks() const override { return ready_.empty() && rest_ != nullptr; }

 private:
  std::string ready_;
  std::function<std::string()> rest_;
};

// 0 for none; INVALID_ARGUMENT for what is no number from 1 on.
absl::StatusOr<int64_t> NumberOf(std::string_view text, std::string_view what) {
  if (text.empty()) return 0;
  int64_t number = 0;
  if (absl::SimpleAtoi(Av(text), &number) && number > 0) return number;
  return absl::InvalidArgumentError(Cat(what, ": \"", EscapeForPrint(Clip(text, 100)), "\" is no number from 1 on"));
}
// As the command line takes it; 0: all that is given.
absl::StatusOr<int64_t> LimitOf(const Request& request) {
  const std::string_view text = request.Query("limit");
  int64_t limit = 0;
  if (text.empty() || (absl::SimpleAtoi(Av(text), &limit) && limit >= 0)) return limit;
  return absl::InvalidArgumentError(Cat("limit: \"", EscapeForPrint(Clip(text, 100)), "\" is no number from 0 on"));
}
// Of a path: what is no number is no page.
absl::StatusOr<int64_t> IdOf(const Request& request, std::string_view what) {
  const absl::StatusOr<int64_t> id = NumberOf(request.Parameter("id"), what);
  if (id.ok()) return id;
  return absl::NotFoundError(Cat("no ", what, " \"", EscapeForPrint(Clip(request.Parameter("id"), 100)), "\""));
}

v1::WorkerPage AllWorkers(std::vector<domain::WorkerView> views) {
  v1::WorkerPage page;
  for (const domain::WorkerView& view : views) rpc::ToProto(view, SteadyNow(), *page.add_workers());
  return page;
}

// Reads the services for all routes.
class Reader {
 public:
  static page::FarmGlance Farm(const PageParts& parts) {
    const std::shared_ptr<const service::PublishedFigures> published = parts.dispatch.Figures();
    const dispatch::DispatchFigures& figures = published->figures;
    return page::FarmGlance{.version = parts.facts.version,
                            .leader = parts.leader,
                            .epoch = parts.epoch,
                            .uptime = SteadyNow() - parts.facts.started_at,
                            .workers_connected = figures.sessions,
                            .jobs_waiting = figures.waiting,
                            .jobs_offered = figures.offered,
                            .jobs_running = figures.running};
  }

  absl::StatusOr<std::shared_ptr<const v1::WorkerPage>> Workers(const PageParts& parts) {
    return workers_.Get(parts.epoch, [&]() -> absl::StatusOr<v1::WorkerPage> {
      v1::WorkerPage all;
      GOFARM_RETURN_IF_ERROR(parts.farm.ListWorkers(CallScope(parts), domain::WorkerDetail::kFull, {},
                                                    [&](std::vector<domain::WorkerView> page) {
                                                      all.MergeFrom(AllWorkers(std::move(page)));
                                                      return true;
                                                    }));
      return all;
    });
  }

  absl::StatusOr<std::shared_ptr<const v1::BatchPage>> Batches(const PageParts& parts, int64_t before) {
    return batches_.Get({parts.epoch, before}, [&]() -> absl::StatusOr<v1::BatchPage> {
      return ListBatches(parts, kBatchesOnPage + 1, before);
    });
  }
  static absl::StatusOr<v1::BatchPage> ListBatches(const PageParts& parts, int64_t limit, int64_t before) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Batch> batches,
                            parts.queries.ListBatches(CallScope(parts), limit, BatchId{before}));
    v1::BatchPage page;
    for (const domain::Batch& batch : batches) rpc::ToProto(batch, *page.add_batches());
    return page;
  }

  absl::StatusOr<std::shared_ptr<const v1::Batch>> Batch(const PageParts& parts, int64_t id) {
    return batch_.Get({parts.epoch, id}, [&] { return GetBatch(parts, id); });
  }
  static absl::StatusOr<v1::Batch> GetBatch(const PageParts& parts, int64_t id) {
    GOFARM_ASSIGN_OR_RETURN(const domain::Batch batch, parts.queries.GetBatch(CallScope(parts), BatchId{id}));
    v1::Batch out;
    rpc::ToProto(batch, out);
    return out;
  }

  absl::StatusOr<std::shared_ptr<const domain::MatrixPage>> Matrix(const PageParts& parts, int64_t batch,
                                                                   std::optional<JobState> state, int64_t after) {
    return matrix_.Get({parts.epoch, batch, state ? static_cast<int>(*state) : 0, after},
                       [&] { return parts.queries.MatrixPage(CallScope(parts), BatchId{batch}, state, JobId{after}); });
  }

  // One that waits has no reason while too many ask; `whole`: RESOURCE_EXHAUSTED then.
  absl::StatusOr<v1::Job> Job(const PageParts& parts, int64_t id, bool whole) {
    GOFARM_ASSIGN_OR_RETURN(domain::Job job, parts.queries.GetJob(CallScope(parts), JobId{id}));
    const bool asks = job.state != JobState::kQueued || MayAskWhy();
    if (!asks && whole) {
      return absl::ResourceExhaustedError(
          Cat("more than ", kWhyPerSecond, " questions in a second why a job waits; ask again"));
    }
    v1::Job out;
    rpc::ToProto(asks ? parts.farm.ViewOf(std::move(job)) : domain::JobView{.job = std::move(job)}, out);
    return out;
  }

  absl::StatusOr<v1::FailureList> Failures(const PageParts& parts, int64_t batch, int64_t limit) {
    GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const domain::Failures> failures,
                            parts.failures.List(CallScope(parts), BatchId{batch}));
    v1::FailureList out;
    rpc::ToProto(*failures, limit, out);
    return out;
  }

  absl::StatusOr<page::CatalogView> Catalog(const PageParts& parts) {
    if (parts.catalog == nullptr) return absl::NotFoundError("this coordinator has no catalog");
    using Funnel = std::vector<catalog::FunnelStep>;
    GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Funnel> funnel,
                            funnel_.Get(parts.epoch, [&] { return parts.catalog->Funnel(CallScope(parts)); }));
    return page::CatalogView{.funnel = *funnel, .status = parts.catalog->LastStatus()};
  }

 private:
  // The dispatcher answers under its lock, so what pages ask of it is bounded whatever is asked of them.
  bool MayAskWhy() {
    const absl::Time now = SteadyNow();
    const absl::MutexLock lock(&why_mutex_);
    if (now - why_since_ >= absl::Seconds(1)) {
      why_since_ = now;
      why_asked_ = 0;
    }
    return why_asked_++ < kWhyPerSecond;
  }

  // By the epoch, so that nothing of an earlier leadership is shown.
  Recent<int64_t, v1::WorkerPage> workers_{kGlanceFresh, 1};
  Recent<int64_t, std::vector<catalog::FunnelStep>> funnel_{kFunnelFresh, 1};
  Recent<std::pair<int64_t, int64_t>, v1::BatchPage> batches_{kGlanceFresh, kKeptMax};
  Recent<std::pair<int64_t, int64_t>, v1::Batch> batch_{kGlanceFresh, kKeptMax};
  // By epoch, batch, state (0: all) and the job after which it begins.
  Recent<std::tuple<int64_t, int64_t, int, int64_t>, domain::MatrixPage> matrix_{kGlanceFresh, kKeptMax};
  absl::Mutex why_mutex_;
  absl::Time why_since_ ABSL_GUARDED_BY(why_mutex_) = absl::InfinitePast();
  int why_asked_ ABSL_GUARDED_BY(why_mutex_) = 0;
};

// Reads on until `limit` bytes are there, the log's end, or where something of it was left out.
absl::StatusOr<std::string> ReadSome(blob::LogStore& logs, AttemptToken token, int64_t& offset, size_t limit) {
  std::string text;
  while (text.size() < limit) {
    GOFARM_ASSIGN_OR_RETURN(blob::LogSlice slice, logs.Read(token, offset, limit - text.size()));
    text += slice.data;
    offset = slice.next_offset;
    if (slice.at_end) break;
  }
  return text;
}

absl::StatusOr<page::LogView> ReadLog(blob::LogStore& logs, AttemptToken token, bool live) {
  page::LogView view{.token = token.value, .live = live};
  GOFARM_ASSIGN_OR_RETURN(view.head, ReadSome(logs, token, view.next_offset, kLogHeadMax));
  const int64_t head_end = view.next_offset;
  GOFARM_ASSIGN_OR_RETURN(const int64_t stored, logs.StoredOffset(token));
  const int64_t from = std::max(head_end, stored - static_cast<int64_t>(kLogTailMax));
  view.next_offset = from;
  GOFARM_ASSIGN_OR_RETURN(view.tail, ReadSome(logs, token, view.next_offset, kLogTailMax));
  if (from > head_end) {
    // From whole lines to whole lines.
    const size_t head = page::ShownBytes(view.head, false), tail = view.tail.find('\n');
    view.skipped = from - head_end + static_cast<int64_t>(view.head.size() - head);
    view.head.resize(head);
    if (tail != std::string::npos && tail + 1 < view.tail.size()) {
      view.skipped += static_cast<int64_t>(tail + 1);
      view.tail.erase(0, tail + 1);
    }
  } else {
    view.head += std::exchange(view.tail, "");
  }
  // The script goes on with whole lines, too.
  std::string& last = view.skipped > 0 ? view.tail : view.head;
  const size_t shown = page::ShownBytes(last, !live);
  view.next_offset -= static_cast<int64_t>(last.size() - shown);
  last.resize(shown);
  return view;
}

// The attempt that is asked for, else the newest; null: there is none.
absl::StatusOr<const v1::Attempt*> AttemptOf(const v1::Job& job, std::string_view asked) {
  GOFARM_ASSIGN_OR_RETURN(const int64_t token, NumberOf(asked, "attempt"));
  const v1::Attempt* newest = nullptr;
  for (const v1::Attempt* attempt : shapes::ByToken(job)) {
    newest = attempt;
    if (attempt->token() == token) return attempt;
  }
  if (token != 0) return absl::NotFoundError(Cat("job ", job.id(), " has no attempt ", token));
  return newest;
}

// Last-Event-ID is what a browser says when it connects again, so it knows more than the address.
absl::StatusOr<int64_t> OffsetOf(const Request& request) {
  const std::string_view last = request.headers.Get("last-event-id");
  const std::string_view text = last.empty() ? request.Query("offset") : last;
  int64_t offset = 0;
  if (text.empty() || (absl::SimpleAtoi(Av(text), &offset) && offset >= 0)) return offset;
  return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(Clip(text, 100)), "\" is no offset"));
}

// Whether an id that a browser names may be one of the newest attempt's log: it follows a job, and a new attempt may
// have begun since. Rather lines twice than lines never, but for the end of one that is over: attempts often write logs
// of one length, and whoever was told of the end would be told again for ever.
absl::StatusOr<bool> IsOfNewest(blob::LogStore& logs, const std::vector<domain::AttemptRef>& attempts, int64_t offset) {
  const domain::AttemptRef& newest = attempts.back();
  GOFARM_ASSIGN_OR_RETURN(const int64_t end, logs.StoredOffset(newest.token));
  if (offset == end && newest.outcome != AttemptOutcome::kRunning) return true;
  if (offset > end) return false;
  for (size_t i = 0; i + 1 < attempts.size(); ++i) {
    GOFARM_ASSIGN_OR_RETURN(const int64_t stored, logs.StoredOffset(attempts[i].token));
    if (offset == stored) return false;
  }
  return true;
}

absl::StatusOr<Response> FollowLog(const PageParts& parts, const Request& request) {
  GOFARM_ASSIGN_OR_RETURN(const int64_t id, IdOf(request, "job"));
  GOFARM_ASSIGN_OR_RETURN(int64_t offset, OffsetOf(request));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::AttemptRef> attempts,
                          parts.queries.AttemptsOf(CallScope(parts), JobId{id}));
  v1::Job tokens;
  tokens.set_id(id);
  for (const domain::AttemptRef& attempt : attempts) {
    v1::Attempt& one = *tokens.add_attempts();
    one.set_token(attempt.token.value);
    one.set_outcome(static_cast<v1::AttemptOutcome>(attempt.outcome));
  }
  GOFARM_ASSIGN_OR_RETURN(const v1::Attempt* attempt, AttemptOf(tokens, request.Query("attempt")));
  if (attempt == nullptr) return absl::NotFoundError(Cat("job ", id, " has no attempt yet"));
  const AttemptToken token{attempt->token()};
  if (attempts.size() > 1 && request.Query("attempt").empty() && !request.headers.Get("last-event-id").empty()) {
    GOFARM_ASSIGN_OR_RETURN(const bool is_of_newest, IsOfNewest(parts.logs, attempts, offset));
    if (!is_of_newest) offset = 0;
  }
  if (!request.headers.Get("last-event-id").empty() && attempt->outcome() != v1::ATTEMPT_OUTCOME_RUNNING) {
    GOFARM_ASSIGN_OR_RETURN(const blob::LogSlice rest, parts.logs.Read(token, offset, 1));
    // A browser that was told of the end asks for ever otherwise.
    if (rest.data.empty() && rest.at_end) return Response{.status = 204};
  }
  Response response{.content_type = "text/event-stream"};
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("Content-Security-Policy", "default-src 'none'");
  // Proxies that gather answers would hold lines back.
  response.headers.Add("X-Accel-Buffering", "no");
  response.stream = std::make_shared<LogStream>(parts.tails.Open(JobId{id}, token), offset);
  return response;
}

class Site {
 public:
  explicit Site(WithPage with) : with_(std::move(with)) {}

  // Value of what reads the parts, or why there is none.
  template <typename Value>
  absl::StatusOr<Value> Read(const std::function<absl::StatusOr<Value>(const PageParts&)>& read) {
    absl::StatusOr<Value> value = NotLeading();
    (void)with_([&](const PageParts& parts) { value = read(parts); });
    return value;
  }

  // A page that is made while its beginning is sent. `check`: what decides the answer's status, and takes no time.
  template <typename View>
  Response Streamed(web::Frame frame, const std::function<absl::Status(const PageParts&)>& check,
                    std::function<absl::StatusOr<View>(const PageParts&)> read,
                    std::function<void(web::HtmlWriter&, const View&)> write) {
    absl::Status good = NotLeading();
    (void)with_([&](const PageParts& parts) { good = check(parts); });
    if (!good.ok()) return ProblemPage(good);
    web::Answer opening = web::OpenPage(frame, 200);
    std::string beginning = std::exchange(opening.body, "");
    Response response = ResponseOf(std::move(opening));
    response.stream = std::make_shared<PageStream>(
        std::move(beginning), [this, frame = std::move(frame), read = std::move(read), write = std::move(write)] {
          const absl::StatusOr<View> view = Read<View>(read);
          return web::RestOfPage(frame, [&](web::HtmlWriter& html) {
            if (view.ok()) return write(html, *view);
            page::WriteProblem(html, "There is no answer just now", Sv(view.status().message()));
          });
        });
    return response;
  }

  Response Json(const std::function<absl::StatusOr<std::string>(const PageParts&)>& read) {
    absl::StatusOr<std::string> document = Read<std::string>(read);
    return document.ok() ? JsonResponse(200, *std::move(document)) : JsonProblem(document.status());
  }

  Response Batches(const Request& request) {
    const absl::StatusOr<int64_t> before = NumberOf(request.Query("before"), "before");
    if (!before.ok()) return ProblemPage(before.status());
    return Streamed<page::BatchesView>(
        page::FrameOf("Batches", Place::kBatches), [](const PageParts&) { return absl::OkStatus(); },
        [this, before = *before](const PageParts& parts) -> absl::StatusOr<page::BatchesView> {
          page::BatchesView view{.farm = Reader::Farm(parts), .first = before == 0};
          GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const v1::BatchPage> batches, reader_.Batches(parts, before));
          view.batches = *batches;
          if (view.batches.batches_size() > kBatchesOnPage) {
            view.batches.mutable_batches()->RemoveLast();
            view.before = view.batches.batches(kBatchesOnPage - 1).id();
          }
          return view;
        },
        page::WriteBatches);
  }

  Response Batch(const Request& request) {
    const absl::StatusOr<int64_t> id = IdOf(request, "batch");
    const absl::StatusOr<int64_t> after = NumberOf(request.Query("after"), "after");
    for (const absl::Status& wrong : {id.status(), after.status()}) {
      if (!wrong.ok()) return ProblemPage(wrong);
    }
    const std::string_view state_name = request.Query("state");
    const std::optional<JobState> state = ParseJobState(state_name);
    if (!state_name.empty() && !state) {
      return ProblemPage(
          absl::InvalidArgumentError(Cat("\"", EscapeForPrint(Clip(state_name, 100)), "\" is no state of a job")));
    }
    return Streamed<page::BatchView>(
        page::FrameOf(Cat("Batch ", *id), Place::kBatches),
        [id = *id](const PageParts& parts) -> absl::Status {
          GOFARM_ASSIGN_OR_RETURN(const bool there, parts.queries.HasBatch(CallScope(parts), BatchId{id}));
          return there ? absl::OkStatus() : absl::NotFoundError(Cat("no batch ", id));
        },
        [this, id = *id, after = *after, state](const PageParts& parts) -> absl::StatusOr<page::BatchView> {
          page::BatchView view{.state = state, .first = after == 0};
          GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const v1::Batch> batch, reader_.Batch(parts, id));
          view.batch = *batch;
          GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const domain::MatrixPage> matrix,
                                  reader_.Matrix(parts, id, state, after));
          view.matrix = *matrix;
          return view;
        },
        page::WriteBatch);
  }

  Response Job(const Request& request) {
    const absl::StatusOr<page::JobView> view =
        Read<page::JobView>([&](const PageParts& parts) -> absl::StatusOr<page::JobView> {
          page::JobView made;
          GOFARM_ASSIGN_OR_RETURN(const int64_t id, IdOf(request, "job"));
          GOFARM_ASSIGN_OR_RETURN(made.job, reader_.Job(parts, id, /*whole=*/false));
          GOFARM_ASSIGN_OR_RETURN(const v1::Attempt* attempt, AttemptOf(made.job, request.Query("attempt")));
          if (attempt == nullptr) return made;
          const bool live = attempt->outcome() == v1::ATTEMPT_OUTCOME_RUNNING;
          made.log = {.token = attempt->token(), .live = live};
          // The script that asks for the page again has the log already.
          if (request.Query("log") == "0") return made;
          GOFARM_ASSIGN_OR_RETURN(made.log, ReadLog(parts.logs, AttemptToken{attempt->token()}, live));
          return made;
        });
    if (!view.ok()) return ProblemPage(view.status());
    const std::string title = Cat("Job ", view->job.id(), ", ", view->job.module());
    return ResponseOf(web::RenderPage(page::FrameOf(title, Place::kElsewhere), 200,
                                      [&](web::HtmlWriter& html) { page::WriteJob(html, *view, WallNow()); }));
  }

  Response Log(const Request& request) {
    absl::StatusOr<Response> response =
        Read<Response>([&](const PageParts& parts) { return FollowLog(parts, request); });
    if (response.ok()) return *std::move(response);
    return {.status = web::StatusCodeOf(response.status()),
            .body = Cat(EscapeForPrint(Sv(response.status().message())), "\n")};
  }

  Response Workers(const Request&) {
    using Page = std::shared_ptr<const v1::WorkerPage>;
    return Streamed<Page>(
        page::FrameOf("Workers", Place::kWorkers), [](const PageParts&) { return absl::OkStatus(); },
        [this](const PageParts& parts) { return reader_.Workers(parts); },
        [](web::HtmlWriter& html, const Page& workers) { page::WriteWorkers(html, *workers); });
  }

  Response Failures(const Request& request) {
    const absl::StatusOr<int64_t> batch = NumberOf(request.Query("batch"), "batch");
    if (!batch.ok()) return ProblemPage(batch.status());
    return Streamed<page::FailuresView>(
        page::FrameOf("Failures", Place::kFailures),
        [batch = *batch](const PageParts& parts) -> absl::Status {
          if (batch == 0) return absl::OkStatus();
          GOFARM_ASSIGN_OR_RETURN(const bool there, parts.queries.HasBatch(CallScope(parts), BatchId{batch}));
          return there ? absl::OkStatus() : absl::NotFoundError(Cat("no batch ", batch));
        },
        [this, batch = *batch](const PageParts& parts) -> absl::StatusOr<page::FailuresView> {
          page::FailuresView view{.batch = batch};
          GOFARM_ASSIGN_OR_RETURN(view.failures, reader_.Failures(parts, batch, 0));
          return view;
        },
        page::WriteFailures);
  }

  Response Catalog(const Request&) {
    return Streamed<page::CatalogView>(
        page::FrameOf("Catalog", Place::kCatalog), [](const PageParts&) { return absl::OkStatus(); },
        [this](const PageParts& parts) { return reader_.Catalog(parts); }, page::WriteCatalog);
  }

  Response ApiBatches(const Request& request) {
    return Json([&](const PageParts& parts) -> absl::StatusOr<std::string> {
      GOFARM_ASSIGN_OR_RETURN(const int64_t limit, LimitOf(request));
      const int64_t most = limit == 0 ? kApiBatchesMax : std::min(limit, kApiBatchesMax);
      GOFARM_ASSIGN_OR_RETURN(const v1::BatchPage page, Reader::ListBatches(parts, most, 0));
      return shapes::BatchListDocument(page);
    });
  }
  Response ApiBatch(const Request& request) {
    return Json([&](const PageParts& parts) -> absl::StatusOr<std::string> {
      GOFARM_ASSIGN_OR_RETURN(const int64_t id, IdOf(request, "batch"));
      GOFARM_ASSIGN_OR_RETURN(const v1::Batch batch, Reader::GetBatch(parts, id));
      return shapes::BatchDocument(batch);
    });
  }
  Response ApiJob(const Request& request) {
    return Json([&](const PageParts& parts) -> absl::StatusOr<std::string> {
      GOFARM_ASSIGN_OR_RETURN(const int64_t id, IdOf(request, "job"));
      GOFARM_ASSIGN_OR_RETURN(const v1::Job job, reader_.Job(parts, id, /*whole=*/true));
      return shapes::JobDocument(job);
    });
  }
  Response ApiWorkers(const Request&) {
    return Json([&](const PageParts& parts) -> absl::StatusOr<std::string> {
      GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const v1::WorkerPage> workers, reader_.Workers(parts));
      return shapes::WorkerListDocument(*workers);
    });
  }
  Response ApiFailures(const Request& request) {
    return Json([&](const PageParts& parts) -> absl::StatusOr<std::string> {
      GOFARM_ASSIGN_OR_RETURN(const int64_t batch, NumberOf(request.Query("batch"), "batch"));
      GOFARM_ASSIGN_OR_RETURN(const int64_t limit, LimitOf(request));
      GOFARM_ASSIGN_OR_RETURN(const v1::FailureList failures, reader_.Failures(parts, batch, limit));
      return shapes::FailureListDocument(failures);
    });
  }

 private:
  const WithPage with_;
  Reader reader_;
};

}  // namespace

void AddPage(http::Router& router, const WithPage& with) {
  const auto site = std::make_shared<Site>(with);
  const auto add = [&](const char* pattern, Response (Site::*answer)(const Request&)) {
    router.Get(pattern, http::Router::Kind::kBlocking,
               [site, answer](const Request& request) { return (site.get()->*answer)(request); });
  };
  add("/", &Site::Batches);
  add("/batches/{id}", &Site::Batch);
  add("/jobs/{id}", &Site::Job);
  add("/jobs/{id}/log", &Site::Log);
  add("/workers", &Site::Workers);
  add("/failures", &Site::Failures);
  add("/catalog", &Site::Catalog);
  add("/api/batches", &Site::ApiBatches);
  add("/api/batches/{id}", &Site::ApiBatch);
  add("/api/jobs/{id}", &Site::ApiJob);
  add("/api/workers", &Site::ApiWorkers);
  add("/api/failures", &Site::ApiFailures);
}

}  // namespace gofarm::coordinator
