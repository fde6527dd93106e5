// Runs `each(i)` for i in [0, count) on up to `threads` threads, and returns when all have ended. Ends early, leaving
// indexes out, when the scope is done.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "common/base/scope.h"

namespace gofarm::catalog {

template <typename Each>
void ForEachInParallel(const Scope& scope, size_t count, int threads, Each each) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count && !scope.Done(); i = next++) each(i);
  };
  std::vector<std::jthread> helpers;
  for (size_t t = 1; t < std::min(count, static_cast<size_t>(threads)); ++t) helpers.emplace_back(work);
  work();
}

}  // namespace gofarm::catalog
