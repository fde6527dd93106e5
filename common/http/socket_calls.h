// Calls on the socket of a connection that the networking library does not have: sendfile(2), what the other end has
// taken, and whether it has left. Thread-safe for different sockets.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/http/router.h"

namespace gofarm::http {

// Bytes that the kernel keeps for a connection before it sends them. A reader that stands still costs no more memory
// than this, and one that is slow is seen to take something long before a buffer of some MiB is empty.
inline constexpr int kUnsentBytesMax = 256 << 10;
// As much of a file goes out at once, then another connection has its turn.
inline constexpr int64_t kFileTurnBytesMax = 2 << 20;

// Sets kUnsentBytesMax, and that the end of an answer waits for nothing. What the kernel refuses is left out.
void TuneSocket(int socket);

struct FileTurn {
  int64_t sent = 0;
  bool blocked = false;  // nothing more fits before the client takes some
};
// Sends from `part` until it is sent, nothing fits or kFileTurnBytesMax are sent; `socket` does not block. Waits for
// the disk at most. DATA_LOSS: the file is shorter than the part; UNAVAILABLE: the client is gone.
absl::StatusOr<FileTurn> SendFilePart(int socket, const FilePart& part);

// Whether the next turn of `part` is in memory, as far as its ends tell: then SendFilePart does not wait for the disk.
bool IsInMemory(const FilePart& part);

// Bytes that the other end has confirmed since the connection began, below TLS; -1: the kernel does not say.
int64_t TakenBytes(int socket);

enum class FromClient {
  kNothing,
  kUnread,  // bytes that nobody has read yet; its end may follow them
  kEnd,     // it sends nothing more, whatever is unread, or the connection is broken
};
FromClient LookAtClient(int socket);

}  // namespace gofarm::http
