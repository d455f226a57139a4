// SPDX-License-Identifier: MIT
// confirm_window, public: the messages that a broker has not answered yet, and the answers that they become.
#pragma once

#include "must/delivery.hpp"
#include "must/detail/rest.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

namespace must::kit {

/// Matches what a broker says of its messages with the answers of a Delivery. Any number of threads may use one window.
///
/// A message has a tag, which the delivery chooses or the broker counts. The tags of one connection increase.
/// A delivery makes a `batch` for each call of deliver(), calls `send` before it hands a message to the client library,
/// and passes on every confirm of the broker. A confirm of a tag that is not in flight is ignored: the message was
/// answered before, or belongs to a connection that is gone.
class confirm_window {
 public:
  using tag = std::uint64_t;  ///< The number of a message, 1 or more.

  /// The messages of one call of deliver(). When it ends, what is still in flight is answered as unknown.
  class batch {
   public:
    /// Sends through a window. The window and the answers have to outlive the batch.
    batch(confirm_window& window, std::span<delivery_answer> answers) : window_(&window), answers_(answers) {}
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;
    ~batch() { window_->leave(*this); }

   private:
    friend confirm_window;
    confirm_window* window_;
    std::span<delivery_answer> answers_;
    std::size_t unanswered_ = 0;
  };

  /// Makes a window without messages.
  /// \param most  the greatest distance, in messages, between the oldest one in flight and the next: 1 to 1,000,000
  /// \throws bad_input  when `most` is out of range
  explicit confirm_window(std::size_t most) : most_(most) {
    if (most < 1 || most > 1'000'000)
      refuse_input("most", "is " + std::to_string(most) + "; it has to be 1 to 1000000");
  }
  confirm_window(const confirm_window&) = delete;
  confirm_window& operator=(const confirm_window&) = delete;
  ~confirm_window() = default;

  /// Notes that a message is about to be sent.
  /// \param in     the batch that the message belongs to
  /// \param index  the place of the message among the answers of its batch
  /// \param which  the tag of the message, greater than every tag before it on this connection
  /// \returns false, and notes nothing, when the window is full
  /// \throws bad_input  when the tag is not greater than the last one, or there is no answer of that index
  [[nodiscard]] bool send(batch& in, std::size_t index, tag which) {
    const std::lock_guard lock(mutex_);
    if (which <= last_)
      refuse_input("tag", "is " + std::to_string(which) + "; it has to be more than " + std::to_string(last_));
    if (index >= in.answers_.size())
      refuse_input("index", "is " + std::to_string(index) + "; the batch has " + std::to_string(in.answers_.size()));
    if (sent_.size() >= most_) return false;
    sent_.push_back({which, &in, index});
    last_ = which;
    ++in.unanswered_;
    ++in_flight_;
    return true;
  }

  /// Notes that the broker has taken a message. With `multiple` it has taken every message in flight up to and
  /// including the tag, or all of them when the tag is 0. A message that was marked before keeps the answer of the
  /// mark.
  void confirm(tag which, bool multiple = false) { answer(which, multiple, {}); }
  /// Notes that the broker has refused a message, or with `multiple` as many as confirm() says.
  void refuse(tag which, const delivery_answer& why, bool multiple = false) { answer(which, multiple, why); }
  /// Notes what is wrong with a message that the broker will still confirm, such as one that reached no queue.
  /// The message stays in flight until its confirm.
  void mark(tag which, delivery_answer why) {
    const std::lock_guard lock(mutex_);
    if (auto* const one = find(which)) one->in->answers_[one->index] = std::move(why);
  }
  /// Notes that the connection is gone. Every message in flight is answered as unknown, and tags may begin at 1 again.
  void lose(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    for (auto& one : sent_) finish(one, {delivery_outcome::unknown, reason});
    sent_.clear();
    prefix_ = last_ = 0;
    changed_.notify_all();
  }

  /// Returns whether every message of a batch is answered.
  [[nodiscard]] bool is_answered(const batch& which) const {
    const std::lock_guard lock(mutex_);
    return which.unanswered_ == 0;
  }
  /// Returns whether another message may be sent.
  [[nodiscard]] bool has_room() const {
    const std::lock_guard lock(mutex_);
    return sent_.size() < most_;
  }
  /// Returns the number of messages in flight.
  [[nodiscard]] std::size_t in_flight() const {
    const std::lock_guard lock(mutex_);
    return in_flight_;
  }
  /// Returns the highest tag for which every message with this tag or a lower one is answered. It is 0 at first.
  [[nodiscard]] tag answered_up_to() const {
    const std::lock_guard lock(mutex_);
    return prefix_;
  }
  /// Waits until every message of a batch is answered.
  /// \returns whether they are. It is false when the time has passed or a stop was requested.
  bool wait_answered(const batch& which, std::chrono::microseconds most, const std::stop_token& stop = {}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, stop, must::detail::bounded(duration{most.count()}),
                             [&] { return which.unanswered_ == 0; });
  }
  /// Waits until another message may be sent.
  /// \returns whether it may. It is false when the time has passed or a stop was requested.
  bool wait_room(std::chrono::microseconds most, const std::stop_token& stop = {}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, stop, must::detail::bounded(duration{most.count()}),
                             [&] { return sent_.size() < most_; });
  }

 private:
  struct message {
    tag which;
    batch* in;  // It is nullptr once the message is answered.
    std::size_t index;
  };

  message* find(tag which) {
    const auto at = first_above(which - 1);
    return at == sent_.end() || at->which != which || at->in == nullptr ? nullptr : &*at;
  }
  std::deque<message>::iterator first_above(tag which) {
    return std::upper_bound(sent_.begin(), sent_.end(), which,
                            [](tag value, const message& one) { return value < one.which; });
  }
  void answer(tag which, bool multiple, const delivery_answer& with) {
    const std::lock_guard lock(mutex_);
    if (multiple) {
      const auto end = which == 0 ? sent_.end() : first_above(which);
      for (auto at = sent_.begin(); at != end; ++at) finish(*at, with);
    } else if (auto* const one = find(which)) {
      finish(*one, with);
    }
    close_prefix();
    changed_.notify_all();
  }
  void finish(message& one, const delivery_answer& with) {
    if (one.in == nullptr) return;
    auto& answer = one.in->answers_[one.index];
    if (answer.outcome == delivery_outcome::ok) answer = with;
    --one.in->unanswered_;
    --in_flight_;
    one.in = nullptr;
  }
  void close_prefix() {
    while (!sent_.empty() && sent_.front().in == nullptr) {
      prefix_ = sent_.front().which;
      sent_.pop_front();
    }
  }
  void leave(batch& which) {
    const std::lock_guard lock(mutex_);
    if (which.unanswered_ == 0) return;
    for (auto& one : sent_)
      if (one.in == &which) finish(one, {delivery_outcome::unknown, "the broker had not answered when the wait ended"});
    close_prefix();
    changed_.notify_all();
  }

  const std::size_t most_;
  mutable std::mutex mutex_{};
  std::condition_variable_any changed_{};
  std::deque<message> sent_{};  // The messages by their tags, from the oldest that is not answered.
  tag last_ = 0, prefix_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace must::kit
