// SPDX-License-Identifier: MIT
#include "must/storage/traced.hpp"

#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/context.hpp"
#include "must/storage/group_commit.hpp"
#include "must/storage/memory.hpp"
#include "must/subscription.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Added {
  std::string stream;
  int amount;
};
struct Sum {
  using events = must::events<Added>;
  int amount = 0;
  void apply(const Added& event) { amount += event.amount; }
};
struct Add {
  std::string to;
  int amount;
  auto depends_on() const { return must::stream<Sum>(to); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Sum& sum) const { must::ensure(sum.amount + amount <= 10, "too much"); }
  Added be_translated_to_events() const { return {to, amount}; }
};

using texts = std::vector<std::string>;

// Writes down what it is told: "+" and "-" with the kind and type, and the message of what failed.
class notes {
 public:
  void started(const must::operation& what) noexcept { note("+" + describe(what)); }
  void stopped(const must::operation& what, std::int64_t nanoseconds, const must::error* why) noexcept {
    note((nanoseconds >= 0 ? "-" : "?") + describe(what) + (why == nullptr ? "" : ": " + why->message));
  }
  [[nodiscard]] texts all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  static std::string describe(const must::operation& what) {
    auto text = std::string(must::name_of(what.kind)) + (what.type.empty() ? "" : " " + std::string(what.type));
    if (!what.stream.empty()) text += " of " + std::string(what.stream);
    if (what.events > 1) text += " x" + std::to_string(what.events);
    if (what.position != 0) text += " at " + std::to_string(what.position);
    return text;
  }
  void note(std::string text) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(text));
  }
  std::mutex mutex_{};
  texts all_{};
};

using store_type = must::memory_store<Added>;
using traced_type = must::traced<store_type, notes>;

struct traced_fixture {
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  must::traced<must::memory_store<>, notes>& store() { return traced_; }
  must::memory_store<> inner_{};
  notes observer_{};
  must::traced<must::memory_store<>, notes> traced_{inner_, observer_};
};

static_assert(must::Observer<notes>);
static_assert(must::Observer<must::null_observer>);
static_assert(must::kit::is_observed<traced_type>);
static_assert(!must::kit::is_observed<store_type>);
static_assert(!must::kit::is_observed<must::traced<store_type, must::null_observer>>);
static_assert(must::kit::is_observed<must::cached<must::group_commit<must::context<traced_type>>>>);

}  // namespace

TEST_CASE("traced: the storage suite holds", "[storage][race]") {
  for (const auto& one : must::testing::storage_cases<traced_fixture>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

TEST_CASE("traced: a command, its read and its append are told, one within the other", "[storage]") {
  store_type inner;
  notes observer;
  traced_type store(inner, observer);
  must::process_command(Add{"s", 1}, store);
  CHECK(observer.all() ==
        texts{"+command Add", "+read", "-read", "+append Added of s", "-append Added of s", "-command Add"});
}

TEST_CASE("traced: what fails is told with its error, and is answered and thrown as without", "[storage]") {
  store_type inner;
  notes observer;
  traced_type store(inner, observer);
  SECTION("a refused command") {
    const auto done = must::try_process_command(Add{"s", 11}, store, must::deadline{});
    CHECK(done.error().message == "too much");
    CHECK(observer.all() == texts{"+command Add", "+read", "-read", "-command Add: too much"});
  }
  SECTION("a conflict") {
    must::append(inner, Added{"s", 1});
    std::vector<must::basic_event<store_type::data_type>> events(
        1, {.id = "1", .source = "/s", .type = "Added", .data = Added{"s", 1}});
    CHECK_FALSE(store.append(events, {.query = must::query::all(), .after = 0}));
    REQUIRE(observer.all().size() == 2);
    CHECK(observer.all()[1].find("-append Added: an event that the append condition forbids") == 0);
  }
  SECTION("a visitor that throws") {
    must::append(inner, Added{"s", 1});
    CHECK_THROWS_AS(store.read(must::query::all(), {}, [](const auto&) { throw std::runtime_error("no"); }),
                    std::runtime_error);
    CHECK(observer.all() == texts{"+read", "-read: no"});
  }
  SECTION("bad input") {
    CHECK_THROWS_AS(store.read(must::query::of_stream(""), {}, [](const auto&) {}), must::bad_input);
    CHECK(observer.all().size() == 2);
  }
}

TEST_CASE("traced: each call of a handler is told, each attempt too", "[storage]") {
  store_type inner;
  must::append(inner, Added{"s", 1});
  must::append(inner, Added{"t", 2});
  notes observer;
  traced_type store(inner, observer);
  const auto of_handlers = [&] {
    texts found;
    for (const auto& one : observer.all())
      if (one.find("handler") == 1) found.push_back(one);
    return found;
  };
  SECTION("one after another") {
    int calls = 0;
    must::subscription follows(store, "name", must::query::all(),
                               [&](const auto&) {
                                 if (++calls == 1) throw std::runtime_error("not now");
                               },
                               {.on_failure = {.attempts = 2, .delay = must::duration{1}}});
    follows.run_once();
    CHECK(of_handlers() == texts{"+handler Added of s at 1", "-handler Added of s at 1: not now",
                                 "+handler Added of s at 1", "-handler Added of s at 1", "+handler Added of t at 2",
                                 "-handler Added of t at 2"});
  }
  SECTION("in lanes") {
    must::subscription follows(store, "name", must::query::all(), [](const auto&) {}, {.lanes = 2});
    follows.run_once();
    CHECK(of_handlers().size() == 4);
  }
}

TEST_CASE("traced: decorators hand the observer on, whichever is outside", "[storage]") {
  store_type inner;
  notes inside, outside;
  traced_type traced(inner, inside);
  must::cached cached(traced);
  must::process_command(Add{"s", 1}, cached);
  CHECK(inside.all().size() == 6);

  must::context shop(inner, "shop");
  must::traced around(shop, outside);
  must::process_command(Add{"s", 1}, around);
  CHECK(outside.all() ==
        texts{"+command Add", "+read", "-read", "+append Added of s", "-append Added of s", "-command Add"});
}

TEST_CASE("traced: outside of group_commit each append is told, inside each commit, in a context with its names",
          "[storage]") {
  const texts one_command{"+command Add", "+read", "-read", "+append Added of s", "-append Added of s", "-command Add"};
  const texts without_command(one_command.begin() + 1, one_command.end() - 1);
  store_type inner;
  notes inside, outside;
  traced_type below(inner, inside);
  must::group_commit grouped(below);
  SECTION("around it") {
    must::traced around(grouped, outside);
    must::process_command(Add{"s", 1}, around);
    CHECK(outside.all() == one_command);
    CHECK(inside.all() == without_command);
  }
  SECTION("around a context on it") {
    must::context shop(grouped, "shop");
    must::cached cached(shop);
    must::traced around(cached, outside);
    must::process_command(Add{"s", 1}, around);
    CHECK(outside.all() == one_command);
    // The context reads once more, for the last event that its own decision has seen.
    CHECK(inside.all() ==
          texts{"+read", "-read", "+read", "-read", "+append Added of shop/s", "-append Added of shop/s"});
  }
  SECTION("several appends at once are one, with all of their events and the first failure") {
    using event = must::basic_event<store_type::data_type>;
    std::vector<event> first(2, {.id = "1", .source = "/s", .type = "Added", .subject = "s", .data = Added{"s", 1}});
    first[1].id = "2";
    std::vector<event> second(1, {.id = "3", .source = "/s", .type = "Added", .data = Added{"s", 1}});
    std::vector<must::batch_item<store_type::data_type>> items{
        {.events = first, .condition = {}}, {.events = second, .condition = {.query = must::query::all(), .after = 0}}};
    const auto done = below.append_batch(items);
    CHECK(*done[0]);
    CHECK_FALSE(*done[1]);
    REQUIRE(inside.all().size() == 2);
    CHECK(inside.all()[0] == "+append Added of s x3");
    CHECK(inside.all()[1].find("-append Added of s x3: an event that the append condition forbids") == 0);
    CHECK(below.append_batch({}).empty());
  }
}

TEST_CASE("traced: operations of threads side by side each start and stop", "[storage][race]") {
  store_type inner;
  notes observer;
  traced_type store(inner, observer);
  {
    std::vector<std::jthread> threads;
    for (int who = 0; who < 4; ++who)
      threads.emplace_back([&, who] {
        for (int i = 0; i < 10; ++i) must::process_command(Add{"s" + std::to_string(who), 1}, store);
      });
  }
  const auto all = observer.all();
  CHECK(all.size() == 4 * 10 * 6);
  for (const auto* what : {"command Add", "read"}) {
    CHECK(std::count(all.begin(), all.end(), "+" + std::string(what)) == 40);
    CHECK(std::count(all.begin(), all.end(), "-" + std::string(what)) == 40);
  }
}
