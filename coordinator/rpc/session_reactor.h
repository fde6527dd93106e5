// One worker's session stream. Turns its messages into events of the dispatcher and the dispatcher's messages into
// bytes; decides nothing itself.
#pragma once

#include <gofarm/v1/worker.pb.h>

#include <string>

#include "coordinator/rpc/bidi_stream.h"
#include "coordinator/rpc/message_pace.h"
#include "coordinator/rpc/rpc_context.h"
#include "coordinator/rpc/session_streams.h"

namespace gofarm::rpc {

class SessionReactor final : public BidiStream<v1::WorkerMessage, v1::CoordinatorMessage>, public SessionStream {
 public:
  explicit SessionReactor(const Call& call);

  void SendMessage(int64_t epoch, const dispatch::SessionMessage& message) override;
  void CloseWith(const absl::Status& why) override { Close(why); }

 private:
  absl::Status Open() override;
  void Received(const v1::WorkerMessage& message) override;
  void Gone() override;
  absl::Status Handle(const v1::WorkerMessage& message);
  absl::Status HandleHello(const v1::Hello& hello);
  absl::Status HandleRefuse(const v1::Refuse& refuse);
  absl::Status HandleProgress(const v1::Progress& progress);
  absl::Status HandleReport(const v1::WorkerReport& report);

  RpcContext& rpc_;
  MessagePace pace_;
  int64_t hello_timer_ = 0;
  // Written once, by the gRPC thread that reads Hello; reads come one after the other, Gone after all of them.
  dispatch::StreamId stream_;
  std::string worker_;
  std::string fresh_secret_;  // given with Welcome, unless the session goes on with its former one
};

}  // namespace gofarm::rpc
