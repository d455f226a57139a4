// SPDX-License-Identifier: MIT
// A storage that fails for good at its n-th write, before or after it is stored: as if the process had ended there.
#pragma once

#include "must/detail/decorator.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>

namespace must_test {

struct crashed : std::runtime_error {
  crashed() : std::runtime_error("crashed") {}
};

template <must::CellStorage S>
class crashing_store : public must::detail::decorator<S> {
  using base = must::detail::decorator<S>;

 public:
  using typename base::event;

  explicit crashing_store(S& storage) : base(storage) {}

  // From the n-th write on, from 1, nothing works; `stored`: that write itself still does.
  void crash_at(int write, bool stored) {
    left_ = write;
    stored_ = stored;
  }
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return guarded([&] { return this->storage().append(events, condition); });
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return guarded([&] { return this->storage().put(key, bytes, expected); });
  }
  void append_batch(auto&&...) = delete;

 private:
  template <typename Write>
  auto guarded(Write&& write) {
    const auto left = --left_;
    if (left < 0 || (left == 0 && !stored_)) throw crashed();
    auto done = write();
    if (left == 0) throw crashed();
    return done;
  }
  std::atomic<int> left_{std::numeric_limits<int>::max()};
  bool stored_ = false;
};

}  // namespace must_test
