// SPDX-License-Identifier: MIT
// Tells the observer of a storage, if it has one, of an operation.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/observer.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage/abilities.hpp"

#include <time.h>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::kit {

/// Whether an observer is told anything. Every observer is, save for null_observer.
template <typename O>
inline constexpr bool observes = !std::is_same_v<std::remove_cvref_t<O>, null_observer>;

/// Whether a store has an observer that is told anything.
template <typename S>
inline constexpr bool is_observed = [] {
  if constexpr (ObservedStorage<S>)
    return observes<decltype(std::declval<S&>().observer())>;
  else
    return false;
}();

/// Returns the time of a clock that never goes back, in nanoseconds.
inline std::int64_t monotonic_nanoseconds() {
  ::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Returns the error of a result. A value that is no result is no failure.
template <typename Value>
std::optional<error> failure_in(const Value&) {
  return std::nullopt;
}
/// Returns the error of a result, if it holds one.
template <typename Value>
std::optional<error> failure_in(const result<Value>& done) {
  return done ? std::nullopt : std::optional(done.error());
}
/// Returns the error, if there is one.
inline std::optional<error> failure_in(const std::optional<error>& why) { return why; }
/// Returns the conflict of an append as an error, if there is one.
inline std::optional<error> failure_in(const append_result& done) {
  return done ? std::nullopt : std::optional(to_error(done.why()));
}
/// Returns the first failure of several operations.
template <typename Value>
std::optional<error> failure_in(const std::vector<result<Value>>& all) {
  for (const auto& one : all)
    if (auto why = one ? failure_in(*one) : failure_in(one)) return why;
  return std::nullopt;
}

/// Calls `run()`, and tells an observer of it before and after. What `run` throws passes through.
template <typename O, typename Run>
auto observe(O& observer, const operation& what, Run&& run) -> decltype(run()) {
  observer.started(what);
  const auto began = monotonic_nanoseconds();
  try {
    if constexpr (std::is_void_v<decltype(run())>) {
      run();
      observer.stopped(what, monotonic_nanoseconds() - began, nullptr);
    } else {
      auto done = run();
      const auto took = monotonic_nanoseconds() - began;
      const auto why = failure_in(done);
      observer.stopped(what, took, why ? &*why : nullptr);
      return done;
    }
  } catch (...) {
    const auto took = monotonic_nanoseconds() - began;
    const auto why = detail::current_error(name_of(what.kind));
    observer.stopped(what, took, &why);
    throw;
  }
}

/// Calls a handler, `run()`, for events of a store, and tells the observer of the store, if it has one.
template <typename S, typename Data, typename Run>
auto observe_handler(S& storage, const recorded<Data>& first, std::size_t events, Run&& run) -> decltype(run()) {
  if constexpr (is_observed<S>)
    return observe(storage.observer(),
                   {operation_kind::handler, first.type, first.id, first.source, first.subject, first.position, events},
                   run);
  else
    return run();
}

}  // namespace must::kit
