// SPDX-License-Identifier: MIT
// A delivery of one's own: events as messages of a broker, many in flight, and what the broker says of each. The broker
// here is a class that refuses one message and hangs up once.
#include <must/cloudevents/binding.hpp>
#include <must/codec/json.hpp>
#include <must/delivery/kit/back_off.hpp>
#include <must/delivery/kit/confirm_window.hpp>
#include <must/delivery/relay.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/testing/fixed_origin.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>

struct Ordered {
  static constexpr auto type = "com.example.ordered";
  std::string stream, what;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Ordered, stream, what)
};

using Store = must::memory_store<>;
using Event = must::recorded<Store::data_type>;

class Broker {
 public:
  enum class Verdict { taken, refused, hung_up };

  Verdict take(const must::cloudevents::message& message) {
    if (message.body->find("anvil") != std::string::npos) return Verdict::refused;
    if (++count_ == 2) return Verdict::hung_up;
    for (const auto& [name, value] : message.headers)
      if (name == "ce_id" || name == "ce_subject") std::cout << name << ": " << value << ", ";
    std::cout << *message.body << '\n';
    return Verdict::taken;
  }

 private:
  int count_ = 0;
};

class BrokerDelivery {
 public:
  void deliver(std::span<const Event* const> batch, std::span<must::delivery_answer> answers) {
    must::kit::confirm_window::batch sending(window_, answers);
    const auto first = tag_;
    std::size_t sent = 0;
    while (sent < batch.size() && window_.send(sending, sent, tag_ + 1)) ++sent, ++tag_;
    if (sent < batch.size()) answers[sent] = {must::delivery_outcome::retriable, "the window is full"};
    // A client library sends the messages now, and the broker answers later, in any order.
    for (std::size_t i = 0; i < sent; ++i) {
      switch (broker_.take(must::cloudevents::to_message(*batch[i], must::cloudevents::kafka_headers))) {
        case Broker::Verdict::taken: window_.confirm(first + i + 1); break;
        case Broker::Verdict::refused:
          window_.refuse(first + i + 1, {must::delivery_outcome::poison, "no queue takes an anvil"});
          break;
        case Broker::Verdict::hung_up:
          std::cout << "the broker hung up\n";
          window_.lose("the connection is gone");
          tag_ = 0;
          reconnect_.rest({});
          return;
      }
    }
    reconnect_.reset();
  }

 private:
  Broker broker_{};
  must::kit::confirm_window window_{1'000};
  must::kit::back_off reconnect_{{.first = std::chrono::milliseconds(1)}};
  std::uint64_t tag_ = 0;
};

int main() {
  must::testing::counting_ids ids;
  Store store({.source = "/orders", .ids = &ids});
  must::append(store, Ordered{"alice", "tea"}, Ordered{"bob", "anvil"}, Ordered{"alice", "milk"});
  BrokerDelivery delivery;
  auto relay = must::relay(store, "broker", must::query::all(), delivery,
                           {.batch = 10, .following = {.on_failure = {.then = must::failure_action::park}}});
  const auto done = relay.run_once();
  std::cout << "delivered up to position " << done << ", parked: " << relay.health().parked << '\n';
}
