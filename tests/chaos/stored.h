// What a farm says and what its database holds, when nothing runs any more.
#pragma once

#include <gofarm/v1/farm.grpc.pb.h>

#include <string>

#include "tests/chaos/checker.h"

namespace gofarm::chaos {

// Of all jobs, attempts and batches; also the bytes of about kSample attempts.
// A call that fails fails the test.
inline constexpr size_t kSample = 300;
Stored ReadStored(const std::string& database_url, v1::Farm::Stub& farm, const Told& told);

}  // namespace gofarm::chaos
