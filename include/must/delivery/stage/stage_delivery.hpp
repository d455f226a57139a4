// SPDX-License-Identifier: MIT
// stage_delivery: makes a relay a producer of stages. An event is confirmed when a stage has handled it.
#pragma once

#include "must/delivery.hpp"
#include "must/delivery/stage/flow.hpp"
#include "must/delivery/stage/pulling.hpp"
#include "must/delivery/stage/source.hpp"
#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

namespace must {
namespace detail::stage {

// One call of deliver(). Its events are taken one after another, each when the one before it is handled.
template <typename T>
struct offer {
  std::span<const T* const> events;
  std::span<delivery_answer> answers;
  std::size_t next = 0;
  bool is_taken = false, is_withdrawn = false, is_answered = false;
};

// The place where threads that offer events and stages that take them meet.
template <typename T>
class offers {
 public:
  void deliver(offer<T>& made, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (closed_) return answer(made, {delivery_outcome::fatal, "the stages were closed"});
    if (takers_ == 0) return answer(made, {delivery_outcome::retriable, "no stage has subscribed"});
    all_.push_back(&made);
    arrived_.notify_all();
    const auto is_answered = [&] { return made.is_answered; };
    if (answered_.wait(lock, stop, is_answered)) return;
    made.is_withdrawn = true;
    if (!made.is_taken) return withdraw(made);
    answered_.wait(lock, is_answered);
  }
  // Returns the offer whose next event is to be handled, for the caller alone, or nullptr when there is none.
  offer<T>* take(bool& closed) {
    const std::lock_guard lock(mutex_);
    closed = closed_;
    const auto first = std::find_if(all_.begin(), all_.end(), is_waiting);
    if (first == all_.end()) return nullptr;
    (*first)->is_taken = true;
    return *first;
  }
  // Notes that the event is handled. Another stage is told of the next one if the caller does not want it.
  void confirm(offer<T>& one, bool wants_more) {
    const std::lock_guard lock(mutex_);
    one.is_taken = false;
    if (++one.next == one.events.size()) return finish(one);
    if (one.is_withdrawn) return withdraw(one);
    if (!wants_more) arrived_.notify_all();
  }
  void refuse(offer<T>& one, delivery_answer why) {
    const std::lock_guard lock(mutex_);
    answer(one, std::move(why));
  }
  void wait(duration timeout, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, stop, bounded(timeout),
                      [&] { return closed_ || std::any_of(all_.begin(), all_.end(), is_waiting); });
  }
  void join() {
    const std::lock_guard lock(mutex_);
    ++takers_;
  }
  // Ends offers with the last taker, so that nobody holds one any more.
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--takers_ > 0) return;
    while (!all_.empty())
      answer(*all_.front(), {delivery_outcome::retriable, "the stages that it waited for are gone"});
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    arrived_.notify_all();
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(all_.begin(), all_.end(), is_waiting));
  }

 private:
  static bool is_waiting(const offer<T>* one) { return !one->is_taken; }
  void withdraw(offer<T>& one) {
    answer(one, {delivery_outcome::retriable, "a stop was requested before a stage asked for it"});
  }
  void answer(offer<T>& one, delivery_answer why) {
    one.answers[one.next] = std::move(why);
    finish(one);
  }
  void finish(offer<T>& one) {
    std::erase(all_, &one);
    one.is_answered = true;
    answered_.notify_all();
  }

  mutable std::mutex mutex_{};
  std::condition_variable_any arrived_{}, answered_{};
  std::vector<offer<T>*> all_{};  // The offer that came first is taken first.
  std::size_t takers_ = 0;
  bool closed_ = false;
};

// The side of one subscriber. It counts as there until it is destroyed.
template <typename T>
class offer_source {
 public:
  using value_type = T;

  explicit offer_source(std::shared_ptr<offers<T>> from) : from_(std::move(from)) { from_->join(); }
  offer_source(offer_source&& other) noexcept = default;
  offer_source& operator=(offer_source&&) = delete;
  ~offer_source() {
    if (from_) from_->leave();
  }

  template <typename Take>
  source_state pull(Take&& take) {
    for (;;) {
      bool closed = false;
      auto* const one = from_->take(closed);
      if (one == nullptr) return closed ? source_state::ended : source_state::idle;
      bool wants_more = false;
      try {
        wants_more = take(*one->events[one->next]);
      } catch (...) {
        from_->refuse(*one, {delivery_outcome::retriable, current_error("on_next").message});
        throw;
      }
      from_->confirm(*one, wants_more);
      if (!wants_more) return source_state::more;
    }
  }
  void wait(duration timeout, const std::stop_token& stop) { from_->wait(timeout, stop); }

 private:
  std::shared_ptr<offers<T>> from_;
};

}  // namespace detail::stage

/// A Delivery that is a Producer at its other end: a relay delivers to stages, at least once and with back-pressure,
/// which means that no stage gets more events than it has asked for.
///
/// Each event goes to one subscriber that has asked for events, and is confirmed when its on_next has returned. When
/// that throws, the answer is retriable. Nothing is kept here: deliver() waits until the events are handled. When the
/// relay is stopped or no subscriber is left, the answer is retriable. The destructor and close() end the subscribers.
/// Events of one lane are handled one after another, by any subscriber. Any number of threads may use it.
/// \tparam T  the type of the events: recorded<data_type> of the store
/// \see must::relay, must::make_consumer
template <typename T>
class stage_delivery {
 public:
  using value_type = T;  ///< The type of the events.

  /// Makes a delivery without subscribers.
  stage_delivery() = default;
  stage_delivery(const stage_delivery&) = delete;
  stage_delivery& operator=(const stage_delivery&) = delete;
  ~stage_delivery() { close(); }

  /// Adds a subscriber. \see Producer
  /// \throws bad_input  when the subscriber is null
  void subscribe(const std::shared_ptr<stage_subscriber<T>>& to) const {
    detail::stage::pulling<detail::stage::offer_source<T>>::subscribe(detail::stage::offer_source<T>(offers_), to);
  }
  /// Waits until stages have handled the events, and answers for each. \see Delivery
  void deliver(std::span<const T* const> batch, std::span<delivery_answer> answers, const std::stop_token& stop = {}) {
    detail::stage::offer<T> made{batch, answers};
    offers_->deliver(made, stop);
  }
  /// Ends the subscribers when they have taken the events that wait. Later calls of deliver() answer fatal.
  void close() { offers_->close(); }
  /// Returns the number of calls of deliver() that wait until a subscriber asks for events.
  [[nodiscard]] std::size_t waiting() const { return offers_->waiting(); }

 private:
  std::shared_ptr<detail::stage::offers<T>> offers_ = std::make_shared<detail::stage::offers<T>>();
};

}  // namespace must
