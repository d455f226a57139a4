// SPDX-License-Identifier: MIT
// The claim of one follower on a subscription: a lease that is kept, and the checkpoint that only its holder moves.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must::detail::following {

[[noreturn]] inline void raise_not_owner(const std::string& name, const std::string& owner) {
  raise({.code = error_code::not_owner,
         .message = "subscription " + text::in_quotes(name) + " is followed by " + text::in_quotes(owner),
         .field = "owner"});
}

// Whether the same again may succeed, with nobody mending anything.
inline bool may_pass(const error& why) { return why.retryable || why.code == error_code::outcome_unknown; }

template <CellStorage S>
class claim {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // Returns when it is the owner, or a stop was requested; then is_held() is false.
  claim(S& storage, std::string name, const subscription_options& options, progress& counters,
        const std::stop_token& stop)
      : storage_(storage),
        name_(std::move(name)),
        options_(options),
        counters_(counters),
        cell_(storage, key_of(name_)) {
    by_.owner = options.owner.empty() ? uuid7_ids::instance().next(system_clock::instance().now()) : options.owner;
    by_.lease = options.lease.microseconds;
    if (!acquire(stop)) return;
    keep_up();
    keeper_ = std::jthread([this](const std::stop_token& ended) { keep(ended); });
  }
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;
  ~claim() {
    stop_keeping();
    abandon();
  }

  [[nodiscard]] static std::string key_of(const std::string& name) { return "must/subscription/" + name; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_held() const { return held_; }
  [[nodiscard]] const ownership& by() const { return by_; }
  // As the former owner left it; a new one starts where the options say.
  [[nodiscard]] const checkpoint& found() const { return found_; }
  [[nodiscard]] position saved() const { return saved_.load(std::memory_order_relaxed); }
  // Whether the interval since the last save has passed. Costs a load.
  [[nodiscard]] bool is_save_due() const { return save_due_.load(std::memory_order_relaxed); }
  // Whether events may be handled. Costs a load.
  [[nodiscard]] bool is_sure() const { return state_.load(std::memory_order_relaxed) == state::held; }
  // Waits until it is known whether the lease is still held. Throws not_owner when it is not; false: stop requested.
  bool make_sure(const std::stop_token& stop) {
    while (!is_sure()) {
      if (state_.load() == state::lost) raise_lost();
      if (stop.stop_requested()) return false;
      rest(duration{1'000}, stop);
    }
    return true;
  }

  // Says whether it was stored; a failure that may pass is left to the next save. Throws history_changed when the store
  // was restored since the last.
  bool save(position at) {
    const std::lock_guard lock(mutex_);
    save_due_ = false;
    last_save_ = std::chrono::steady_clock::now();
    if (at == now_.at) return true;
    return try_to("put", [&] { return write(moved_to(at)); });
  }
  // The lanes of what is to come; the checkpoint stays.
  void set_lanes(unsigned lanes) {
    const std::lock_guard lock(mutex_);
    auto next = now_;
    next.lanes = lanes;
    if (!write(next)) tell_loss();
  }
  // The end in order: the next owner need not wait. Nothing happens when the lease is lost.
  void release(position at) {
    stop_keeping();
    for (int more = 2;; --more) {
      try {
        auto next = moved_to(at);
        next.clean = true;
        if (write(next)) static_cast<void>(cell_.give_up());
        held_ = false;
        return;
      } catch (const exception& why) {
        if (more == 0 || !may_pass(why.error())) throw;
        note_error(why.error().message);
        rest(duration{10'000}, {});
      }
    }
  }
  void note_error(std::string text) { counters_.note_error(std::move(text)); }
  // Throws not_owner; history_changed when the lease went with the history.
  [[noreturn]] void raise_lost() {
    const std::lock_guard lock(mutex_);
    tell_loss();
  }

 private:
  enum class state : std::uint8_t { held, doubtful, lost };

  bool acquire(const std::stop_token& stop) {
    std::uint64_t watched = 0;
    time_point since{};
    for (;;) {
      const auto seen = cell_.get();
      const auto former = seen ? owned_fields::of(seen->bytes) : owned_fields{};
      const auto now = std::chrono::steady_clock::now();
      const bool is_free = former.by.owner.empty();
      if (!is_free && (watched == 0 || seen->revision != watched)) {
        if (watched != 0 && !options_.standby) raise_not_owner(name_, former.by.owner);
        watched = seen->revision;
        since = now;
      }
      if (is_free || now - since >= std::chrono::microseconds(former.by.lease)) {
        by_.epoch = former.by.epoch + 1;
        if (!cell_.take(by_, seen)) continue;
        held_ = true;
        try {
          begin(seen.has_value());
        } catch (...) {
          abandon();
          throw;
        }
        return true;
      }
      rest(duration{std::clamp<std::int64_t>(former.by.lease / 20, 1'000, 200'000)}, stop);
      if (stop.stop_requested()) return false;
    }
  }
  // The mutex is held, or no thread keeps the lease.
  [[noreturn]] void tell_loss() {
    verify(name_, now_, storage_);
    const auto now = cell_.get();
    if (!now) raise_history_changed(name_, now_, "its checkpoint is gone");
    raise_not_owner(name_, owned_fields::of(now->bytes).by.owner);
  }
  [[nodiscard]] checkpoint moved_to(position at) {
    verify(name_, now_, storage_);
    auto next = now_;
    next.at = at;
    next.mark = mark_at(storage_, at);
    return next;
  }
  void begin(bool known) {
    if (known) {
      found_ = checkpoint::of(cell_.fields());
      verify(name_, found_, storage_);
    } else {
      found_ = checkpoint_at(storage_, options_.start.is_head() ? storage_.head() : options_.start.value());
      found_.lanes = options_.lanes;
    }
    now_ = found_;
    now_.clean = false;
    saved_ = now_.at;
    if (!cell_.write(now_.fields())) tell_loss();
  }

  // What was not released in order is left to whoever comes, without a wait where that is possible.
  void abandon() {
    if (!std::exchange(held_, false)) return;
    try {
      static_cast<void>(cell_.give_up());
    } catch (...) {
      note_error(current_error("put").message);
    }
  }

  // Renews the lease three times in its span, and says when it is time to save.
  void keep(const std::stop_token& ended) {
    const auto step = std::min(options_.lease.microseconds / 3, options_.save_interval.microseconds);
    for (;;) {
      rest(duration{std::max<std::int64_t>(step, 500)}, ended);
      if (ended.stop_requested()) return;
      counters_.look();
      const std::unique_lock lock(mutex_, std::try_to_lock);  // whoever has it is about to write
      if (!lock.owns_lock()) continue;
      const auto now = std::chrono::steady_clock::now();
      if (now - last_save_ >= to_chrono(options_.save_interval)) save_due_ = true;
      if (now - last_write_ < to_chrono(options_.lease) / 3) continue;
      if (state_.load() == state::lost) return;
      renew();
      if (state_.load() == state::held && now - last_write_ >= to_chrono(options_.lease)) state_ = state::doubtful;
    }
  }
  void renew() {
    try {
      static_cast<void>(write(now_));
    } catch (...) {
      note_error(current_error("put").message);
    }
  }
  void stop_keeping() {
    keeper_.request_stop();
    if (keeper_.joinable()) keeper_.join();
  }
  void keep_up() { last_write_ = std::chrono::steady_clock::now(); }
  // False when the lease is lost.
  bool write(const checkpoint& next) {
    if (!cell_.write(next.fields())) {
      state_ = state::lost;
      return false;
    }
    now_ = next;
    saved_ = next.at;
    keep_up();
    if (state_.load() == state::doubtful) state_ = state::held;
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
  std::string name_;
  const subscription_options& options_;
  progress& counters_;
  ownership by_{};
  fenced_cell<S> cell_;
  bool held_ = false;
  checkpoint found_{}, now_{};
  std::mutex mutex_{};  // of the cell and now_
  time_point last_write_{}, last_save_{std::chrono::steady_clock::now()};
  std::atomic<position> saved_{0};
  std::atomic<bool> save_due_{false};
  std::atomic<state> state_{state::held};
  std::jthread keeper_{};
};

}  // namespace must::detail::following
