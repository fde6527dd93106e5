#include "coordinator/rpc/peer_places.h"

#include <gtest/gtest.h>

#include <vector>

namespace gofarm::rpc {
namespace {

TEST(PeerPlacesTest, NobodyTakesMoreThanHisShare) {
  PeerPlaces places(2);
  std::vector<PeerPlaces::Place> taken;
  for (int i = 0; i < 2; ++i) taken.push_back(places.Take(7).value());
  EXPECT_EQ(places.Take(7).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(places.Take(8).ok()) << "another one has his own";
  taken.pop_back();
  EXPECT_TRUE(places.Take(7).ok());
  for (int i = 0; i < 5; ++i) taken.push_back(places.Take(0).value());  // the socket, which many share
}

}  // namespace
}  // namespace gofarm::rpc
