// Who orders: submits batches without end, repeats requests, joins, forces, cancels and retries as the plan says, and
// writes down what it was told. Its own thread.
#pragma once

#include <gofarm/v1/farm.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/ledger.h"
#include "tests/chaos/plan.h"

namespace gofarm::chaos {

class Customer {
 public:
  Customer(uint64_t seed, std::string name, const std::string& coordinator, Ledger& ledger);
  ~Customer() { Quit(); }
  void Quit();

 private:
  struct Order {
    std::string request_id;
    std::vector<std::string> modules;
    int targets = 1;
    bool force = false;
    int64_t batch = 0;
    std::set<Wanted> Wants() const;
  };
  void Run(const std::stop_token& stop);
  // Whether the queue is short enough for more.
  bool HasRoom();
  Order NewOrder(const OrderPlan& plan);
  grpc::Status SubmitOnce(const Order& order, v1::SubmitReply* reply);
  // Until it is answered; 0: it never was.
  int64_t Submit(const std::stop_token& stop, const Order& order);
  void AskMore(const std::stop_token& stop, const OrderPlan& plan, const Order& order);
  void Retry(const Order& order);
  void CancelJobOf(const Order& order);
  void CancelBatch(const Order& order);
  // The jobs of its batch, as far as they come.
  std::vector<int64_t> List(const Order& order);
  std::unique_ptr<grpc::ClientContext> Context() const;

  const uint64_t seed_;
  const std::string name_;
  Ledger& ledger_;
  const std::unique_ptr<v1::Farm::Stub> farm_;
  int64_t number_ = 0;
  int64_t modules_ = 0;  // made so far
  std::vector<Order> orders_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace gofarm::chaos
