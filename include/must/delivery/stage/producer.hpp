// SPDX-License-Identifier: MIT
// Producers: a source and a way to divide its events among subscribers.
#pragma once

#include "must/delivery/stage/flow.hpp"
#include "must/delivery/stage/pulling.hpp"
#include "must/delivery/stage/source.hpp"
#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace must {

/// A producer is what a stage_subscriber can subscribe to: `subscribe(subscriber)` takes a shared_ptr to it. A producer
/// does not own its subscribers: the destruction of a subscriber cancels its subscription. A subscription goes on when
/// the producer is destroyed.
/// \see Reactive Streams 1.0.4, section 1
template <typename P>
concept Producer = requires(const P& producer, std::shared_ptr<stage_subscriber<typename P::value_type>> subscriber) {
  producer.subscribe(subscriber);
};

namespace detail::stage {

// A producer whose subscribers have a copy of the source each.
template <Source From>
class copying_producer {
 public:
  using value_type = typename From::value_type;

  explicit copying_producer(From from) : from_(std::move(from)) {}
  // Subscribes. Throws bad_input when the subscriber is null.
  void subscribe(const std::shared_ptr<stage_subscriber<value_type>>& to) const { pulling<From>::subscribe(from_, to); }

 private:
  From from_;
};

template <typename From>
constexpr bool check_repeatable() {
  static_assert(
      RepeatableSource<From>,
      "must: every subscriber reads this source by a copy of its own, and a copy of this one does not give the "
      "same events again: use demand_producer, or give the source static constexpr bool is_repeatable = true "
      "(function_source(next, must::repeatable)) if it does");
  return true;
}

// Copies share one source, and what was read ahead of it.
template <Source From>
class shared_source {
 public:
  using value_type = typename From::value_type;

  explicit shared_source(From from) : shared_(std::make_shared<shared>(std::move(from))) {}

  template <typename Take>
  source_state pull(Take&& take) {
    for (;;) {
      source_state state{};
      const auto event = next(state);
      if (!event) return state;
      if (!take(*event)) return source_state::more;
    }
  }
  void wait(duration timeout, const std::stop_token& stop) {
    auto from = [&] {
      const std::lock_guard lock(shared_->mutex);
      return shared_->from;
    }();
    from.wait(timeout, stop);
  }

 private:
  static constexpr std::size_t most_ahead = 64;
  struct shared {
    explicit shared(From source) : from(std::move(source)) {}
    std::mutex mutex{};
    From from;
    std::deque<value_type> ahead{};
    std::exception_ptr failed{};  // This failure comes after the events that were read ahead.
    bool ended = false;
  };

  std::optional<value_type> next(source_state& state) {
    const std::lock_guard lock(shared_->mutex);
    auto& ahead = shared_->ahead;
    if (ahead.empty()) state = read_ahead();
    if (ahead.empty()) return std::nullopt;
    std::optional<value_type> first(std::move(ahead.front()));
    ahead.pop_front();
    return first;
  }
  // A subscriber that comes after a failure tries again. After the end nobody does.
  source_state read_ahead() {
    if (shared_->failed) std::rethrow_exception(std::exchange(shared_->failed, nullptr));
    if (shared_->ended) return source_state::ended;
    auto& ahead = shared_->ahead;
    try {
      const auto state = shared_->from.pull([&](const value_type& event) {
        ahead.push_back(event);
        return ahead.size() < most_ahead;
      });
      shared_->ended = state == source_state::ended;
      return state;
    } catch (...) {
      if (ahead.empty()) throw;
      shared_->failed = std::current_exception();
      return source_state::more;
    }
  }

  std::shared_ptr<shared> shared_;
};

inline void check_partition(std::size_t which, std::size_t count) {
  if (which >= count)
    raise({.code = error_code::bad_input,
           .message = "there is no partition " + std::to_string(which) + " of " + std::to_string(count) +
                      "; they are counted from 0",
           .field = "partition"});
}

// The events of one of `count` partitions.
template <Source From, typename Choose>
class partition_source {
 public:
  using value_type = typename From::value_type;
  static constexpr bool is_repeatable = true;

  partition_source(From from, Choose choose, std::size_t count, std::size_t which)
      : from_(std::move(from)), choose_(std::move(choose)), count_(count), which_(which) {}

  template <typename Take>
  source_state pull(Take&& take) {
    return from_.pull([&](const value_type& event) { return is_here(choose_(event)) ? take(event) : true; });
  }
  void wait(duration timeout, const std::stop_token& stop) { from_.wait(timeout, stop); }

 private:
  [[nodiscard]] bool is_here(std::optional<std::size_t> chosen) const {
    if (chosen) check_partition(*chosen, count_);
    return chosen == which_;
  }
  From from_;
  Choose choose_;
  std::size_t count_, which_;
};

}  // namespace detail::stage

/// A producer that gives every event to every subscriber, from where the source stands. Each subscriber reads a copy of
/// the source at its own pace, so that a slow one holds up no other, and one that comes late misses nothing.
/// \see RepeatableSource
template <Source From>
class broadcast_producer : public detail::stage::copying_producer<From> {
  static_assert(detail::stage::check_repeatable<From>());

 public:
  /// Begins where the source stands now.
  explicit broadcast_producer(From from) : detail::stage::copying_producer<From>(std::move(from)) {}
};

/// A producer that gives each event to one subscriber: one that has asked for events takes the next. At most 64 events
/// are read before a subscriber has asked for them.
///
/// When a subscriber ends while it handles an event, no other subscriber gets that event. The source has to be
/// copyable, but not repeatable.
template <Source From>
class demand_producer : public detail::stage::copying_producer<detail::stage::shared_source<From>> {
 public:
  /// Begins where the source stands now.
  explicit demand_producer(From from)
      : detail::stage::copying_producer<detail::stage::shared_source<From>>(
            detail::stage::shared_source<From>(std::move(from))) {}
};

/// A producer for each of several partitions. `choose(event)` returns the partition of an event: a number below
/// `count`, or an empty optional for none.
///
/// Each subscriber reads a copy of the source from where it stands, and passes over events of other partitions, so that
/// a slow one holds up no other. For a number of `count` or more, on_error gets bad_input. \see RepeatableSource
template <Source From, typename Choose>
class partition_producer {
  static_assert(detail::stage::check_repeatable<From>());

 public:
  using value_type = typename From::value_type;  ///< The type of the events.

  /// The type of the producer of one partition.
  using partition = broadcast_producer<detail::stage::partition_source<From, Choose>>;

  /// Begins where the source stands now.
  /// \param from    the source
  /// \param count   the number of partitions
  /// \param choose  the function that returns the partition of an event
  partition_producer(From from, std::size_t count, Choose choose)
      : from_(std::move(from)), count_(count), choose_(std::move(choose)) {}
  /// Returns the producer of one partition.
  /// \throws bad_input  when the number is not below size()
  [[nodiscard]] partition operator[](std::size_t which) const {
    detail::stage::check_partition(which, count_);
    return partition({from_, choose_, count_, which});
  }
  [[nodiscard]] std::size_t size() const { return count_; }  ///< The number of partitions.

 private:
  From from_;
  std::size_t count_;
  Choose choose_;
};

}  // namespace must
