#include "coordinator/store/raw_connection.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/store/connection.h"
#include "coordinator_sql.h"

namespace gofarm::store {
namespace {

constexpr absl::Duration kConnectMax = absl::Seconds(10);
constexpr int kLookMillis = 100;  // how often a wait looks whether its scope was stopped

std::string Trimmed(const char* text) {
  std::string_view view = text == nullptr ? "" : text;
  while (!view.empty() && view.back() == '\n') view.remove_suffix(1);
  return EscapeForPrint(view);
}

// As exceptions.cc says of pqxx's exceptions.
absl::Status StatusOfResult(const PGresult* result) {
  const char* const code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = code == nullptr ? "" : code;
  const std::string text = Trimmed(PQresultErrorMessage(result));
  if (state.starts_with("40") || state == "55P03") return absl::AbortedError(text);
  if (state.starts_with("53")) return absl::ResourceExhaustedError(text);
  if (state.starts_with("22")) return absl::InvalidArgumentError(text);
  if (state == "57014") return absl::DeadlineExceededError(text);
  if (state.starts_with("57P") || state == "25P03" || state.starts_with("08")) return absl::UnavailableError(text);
  return absl::InternalError(Cat(text, state.empty() ? "" : " (SQLSTATE ", state, state.empty() ? "" : ")"));
}

bool IsGood(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_COPY_IN:
      return true;
    default:
      return false;
  }
}

int64_t RowsOf(PGresult* result) {
  const std::string_view digits = PQcmdTuples(result);
  int64_t rows = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), rows);
  return rows;
}

struct Cleared {
  explicit Cleared(PGresult* r) : result(r) {}
  ~Cleared() { PQclear(result); }
  PGresult* const result;
};

std::string_view TextOf(std::string_view name) {
  const auto file =
      std::find_if(sql::kAll.begin(), sql::kAll.end(), [&](const sql::EmbeddedFile& f) { return f.name == name; });
  GOFARM_CHECK(file != sql::kAll.end());
  return file->text;
}

}  // namespace

std::string_view RawRow::Bytes(int column) const {
  return {PQgetvalue(result_, row_, column), static_cast<size_t>(PQgetlength(result_, row_, column))};
}

int32_t RawRow::Int32(int column) const {
  GOFARM_CHECK(PQgetlength(result_, row_, column) == 4);
  uint32_t raw;
  std::memcpy(&raw, PQgetvalue(result_, row_, column), 4);
  return static_cast<int32_t>(be32toh(raw));
}

int64_t RawRow::Int64(int column) const {
  GOFARM_CHECK(PQgetlength(result_, row_, column) == 8);
  uint64_t raw;
  std::memcpy(&raw, PQgetvalue(result_, row_, column), 8);
  return static_cast<int64_t>(be64toh(raw));
}

absl::StatusOr<std::unique_ptr<RawConnection>> RawConnection::Open(const Scope& scope, const PoolOptions& options) {
  const Scope within = scope.Within(kConnectMax);
  PGconn* const raw = PQconnectStart(ConnectString(options.url).c_str());
  if (raw == nullptr) return absl::ResourceExhaustedError("connect to the database: out of memory");
  std::unique_ptr<RawConnection> connection(new RawConnection(raw));
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(raw) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
    GOFARM_RETURN_IF_ERROR_CTX(connection->WaitFor(within, state == PGRES_POLLING_READING ? POLLIN : POLLOUT),
                               "connect to the database");
    state = PQconnectPoll(raw);
    if (state == PGRES_POLLING_FAILED) break;
  }
  if (PQstatus(raw) != CONNECTION_OK) return connection->Broken("connect to the database");
  if (PQsetnonblocking(raw, 1) != 0) return connection->Broken("connect to the database");
  std::string name = options.application_name;
  name.erase(std::remove(name.begin(), name.end(), '\''), name.end());
  GOFARM_RETURN_IF_ERROR(connection->Command(
      within, Cat("SET client_encoding = 'UTF8'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = "
                  "0; SET timezone = 'UTC'; SET application_name = '",
                  name, "'")));
  return connection;
}

RawConnection::~RawConnection() { PQfinish(connection_); }

absl::Status RawConnection::Broken(std::string_view what) const {
  return absl::UnavailableError(Cat(what, ": ", Trimmed(PQerrorMessage(connection_))));
}

void RawConnection::Cancel() {
  PGcancel* const cancel = PQgetCancel(connection_);
  if (cancel == nullptr) return;
  char ignored[256];
  PQcancel(cancel, ignored, sizeof(ignored));
  PQfreeCancel(cancel);
}

absl::Status RawConnection::WaitFor(const Scope& scope, short events) {
  while (true) {
    if (absl::Status over = scope.Check(); !over.ok()) {
      Cancel();
      return over;
    }
    pollfd waited{.fd = PQsocket(connection_), .events = events, .revents = 0};
    const int64_t left = absl::ToInt64Milliseconds(std::min(scope.Remaining(), absl::Milliseconds(kLookMillis)));
    const int ready = poll(&waited, 1, static_cast<int>(std::max<int64_t>(left, 1)));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "wait for the database");
  }
}

absl::Status RawConnection::Flush(const Scope& scope) {
  while (true) {
    const int left = PQflush(connection_);
    if (left == 0) return absl::OkStatus();
    if (left < 0) return Broken("send to the database");
    GOFARM_RETURN_IF_ERROR(WaitFor(scope, POLLOUT | POLLIN));
    // What the server says meanwhile (an error, a notice) must be taken from it, or both sides may wait for ever.
    if (PQconsumeInput(connection_) == 0) return Broken("read from the database");
  }
}

absl::StatusOr<pg_result*> RawConnection::Next(const Scope& scope) {
  GOFARM_RETURN_IF_ERROR(Flush(scope));
  while (PQisBusy(connection_) != 0) {
    GOFARM_RETURN_IF_ERROR(WaitFor(scope, POLLIN));
    if (PQconsumeInput(connection_) == 0) return Broken("read from the database");
  }
  return PQgetResult(connection_);
}

absl::Status RawConnection::Drain(const Scope& scope, std::string_view what) {
  absl::Status first;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN_CTX(PGresult * next, Next(scope), what);
    if (next == nullptr) return first;
    const Cleared result(next);
    if (first.ok() && !IsGood(next)) first = Annotate(StatusOfResult(next), what);
  }
}

absl::Status RawConnection::Command(const Scope& scope, const std::string& words) {
  if (PQsendQuery(connection_, words.c_str()) == 0) return Broken(words);
  absl::Status done = Drain(scope, words);
  const bool in_doubt = absl::IsUnavailable(done) || absl::IsDeadlineExceeded(done) || absl::IsCancelled(done);
  if (words == "COMMIT" && in_doubt) {
    return absl::UnknownError(Cat(Sv(done.message()), ": whether it was committed is not known"));
  }
  return done;
}

absl::Status RawConnection::Execute(const Scope& scope, std::string_view name) {
  if (PQsendQuery(connection_, std::string(TextOf(name)).c_str()) == 0) return Broken(name);
  return Drain(scope, name);
}

absl::StatusOr<int64_t> RawConnection::Query(const Scope& scope, std::string_view name,
                                             absl::Span<const std::string> parameters, const Each& each) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  if (PQsendQueryParams(connection_, std::string(TextOf(name)).c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, /*resultFormat=*/1) == 0) {
    return Broken(name);
  }
  if (each != nullptr && PQsetSingleRowMode(connection_) == 0) return Broken(name);
  int64_t rows = 0;
  absl::Status first;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN_CTX(PGresult * next, Next(scope), name);
    if (next == nullptr) break;
    const Cleared result(next);
    if (!first.ok()) continue;
    if (!IsGood(next)) {
      first = Annotate(StatusOfResult(next), name);
    } else if (each == nullptr) {
      rows += RowsOf(next);
    } else {
      for (int row = 0; row < PQntuples(next) && first.ok(); ++row, ++rows) first = each(RawRow(next, row));
      if (!first.ok()) Cancel();
    }
  }
  if (!first.ok()) return first;
  return rows;
}

absl::Status RawConnection::StartCopy(const Scope& scope, std::string_view name) {
  if (PQsendQuery(connection_, std::string(TextOf(name)).c_str()) == 0) return Broken(name);
  GOFARM_ASSIGN_OR_RETURN_CTX(PGresult * next, Next(scope), name);
  const Cleared result(next);
  if (PQresultStatus(next) == PGRES_COPY_IN) return absl::OkStatus();
  const absl::Status failed = Annotate(StatusOfResult(next), name);
  GOFARM_RETURN_IF_ERROR(Drain(scope, name));
  return failed.ok() ? absl::InternalError(Cat(name, " is no COPY FROM STDIN")) : failed;
}

absl::Status RawConnection::PutCopy(const Scope& scope, std::string_view bytes) {
  while (true) {
    const int put = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
    if (put > 0) break;
    if (put < 0) return Broken("COPY");
    GOFARM_RETURN_IF_ERROR(Flush(scope));
  }
  // All of it, before more comes: libpq would keep in memory whatever the server does not take.
  return Flush(scope);
}

absl::StatusOr<int64_t> RawConnection::EndCopy(const Scope& scope, const std::string& error) {
  while (true) {
    const int ended = PQputCopyEnd(connection_, error.empty() ? nullptr : error.c_str());
    // After an error of the server there is no COPY to end, but its words to be read.
    if (ended != 0) break;
    GOFARM_RETURN_IF_ERROR(Flush(scope));
  }
  int64_t rows = 0;
  int results = 0;
  absl::Status first;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN_CTX(PGresult * next, Next(scope), "COPY");
    if (next == nullptr) break;
    const Cleared result(next);
    ++results;
    if (IsGood(next)) {
      rows += RowsOf(next);
    } else if (first.ok()) {
      first = Annotate(StatusOfResult(next), "COPY");
    }
  }
  if (!first.ok()) return first;
  if (results == 0) return Broken("end of COPY");
  return rows;
}

}  // namespace gofarm::store
