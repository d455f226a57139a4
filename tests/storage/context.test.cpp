// SPDX-License-Identifier: MIT
#include "must/storage/context.hpp"

#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/storage/traced.hpp"

#include "stores/decorated.hpp"
#include "stores/memory.hpp"
#include "stores/switchable_store.hpp"
#include "support/catch.hpp"
#include "support/run_cases.hpp"

#include <string>
#include <thread>
#include <vector>

namespace {

struct Taken {
  std::string stream;
  int seat;
};
struct Seats {
  using events = must::events<Taken>;
  int taken = 0;
  void apply(const Taken&) { ++taken; }
};
struct Take {
  std::string flight;
  auto depends_on() const { return must::stream<Seats>(flight); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Seats& seats) const { must::ensure(seats.taken < 50, "full"); }
  Taken be_translated_to_events(const Seats& seats) const { return {flight, seats.taken}; }
};

}  // namespace

TEST_CASE("context: the storage suite holds", "[storage]") {
  must_test::run_storage_cases<must_test::context_alone<must_test::memory_fixture>>(false);
}
TEST_CASE("context: the races of the storage suite hold", "[storage][race]") {
  must_test::run_storage_cases<must_test::context_alone<must_test::memory_fixture>>(true);
}
TEST_CASE("context: two on one store do not see each other", "[storage]") {
  using store_type = must::memory_store<Taken>;
  store_type shared;
  must::context<store_type> sales(shared, "sales"), stock(shared, "stock");
  const auto first = must::append(sales, Taken{"s", 1});
  const auto second = must::append(stock, Taken{"s", 2});
  CHECK(first.first == 1);
  CHECK(second.first == 2);
  CHECK(sales.version("s") == 1);
  CHECK(stock.version("s") == 1);
  const auto seen = must::events_in(stock, must::query::all());
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].subject == "s");
  CHECK(seen[0].source == "/must/stock");
  CHECK(seen[0].tags.empty());
  CHECK(seen[0].as<Taken>()->seat == 2);
  CHECK(must::events_in(sales, must::query::of_stream("s")).size() == 1);
  CHECK_FALSE(sales.find("/must/stock", seen[0].id).has_value());
  CHECK(stock.find("/must/stock", seen[0].id).has_value());

  CHECK(sales.put("k", "1", 0));
  CHECK_FALSE(stock.get("k").has_value());
  CHECK(stock.put("k", "2", 0));
  CHECK(sales.list("") == std::vector<std::string>{"k"});

  const auto all = must::events_in(shared, must::query::all());
  REQUIRE(all.size() == 2);
  CHECK(all[0].subject == "sales/s");
  CHECK(all[1].tags.contains("context:stock"));
}

TEST_CASE("context: who follows one is told that the store is restored, also where the event of another was last",
          "[storage]") {
  using store_type = must::memory_store<Taken>;
  store_type before, backup;
  must_test::switchable_store<store_type> shared(before);
  must::context sales(shared, "sales"), stock(shared, "stock");
  const auto fill = [&] {
    must::append(sales, Taken{"s", 1}, Taken{"s", 2});
    must::append(stock, Taken{"s", 1});
  };
  fill();
  auto view = must::projection<Seats>(sales, "seats");
  CHECK(view.run_once() == 3);
  CHECK(view.run_once() == 3);
  shared.switch_to(backup);
  fill();
  CHECK_THROWS_AS(view.run_once(), must::history_changed);
}

TEST_CASE("context: an event with the tag of another context is its own all the same", "[storage]") {
  must::memory_store<> shared;
  must::context<must::memory_store<>> sales(shared, "sales"), stock(shared, "stock");
  const must::tag_set tags{"context:sales", "context:stock", "x"};
  must::cloud_event sold{.id = "1", .source = "/test", .type = "sold", .subject = "s", .tags = tags};
  REQUIRE(sales.append(std::span(&sold, 1), {}).stored());
  const auto here = must::events_in(sales, must::query::all());
  REQUIRE(here.size() == 1);
  CHECK(here[0].subject == "s");
  CHECK(here[0].tags == tags);
  CHECK(must::events_in(sales, must::query::of_tags({"context:stock", "x"})).size() == 1);
  CHECK(must::events_in(stock, must::query::all()).empty());
  CHECK(must::events_in(stock, must::query::of_tags({"x"})).empty());
  CHECK(must::events_in(stock, must::query::of_tags({"context:sales"})).empty());
  CHECK(stock.version("s") == 0);
  must::cloud_event more{.id = "2", .source = "/test", .type = "sold", .tags = {"x"}};
  CHECK(stock.append(std::span(&more, 1), {.query = must::query::of_tags({"context:stock"})}).stored());
}

TEST_CASE("context: one in another has a path, apart from what is beside it", "[storage]") {
  must::memory_store<> shared;
  using outer_type = must::context<must::memory_store<>>;
  outer_type a(shared, "a"), c(shared, "c"), b_beside(shared, "b");
  must::context<outer_type> b_in_a(a, "b"), b_in_c(c, "b"), d_in_a(a, "d");
  must::cloud_event noted{.id = "1", .source = "/test", .type = "noted", .subject = "s", .tags = {"context:d"}};
  REQUIRE(b_in_a.append(std::span(&noted, 1), {}).stored());
  const auto own = must::events_in(b_in_a, must::query::of_tags({"context:d"}));
  REQUIRE(own.size() == 1);
  CHECK(own[0].subject == "s");
  CHECK(own[0].tags == must::tag_set{"context:d"});
  CHECK(must::events_in(a, must::query::all()).size() == 1);
  CHECK(must::events_in(b_in_c, must::query::all()).empty());
  CHECK(must::events_in(b_beside, must::query::all()).empty());
  CHECK(must::events_in(d_in_a, must::query::all()).empty());
  CHECK(shared.version("a///b/s") == 1);
  REQUIRE(b_in_a.put("key", "1", 0));
  CHECK_FALSE(b_in_c.get("key"));
  CHECK_FALSE(b_beside.get("key"));
  CHECK(b_in_a.list("") == std::vector<std::string>{"key"});
}

TEST_CASE("context: nothing that is appended to an outer one reaches one in it", "[storage]") {
  must::memory_store<> shared;
  using outer_type = must::context<must::memory_store<>>;
  outer_type outer(shared, "a");
  must::null_observer nobody;
  must::traced<outer_type, must::null_observer> between(outer, nobody);
  must::context<decltype(between)> inner(between, "b");
  must::context<decltype(inner)> innermost(inner, "c");
  int ids = 0;
  const auto append = [&](auto& to, std::string stream, must::tag_set tags) {
    must::cloud_event one{.id = std::to_string(++ids), .source = "/t", .type = "x", .subject = std::move(stream)};
    one.tags = std::move(tags);
    return to.append(std::span(&one, 1), {}).stored();
  };
  CHECK(append(outer, "b/s", {"context:b", "context:b/c", "context:a/b"}));
  CHECK(append(outer, "b/c/s", {"context:c", "context:"}));
  CHECK(append(shared, "a/b/s", {"context:a/b", "context:a/b/c"}));
  CHECK(must::events_in(inner, must::query::all()).empty());
  CHECK(must::events_in(innermost, must::query::all()).empty());
  CHECK_FALSE(inner.find("/t", "1"));
  CHECK(inner.version("s") == 0);
  CHECK(innermost.version("s") == 0);
  CHECK_THROWS_AS(append(outer, "//b/s", {}), must::bad_input);
  CHECK_THROWS_AS(append(outer, "s", {"context://b"}), must::bad_input);
  CHECK_THROWS_AS(append(outer, "s", {"context://b///c"}), must::bad_input);
  CHECK_THROWS_AS(append(inner, "//c/s", {}), must::bad_input);
  CHECK_THROWS_AS(append(inner, "s", {"context://c"}), must::bad_input);

  CHECK(append(innermost, "s", {"context:b"}));
  const auto seen = must::events_in(outer, must::query::of_tags({"context://b"}));
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].subject == "//b///c/s");
  CHECK(must::events_in(outer, must::query::of_stream("//b///c/s")).size() == 1);
  CHECK(outer.version("//b///c/s") == 1);
  const auto within = must::events_in(innermost, must::query::of_stream("s"));
  REQUIRE(within.size() == 1);
  CHECK(within[0].tags == must::tag_set{"context:b"});
  std::string all;
  for (const auto& one : must::events_in(shared, must::query::all()))
    for (const auto& tag : one.tags) all += tag;
  CHECK(all.find(outer.inner_grant()) == std::string::npos);
  CHECK(all.find(inner.inner_grant()) == std::string::npos);
}

TEST_CASE("context: an append that has a conflict in an outer one leaves the events as they were", "[storage]") {
  must::memory_store<> shared;
  must::context<must::memory_store<>> outer(shared, "a");
  must::context<decltype(outer)> inner(outer, "b");
  std::vector<must::cloud_event> events{{.id = "1", .source = "/t", .type = "x", .subject = "s"}};
  for (std::size_t i = 0; i < inner.limits().tags_per_event; ++i) events[0].tags.insert("context:" + std::to_string(i));
  const auto before = events;
  const auto conflict = inner.append(events, {.streams = {must::stream_expectation::exists("t")}});
  REQUIRE_FALSE(conflict.stored());
  CHECK(conflict.why().stream == "t");
  CHECK(events == before);
  CHECK(inner.append(events, {}).stored());
}

TEST_CASE("context: a name that leaves no room for names is refused", "[storage]") {
  must::memory_store<> shared;
  using outer_type = must::context<must::memory_store<>>;
  outer_type one(shared, std::string(200, 'a'));
  must::context<outer_type> two(one, std::string(200, 'b'));
  CHECK(two.limits().name_bytes == 108);
  using inner_type = must::context<must::context<outer_type>>;
  CHECK_THROWS_AS(inner_type(two, std::string(200, 'c'), must::origin{.source = "/x"}), must::bad_input);
  CHECK_THROWS_AS(inner_type(two, std::string(82, 'c'), must::origin{.source = "/x"}), must::bad_input);
  CHECK(inner_type(two, std::string(81, 'c'), must::origin{.source = "/x"}).limits().name_bytes == 24);
}

TEST_CASE("context: a conflict names the stream as the context knows it, and leaves the events as they were",
          "[storage]") {
  must::memory_store<> shared;
  must::context<must::memory_store<>> sales(shared, "sales");
  std::vector<must::cloud_event> events{{.id = "1", .source = "/t", .type = "a", .subject = "s"}};
  events[0].tags = {"t"};
  const auto before = events;
  const auto refused = sales.append(events, {.streams = {must::stream_expectation::exists("s")}});
  REQUIRE_FALSE(refused.stored());
  CHECK(refused.why().stream == "s");
  CHECK(events == before);
  CHECK(sales.append(events, {.streams = {must::stream_expectation::no_stream("s")}}).stored());
}

TEST_CASE("context: an item of a batch that has an id twice does not hinder its neighbours", "[storage]") {
  must::memory_store<> shared;
  must::context<must::memory_store<>> sales(shared, "sales");
  const must::cloud_event one{.id = "1", .source = "/t", .type = "a"}, other{.id = "2", .source = "/t", .type = "a"};
  std::vector<must::cloud_event> twice{one, one}, good{other};
  std::vector<must::batch_item<must::payload>> items{{twice, {}}, {good, {}}};
  const auto done = sales.append_batch(items);
  REQUIRE(done.size() == 2);
  REQUIRE_FALSE(done[0]);
  CHECK(done[0].error().code == must::error_code::duplicate_id);
  REQUIRE(done[1]);
  CHECK(done[1]->stored());
}

TEST_CASE("context: what one stores never fails a command of another", "[storage][race]") {
  using store_type = must::memory_store<Taken>;
  store_type shared;
  const auto fill = [&](const char* name, unsigned& attempts) {
    must::context<store_type> own(shared, name);
    for (int i = 0; i < 50; ++i) attempts += must::process_command(Take{"flight"}, own, must::attempts{1}).attempts;
    if (must::try_process_command(Take{"flight"}, own)) ++attempts;  // the flight is full
  };
  std::vector<unsigned> attempts(4);
  {
    std::vector<std::jthread> tenants;
    const char* names[] = {"a", "b", "c", "d"};
    for (std::size_t i = 0; i < 4; ++i) tenants.emplace_back([&, i] { fill(names[i], attempts[i]); });
  }
  CHECK(attempts == std::vector<unsigned>(4, 50));
  CHECK(shared.head() == 200);
}

TEST_CASE("context: names out of range are refused", "[storage]") {
  must::memory_store<> shared;
  for (const auto& name : {std::string(), std::string("a/b"), std::string(201, 'n')})
    CHECK_THROWS_AS(must::context<must::memory_store<>>(shared, name), must::bad_input);
  must::context<must::memory_store<>> own(shared, "own");
  CHECK_THROWS_AS(own.version(std::string(509, 's')), must::bad_input);
  CHECK(own.version(std::string(508, 's')) == 0);
}
