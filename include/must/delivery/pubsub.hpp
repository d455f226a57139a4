// SPDX-License-Identifier: MIT
// pubsub: sends messages to the subscribers of a topic, within the process.
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
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// The metadata of subscriptions that have none.
struct no_metadata {};

/// The options of a pubsub.
template <typename Message>
struct pubsub_options {
  /// The number of locks among which the topics are spread, 1 to 1,024. With more locks, threads that use different
  /// topics wait less for each other.
  std::size_t pool = 1;
  /// The name of this process among the nodes that `forward` reaches.
  std::string node = "local";
  /// A function that takes a message to another node, or to all other nodes when `node` is empty. It is called before
  /// the message is delivered here. When it throws, the message is not delivered here either.
  std::function<void(std::string_view node, std::string_view topic, const Message& message)> forward{};
  /// A function that gets what a subscriber throws. Without it, broadcast throws the first such exception after all
  /// subscribers have got the message.
  std::function<void(std::string_view topic, const std::exception_ptr& thrown)> on_failure{};
  /// A function that returns the topic of an event that a relay delivers. By default the topic is the type of the
  /// event.
  std::function<std::string(const Message& message)> topic_of{};
};

/// A subscription to a topic, which lasts as long as this object.
///
/// The destructor calls unsubscribe(). After it, no call of the handler begins, none runs in another thread, and the
/// handler is destroyed, so that what it refers to may be destroyed. Within a handler, unsubscribe() does not wait for
/// other threads: the handler is destroyed when the broadcasts that were on their way have ended.
class [[nodiscard]] topic_subscription {
 public:
  topic_subscription() = default;
  /// Makes a subscription that calls `end` to unsubscribe. Only pubsub calls it.
  topic_subscription(subscriber_id id, std::function<void()> end) : id_(id), end_(std::move(end)) {}
  /// Takes the subscription of the other.
  topic_subscription(topic_subscription&& other) noexcept
      : id_(std::exchange(other.id_, {})), end_(std::exchange(other.end_, nullptr)) {}
  /// Ends its own subscription, and takes that of the other.
  topic_subscription& operator=(topic_subscription&& other) noexcept {
    unsubscribe();
    id_ = std::exchange(other.id_, {});
    end_ = std::exchange(other.end_, nullptr);
    return *this;
  }
  ~topic_subscription() { unsubscribe(); }

  /// Ends the subscription. The second call does nothing.
  void unsubscribe() noexcept {
    if (end_) std::exchange(end_, nullptr)();
  }
  [[nodiscard]] subscriber_id id() const { return id_; }  ///< Identifies the subscriber for broadcast_from.

 private:
  subscriber_id id_{};
  std::function<void()> end_{};
};

/// One subscription of the topic of a broadcast. A dispatcher that is given to broadcast gets it.
template <typename Message, typename Metadata>
class topic_entry {
 public:
  /// Makes an entry for one subscriber. Only pubsub calls it.
  topic_entry(detail::delivery::subscriber<Message, Metadata>& one, detail::delivery::sent_message<Message>& message)
      : one_(one), message_(message) {}
  [[nodiscard]] subscriber_id id() const { return one_.id(); }  ///< Identifies the subscriber.
  /// Returns the metadata that subscribe was given.
  [[nodiscard]] const Metadata& metadata() const { return one_.metadata(); }

  /// Calls the handler with the message, or puts it into the mailbox.
  void send() const { one_.send(message_); }

 private:
  detail::delivery::subscriber<Message, Metadata>& one_;
  detail::delivery::sent_message<Message>& message_;
};

/// Broadcasts messages to the subscribers of a topic within the process. Messages are not stored, and come at most
/// once.
///
/// A subscriber is a mailbox, or a handler that the thread that broadcasts calls. No lock is held meanwhile, so a
/// handler may broadcast, subscribe and unsubscribe. A handler that blocks holds up only the thread that broadcasts. A
/// subscriber that comes during a broadcast gets the next message. When a subscriber throws, the others get the message
/// all the same. Messages of one thread arrive in their order. A message that a handler broadcasts may reach another
/// subscriber before the message that the handler got. Any number of threads may use a pubsub. A pubsub, its
/// subscriptions and mailboxes may end in any order. It is a Delivery.
template <typename Message, typename Metadata = no_metadata>
class pubsub {
 public:
  using pointer = std::shared_ptr<const Message>;  ///< The type of a message, which all subscribers share.
  using entry = topic_entry<Message, Metadata>;    ///< The type of what a dispatcher gets.

  /// Makes a pubsub without subscribers.
  /// \throws bad_input  when `pool` is out of range
  explicit pubsub(pubsub_options<Message> options = {}) : options_(std::move(options)) {
    if (options_.pool < 1 || options_.pool > 1'024)
      raise({.code = error_code::bad_input,
             .message = "pool is " + std::to_string(options_.pool) + "; it has to be 1 to 1024",
             .field = "pool"});
    for (std::size_t i = 0; i < options_.pool; ++i) pool_.push_back(std::make_shared<registry_type>());
  }
  pubsub(const pubsub&) = delete;
  pubsub& operator=(const pubsub&) = delete;

  /// Calls `handler(const Message&)` for each message of the topic from now on, as long as the result lives. The topic
  /// is any text. Each call makes another subscription.
  template <std::invocable<const Message&> Handler>
  topic_subscription subscribe(std::string topic, Handler handler, Metadata about = {}) {
    using made = detail::delivery::handler_subscriber<Message, Metadata, Handler>;
    return add(std::make_shared<made>(std::move(topic), std::move(about), std::move(handler)));
  }
  /// Puts each message of the topic into a mailbox from now on, as long as the result lives.
  topic_subscription subscribe(std::string topic, mailbox<Message>& box, Metadata about = {}) {
    using made = detail::delivery::mailbox_subscriber<Message, Metadata>;
    return add(std::make_shared<made>(std::move(topic), std::move(about), box.state()));
  }
  /// Returns the number of subscriptions of a topic.
  [[nodiscard]] std::size_t subscribers(std::string_view topic) const { return registry_of(topic).count(topic); }
  [[nodiscard]] const std::string& node() const { return options_.node; }  ///< The name of this process.

  /// Sends a message to all subscribers of the topic, here and on every other node.
  ///
  /// \param topic     any text
  /// \param message   a Message, or a shared_ptr<const Message>. Mailboxes share one copy.
  /// \param dispatch  what is called as dispatch(entry, sender, message) for each subscription. By default it is
  ///                  entry.send() for each but that of the sender.
  /// \throws ...  what `forward` throws. Then nothing is sent here.
  /// \throws ...  what the first subscriber that failed threw, when there is no on_failure
  template <typename Sent, typename... Dispatch>
  void broadcast(std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    broadcast_from({}, topic, message, dispatch...);
  }
  /// Sends a message as broadcast does, to all but the sender.
  template <typename Sent, typename... Dispatch>
  void broadcast_from(subscriber_id sender, std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    forward("", topic, message);
    local_broadcast_from(sender, topic, message, dispatch...);
  }
  /// Sends a message to the subscribers of one node. A node that `forward` does not know has none.
  template <typename Sent, typename... Dispatch>
  void direct_broadcast(std::string_view node, std::string_view topic, const Sent& message,
                        const Dispatch&... dispatch) {
    if (node == options_.node)
      local_broadcast(topic, message, dispatch...);
    else
      forward(node, topic, message);
  }
  /// Sends a message to the subscribers of this node.
  template <typename Sent, typename... Dispatch>
  void local_broadcast(std::string_view topic, const Sent& message, const Dispatch&... dispatch) {
    local_broadcast_from({}, topic, message, dispatch...);
  }
  /// Sends a message to the subscribers of this node, but the sender.
  template <typename Sent>
  void local_broadcast_from(subscriber_id sender, std::string_view topic, const Sent& message) {
    local_broadcast_from(sender, topic, message, [](const entry& to, subscriber_id from, const Message&) {
      if (from.value == nullptr || to.id() != from) to.send();
    });
  }
  /// Sends a message to the subscribers of this node by a dispatcher.
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
  /// When a subscriber throws, the answer is retriable, whether or not there is an on_failure. A stop ends the wait for
  /// room in a mailbox that blocks.
  void deliver(std::span<const Message* const> batch, std::span<delivery_answer> answers,
               const std::stop_token& stop = {})
    requires requires(const Message& event) { event.type; }
  {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      try {
        const auto& event = *batch[i];
        deliver(options_.topic_of ? options_.topic_of(event) : std::string(event.type), event, stop);
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
  void deliver(const std::string& topic, const Message& event, const std::stop_token& stop) {
    forward("", topic, event);
    detail::delivery::sent_message<Message> sent(event, stop);
    failures met;
    send({}, topic, sent, [](const entry& to, subscriber_id, const Message&) { to.send(); }, met);
    if (met.first) std::rethrow_exception(met.first);
    if (sent.met_a_stop)
      raise({.code = error_code::storage_error,
             .message = "a stop was requested while a mailbox was full",
             .operation = "deliver",
             .retryable = true});
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
