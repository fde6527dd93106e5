// A server stream whose body blocks, on a thread of its own.
#pragma once

#include <utility>

#include "common/base/text.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/rpc_context.h"
#include "coordinator/rpc/stream_threads.h"
#include "coordinator/rpc/write_stream.h"

namespace gofarm::rpc {

// On a thread of `threads`, since it goes at its reader's pace. `request`: see Call.
template <typename Out>
grpc::ServerWriteReactor<Out>* OnThread(RpcContext& rpc, StreamThreads& threads, grpc::CallbackServerContext* context,
                                        const char* method, const google::protobuf::Message* request,
                                        absl::Duration longest, typename WriteStream<Out>::Body body) {
  const Call call(rpc, context, method, request);
  auto audited = [call, request, body = std::move(body)](auto& out, const Scope& scope) -> absl::Status {
    absl::Status status = body(out, scope);
    if (status.ok() && request != nullptr) call.Audit(*request);
    return status;
  };
  auto* stream = new WriteStream<Out>(call, longest, std::move(audited));
  if (!call.admitted().ok()) {
    stream->Refuse(call.admitted());
  } else if (!threads.TryRun([stream] { stream->Run(); })) {
    stream->Refuse(absl::ResourceExhaustedError(Cat("coordinator is busy: ", threads.threads_max(),
                                                    " streams of this kind are open; try again when one ends")));
  }
  return stream;
}

}  // namespace gofarm::rpc
