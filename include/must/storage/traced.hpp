// SPDX-License-Identifier: MIT
// traced: a storage that tells an observer what it is asked to do.
#pragma once

#include "must/observer.hpp"
#include "must/query.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/kit/observe.hpp"
#include "must/storage/transactional.hpp"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace must {

/// A storage whose observer is told of every append and read, and of the commands and handlers that run on it.
///
/// Other decorators hand the observer on, whichever is outside. A batch (BatchStorage) counts as one append, with the
/// first failure. To be told of each append by itself, trace a group_commit, and not the store in it. What the store
/// answers and throws is not changed. A null_observer costs nothing. Any number of threads may use one.
template <Storage S, Observer O>
class traced : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  /// Traces a store. The store and the observer outlive this object.
  traced(S& storage, O& observer) noexcept : base(storage), observer_(&observer) {}

  /// Returns the observer that is told. \see ObservedStorage
  [[nodiscard]] O& observer() const noexcept { return *observer_; }

  /// Appends, and tells of it. \see Storage
  append_result append(std::span<event> events, const append_condition& condition) {
    return appending(events, events.size(), [&] { return this->storage().append(events, condition); });
  }
  /// Reads, and tells of it. \see Storage
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    const auto run = [&] { return this->storage().read(which, options, std::forward<Visitor>(visitor)); };
    if constexpr (kit::observes<O>)
      return kit::observe(*observer_, {.kind = operation_kind::read}, run);
    else
      return run();
  }
  /// Appends a batch, and tells of it as of one append. \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items)
    requires BatchStorage<S>
  {
    std::size_t count = 0;
    if constexpr (kit::observes<O>)
      for (const auto& one : items) count += one.events.size();
    const auto first = items.empty() ? std::span<event>() : items.front().events;
    return appending(first, count, [&] { return this->storage().append_batch(items); });
  }
  /// Appends with work in the transaction, and tells of it. \see TransactionalStorage
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    return appending(events, events.size(), [&] { return this->storage().append_with(events, condition, work); });
  }

 private:
  // The texts are copied: the store may move the events away.
  template <typename Run>
  auto appending(std::span<const event> events, std::size_t count, Run&& run) -> decltype(run()) {
    if constexpr (kit::observes<O>) {
      if (events.empty()) return kit::observe(*observer_, {.kind = operation_kind::append, .events = count}, run);
      const auto type = events[0].type, id = events[0].id, source = events[0].source, stream = events[0].subject;
      return kit::observe(*observer_, {operation_kind::append, type, id, source, stream, 0, count}, run);
    } else {
      return run();
    }
  }
  O* observer_;
};

}  // namespace must
