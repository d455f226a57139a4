// SPDX-License-Identifier: MIT
// Storage: the few operations on which everything else is built, and its refinements.
#pragma once

#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/stream_version.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace must {

namespace detail {

template <typename Data>
struct any_visitor {
  bool operator()(const recorded<Data>&) const { return true; }
};

// Hands a record to a visitor; false when that wants no more.
template <typename Visitor, typename Data>
bool goes_on_after(Visitor& visitor, const recorded<Data>& record) {
  if constexpr (std::is_void_v<decltype(visitor(record))>) {
    visitor(record);
    return true;
  } else {
    return static_cast<bool>(visitor(record));
  }
}

}  // namespace detail

/// A store of events, which keeps them for ever, in one order. Any number of threads may use one at once.
///
/// - `append(events, condition)` stores all events or none, and may move from those that it stores. It returns a
///   conflict when the condition does not hold, and throws bad_input, duplicate_id, position_ahead or outcome_unknown.
///   An append that is sent again, with the same ids and content, is stored once and gets the result of the first time.
/// - `read(query, options, visitor)` calls `visitor(const recorded<data_type>&)` for each event, until it returns
///   false, and throws bad_input. The visitor may return void, append, read and throw: no lock is held meanwhile.
/// - `head()` returns the last position, and `version(stream)` the last version of a stream, or 0 without an event.
/// - `find(source, id)` returns the event of that source and id, if there is one.
/// - `origin()` returns the source, the clock and the ids of new events. Every other member may throw storage_error.
/// \see must::testing::storage_cases, which check every promise of a store, such as the order of positions and times
template <typename S>
concept Storage = requires { typename S::data_type; } &&
                  requires(S& storage, std::span<basic_event<typename S::data_type>> events,
                           const append_condition& condition, const query& which, const read_options& options,
                           detail::any_visitor<typename S::data_type> visitor, std::string_view text) {
                    { storage.append(events, condition) } -> std::same_as<append_result>;
                    { storage.read(which, options, visitor) } -> std::same_as<read_result>;
                    { storage.head() } -> std::convertible_to<position>;
                    { storage.version(text) } -> std::same_as<version>;
                    { storage.find(text, text) } -> std::same_as<std::optional<recorded<typename S::data_type>>>;
                    { storage.origin() } -> std::convertible_to<const must::origin&>;
                  };

/// A small value that a store keeps under a key.
struct cell {
  std::string bytes{};         ///< The value, zero bytes allowed.
  std::uint64_t revision = 0;  ///< The number of times that the cell was put since it was made: 1, 2, 3 ...
  friend bool operator==(const cell&, const cell&) = default;
};

/// A store that keeps cells beside the events: checkpoints, leases, snapshots.
///
/// - `get(key)` returns the cell, or nothing when there is none.
/// - `put(key, bytes, expected)` stores the bytes when the revision of the cell is `expected`, and says whether it did.
///   An `expected` of 0 means that there is no such cell yet.
/// - `list(prefix)` returns the keys that start with a prefix, sorted bytewise.
///
/// A key is a name of 1 to 512 bytes of UTF-8 without NUL. Any other key is refused (bad_input), and so are bytes that
/// the backend of the store cannot keep in one piece. Only CellRemovalStorage removes cells.
template <typename S>
concept CellStorage = Storage<S> && requires(S& storage, std::string_view text, std::uint64_t revision) {
  { storage.get(text) } -> std::same_as<std::optional<cell>>;
  { storage.put(text, text, revision) } -> std::same_as<bool>;
  { storage.list(text) } -> std::same_as<std::vector<std::string>>;
};

/// A store that removes cells.
///
/// - `remove(key, expected)` removes the cell when its revision is `expected`, and says whether it did. A cell that is
///   put under the key later begins with revision 1 again. A cell whose revisions somebody remembers is not removed.
template <typename S>
concept CellRemovalStorage = CellStorage<S> && requires(S& storage, std::string_view text, std::uint64_t revision) {
  { storage.remove(text, revision) } -> std::same_as<bool>;
};

/// One append of a batch.
template <typename Data>
struct batch_item {
  std::span<basic_event<Data>> events{};  ///< The events, which are stored together.
  append_condition condition{};           ///< The condition of these events alone.
};

/// A store that commits many appends at once.
///
/// `append_batch(items)` returns one result for each item, in order. Each item has its own condition. Conditions are
/// evaluated in order, so that a later item sees an earlier one. An item that fails does not hinder its neighbours, and
/// its error is its result. No result leaves before the commit is durable. What is thrown concerns the whole batch.
template <typename S>
concept BatchStorage = Storage<S> && requires(S& storage, std::span<batch_item<typename S::data_type>> items) {
  { storage.append_batch(items) } -> std::same_as<std::vector<result<append_result>>>;
};

}  // namespace must
