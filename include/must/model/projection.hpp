// SPDX-License-Identifier: MIT
// projection: a state that is folded live, in memory, and read from any thread.
#pragma once

#include "must/as_of.hpp"
#include "must/decision.hpp"
#include "must/detail/at_exit.hpp"
#include "must/detail/names.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/keyed.hpp"  // IWYU pragma: export
#include "must/process_command/fold.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/polling.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must {

/// A projection. must::projection makes it, and says how it works. \see must::projection
template <State V, Storage S>
class basic_projection {
 public:
  /// Makes a projection. must::projection calls it.
  basic_projection(S& storage, std::string name, query which)
      : storage_(storage), name_(std::move(name)), which_(std::move(which)) {
    static_assert(!detail::has_made_for<V>,
                  "must: the state of this projection has made_for, and there is no key to tell: use keyed<>");
    kit::check_name("name", name_);
    kit::check_read(which_, {});
  }
  basic_projection(const basic_projection&) = delete;
  basic_projection& operator=(const basic_projection&) = delete;

  /// Folds the events that are there and those that come, until a stop is requested.
  ///
  /// A failure of the store that may pass is waited for. A store that cannot wake a thread is read every 100 ms or
  /// sooner. After an exception the state is as it was before the event, and the next run begins with the event.
  /// \throws codec_error      when an event cannot be read
  /// \throws erased           when the data of an event was erased
  /// \throws history_changed  when the store was restored, and has lost events that were folded. Nothing is folded.
  /// \throws storage_error    when the store fails in a way that does not pass
  /// \throws ...              what apply throws
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      try {
        catch_up(stop, std::numeric_limits<position>::max());
        wait(stop);
      } catch (const storage_error& why) {
        if (!why.error().retryable) throw;
        detail::rest(duration{100'000}, stop);
      }
    }
  }
  /// Folds the events that the store has now, unless a stop is requested.
  /// \returns the position up to which events are folded
  /// \throws ...  what run throws, and every storage_error
  position run_once(const std::stop_token& stop = {}) {
    catch_up(stop, std::numeric_limits<position>::max());
    return progress_.scanned();
  }
  /// Folds the events up to a moment, so that the state is as it was then.
  /// \returns the position of the moment
  /// \throws bad_input  when the state holds later events already
  /// \throws ...        what as_of::in and run throw, and every storage_error
  position run_once(const as_of& moment) {
    const auto until = moment.in(storage_, which_);
    catch_up({}, until);
    if (const auto at = progress_.scanned(); at > until)
      raise({.code = error_code::bad_input,
             .message = "projection " + detail::text::in_quotes(name_) + " has folded up to position " +
                        std::to_string(at) + ", and cannot go back to " + std::to_string(until),
             .field = "as_of",
             .position = at});
    return until;
  }

  /// Waits until the state holds every event at or below a position. After `balances.wait_until(done.last, timeout)` a
  /// program reads its own writes. It needs another thread that is in run().
  /// \returns whether the state holds them, which is false when the time has passed
  bool wait_until(position at, duration timeout) { return static_cast<bool>(progress_.wait_until(at, timeout)); }

  /// Calls `visitor(const V&)` with the state, which does not change meanwhile, and returns what the visitor returns.
  /// The visitor does not call read of the same projection.
  template <typename Visitor>
  decltype(auto) read(Visitor&& visitor) const {
    const reader here(*this);
    return std::forward<Visitor>(visitor)(std::as_const(*state_));
  }
  /// Returns a copy of the state.
  [[nodiscard]] V state() const {
    return read([](const V& state) { return state; });
  }
  /// Returns the position up to which every event that the query matches is in the state.
  [[nodiscard]] position scanned() const { return progress_.scanned(); }
  /// Returns the name of the projection.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  using clock = std::chrono::steady_clock;
  using event_type = recorded<typename S::data_type>;
  // A reader that waits makes the folding pause.
  struct reader {
    explicit reader(const basic_projection& of) : waiting(of.readers_), lock(of.mutex_, std::defer_lock) {
      ++waiting;
      const std::lock_guard turn(of.turn_);
      lock.lock();
      --waiting;
    }
    std::atomic<int>& waiting;
    std::shared_lock<std::shared_mutex> lock;
  };

  void catch_up(const std::stop_token& stop, position until) {
    const std::lock_guard alone(running_);
    std::unique_lock lock(mutex_, std::defer_lock);
    take_turn(lock);
    const detail::at_exit keeps([&] { progress_.advance(stands_.at); });
    detail::following::read_history(
        storage_, name_, which_, stands_, until, [](const auto&) {},
        [&](const event_type& record) {
          if (stop.stop_requested()) return false;
          if (readers_.load(std::memory_order_relaxed) > 0 && clock::now() >= pause_at_) let_readers_in(lock);
          apply(record);
          return true;
        });
  }
  // Takes back what an event has changed before it threw. When it has thrown before, there is a copy to go back to.
  // Otherwise the state is folded anew, up to where it was.
  void apply(const event_type& record) {
    auto before = record.position == threw_at_ ? std::make_unique<V>(*state_) : nullptr;
    try {
      detail::pipeline::apply_to(*state_, typename V::events{}, record);
    } catch (...) {
      threw_at_ = record.position;
      if (before)
        state_ = std::move(before);
      else
        fold_anew();
      throw;
    }
  }
  // Folds the state anew. Where that fails, it leaves an empty state of position 0.
  void fold_anew() {
    const auto until = std::exchange(stands_, {});
    state_ = std::make_unique<V>();
    auto anew = std::make_unique<V>();
    static_cast<void>(storage_.read(which_, {.until = until.at}, [&](const event_type& record) {
      detail::pipeline::apply_to(*anew, typename V::events{}, record);
    }));
    state_ = std::move(anew);
    stands_ = until;
  }
  void let_readers_in(std::unique_lock<std::shared_mutex>& lock) {
    progress_.advance(stands_.at);
    lock.unlock();
    constexpr int most_turns = 100;  // This bound keeps readers without a pause from ending the folding.
    for (int turn = 0; turn < most_turns && readers_.load() > 0; ++turn) std::this_thread::yield();
    take_turn(lock);
  }
  // Lets those read first that wait now. Whoever comes meanwhile waits.
  void take_turn(std::unique_lock<std::shared_mutex>& lock) {
    const std::lock_guard turn(turn_);
    lock.lock();
    pause_at_ = clock::now() + std::chrono::milliseconds(1);
  }
  void wait(const std::stop_token& stop) { polling_.wait(storage_, progress_.scanned(), duration{1'000'000}, stop); }

  S& storage_;
  std::string name_;
  query which_;
  std::mutex running_{};
  mutable std::mutex
      turn_{};  // It belongs to a thread that waits for mutex_, which by itself prefers readers for ever.
  mutable std::shared_mutex mutex_{};
  mutable std::atomic<int> readers_{0};
  std::unique_ptr<V> state_ = std::make_unique<V>();
  position threw_at_ = 0;  // The last event that apply threw on.
  clock::time_point pause_at_{};
  detail::following::anchor stands_{};  // Everything at or below it is in the state.
  detail::following::progress progress_{};
  kit::polling polling_{duration{100'000}};
};

/// Makes a state V that follows a store, in memory: `auto view = must::projection<Balances>(store, "balances");`.
///
/// The state starts empty in each process, and run() folds all events from the first on. For one state per key, V is a
/// must::keyed. Events that the query matches and V does not name are passed over.
/// \param storage  the store, which outlives the projection
/// \param name     the name of the projection, 1 to 512 bytes
/// \param which    the events that are folded
/// \throws bad_input  when the name or the query is out of range
template <State V, Storage S>
[[nodiscard]] basic_projection<V, S> projection(S& storage, std::string name, query which) {
  return basic_projection<V, S>(storage, std::move(name), std::move(which));
}
/// Makes a projection of all events that V names.
/// \throws bad_input  when the name is out of range
template <State V, Storage S>
[[nodiscard]] basic_projection<V, S> projection(S& storage, std::string name) {
  return projection<V>(storage, std::move(name), query::of_types(detail::all_names(typename V::events{})));
}

}  // namespace must
