// SPDX-License-Identifier: MIT
// CommitLog: what a system without transactions has to give, so that log_store makes a whole store of it.
#pragma once

#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/storage.hpp"
#include "must/storage/log/commit.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must {

namespace detail::log {

struct any_commit_visitor {
  bool operator()(commit&&) const { return true; }
};

}  // namespace detail::log

/// A log of commits in which, at each position, the first commit wins.
///
/// - `try_put(commit)` stores a commit when none begins at `commit.first`, and says whether it did. It is durable when
///   `won` is returned. It may set `commit.place`. It throws only when the commit is not stored and never will be.
/// - `read(after, visitor)` calls `visitor(commit&&)` for the commits that begin above `after`, in order, until it
///   returns false. Every commit that had won before the call is among them. The memory that it takes is bounded.
/// - `limits()` returns what the log can keep of one append.
/// - `is_checked`, a constant that need not be there, is true for a log that checks its bytes with CRCs of its own. The
///   CRC of each commit is checked for all others.
///
/// Many threads read while one puts. A visitor may throw, and is called without a lock of the log.
template <typename L>
concept CommitLog =
    requires(L& log, const L& as_const, commit& made, position after, detail::log::any_commit_visitor visitor) {
      { log.try_put(made) } -> std::same_as<put_outcome>;
      log.read(after, visitor);
      { as_const.limits() } -> std::convertible_to<const limits&>;
    };

/// A log that can keep others from appending.
///
/// As long as the object that `exclusive()` returns lives, only the thread that has it puts commits. An append that was
/// too late once uses it, so that it is not too late again.
template <typename L>
concept ExclusiveLog = CommitLog<L> && requires(L& log) { log.exclusive(); };

/// A log that finds a commit again by its place.
///
/// `fetch(place, visitor)` is `read` from the commit on to which the log has given this place.
template <typename L>
concept FetchingLog = CommitLog<L> && requires(L& log, std::uint64_t place, detail::log::any_commit_visitor visitor) {
  log.fetch(place, visitor);
};

/// A log that keeps a checkpoint of the index beside its commits, so that opening a store reads only what came since.
///
/// - `save_index(bytes)` keeps bytes in the place of those before, whole or not at all. What it throws does no harm.
/// - `load_index()` returns the bytes that were saved last, if there are any. They may come back damaged or old: a
/// store
///   uses none that does not fit its log.
/// - `resume(first, place, visitor)` is `read(first - 1, visitor)` on a log that was not read yet. A commit that began
/// at
///   `first` had this place once. It may throw storage_error, or visit others, when none has it now.
///
/// \see log_store::checkpoint_error
template <typename L>
concept IndexCheckpointLog = CommitLog<L> && requires(L& log, std::string_view bytes, position first,
                                                      std::uint64_t place, detail::log::any_commit_visitor visitor) {
  log.save_index(bytes);
  { log.load_index() } -> std::same_as<std::optional<std::string>>;
  log.resume(first, place, visitor);
};

/// A log that keeps cells, which every store on the log sees. Its members are those of CellStorage. The keys that it is
/// given are names. \see CellStorage
template <typename L>
concept CellLog = CommitLog<L> && requires(L& log, std::string_view text, std::uint64_t revision) {
  { log.get(text) } -> std::same_as<std::optional<cell>>;
  { log.put(text, text, revision) } -> std::same_as<bool>;
  { log.list(text) } -> std::same_as<std::vector<std::string>>;
};

/// A log that removes cells. \see CellRemovalStorage
template <typename L>
concept CellRemovalLog = CellLog<L> && requires(L& log, std::string_view text, std::uint64_t revision) {
  { log.remove(text, revision) } -> std::same_as<bool>;
};

/// A log that tells which log it is, and which incarnation of it. \see HistoryStorage
template <typename L>
concept HistoryLog = CommitLog<L> && requires(const L& log) {
  { log.history() } -> std::same_as<std::string>;
};

}  // namespace must
