// SPDX-License-Identifier: MIT
// The subscribers of each topic, and the calls of them that run at the moment.
#pragma once

#include "must/delivery/mailbox.hpp"
#include "must/delivery/pubsub/asymmetric_fence.hpp"
#include "must/detail/arena.hpp"
#include "must/detail/wait.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::delivery {

// A message on its way. Mailboxes share one copy, which is made when the first needs it.
template <typename Message>
class sent_message {
 public:
  using pointer = std::shared_ptr<const Message>;

  explicit sent_message(const Message& message, const std::stop_token& stop = never)
      : message_(&message), stop_(&stop) {}
  explicit sent_message(const pointer& message) : message_(message.get()), stop_(&never), shared_(message) {}
  bool met_closed = false;  // Whether a mailbox was closed.
  bool met_a_stop = false;  // Whether a mailbox was full until a stop was requested.
  [[nodiscard]] const std::stop_token& stop() const { return *stop_; }
  [[nodiscard]] const Message& get() const { return *message_; }
  [[nodiscard]] const pointer& share() {
    if (shared_ == nullptr) copy();
    return shared_;
  }

 private:
  // Copies the message. This is apart, so that a send to a mailbox, which seldom meets it, stays small.
  [[gnu::noinline]] void copy() { shared_ = std::make_shared<const Message>(*message_); }

  static inline const std::stop_token never{};

  const Message* message_;
  const std::stop_token* stop_;
  pointer shared_{};
};

// One subscription to one topic. The parts that a broadcast touches stand in one line of the cache.
template <typename Message, typename Metadata>
class alignas(cache_line) subscriber {
 public:
  // Sends a message. It may throw what a handler throws.
  using send_function = void (*)(subscriber&, sent_message<Message>&);

  subscriber(std::string topic, Metadata about, send_function how)
      : send_(how), topic_(std::make_unique<const std::string>(std::move(topic))), metadata_(std::move(about)) {}
  subscriber(const subscriber&) = delete;
  subscriber& operator=(const subscriber&) = delete;
  virtual ~subscriber() = default;

  void send(sent_message<Message>& message) { send_(*this, message); }
  // Ends a send that waits.
  virtual void interrupt() {}
  // Lets go of what a handler holds. No call of it runs, and none begins.
  virtual void release() {}
  [[nodiscard]] virtual subscriber_id id() const { return {this}; }

  [[nodiscard]] const std::string& topic() const { return *topic_; }
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  [[nodiscard]] const std::atomic<bool>& active() const { return active_; }
  [[nodiscard]] bool is_active() const { return active_.load(std::memory_order_relaxed); }
  void deactivate() { active_.store(false, std::memory_order_relaxed); }

 private:
  send_function send_;
  std::atomic<bool> active_{true};
  std::unique_ptr<const std::string> topic_;  // It is a pointer, so that the handler follows in the same line.
  [[no_unique_address]] Metadata metadata_;
};

template <typename Message, typename Metadata, typename Handler>
class handler_subscriber final : public subscriber<Message, Metadata> {
  using base = subscriber<Message, Metadata>;

 public:
  handler_subscriber(std::string topic, Metadata about, Handler handler)
      : base(std::move(topic), std::move(about), &call), handler_(std::move(handler)) {}
  void release() override { handler_.reset(); }

 private:
  static void call(base& self, sent_message<Message>& message) {
    (*static_cast<handler_subscriber&>(self).handler_)(message.get());
  }
  std::optional<Handler> handler_;
};

template <typename Message, typename Metadata>
class mailbox_subscriber final : public subscriber<Message, Metadata> {
  using base = subscriber<Message, Metadata>;

 public:
  mailbox_subscriber(std::string topic, Metadata about, std::shared_ptr<mailbox_state<Message>> box)
      : base(std::move(topic), std::move(about), &put), box_(std::move(box)) {}
  void interrupt() override { box_->wake(); }
  [[nodiscard]] subscriber_id id() const override { return {box_.get()}; }

 private:
  static void put(base& self, sent_message<Message>& message) {
    const auto done = static_cast<mailbox_subscriber&>(self).box_->push(message.share(), self.active(), message.stop());
    if (done == push_outcome::stopped) message.met_a_stop = true;
    if (done != push_outcome::closed) return;
    self.deactivate();
    message.met_closed = true;
  }
  std::shared_ptr<mailbox_state<Message>> box_;
};

// The broadcasts of this thread that have not ended. A handler that unsubscribes does not wait for another.
inline thread_local unsigned broadcasts_of_this_thread = 0;

// Some of the topics, under one lock, which is not held while a handler is called or destroyed.
template <typename Message, typename Metadata>
class topic_registry {
 public:
  using subscriber_type = subscriber<Message, Metadata>;
  using subscribers = std::vector<std::shared_ptr<subscriber_type>>;

  // A broadcast: the subscribers that there were when it began, and the one whose turn it is.
  class broadcast {
   public:
    broadcast(topic_registry& registry, std::string_view topic) : registry_(registry) {
      const std::lock_guard lock(registry_.mutex_);
      const auto found = registry_.topics_.find(topic);
      if (found == registry_.topics_.end()) return;
      to_ = found->second;
      next_ = std::exchange(registry_.running_, this);
      if (next_ != nullptr) next_->previous_ = this;
      ++broadcasts_of_this_thread;
    }
    broadcast(const broadcast&) = delete;
    broadcast& operator=(const broadcast&) = delete;
    ~broadcast() {
      if (to_ == nullptr) return;
      --broadcasts_of_this_thread;
      std::shared_ptr<subscribers> last;  // A handler that dies with the list is destroyed without the lock.
      const std::lock_guard lock(registry_.mutex_);
      (previous_ != nullptr ? previous_->next_ : registry_.running_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      if (to_.use_count() == 1) last = std::move(to_);
      to_.reset();
    }
    // Calls `use(subscriber)` for each that is still subscribed.
    template <typename Use>
    void each(Use&& use) {
      if (to_ == nullptr) return;
      const auto* const end = to_->data() + to_->size();
      for (const auto* at = to_->data(); at != end; ++at) {
        auto* const one = at->get();
        current_.store(one, std::memory_order_release);
        light_fence();
        if (one->is_active()) use(*one);
      }
      current_.store(nullptr, std::memory_order_release);
    }
    [[nodiscard]] bool is_at(const subscriber_type* one) const {
      return current_.load(std::memory_order_acquire) == one;
    }
    [[nodiscard]] const broadcast* next() const { return next_; }

   private:
    topic_registry& registry_;
    std::shared_ptr<subscribers> to_{};
    std::atomic<const subscriber_type*> current_{nullptr};
    broadcast* next_ = nullptr;
    broadcast* previous_ = nullptr;
  };

  void add(std::shared_ptr<subscriber_type> one) {
    const std::lock_guard lock(mutex_);
    auto& all = topics_[one->topic()];
    make_own(all);
    all->push_back(std::move(one));
  }
  // Removes a subscriber. Afterwards no call of it begins. One that runs in another thread has ended, and the handler
  // is destroyed, unless this is called within a handler.
  void remove(subscriber_type& one) {
    one.deactivate();
    clean(one.topic());
    heavy_fence();
    one.interrupt();
    if (broadcasts_of_this_thread > 0) return;
    for (unsigned attempt = 0; is_called(one); ++attempt) back_off(attempt);
    one.release();
  }
  // Drops the subscriptions of a topic that have ended.
  void clean(std::string_view topic) {
    subscribers kept, ended;  // The latter are destroyed without the lock.
    const std::lock_guard lock(mutex_);
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return;
    auto& all = found->second;
    try {
      make_own(all);
      kept.reserve(all->size());
      ended.reserve(all->size());
    } catch (const std::bad_alloc&) {
      return;  // They stay in the list, and are not called any more.
    }
    for (auto& one : *all) (one->is_active() ? kept : ended).push_back(std::move(one));
    all->swap(kept);
    if (all->empty()) topics_.erase(found);
  }
  [[nodiscard]] std::size_t count(std::string_view topic) const {
    const std::lock_guard lock(mutex_);
    const auto found = topics_.find(topic);
    return found == topics_.end() ? 0 : found->second->size();
  }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  // A list that no broadcast holds may be changed in place.
  static void make_own(std::shared_ptr<subscribers>& all) {
    if (all == nullptr)
      all = std::make_shared<subscribers>();
    else if (all.use_count() > 1)
      all = std::make_shared<subscribers>(*all);
  }
  bool is_called(const subscriber_type& one) const {
    const std::lock_guard lock(mutex_);
    for (const auto* each = running_; each != nullptr; each = each->next())
      if (each->is_at(&one)) return true;
    return false;
  }

  mutable std::mutex mutex_{};
  std::unordered_map<std::string, std::shared_ptr<subscribers>, text_hash, std::equal_to<>> topics_{};
  broadcast* running_ = nullptr;
};

}  // namespace must::detail::delivery
