// SPDX-License-Identifier: MIT
// Sources of events that stay where they are until they are demanded: a store, a function, a transformed source.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/polling.hpp"
#include "must/subscription/anchor.hpp"
#include "must/timestamp.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

/// The reasons for which pull() returns.
enum class source_state : std::uint8_t {
  more,  ///< The taker wanted no more events.
  idle,  ///< There are no more events at the moment.
  ended  ///< No more events will come.
};

namespace detail::stage {

template <typename T>
struct any_taker {
  bool operator()(const T&) const { return true; }
};

}  // namespace detail::stage

/// A source gives events when they are asked for.
///
/// - `pull(take)` calls `take(const value_type&)` for the next events, in order, until that returns false. That event
///   counts as taken. An exception of take passes through, and ends the subscription.
/// - `wait(timeout, stop)` returns when there may be more.
///
/// A copy goes on where the original stands. One thread uses a source.
template <typename S>
concept Source =
    requires { typename S::value_type; } && requires(S& source, detail::stage::any_taker<typename S::value_type> take,
                                                     duration timeout, const std::stop_token& stop) {
      { source.pull(take) } -> std::same_as<source_state>;
      source.wait(timeout, stop);
    };

/// A source whose copies each give all events from where the original stands, whether or not the original is read.
///
/// A source declares it by `static constexpr bool is_repeatable = true;`. A source that takes its events from a queue
/// does not, since no other copy gives an event that one copy has taken.
template <typename S>
concept RepeatableSource = Source<S> && bool(S::is_repeatable);

/// The options of a store_source.
struct source_options {
  /// The exclusive lower bound of the positions that are given.
  position after = 0;
  /// Whether the source goes on with events that are stored later. Otherwise it ends at the head of the first pull.
  bool live = true;
  /// The longest time between two reads of a store that cannot wake a thread, 0.05 seconds by default.
  duration poll_interval = duration{50'000};
};

/// The source of the events of a store that match a query. Events that nobody asks for stay in the store.
template <Storage S>
class store_source {
 public:
  using value_type = recorded<typename S::data_type>;  ///< The type of the events.
  static constexpr bool is_repeatable = true;          ///< A store gives its events as often as it is asked.

  /// Makes a source that reads nothing until it is pulled. The store outlives it.
  store_source(S& storage, query which, const source_options& options = {})
      : storage_(&storage), which_(std::move(which)), options_(options) {}

  /// Gives the next events. \see Source
  /// \throws history_changed  when the store was restored, and has lost events that were given
  /// \throws bad_input        when the query is out of range
  /// \throws storage_error    when the store fails
  template <typename Take>
  source_state pull(Take&& take) {
    const auto at_the_end = options_.live ? source_state::idle : source_state::ended;
    if (!options_.live && !until_) until_ = storage_->head();
    if (!has_begun_ && !begin()) return at_the_end;
    bool wanted = true;
    detail::following::anchor last;
    detail::following::read_history(
        *storage_, "store_source", which_, stands_, until_.value_or(std::numeric_limits<position>::max()),
        [](const auto&) {},
        [&](const value_type& event) {
          wanted = take(event);
          if (!wanted) last = detail::following::anchor_of(event);
          return wanted;
        });
    if (wanted) return at_the_end;
    stands_ = std::move(last);
    return source_state::more;
  }
  /// Waits for more. \see Source
  void wait(duration timeout, const std::stop_token& stop) { polling_.wait(*storage_, at(), timeout, stop); }
  /// Returns the position of the last event that was given or passed over.
  [[nodiscard]] position at() const { return has_begun_ ? stands_.at : options_.after; }

 private:
  // Returns false while the store ends before the position to begin after.
  bool begin() {
    const auto now = detail::following::anchor_at(*storage_, options_.after);
    has_begun_ = now.found.at == options_.after;
    if (has_begun_) stands_ = now.found;
    return has_begun_;
  }

  S* storage_;
  query which_;
  source_options options_;
  kit::polling polling_{options_.poll_interval};
  std::optional<position> until_{};
  bool has_begun_ = false;
  detail::following::anchor stands_{};  // The last event that was given or passed over.
};

/// The type of must::repeatable. \see function_source
struct repeatable_t {};
/// Tells function_source that a copy of the function gives the same events again.
inline constexpr repeatable_t repeatable{};

/// A source that calls a function `std::optional<T> next()` for each event. At the end, next returns no value.
///
/// A copy of the source has a copy of the function. When that gives the same events again, because the function keeps
/// by value all that it needs, write `function_source(next, must::repeatable)`.
template <typename Next, bool Repeatable = false>
class function_source {
 public:
  using value_type = typename std::invoke_result_t<Next&>::value_type;  ///< The type of the events.
  static constexpr bool is_repeatable = Repeatable;                     ///< Whether repeatable was passed.

  /// Makes a source that calls nothing until it is pulled.
  explicit function_source(Next next) : next_(std::move(next)) {}
  /// Makes a source that calls nothing until it is pulled.
  function_source(Next next, repeatable_t)
    requires Repeatable
      : next_(std::move(next)) {}

  /// Gives the next events. \see Source
  template <typename Take>
  source_state pull(Take&& take) {
    while (const auto event = next_())
      if (!take(*event)) return source_state::more;
    return source_state::ended;
  }
  /// Returns at once. \see Source
  void wait(duration, const std::stop_token&) {}

 private:
  Next next_;
};
/// Deduces a source whose function a copy does not repeat.
template <typename Next>
function_source(Next) -> function_source<Next, false>;
/// Deduces a source whose function a copy repeats.
template <typename Next>
function_source(Next, repeatable_t) -> function_source<Next, true>;

/// A stage between a source and a consumer. For each event of the source it calls `transform(event, give)`, which calls
/// `give(out)` any number of times.
///
/// It runs in the thread of its consumer. Only the values that one event became wait here until they are demanded.
template <typename Out, Source From, typename Transform>
class producer_consumer {
 public:
  using value_type = Out;                                        ///< The type of the values that `transform` gives.
  static constexpr bool is_repeatable = RepeatableSource<From>;  ///< Whether the source is repeatable.

  /// Makes a stage that pulls nothing until it is pulled.
  producer_consumer(From from, Transform transform) : from_(std::move(from)), transform_(std::move(transform)) {}

  /// Gives the next events. \see Source
  template <typename Take>
  source_state pull(Take&& take) {
    if (!give_waiting(take)) return source_state::more;
    return from_.pull([&](const typename From::value_type& event) {
      try {
        transform_(event, [&](Out made) { waiting_.push_back(std::move(made)); });
        return give_waiting(take);
      } catch (...) {
        forget();  // The event was not taken, and so gives all of its values again.
        throw;
      }
    });
  }
  void wait(duration timeout, const std::stop_token& stop) { from_.wait(timeout, stop); }  ///< Waits for the source.

 private:
  template <typename Take>
  bool give_waiting(Take&& take) {
    while (given_ < waiting_.size()) {
      const auto next = given_++;
      if (!take(std::as_const(waiting_[next]))) return false;
    }
    forget();
    return true;
  }
  void forget() {
    waiting_.clear();
    given_ = 0;
  }

  From from_;
  Transform transform_;
  std::vector<Out> waiting_{};
  std::size_t given_ = 0;
};

/// Makes a producer_consumer that gives values of the type Out. \see producer_consumer
template <typename Out, Source From, typename Transform>
[[nodiscard]] auto transformed(From from, Transform transform) {
  return producer_consumer<Out, From, Transform>(std::move(from), std::move(transform));
}

}  // namespace must
