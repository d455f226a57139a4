// SPDX-License-Identifier: MIT
// mailbox: a bounded queue of messages, with a policy for messages that do not fit.
#pragma once

#include "must/detail/arena.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

namespace must {

/// What becomes of a message that finds a mailbox full.
enum class mailbox_policy : std::uint8_t {
  drop_oldest,  ///< The message takes the place of the oldest one.
  drop_newest,  ///< The message is dropped.
  block,        ///< The publisher waits for room, until the mailbox is closed or unsubscribed, or a relay is stopped.
  disconnect    ///< The message is dropped, and the mailbox is closed. What it holds can still be taken.
};

/// The number of messages that a mailbox holds, and what becomes of more.
struct mailbox_options {
  std::size_t capacity = 1'000;                            ///< The number of messages that it holds, 1 or more.
  mailbox_policy when_full = mailbox_policy::drop_oldest;  ///< What becomes of a message that finds it full.
};

/// Identifies a subscriber: a mailbox, or a subscription that has none. \see pubsub::broadcast_from
struct subscriber_id {
  const void* value = nullptr;  ///< A value that no other living subscriber has.
  friend bool operator==(const subscriber_id&, const subscriber_id&) = default;
};

namespace detail::delivery {

// What became of a message that was put into a mailbox.
enum class push_outcome : std::uint8_t {
  done,    // It is in the mailbox, or was dropped, as the policy says.
  closed,  // The mailbox is closed.
  stopped  // A stop was requested while it waited for room.
};

// The state that a mailbox and its subscriptions share.
template <typename Message>
class alignas(cache_line) mailbox_state {  // The lock and the vector fill the first line.
 public:
  using pointer = std::shared_ptr<const Message>;

  explicit mailbox_state(const mailbox_options& options) : options_(options) {
    if (options.capacity == 0)
      raise({.code = error_code::bad_input, .message = "the capacity of a mailbox is 0", .field = "capacity"});
    set_end();
  }

  // A push that waits for room gives up at a stop, and when `wanted` becomes false: see wake().
  push_outcome push(const pointer& message, const std::atomic<bool>& wanted, const std::stop_token& stop) {
    {
      const std::lock_guard lock(mutex_);
      if (messages_.size() < end_ && readers_ == 0) {
        messages_.push_back(message);
        return push_outcome::done;
      }
    }
    return push_and_tell(message, wanted, stop);
  }
  bool wait(duration timeout, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++readers_;
    arrived_.wait_for(lock, stop, bounded(timeout), [&] { return size() > 0 || closed_; });
    --readers_;
    return size() > 0;
  }
  pointer pop() {
    const std::lock_guard lock(mutex_);
    if (size() == 0) return nullptr;
    auto first = drop_first();
    tell_room();
    return first;
  }
  void take(std::vector<pointer>& into) {
    into.clear();
    const std::lock_guard lock(mutex_);
    forget_first();
    messages_.swap(into);
    tell_room();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    close_now();
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    room_.notify_all();
  }
  [[nodiscard]] bool is_open() const {
    const std::lock_guard lock(mutex_);
    return !closed_;
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return size();
  }
  [[nodiscard]] std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  [[nodiscard]] std::size_t size() const { return messages_.size() - first_; }
  // Does what a push seldom meets. It is apart, so that the usual one stays small.
  [[gnu::noinline]] push_outcome push_and_tell(const pointer& message, const std::atomic<bool>& wanted,
                                               const std::stop_token& stop) {
    pointer dropped;  // The message is destroyed without the lock.
    std::unique_lock lock(mutex_);
    bool is_kept = true;
    if (!closed_ && size() == options_.capacity) {
      if (options_.when_full == mailbox_policy::block) {
        ++writers_;
        const bool has_room = room_.wait(lock, stop, [&] { return closed_ || !wanted || size() < options_.capacity; });
        --writers_;
        if (!has_room) return push_outcome::stopped;
        is_kept = wanted;
      } else {
        is_kept = make_room(dropped);
      }
    }
    if (closed_) return push_outcome::closed;
    if (!is_kept) return push_outcome::done;
    messages_.push_back(message);
    if (readers_ > 0) arrived_.notify_one();
    return push_outcome::done;
  }
  // Returns false when the message that comes is to be dropped.
  bool make_room(pointer& dropped) {
    ++dropped_;
    if (options_.when_full == mailbox_policy::disconnect) close_now();
    if (options_.when_full != mailbox_policy::drop_oldest) return false;
    dropped = drop_first();
    return true;
  }
  pointer drop_first() {
    auto first = std::move(messages_[first_++]);
    if (first_ >= options_.capacity || size() == 0) forget_first();
    set_end();
    return first;
  }
  void forget_first() {
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
    set_end();
  }
  void set_end() { end_ = closed_ ? 0 : first_ + options_.capacity; }
  void tell_room() {
    if (writers_ > 0) room_.notify_all();
  }
  void close_now() {
    closed_ = true;
    set_end();
    arrived_.notify_all();
    room_.notify_all();
  }

  // What every push touches comes first, side by side.
  mutable std::mutex mutex_{};
  std::vector<pointer> messages_{};
  // The number of messages that there may be, with those that are gone. It is 0 when the mailbox is closed.
  std::size_t end_ = 0;
  std::uint32_t readers_ = 0, writers_ = 0;
  bool closed_ = false;
  std::size_t first_ = 0;  // The messages before it are gone.
  mailbox_options options_;
  std::uint64_t dropped_ = 0;
  std::condition_variable_any arrived_{}, room_{};
};

}  // namespace detail::delivery

/// Keeps the messages that are broadcast to it until a reader takes them. Any number of threads may use it.
///
/// A mailbox may be subscribed to any number of topics. When it is closed or destroyed, it is unsubscribed from all.
template <typename Message>
class mailbox {
 public:
  using pointer = std::shared_ptr<const Message>;  ///< The type of a message, which all subscribers share.

  /// Makes a mailbox that is empty, and subscribed to nothing.
  /// \throws bad_input  when the capacity is 0
  explicit mailbox(const mailbox_options& options = {})
      : state_(std::make_shared<detail::delivery::mailbox_state<Message>>(options)) {}
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox() { state_->close(); }

  /// Waits for a message, and takes none.
  /// \returns whether there is one. It is false when the time has passed, a stop was requested, or the mailbox is
  ///          closed and empty.
  bool wait(duration timeout, const std::stop_token& stop = {}) { return state_->wait(timeout, stop); }
  /// Takes the oldest message, or returns nullptr when there is none.
  [[nodiscard]] pointer pop() { return state_->pop(); }
  /// Takes all messages, the oldest first, into a vector whose memory is used again.
  void take(std::vector<pointer>& into) { state_->take(into); }
  [[nodiscard]] std::size_t size() const { return state_->count(); }  ///< The number of messages that wait.

  /// Returns the number of messages that were dropped because the mailbox was full.
  [[nodiscard]] std::uint64_t dropped() const { return state_->dropped(); }
  /// Closes the mailbox, so that it gets no more messages. Publishers that wait for room go on. The messages that it
  /// holds can still be taken.
  void close() { state_->close(); }
  [[nodiscard]] bool is_open() const { return state_->is_open(); }   ///< Whether the mailbox is open.
  [[nodiscard]] subscriber_id id() const { return {state_.get()}; }  ///< Identifies the mailbox for broadcast_from.

  /// Returns the state that a pubsub sends to. Only pubsub calls it.
  [[nodiscard]] const std::shared_ptr<detail::delivery::mailbox_state<Message>>& state() const { return state_; }

 private:
  std::shared_ptr<detail::delivery::mailbox_state<Message>> state_;
};

}  // namespace must
