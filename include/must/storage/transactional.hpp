// SPDX-License-Identifier: MIT
// TransactionalStorage: the caller's own statements in the transaction of an append or of a cell.
#pragma once

#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace must {

/// A store whose database runs statements of the program in the transactions of the store, so that views are never
/// behind.
///
/// - `S::transaction` is what a callback gets. Its `handle` is that of the database (sqlite3*, PGconn*).
/// - `append_with(events, condition, work)` appends, and calls `work(transaction)` after the events are written and
///   before the commit.
/// - `put_with(key, bytes, expected, work)` does the same for a cell.
/// - `with_transaction(work)` calls `work(transaction)` in a transaction of its own, and commits.
///
/// What `work` throws rolls everything back and goes on to the caller. `work` does not run for a conflict, for a put
/// that stores nothing, or for events that are stored already. It neither ends the transaction nor writes to the store
/// by the members of the store. A store may also refuse reads by `work`.
template <typename S>
concept TransactionalStorage =
    Storage<S> && requires { typename S::transaction; } &&
    requires(S& storage, std::span<basic_event<typename S::data_type>> events, const append_condition& condition,
             const std::function<void(typename S::transaction&)>& work, std::string_view text, std::uint64_t revision) {
      { storage.append_with(events, condition, work) } -> std::same_as<append_result>;
      { storage.put_with(text, text, revision, work) } -> std::same_as<bool>;
      { storage.with_transaction(work) } -> std::same_as<void>;
    };

}  // namespace must
