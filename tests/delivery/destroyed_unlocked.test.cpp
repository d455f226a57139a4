// SPDX-License-Identifier: MIT
// What a user has given may do anything when it is destroyed: no lock is held meanwhile.
#include "must/delivery/pubsub.hpp"
#include "must/delivery/stage.hpp"
#include "must/process_command.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

// Calls a function when it is destroyed.
struct at_end {
  std::function<void()> call;
  ~at_end() {
    if (call) call();
  }
};

struct Added {
  static constexpr auto type = "Added";
  std::string stream;
};
struct looking {
  using events = must::events<Added>;
  void apply(const Added&) {}
  ~looking() {
    if (look) look();
  }
  static inline std::function<void()> look{};
};

// A source that gives an event again whose taker has thrown.
struct once_more {
  using value_type = int;
  std::vector<int> left;
  template <typename Take>
  must::source_state pull(Take&& take) {
    while (!left.empty()) {
      const bool wants_more = take(left.front());
      left.erase(left.begin());
      if (!wants_more) return must::source_state::more;
    }
    return must::source_state::ended;
  }
  void wait(must::duration, const std::stop_token&) {}
};

}  // namespace

TEST_CASE("pubsub: a handler that ends within its call may own other subscriptions of the pubsub", "[delivery]") {
  must::pubsub<std::string> bus;
  struct session {
    must::topic_subscription other, own;
  };
  auto made = std::make_shared<session>();
  const std::weak_ptr<session> seen = made;
  made->other = bus.subscribe("other", [](const std::string&) {});
  made->own = bus.subscribe("t", [made](const std::string&) { made->own.unsubscribe(); });
  made.reset();
  bus.broadcast("t", std::string("bye"));
  CHECK(seen.expired());
  CHECK(bus.subscribers("other") == 0);
}

TEST_CASE("pubsub: a handler is destroyed when unsubscribe has returned, though a broadcast still has it in its list",
          "[delivery][race]") {
  must::pubsub<int> bus;
  std::atomic<bool> inside{false}, open{false};
  const auto slow = bus.subscribe("t", [&](int) {
    inside = true;
    inside.notify_all();
    open.wait(false);
  });
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  auto next = bus.subscribe("t", [held = std::move(held)](int) {});
  std::jthread publisher([&] { bus.broadcast("t", 1); });
  inside.wait(false);
  next.unsubscribe();
  CHECK(seen.expired());
  open = true;
  open.notify_all();
}

TEST_CASE("mailbox: a message that is dropped may look at the mailbox when it is destroyed", "[delivery]") {
  must::pubsub<at_end> bus;
  must::mailbox<at_end> box({.capacity = 1, .when_full = must::mailbox_policy::drop_oldest});
  const auto here = bus.subscribe("t", box);
  std::vector<std::size_t> sizes;
  const auto look = [&] { sizes.push_back(box.size()); };
  auto curious = std::make_shared<at_end>();
  curious->call = look;
  bus.broadcast("t", std::shared_ptr<const at_end>(std::move(curious)));
  bus.broadcast("t", std::make_shared<const at_end>());
  CHECK(sizes == std::vector<std::size_t>{1});
}

TEST_CASE("stage: a transform that throws after it has given something gives it once when the event comes again",
          "[delivery]") {
  bool has_failed = false;
  auto from = must::transformed<int>(once_more{{1, 2, 3}}, [&](int value, auto&& give) {
    give(value * 10);
    if (value == 2 && !std::exchange(has_failed, true)) throw std::runtime_error("once");
    give(value * 10 + 1);
  });
  std::vector<int> got;
  const auto keep = [&](int value) {
    got.push_back(value);
    return true;
  };
  CHECK_THROWS_AS(from.pull(keep), std::runtime_error);
  CHECK(from.pull(keep) == must::source_state::ended);
  CHECK(got == std::vector<int>{10, 11, 20, 21, 30, 31});
}

TEST_CASE("cached: a state may look at the store when it is forgotten", "[storage]") {
  must::memory_store<Added> store;
  must::cached kept(store, 1);
  std::size_t looked = 0;
  const auto keep = [&](const char* stream) {
    kept.keep<looking>({.stream = stream}, must::detail::pipeline::folded_state<looking>{});
  };
  keep("a");
  looking::look = [&] { looked += kept.size() < 2 ? 1U : 0U; };
  keep("b");
  keep("b");
  kept.clear();
  looking::look = nullptr;
  CHECK(looked >= 3);
}
