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

/// The exception of a crashing_store. `must` never catches it.
struct crashed : std::runtime_error {
  crashed() : std::runtime_error("crashed") {}
};

/// Hands everything on to a storage until it crashes. From then on each append and put throws crashed.
///
/// After the crash, the storage itself holds what a process that was killed would have left behind.
template <CellStorage S>
class crashing_store : public must::kit::decorator<S> {
  using base = must::kit::decorator<S>;

 public:
  using typename base::event;

  /// Hands everything on to a storage, which outlives this object.
  explicit crashing_store(S& storage) : base(storage) {}

  /// Makes an append or put crash.
  /// \param write   the number of the append or put that crashes: 1 is the next
  /// \param stored  whether that one is stored before it throws
  void crash_at(int write, bool stored) {
    stored_ = stored;
    left_ = write;
  }
  /// Makes the next append or put throw without being stored.
  void crash_now() { crash_at(0, false); }

  /// Appends events, unless the store has crashed. \see Storage
  /// \throws crashed  after the crash
  append_result append(std::span<event> events, const append_condition& condition) {
    return guarded([&] { return this->storage().append(events, condition); });
  }
  /// Puts a cell, unless the store has crashed. \see CellStorage
  /// \throws crashed  after the crash
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return guarded([&] { return this->storage().put(key, bytes, expected_revision); });
  }
  /// Appends events with work in the transaction, unless the store has crashed. \see TransactionalStorage
  /// \throws crashed  after the crash
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    return guarded([&] { return this->storage().append_with(events, condition, work); });
  }
  /// Puts a cell with work in the transaction, unless the store has crashed. \see TransactionalStorage
  /// \throws crashed  after the crash
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const auto& work)
    requires TransactionalStorage<S>
  {
    return guarded([&] { return this->storage().put_with(key, bytes, expected_revision, work); });
  }
  /// Runs work in a transaction, unless the store has crashed. \see TransactionalStorage
  /// \throws crashed  after the crash
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
