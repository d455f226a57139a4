// SPDX-License-Identifier: MIT
// Storage: the few operations that everything else is built on, and its refinements.
#pragma once

#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"

#include <concepts>
#include <cstddef>
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

/// Keeps events for ever, in one order. Any number of threads may use one.
///
/// append(events, condition): all or nothing; a repeat gives the first result; may move from `events` if, and only if,
///   it stores them. Checked in this order: bad_input, duplicate_id or a repeat, position_ahead, the condition.
/// read(query, options, visitor): `visitor(const recorded<data_type>&)` returns void, or bool to go on; it is called
///   under no lock and may append, read, throw. head(): the last position. version(stream): 0 when there is none.
/// find(source, id): the event of that identity. All may throw storage_error. origin(): what new events get.
template <typename S>
concept Storage = requires { typename S::data_type; } &&
                  requires(S& storage, std::span<basic_event<typename S::data_type>> events,
                           const append_condition& condition, const query& which, const read_options& options,
                           detail::any_visitor<typename S::data_type> visitor, std::string_view text) {
                    { storage.append(events, condition) } -> std::same_as<append_result>;
                    { storage.read(which, options, visitor) } -> std::same_as<read_result>;
                    { storage.head() } -> std::convertible_to<position>;
                    { storage.version(text) } -> std::convertible_to<version>;
                    { storage.find(text, text) } -> std::same_as<std::optional<recorded<typename S::data_type>>>;
                    { storage.origin() } -> std::convertible_to<const must::origin&>;
                  };

/// A small value under a key, and how often it was put: 1, 2, 3 ...
struct cell {
  std::string bytes{};         ///< any
  std::uint64_t revision = 0;  ///< how often it was put
  friend bool operator==(const cell&, const cell&) = default;
};

/// Keeps cells beside the events: checkpoints, leases, snapshots.
///
/// get(key): the cell, or nothing. put(key, bytes, expected): stores when the cell's revision is `expected` (0: there
/// is none yet) and says whether it did. list(prefix): the keys that start with it, sorted bytewise.
/// Keys are names (1 to 512 bytes of UTF-8 without NUL), else bad_input.
template <typename S>
concept CellStorage = Storage<S> && requires(S& storage, std::string_view text, std::uint64_t revision) {
  { storage.get(text) } -> std::same_as<std::optional<cell>>;
  { storage.put(text, text, revision) } -> std::same_as<bool>;
  { storage.list(text) } -> std::same_as<std::vector<std::string>>;
};

/// One append of a batch.
template <typename Data>
struct batch_item {
  std::span<basic_event<Data>> events{};  ///< that are stored together
  append_condition condition{};           ///< of these alone
};

/// Commits many appends at once: each under its own condition, evaluated in order, the later seeing the earlier.
///
/// append_batch(items): one result for each item, in order; an item that fails does not hinder its neighbours, and its
/// error is its result. No result leaves before the commit is durable. Throws only what concerns the whole batch.
template <typename S>
concept BatchStorage = Storage<S> && requires(S& storage, std::span<batch_item<typename S::data_type>> items) {
  { storage.append_batch(items) } -> std::same_as<std::vector<result<append_result>>>;
};

}  // namespace must
