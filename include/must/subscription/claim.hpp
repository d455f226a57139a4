// SPDX-License-Identifier: MIT
// The claim of one follower on a subscription: a lease that is kept, and the checkpoint that only its holder moves.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/former_cells.hpp"
#include "must/subscription/lease.hpp"
#include "must/subscription/noted_error.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/progress.hpp"
#include "must/subscription/sure_span.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must::detail::following {

[[noreturn]] inline void raise_not_owner(const std::string& name, const std::string& owner) {
  raise({.code = error_code::not_owner,
         .message = "subscription " + text::in_quotes(name) +
                    (owner.empty() ? " was taken over by another process, which has ended"
                                   : " is followed by " + text::in_quotes(owner)),
         .field = "owner"});
}

// Returns whether the same operation may succeed when it is tried again, without a change to anything.
inline bool may_pass(const error& why) { return why.retryable || why.code == error_code::outcome_unknown; }
inline bool may_pass(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const exception& why) {
    return may_pass(why.error());
  } catch (...) {
    return false;
  }
}

template <CellStorage S>
class claim {
 public:
  using clock = std::chrono::steady_clock;

  // Returns when it is the owner, or when a stop was requested. After a stop is_held() is false.
  claim(S& storage, follower who, const subscription_options& options, progress& counters, const std::stop_token& stop)
      : storage_(storage),
        who_(std::move(who)),
        name_(who_.shown()),
        options_(options),
        counters_(counters),
        cell_(storage, who_.cell().now),
        lease_(options.lease) {
    by_.owner = options.owner.empty() ? uuid7_ids::instance().next(system_clock::instance().now()) : options.owner;
    by_.lease = options.lease.microseconds;
    if (!acquire(stop)) return;
    try {
      keeper_ = std::jthread([this](const std::stop_token& ended) { keep(ended); });
    } catch (...) {  // The machine gives no thread.
      abandon();
      throw;
    }
  }
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;
  ~claim() {
    stop_keeping();
    abandon();
  }

  [[nodiscard]] const follower& who() const { return who_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_held() const { return held_; }
  [[nodiscard]] const ownership& by() const { return by_; }
  // The checkpoint as the former owner left it. A new one starts where the options say.
  [[nodiscard]] const checkpoint& found() const { return found_; }
  [[nodiscard]] position saved() const { return saved_.load(std::memory_order_relaxed); }
  // Returns whether the interval since the last save has passed. It costs a load.
  [[nodiscard]] bool is_save_due() const { return save_due_.load(std::memory_order_relaxed); }
  // Returns whether events may be handled, since nobody else can have taken the lease yet. It costs a look at the
  // clock.
  [[nodiscard]] bool is_sure() const { return lease_.sure().lasts(); }
  // Returns until when events may be handled.
  [[nodiscard]] const sure_span& sure() const { return lease_.sure(); }
  // Returns whether nothing may be saved any more.
  [[nodiscard]] bool is_over() const { return lease_.is_lost() || spoiled_; }
  // Waits until it is known whether the lease is still held. Returns false when a stop was requested. Throws not_owner
  // when it is not held, and what the store threw at the renewal when that cannot succeed.
  bool make_sure(const std::stop_token& stop) {
    while (!is_sure()) {
      if (lease_.is_lost()) raise_lost();
      error_.raise_hindrance();
      if (stop.stop_requested()) return false;
      rest(duration{1'000}, stop);
    }
    return true;
  }

  // Notes that what is handled from now on, up to this target, is of the history that has it. No save omits it.
  void expect(const anchor& target) {
    const std::lock_guard lock(mutex_);
    target_ = target;
  }
  // Throws history_changed when the store does not have the anchor. Nothing is saved any more then.
  void prove(const anchor& at) {
    try {
      verify(name_, checkpoint{.handled = at, .history = found_.history}, storage_);
    } catch (const history_changed&) {
      spoiled_ = true;
      throw;
    }
  }
  // Notes that the store has another history. Nothing is saved any more.
  void spoil() { spoiled_ = true; }
  // Saves, and returns whether it was stored. A failure that may pass is left to the next save. Throws history_changed
  // when the store was restored meanwhile.
  bool save(const anchor& handled) {
    const std::lock_guard lock(mutex_);
    save_due_ = false;
    last_save_ = clock::now();
    if (handled == now_.handled && !error_.is_new()) return true;
    return try_to("put", [&] { return write(moved_to(handled)); });
  }
  // Stores the lanes of what is to come. The checkpoint moves in the same write, so that no former lane is ahead of it.
  void set_lanes(unsigned lanes, const anchor& handled) {
    const std::lock_guard lock(mutex_);
    auto next = moved_to(handled);
    next.lanes = lanes;
    if (!write(next)) tell_loss();
  }
  // Ends in order, so that the next owner need not wait. Returns false, with nothing stored, when the lease is lost.
  bool release(const anchor& handled) {
    stop_keeping();
    if (is_over()) return false;
    for (int more = 2;; --more) {
      try {
        const std::lock_guard lock(mutex_);
        auto next = moved_to(handled);
        next.clean = true;
        const bool is_saved = write(next);
        if (is_saved) static_cast<void>(cell_.give_up());
        held_ = false;
        return is_saved;
      } catch (const exception& why) {
        if (more == 0 || !may_pass(why.error())) throw;
        note_error(why.error().message);
        rest(duration{10'000}, {});
      }
    }
  }
  // Keeps the error, in the store too, with the next save.
  void note_error(std::string text) {
    error_.note(text, storage_.origin().clock->now().microseconds);
    counters_.note_error(std::move(text));
  }
  // Throws not_owner, or history_changed when the lease went with the history.
  [[noreturn]] void raise_lost() {
    const std::lock_guard lock(mutex_);
    tell_loss();
  }

 private:
  bool acquire(const std::stop_token& stop) {
    fenced_cell<S> former(storage_, who_.cell().former);
    lease_watch watch;
    for (;;) {
      auto seen = cell_.get();
      auto old = find_former_checkpoint(storage_, who_);
      if (seen && old) overwrite(storage_, former.key(), moved_mark);
      const bool has_to_move = !seen && old;
      if (has_to_move) seen = std::move(old);
      const auto content = seen ? owned_fields::of(seen->bytes) : owned_fields{};
      const bool is_over = watch.is_over(seen ? seen->revision : 0, content.by);
      if (watch.has_moved() && !options_.standby) raise_not_owner(name_, content.by.owner);
      if (is_over) {
        if (has_to_move) {
          auto by = by_;
          by.epoch = content.by.epoch + 1;
          if (former.take(by, seen, content.fields)) move_former_cells(storage_, who_, {by, content.fields});
          watch.forget();
        } else if (take(seen, content)) {
          return true;
        }
        continue;
      }
      rest(lease_watch::pause(content.by), stop);
      if (stop.stop_requested()) return false;
    }
  }
  // Returns false when another was faster. Throws, with nothing stored, when it cannot follow from there.
  bool take(const std::optional<cell>& seen, const owned_fields& content) {
    const bool is_known = content.fields.size() >= checkpoint::least_fields;
    by_.epoch = content.by.epoch + 1;
    found_ = is_known ? checkpoint::of(content.fields) : first_checkpoint();
    if (is_known)
      verify(name_, found_, storage_);
    else if (seen)
      found_.since = by_.epoch;
    by_.since = found_.since;
    now_ = found_;
    now_.clean = false;
    const auto begun = clock::now();
    if (!cell_.take(by_, seen, now_.fields())) return false;
    held_ = true;
    saved_ = now_.handled.at;
    lease_.renew(begun);
    return true;
  }
  [[nodiscard]] checkpoint first_checkpoint() {
    const auto at = options_.start.in(storage_);
    auto made = checkpoint_at(storage_, at);
    if (made.handled.at != at)
      kit::refuse_input("start", "is after position " + std::to_string(at) + ", but the store ends at position " +
                                     std::to_string(made.handled.at));
    made.lanes = options_.lanes;
    return made;
  }
  // The caller holds the mutex.
  [[noreturn]] void tell_loss() {
    prove(now_.handled);
    const auto now = cell_.get();
    spoiled_ = true;
    if (!now) raise_history_changed(name_, now_.handled, "its checkpoint is gone");
    const auto by = owned_fields::of(now->bytes).by;
    if (by.epoch < by_.epoch || (by.owner == by_.owner && by.epoch == by_.epoch))
      raise_history_changed(name_, now_.handled, "its checkpoint is not as it was written last");
    raise_not_owner(name_, by.owner);
  }
  [[nodiscard]] checkpoint moved_to(const anchor& handled) {
    prove(target_.at < handled.at ? handled : target_);
    auto next = now_;
    next.handled = handled;
    return next;
  }

  // Leaves what was not released in order to the next owner, without a wait where that is possible.
  void abandon() {
    if (!std::exchange(held_, false)) return;
    try {
      static_cast<void>(cell_.give_up(error_.in(now_).fields()));
    } catch (...) {
      counters_.note_error(current_error("put").message);
    }
  }

  // Renews the lease three times in its span, and notes when it is time to save.
  void keep(const std::stop_token& ended) {
    const auto step = std::min(options_.lease.microseconds / 3, options_.save_interval.microseconds);
    for (;;) {
      rest(duration{std::max<std::int64_t>(step, 500)}, ended);
      if (ended.stop_requested()) return;
      counters_.look();
      const std::unique_lock lock(mutex_, std::try_to_lock);  // The thread that has it is about to write.
      if (!lock.owns_lock()) continue;
      const auto now = clock::now();
      if (now - last_save_ >= std::chrono::microseconds(options_.save_interval)) save_due_ = true;
      if (!lease_.is_due()) continue;
      if (lease_.is_lost()) return;
      renew();
    }
  }
  void renew() {
    try {
      static_cast<void>(write(now_));
    } catch (...) {
      auto why = current_error("put");
      if (!may_pass(why)) error_.hinder(std::current_exception());
      note_error(std::move(why.message));
    }
  }
  void stop_keeping() {
    keeper_.request_stop();
    if (keeper_.joinable()) keeper_.join();
  }
  // Returns false when the lease is lost.
  bool write(const checkpoint& to) {
    const auto next = error_.in(to);
    const auto begun = clock::now();
    if (!cell_.write(next.fields())) {
      lease_.lose();
      return false;
    }
    now_ = next;
    saved_ = next.handled.at;
    lease_.renew(begun);
    error_.stored(next);
    return true;
  }
  template <typename Work>
  bool try_to(const char* operation, Work&& work) {
    try {
      return work();
    } catch (...) {
      auto why = current_error(operation);
      if (!may_pass(why)) throw;
      note_error(std::move(why.message));
      return false;
    }
  }

  S& storage_;
  follower who_;
  std::string name_;
  const subscription_options& options_;
  progress& counters_;
  ownership by_{};
  fenced_cell<S> cell_;
  own_lease lease_;
  bool held_ = false;
  checkpoint found_{}, now_{};
  anchor target_{};
  std::mutex mutex_{};  // This protects the cell, now_ and target_.
  clock::time_point last_save_{clock::now()};
  std::atomic<position> saved_{0};
  std::atomic<bool> save_due_{false}, spoiled_{false};
  noted_error error_{};
  std::jthread keeper_{};
};

}  // namespace must::detail::following
