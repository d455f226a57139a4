// SPDX-License-Identifier: MIT
// pubsub: messages to whoever listens to their topic, within the process.
#pragma once

#include "must/delivery.hpp"
#include "must/delivery/mailbox.hpp"
#include "must/delivery/pubsub/topic_registry.hpp"
#include "must/detail/current_error.hpp"
#include "must/error.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// No metadata: what a subscription knows of itself is its handler.
struct no_metadata {};

/// Options of a pubsub.
template <typename Message>
struct pubsub_options {
  /// Locks among which the topics are spread, 1 to 1,024: more where many threads broadcast to many topics.
  std::size_t pool = 1;
  /// The name of this process among those that `forward` reaches.
  std::string node = "local";
  /// Takes a message to another node, or to all others (node is empty), before it is delivered here; if it throws, it
  /// is not delivered here either.
  std::function<void(std::string_view node, std::string_view topic, const Message& message)> forward{};
  /// Is told what a subscriber throws. Without it broadcast throws the first of it again, when all have the message.
  std::function<void(std::string_view topic, const std::exception_ptr& thrown)> on_failure{};
  /// The topic of an event that a relay delivers; its type, if this is not given.
  std::function<std::string(const Message& message)> topic_of{};
};

/// A subscription to a topic: it lasts as long as this does.
///
/// After unsubscribe(), which the destructor calls, no call of the handler begins, and one that runs in another thread
/// has ended: what the handler refers to may go. Within a handler, of whichever subscription, it does not wait.
class [[nodiscard]] topic_subscription {
 public:
  topic_subscription() = default;
  /// For pubsub: `end` unsubscribes.
  topic_subscription(subscriber_id id, std::function<void()> end) : id_(id), end_(std::move(end)) {}
  /// Leaves the other without a subscription.
  topic_subscription(topic_subscription&& other) noexcept
      : id_(std::exchange(other.id_, {})), end_(std::exchange(other.end_, nullptr)) {}
  /// The same; what this one had ends first.
  topic_subscription& operator=(topic_subscription&& other) noexcept {
    unsubscribe();
    id_ = std::exchange(other.id_, {});
    end_ = std::exchange(other.end_, nullptr);
    return *this;
  }
  ~topic_subscription() { unsubscribe(); }

  /// Ends it; does nothing the second time.
  void unsubscribe() noexcept {
    if (end_) std::exchange(end_, nullptr)();
  }
  [[nodiscard]] subscriber_id id() const { return id_; }  ///< for broadcast_from

 private:
  subscriber_id id_{};
  std::function<void()> end_{};
};

/// A subscription that a broadcast meets, for a dispatcher of your own.
template <typename Message, typename Metadata>
class topic_entry {
 public:
  /// For pubsub.
  topic_entry(detail::delivery::subscriber<Message, Metadata>& one, detail::delivery::sent_message<Message>& message)
      : one_(one), message_(message) {}
  [[nodiscard]] subscriber_id id() const { return one_.id(); }                ///< whose it is
  [[nodiscard]] const Metadata& metadata() const { return one_.metadata(); }  ///< what subscribe was given

  /// Calls the handler with the message, or puts it into the mailbox.
  void send() const { one_.send(message_); }

 private:
  detail::delivery::subscriber<Message, Metadata>& one_;
  detail::delivery::sent_message<Message>& message_;
};

/// Broadcasts messages to the subscribers of a topic, within the process: at most once, not stored, not replayed.
///
/// A subscriber is a handler, called by the thread that broadcasts, or a mailbox. No lock is held while one is called:
/// it may broadcast, subscribe and unsubscribe, itself and others; one that blocks holds up the thread that broadcasts,
/// and no other. Who subscribes meanwhile gets the next message. What one throws keeps the message from no other.
/// Messages of one thread arrive in their order; those that a handler broadcasts reach a later subscriber before the
/// one that it handles. Any number of threads. It is a Delivery.
/// \throws bad_input  when `pool` is out of range
template <typename Message, typename Metadata = no_metadata>
class pubsub {
 public:
  using pointer = std::shared_ptr<const Message>;  ///< shared by all who get the message
  using entry = topic_entry<Message, Metadata>;    ///< what a dispatcher gets

  /// Without subscribers.
  explicit pubsub(pubsub_options<Message> options = {}) : options_(std::move(options)) {
    if (options_.pool < 1 || options_.pool > 1'024)
      raise({.code = error_code::bad_input,
             .message = "pool is " + std::to_string(options_.pool) + "; it has to be 1 to 1024",
             .field = "pool"});
    for (std::size_t i = 0; i < options_.pool; ++i) pool_.push_back(std::make_shared<registry_type>());
  }
  pubsub(const pubsub&) = delete;
  pubsub& operator=(const pubsub&) = delete;

  /// Calls `handler(const Message&)` for each message of the topic, any text, from now on. Twice is two subscriptions.
  template <std::invocable<const Message&> Handler>
  topic_subscription subscribe(std::string topic, Handler handler, Metadata about = {}) {
    using made = detail::delivery::handler_subscriber<Message, Metadata, Handler>;
    return add(std::make_shared<made>(std::move(topic), std::move(about), std::move(handler)));
  }
  /// Puts each message of the topic into a mailbox, from now on.
  topic_subscription subscribe(std::string topic, mailbox<Message>& box, Metadata about = {}) {
    using made = detail::delivery::mailbox_subscriber<Message, Metadata>;
    return add(std::make_shared<made>(std::move(topic), std::move(about), box.state()));
  }
  /// How many subscriptions a topic has.
  [[nodiscard]] std::size_t subscribers(std::string_view topic) const { return registry_of(topic).count(topic); }
  [[nodiscard]] const std::string& node() const { return options_.node; }  ///< of this process

  /// Sends a message to all subscribers of the topic, here and on every other node.
  ///
  /// \param topic  any text
  /// \param message  a Message, or a shared_ptr<const Message>; mailboxes share one copy
  /// \param dispatch  `dispatch(entry, sender, message)` for each subscription, instead of entry.send() for all but the
  ///   sender's
  /// \throws what `forward` throws, then nothing is sent here; what a subscriber throws, if there is no on_failure
  template <typename Sent, typename... Dispatch>
  void broadcast(std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    broadcast_from({}, topic, message, dispatch...);
  }
  /// The same; `sender` does not get it.
  template <typename Sent, typename... Dispatch>
  void broadcast_from(subscriber_id sender, std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    forward("", topic, message);
    local_broadcast_from(sender, topic, message, dispatch...);
  }
  /// Sends a message to the subscribers of one node; an unknown one has none.
  template <typename Sent, typename... Dispatch>
  void direct_broadcast(std::string_view node, std::string_view topic, const Sent& message,
                        const Dispatch&... dispatch) {
    if (node == options_.node)
      local_broadcast(topic, message, dispatch...);
    else
      forward(node, topic, message);
  }
  /// Sends a message to the subscribers of this node alone.
  template <typename Sent, typename... Dispatch>
  void local_broadcast(std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    local_broadcast_from({}, topic, message, dispatch...);
  }
  /// The same; `sender` does not get it.
  template <typename Sent>
  void local_broadcast_from(subscriber_id sender, std::string_view topic, const Sent& message) {
    local_broadcast_from(sender, topic, message, [](const entry& to, subscriber_id from, const Message&) {
      if (from.value == nullptr || to.id() != from) to.send();
    });
  }
  /// The same by a dispatcher.
  template <typename Sent, typename Dispatch>
  void local_broadcast_from(subscriber_id sender, std::string_view topic, const Sent& message,
                            const Dispatch& dispatch) {
    detail::delivery::sent_message<Message> sent(message);
    failures met;
    send(sender, topic, sent, dispatch, met);
    if (met.untold) std::rethrow_exception(met.untold);
  }

  /// Delivers the events of a relay, each to the subscribers of its topic. \see Delivery
  ///
  /// An event that a subscriber throws on is retriable, whether or not on_failure is told of it.
  void deliver(std::span<const Message* const> batch, std::span<delivery_answer> answers)
    requires requires(const Message& event) { event.type; }
  {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      try {
        const auto& event = *batch[i];
        deliver(options_.topic_of ? options_.topic_of(event) : std::string(event.type), event);
      } catch (...) {
        answers[i] = {delivery_outcome::retriable, detail::current_error("deliver").message};
        return;
      }
    }
  }

 private:
  using registry_type = detail::delivery::topic_registry<Message, Metadata>;
  using subscriber = detail::delivery::subscriber<Message, Metadata>;

  registry_type& registry_of(std::string_view topic) const { return *shared_registry_of(topic); }
  const std::shared_ptr<registry_type>& shared_registry_of(std::string_view topic) const {
    return pool_[pool_.size() == 1 ? 0 : std::hash<std::string_view>{}(topic) % pool_.size()];
  }
  topic_subscription add(const std::shared_ptr<subscriber>& one) {
    const auto in = shared_registry_of(one->topic());
    in->add(one);
    return {one->id(), [in, one] { in->remove(*one); }};
  }
  // What the subscribers of one message threw: the first of all, and the first that on_failure was not told of.
  struct failures {
    std::exception_ptr first{}, untold{};
  };

  template <typename Dispatch>
  void send(subscriber_id sender, std::string_view topic, detail::delivery::sent_message<Message>& sent,
            const Dispatch& dispatch, failures& met) {
    auto& topics = registry_of(topic);
    typename registry_type::broadcast(topics, topic).each([&](subscriber& one) {
      try {
        dispatch(entry(one, sent), sender, sent.get());
      } catch (...) {
        note(topic, met);
      }
    });
    if (sent.met_closed) topics.clean(topic);
  }
  void deliver(const std::string& topic, const Message& event) {
    forward("", topic, event);
    detail::delivery::sent_message<Message> sent(event);
    failures met;
    send({}, topic, sent, [](const entry& to, subscriber_id, const Message&) { to.send(); }, met);
    if (met.first) std::rethrow_exception(met.first);
  }
  void forward(std::string_view node, std::string_view topic, const Message& message) const {
    if (options_.forward) options_.forward(node, topic, message);
  }
  void forward(std::string_view node, std::string_view topic, const pointer& message) const {
    forward(node, topic, *message);
  }
  void note(std::string_view topic, failures& met) const {
    const auto thrown = std::current_exception();
    if (!met.first) met.first = thrown;
    try {
      if (!options_.on_failure) std::rethrow_exception(thrown);
      options_.on_failure(topic, thrown);
    } catch (...) {
      if (!met.untold) met.untold = std::current_exception();
    }
  }

  pubsub_options<Message> options_;
  std::vector<std::shared_ptr<registry_type>> pool_{};
};

}  // namespace must
