// SPDX-License-Identifier: MIT
// What a store may declare beyond the promises of Storage: its history, its limits, its observer.
#pragma once

#include "must/limits.hpp"
#include "must/observer.hpp"
#include "must/storage.hpp"

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace must {

/// A store that can tell one history of events from another.
///
/// `history()` returns a text that names the store and its incarnation. Two objects that are open on the same events
/// return the same text. A copy, and a store that was restored from a backup, return another text, provided that the
/// restore was declared to the store. Subscriptions keep the text with their checkpoints and refuse to go on
/// (history_changed) in a store that returns another one. The text never changes while the store is open, unless the
/// store itself is told of a restore. Every durable store of `must` is one.
template <typename S>
concept HistoryStorage = Storage<S> && requires(const S& storage) {
  { storage.history() } -> std::same_as<std::string>;
};

/// A store that tells its limits, so that input can be checked before it reaches the store.
///
/// `limits()` returns what the store checks every append against. The limits never change while the store is open.
/// A store without this member is taken to have the default limits.
template <typename S>
concept LimitedStorage = Storage<S> && requires(const S& storage) {
  { storage.limits() } -> std::convertible_to<const limits&>;
};

/// A store that has an observer, which is told of the commands and the handlers that run on the store.
///
/// `observer()` returns a reference to an Observer that lives as long as the store. must::traced adds an observer to
/// any store.
template <typename S>
concept ObservedStorage = Storage<S> && requires(const S& storage) { storage.observer(); } &&
                          Observer<std::remove_cvref_t<decltype(std::declval<const S&>().observer())>>;

}  // namespace must
