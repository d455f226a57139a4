// SPDX-License-Identifier: MIT
// The base of decorators of a storage, which hands on what they do not change.
#pragma once

#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/transactional.hpp"
#include "must/storage/waitable.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::kit {

/// The type of the transaction of a store, if the store has one.
template <typename S>
struct transaction_of {};
/// The type of the transaction of a TransactionalStorage.
template <TransactionalStorage S>
struct transaction_of<S> {
  using transaction = typename S::transaction;  ///< The type that a callback gets.
};

/// A store in which contexts mark their events with a secret: a context, or what decorates one.
template <typename S>
concept HoldsContexts = requires(const S& storage) { storage.inner_grant(); };

/// The base of a decorator, which hands on every member of a store but append. A decorator hides the members that it
/// changes. It has only the members that the store has. The store outlives the decorator.
template <Storage S>
class decorator : public transaction_of<S> {
 public:
  using data_type = typename S::data_type;  ///< The type of the data of an event.
  using event = basic_event<data_type>;     ///< The type of an event that is appended.

  /// Decorates a store.
  explicit decorator(S& storage) noexcept : storage_(&storage) {}

  /// Reads events. \see Storage
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    return storage_->read(which, options, std::forward<Visitor>(visitor));
  }
  /// Returns the last position, 0 when the store is empty.
  [[nodiscard]] position head() { return storage_->head(); }
  /// Returns the version of a stream, 0 when there is none.
  [[nodiscard]] must::version version(std::string_view stream) { return storage_->version(stream); }
  /// Returns the event of that source and id, if there is one.
  [[nodiscard]] std::optional<recorded<data_type>> find(std::string_view source, std::string_view id) {
    return storage_->find(source, id);
  }
  /// Returns the source, the clock and the ids of new events.
  [[nodiscard]] const must::origin& origin() const { return storage_->origin(); }
  /// Returns the limits of the store. \see LimitedStorage
  [[nodiscard]] decltype(auto) limits() const
    requires LimitedStorage<S>
  {
    return storage_->limits();
  }
  /// Returns the highest number of connections that the store has open at once, if it has connections.
  [[nodiscard]] std::size_t connections() const
    requires requires(const S& storage) { storage.connections(); }
  {
    return storage_->connections();
  }
  /// Returns the observer of the store. \see ObservedStorage
  [[nodiscard]] decltype(auto) observer() const
    requires ObservedStorage<S>
  {
    return storage_->observer();
  }
  /// Returns the text that names the history of the store. \see HistoryStorage
  [[nodiscard]] std::string history() const
    requires HistoryStorage<S>
  {
    return storage_->history();
  }
  /// Returns the secret of the context that this decorates. \see HoldsContexts
  [[nodiscard]] const std::string& inner_grant() const
    requires HoldsContexts<S>
  {
    return storage_->inner_grant();
  }

  /// Returns the cell under a key, if there is one. \see CellStorage
  [[nodiscard]] std::optional<cell> get(std::string_view key)
    requires CellStorage<S>
  {
    return storage_->get(key);
  }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision)
    requires CellStorage<S>
  {
    return storage_->put(key, bytes, expected_revision);
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  bool remove(std::string_view key, std::uint64_t expected_revision)
    requires CellRemovalStorage<S>
  {
    return storage_->remove(key, expected_revision);
  }
  /// Returns the keys of the cells that start with a prefix, sorted bytewise. \see CellStorage
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix)
    requires CellStorage<S>
  {
    return storage_->list(prefix);
  }
  /// Appends many at once. \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items)
    requires BatchStorage<S>
  {
    return storage_->append_batch(items);
  }
  /// Appends events and runs `work` in the same transaction. \see TransactionalStorage
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    return storage_->append_with(events, condition, work);
  }
  /// Puts a cell and runs `work` in the same transaction. \see TransactionalStorage
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const auto& work)
    requires TransactionalStorage<S>
  {
    return storage_->put_with(key, bytes, expected_revision, work);
  }
  /// Runs `work` in a transaction of its own, and commits it. \see TransactionalStorage
  void with_transaction(const auto& work)
    requires TransactionalStorage<S>
  {
    storage_->with_transaction(work);
  }
  /// Waits until the head is at `until` or beyond, and says whether it is. \see WaitableStorage
  bool wait_for(position until, duration timeout, const std::stop_token& stop = {})
    requires WaitableStorage<S>
  {
    return storage_->wait_for(until, timeout, stop);
  }

 protected:
  /// Returns the store.
  [[nodiscard]] S& storage() const noexcept { return *storage_; }

 private:
  S* storage_;
};

}  // namespace must::kit
