// Which handler answers a request, and the parts of the request it is given. Pure, but for what the handlers do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/io/http_headers.h"

namespace gofarm::http {

inline constexpr size_t kQueryFieldsMax = 32;
inline constexpr size_t kPieceBytesMax = 256 << 10;

// Bytes of an open file, which do not change.
struct FilePart {
  int fd = -1;
  int64_t first = 0;
  int64_t size = 0;
};

// A body that is made while it is sent, also one without an end. Next is called by one thread at a time, and only when
// the client has taken the piece before; it may read a disk, and must bound its waits.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Null when it is not known: the body is sent in chunks then.
  virtual std::optional<int64_t> size() const { return std::nullopt; }
  // The whole body, when it is a part of a file: it may be sent from there without a call of Start or Next. Open as
  // long as this is.
  virtual std::optional<FilePart> file() const { return std::nullopt; }
  // Called once, before Next. `wake` may be called by any thread, at any time and any number of times, also after this
  // stream is gone.
  virtual void Start(std::function<void()> wake) { (void)wake; }

  struct Piece {
    std::string data;  // at most kPieceBytesMax
    enum class Then { kMore, kWait, kEnd };
    Then then = Then::kMore;  // kWait: nothing more before `wake`
  };
  // An error cuts the connection, so that the client does not take what it has for the whole.
  virtual absl::StatusOr<Piece> Next() = 0;
  // Whether Next may wait for more than a disk: then it has a thread of the handlers that block.
  virtual bool blocks() const { return false; }
};

struct Request {
  std::string method;                                           // GET or HEAD
  std::string path;                                             // as it was sent, without the query
  std::vector<std::pair<std::string, std::string>> parameters;  // of the pattern, decoded
  std::vector<std::pair<std::string, std::string>> query;       // decoded, in order
  io::HttpHeaders headers;

  // Empty when there is none of that name.
  std::string_view Parameter(std::string_view name) const;
  std::string_view Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  io::HttpHeaders headers;             // more of them; Cache-Control is no-store unless it is here
  std::shared_ptr<BodyStream> stream;  // instead of `body`
};

using Handler = std::function<Response(const Request&)>;

class Router {
 public:
  enum class Kind {
    kQuick,       // never waits: answers on the thread that reads requests, whatever all others do
    kBlocking,    // may wait for a disk or the database
    kOperations,  // the same, for what looks after the process: waits for no kBlocking one
  };
  // For GET and HEAD. "{name}" in `pattern` stands for one segment of the path, "{name...}" at its end for one or more.
  // Fixed segments win over parameters. A pattern that is no pattern, or is there already, is an error of the program.
  void Get(const std::string& pattern, Kind kind, Handler handler);

  struct Match {
    Request request;
    const Handler* handler = nullptr;  // null: `refusal` is the answer
    Kind kind = Kind::kQuick;
    Response refusal;
  };
  // 400 for a target that is not well formed, 404 naming what there is, 405 with Allow.
  Match Find(std::string_view method, std::string_view target) const;

 private:
  struct Route {
    std::string pattern;
    std::vector<std::string> segments;
    Kind kind;
    Handler handler;
  };
  std::vector<Route> routes_;
};

// Undoes %XX. Null for a broken escape, and for control characters, which belong into no parameter.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_blank);

}  // namespace gofarm::http
