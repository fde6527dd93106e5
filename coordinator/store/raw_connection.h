// A connection over libpq itself, for what libpqxx has no part for: binary COPY, binary results row by row, and one
// transaction of many minutes that ends when its Scope ends. Inside the store only. One thread at a time; a connection
// that failed in any way is thrown away, its transaction with it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/store/pool.h"

struct pg_conn;
struct pg_result;

namespace gofarm::store {

// One row of a binary result: valid while its callback runs. A NULL has no bytes.
class RawRow {
 public:
  RawRow(const pg_result* result, int row) : result_(result), row_(row) {}
  std::string_view Bytes(int column) const;
  int32_t Int32(int column) const;
  int64_t Int64(int column) const;

 private:
  const pg_result* result_;
  int row_;
};

class RawConnection {
 public:
  // To the database of `options.url`, with its application name; statements have no time limit but their Scope's.
  // UNAVAILABLE: no connection within kConnectMax.
  static absl::StatusOr<std::unique_ptr<RawConnection>> Open(const Scope& scope, const PoolOptions& options);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  // Codes as StatusFromCurrentException gives them; CANCELLED and DEADLINE_EXCEEDED by the scope, which also cancels
  // the statement on the server.
  // Words of our own: BEGIN, COMMIT, SET. UNKNOWN when COMMIT was sent and its answer lost.
  absl::Status Command(const Scope& scope, const std::string& words);
  // The file `name`.sql, which may hold several statements.
  absl::Status Execute(const Scope& scope, std::string_view name);
  // The file `name`.sql with parameters in text form; `each` gets every row in turn (memory for one row only), and an
  // error of it ends the statement. Returns how many rows there were or were changed.
  using Each = std::function<absl::Status(const RawRow&)>;
  absl::StatusOr<int64_t> Query(const Scope& scope, std::string_view name, absl::Span<const std::string> parameters,
                                const Each& each = nullptr);

  // For CopyWriter: `name`.sql is a COPY ... FROM STDIN. After StartCopy only PutCopy and then EndCopy may be called.
  absl::Status StartCopy(const Scope& scope, std::string_view name);
  absl::Status PutCopy(const Scope& scope, std::string_view bytes);
  // Returns the rows copied. `error` not empty: the server throws away what it got.
  absl::StatusOr<int64_t> EndCopy(const Scope& scope, const std::string& error = "");

 private:
  explicit RawConnection(pg_conn* connection) : connection_(connection) {}
  absl::Status WaitFor(const Scope& scope, short events);
  absl::Status Flush(const Scope& scope);
  // The next result; nullptr after the last.
  absl::StatusOr<pg_result*> Next(const Scope& scope);
  absl::Status Drain(const Scope& scope, std::string_view what);
  absl::Status Broken(std::string_view what) const;
  void Cancel();

  pg_conn* connection_;
};

}  // namespace gofarm::store
