// SPDX-License-Identifier: MIT
// crashing_store: a storage that stops working at some write, as if the process had ended there.
#pragma once

#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/transactional.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>

namespace must::testing {

/// What a crashing_store throws; nothing of must catches it.
struct crashed : std::runtime_error {
  crashed() : std::runtime_error("crashed") {}
};

/// Hands everything on to a storage, which it does not own, until it crashes: then each append and put throws crashed.
/// What comes after on the storage itself finds what a process that was killed would have left behind.
template <CellStorage S>
class crashing_store : public must::kit::decorator<S> {
  using base = must::kit::decorator<S>;

 public:
  using typename base::event;

  explicit crashing_store(S& storage) : base(storage) {}  ///< Crashes when it is told to.

  /// Crashes at a write. \param write  which from now on, from 1 \param stored  whether it is stored before it throws
  void crash_at(int write, bool stored) {
    stored_ = stored;
    left_ = write;
  }
  void crash_now() { crash_at(0, false); }  ///< The next write throws, and is not stored.

  /// \see Storage \throws crashed
  append_result append(std::span<event> events, const append_condition& condition) {
    return guarded([&] { return this->storage().append(events, condition); });
  }
  /// \see CellStorage \throws crashed
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return guarded([&] { return this->storage().put(key, bytes, expected_revision); });
  }
  /// \see TransactionalStorage \throws crashed
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    return guarded([&] { return this->storage().append_with(events, condition, work); });
  }
  /// \see TransactionalStorage \throws crashed
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const auto& work)
    requires TransactionalStorage<S>
  {
    return guarded([&] { return this->storage().put_with(key, bytes, expected_revision, work); });
  }
  /// Runs the work in a transaction, unless the store has crashed. \see TransactionalStorage \throws crashed
  void with_transaction(const auto& work)
    requires TransactionalStorage<S>
  {
    guarded([&] {
      this->storage().with_transaction(work);
      return true;
    });
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
  std::atomic<bool> stored_{false};
};

}  // namespace must::testing
