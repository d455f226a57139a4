// SPDX-License-Identifier: MIT
// log_store: what it asks of its log, and what it makes of each answer.
#include "must/storage/log_store.hpp"

#include "must/must.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/waitable.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/scripted_log.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using must_test::error_of;
using must_test::fate;
using must_test::placed_log;
using must_test::scripted_log;

namespace {

using store = must::log_store<scripted_log>;
using in_memory = must::log_store<log_in_memory>;
static_assert(must::CellRemovalStorage<in_memory> && must::BatchStorage<in_memory> &&
              must::WaitableStorage<in_memory> && must::HistoryStorage<in_memory> && must::LimitedStorage<in_memory>);
static_assert(must::CellStorage<store> && !must::CellRemovalStorage<store> && !must::HistoryStorage<store>);

// A log that has what is needed, and no more.
class plain_log {
 public:
  must::put_outcome try_put(must::commit& made) { return kept_.try_put(made); }
  void read(must::position after, auto&& visitor) { kept_.read(after, visitor); }
  [[nodiscard]] must::limits limits() const { return {.name_bytes = 600, .payload_bytes = 3}; }

 private:
  log_in_memory kept_;
};
static_assert(must::BatchStorage<must::log_store<plain_log>> && !must::CellStorage<must::log_store<plain_log>>);

const must::log_store_options hasty{.timeout = must::duration(20'000)};

must::cloud_event event(std::string id, std::string stream = "s", std::string bytes = "n") {
  must::cloud_event made{.id = std::move(id), .source = "/test", .type = "Noted", .subject = std::move(stream)};
  made.tags = {"t"};
  made.data = must::payload("text/plain", std::move(bytes));
  return made;
}
template <typename Store>
must::append_result append(Store& to, must::cloud_event one, const must::append_condition& condition = {}) {
  return to.append(std::span(&one, 1), condition);
}
template <typename Store>
std::vector<std::string> ids_in(Store& of, const must::query& which = must::query::all()) {
  std::vector<std::string> ids;
  static_cast<void>(of.read(which, {}, [&](const auto& one) { ids.push_back(one.id); }));
  return ids;
}
// A commit of another store, at a position that this store does not know yet.
must::commit of_another(must::position first, must::version version, const std::string& stream = "s") {
  must::commit made{.first = first, .id = "other-" + std::to_string(first), .writer = "other", .appends = {1}};
  made.events.push_back({event("other-" + std::to_string(first), stream)});
  made.events.front().version = version;
  made.crc = must::crc_of(made);
  return made;
}

}  // namespace

TEST_CASE("log_store: an append alone costs one put and no read", "[storage][log]") {
  scripted_log log;
  store events(log);
  const auto reads = log.now().reads;
  for (int i = 0; i < 10; ++i) append(events, event(std::to_string(i))).value();
  CHECK(log.now().puts == 10);
  CHECK(log.now().reads == reads);
  CHECK(events.head() == 10);
  CHECK(log.now().reads == reads + 1);
}

TEST_CASE("log_store: an append is refused only after the log was read", "[storage][log]") {
  scripted_log log;
  store events(log);
  REQUIRE(log.put_directly(of_another(1, must::version(1))) == must::put_outcome::won);
  const must::append_condition second{.streams = {must::stream_expectation::exactly("s", must::version(1))}};
  CHECK(append(events, event("a"), second).value() == must::appended{2, 2});
  const auto refused = append(events, event("b"), second);
  REQUIRE_FALSE(refused.stored());
  CHECK(refused.why().actual == 2);
  CHECK(log.now().puts == 1);
}

TEST_CASE("log_store: an append that loses its position is judged again", "[storage][log]") {
  scripted_log log;
  store events(log);
  bool is_first = true;
  log.now().before = [&](const must::commit& made) {
    if (!std::exchange(is_first, false)) return;
    CHECK(log.put_directly(of_another(made.first, must::version(1))) == must::put_outcome::won);
  };
  SECTION("and stored at the next one when it may be") {
    CHECK(append(events, event("a")).value() == must::appended{2, 2});
    CHECK(ids_in(events) == std::vector<std::string>{"other-1", "a"});
    CHECK(events.version("s") == 2);
  }
  SECTION("and refused when its condition does not hold any more") {
    const auto refused = append(events, event("a"), {.query = must::query::of_tags({"t"})});
    REQUIRE_FALSE(refused.stored());
    CHECK(refused.why().actual == 1);
    CHECK(ids_in(events) == std::vector<std::string>{"other-1"});
  }
}

TEST_CASE("log_store: whatever becomes of the answer, an append is stored once", "[storage][log]") {
  for (const auto first : {fate::forgotten, fate::dropped, fate::late, fate::twice}) {
    INFO("fate " << static_cast<int>(first));
    bool is_first = true;
    scripted_log log([&](const must::commit&) { return std::exchange(is_first, false) ? first : fate::answered; });
    store events(log);
    CHECK(append(events, event("a"), {.query = must::query::all()}).value() == must::appended{1, 1});
    CHECK(append(events, event("b")).value() == must::appended{2, 2});
    log.deliver_all();
    CHECK(ids_in(events) == std::vector<std::string>{"a", "b"});
    CHECK(log.commits().size() == 2);
  }
}

TEST_CASE("log_store: a commit that is put late does not take the place of the one that was there first",
          "[storage][log]") {
  scripted_log log([](const must::commit& made) { return made.writer == "slow" ? fate::late : fate::answered; });
  store slow(log, {.writer = "slow", .timeout = must::duration(0)}), fast(log, {.writer = "fast"});
  const must::append_condition none{.query = must::query::all()};
  CHECK_THROWS_AS(append(slow, event("a"), none), must::outcome_unknown);
  CHECK(append(fast, event("b"), none).stored());
  log.deliver_all();
  CHECK(ids_in(fast) == std::vector<std::string>{"b"});
  CHECK_FALSE(append(slow, event("a"), none).stored());
}

TEST_CASE("log_store: an append whose outcome stays unknown says so, and is stored once when it is sent again",
          "[storage][log]") {
  auto now = fate::dropped;
  scripted_log log([&](const must::commit&) { return now; });
  store events(log, hasty);
  std::vector sent{event("a"), event("b")};
  for (now = fate::dropped; now != fate::answered; now = now == fate::dropped ? fate::late : fate::answered) {
    log.now().on_read = {};
    const auto why = error_of<must::outcome_unknown>([&] {
      if (now == fate::late)  // It comes when nobody asks any more.
        static_cast<void>(store(log, {.timeout = must::duration(0)}).append(std::span(sent), {}));
      else
        static_cast<void>(events.append(std::span(sent), {}));
    });
    CHECK(why.operation == "append");
    CHECK(sent == std::vector{event("a"), event("b")});  // Nothing was moved from.
  }
  log.deliver_all();
  CHECK(events.append(std::span(sent), {}).value() == must::appended{1, 2});
  CHECK(ids_in(events) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("log_store: a log that cannot be read after a lost answer leaves the outcome unknown", "[storage][log]") {
  bool is_first = true;
  scripted_log log(
      [&](const must::commit&) { return std::exchange(is_first, false) ? fate::disconnected : fate::answered; });
  store events(log);
  const auto why = error_of<must::outcome_unknown>([&] { static_cast<void>(append(events, event("a"))); });
  CHECK(why.message.find("the log is not there") != std::string::npos);
  CHECK(append(events, event("a")).value() == must::appended{1, 1});
  CHECK(log.commits().size() == 1);
}

TEST_CASE("log_store: what the log refuses is not stored, and may be sent again", "[storage][log]") {
  bool is_full = true;
  scripted_log log([&](const must::commit&) { return is_full ? fate::refused : fate::answered; });
  store events(log);
  auto sent = event("a");
  CHECK(error_of<must::storage_error>([&] { static_cast<void>(events.append(std::span(&sent, 1), {})); }).message ==
        "the log is full");
  CHECK(sent == event("a"));
  CHECK(events.head() == 0);
  is_full = false;
  CHECK(events.append(std::span(&sent, 1), {}).value() == must::appended{1, 1});
}

TEST_CASE("log_store: a log that refuses after a lost answer leaves the outcome unknown", "[storage][log]") {
  int put = 0;
  scripted_log log([&](const must::commit&) { return ++put == 1 ? fate::late : fate::refused; });
  store events(log);
  CHECK_THROWS_AS(append(events, event("a")), must::outcome_unknown);
}

TEST_CASE("log_store: an append that always loses gives up at its timeout, and has stored nothing", "[storage][log]") {
  scripted_log log;
  store events(log, hasty);
  log.now().before = [&](const must::commit& made) {
    static_cast<void>(log.put_directly(of_another(made.first, must::version(made.first))));
  };
  auto sent = event("a");
  const auto why = error_of<must::storage_error>([&] { static_cast<void>(events.append(std::span(&sent, 1), {})); });
  CHECK(why.retryable);
  CHECK(sent == event("a"));
  log.now().before = {};
  CHECK_FALSE(events.find("/test", "a"));
  CHECK(events.append(std::span(&sent, 1), {}).stored());
}

TEST_CASE("log_store: a batch is judged in order, and is one commit", "[storage][log]") {
  scripted_log log;
  store events(log);
  append(events, event("0")).value();
  auto a = event("a"), b = event("b"), c = event("c"), again = event("a"), bad = event(""), known = event("0", "other");
  std::vector pair{event("d"), event("e")};
  using must::stream_expectation;
  std::vector<must::batch_item<must::payload>> items{
      {std::span(&a, 1), {.streams = {stream_expectation::exactly("s", must::version(1))}}},
      {std::span(&b, 1), {.query = must::query::of_tags({"t"}), .after = 1}},
      {std::span(&c, 1), {.query = must::query::of_tags({"t"}), .after = 2}},
      {std::span(&again, 1), {}},
      {std::span(&bad, 1), {}},
      {std::span(&known, 1), {}},
      {std::span(pair), {.streams = {stream_expectation::exactly("s", must::version(3))}}}};
  const auto done = events.append_batch(std::span(items));
  REQUIRE(done.size() == 7);
  CHECK(done[0]->value() == must::appended{2, 2});
  CHECK(done[1]->why().actual == 2);  // It meets what the first item stores.
  CHECK(done[2]->value() == must::appended{3, 3});
  CHECK(done[3]->value() == must::appended{2, 2});
  CHECK(done[4].error().code == must::error_code::bad_input);
  CHECK(done[5].error().code == must::error_code::duplicate_id);
  CHECK(done[6]->value() == must::appended{4, 5});
  CHECK(b == event("b"));
  CHECK(log.now().puts == 2);
  CHECK(log.commits().back().appends == std::vector<std::uint32_t>{1, 1, 2});

  store opened(log);  // Each append of the batch is known by itself.
  CHECK(append(opened, event("a")).value() == must::appended{2, 2});
  pair = {event("d"), event("e")};
  CHECK(opened.append(std::span(pair), {}).value() == must::appended{4, 5});
  pair = {event("a"), event("c")};
  CHECK_THROWS_AS(opened.append(std::span(pair), {}), must::duplicate_id);
  CHECK(ids_in(opened) == std::vector<std::string>{"0", "a", "c", "d", "e"});
}

TEST_CASE("log_store: a batch that stores nothing puts nothing", "[storage][log]") {
  scripted_log log;
  store events(log);
  append(events, event("a")).value();
  auto again = event("a"), late = event("b");
  std::vector<must::batch_item<must::payload>> items{{std::span(&again, 1), {}},
                                                     {std::span(&late, 1), {.query = must::query::all()}}};
  const auto done = events.append_batch(std::span(items));
  CHECK(done[0]->value() == must::appended{1, 1});
  CHECK_FALSE(done[1]->stored());
  CHECK(events.append_batch({}).empty());
  CHECK(log.now().puts == 1);
}

TEST_CASE("log_store: commits have an id of their own, the name of their writer, and rising times", "[storage][log]") {
  must::testing::fixed_clock late("2026-01-02T00:00:00Z"), early("2026-01-01T00:00:00Z");
  must::testing::counting_ids ids;
  scripted_log log;
  store one(log, {.writer = "one"}, {.clock = &late, .ids = &ids}), two(log, {}, {.clock = &early, .ids = &ids});
  append(one, event("a")).value();
  append(two, event("b")).value();
  const auto commits = log.commits();
  CHECK(commits[0].writer == "one");
  CHECK(commits[1].writer.size() == 36);
  CHECK(commits[0].id.size() == 36);
  CHECK(commits[0].id != commits[1].id);
  CHECK(commits[1].time == commits[0].time);
  static_cast<void>(
      one.read(must::query::all(), {}, [&](const auto& record) { CHECK(record.recorded_at == commits[0].time); }));
}

TEST_CASE("log_store: checks an append against the limits of its log", "[storage][log]") {
  must::log_store<plain_log> events{plain_log()};
  CHECK(events.limits().payload_bytes == 3);
  CHECK(append(events, event("a", "s", "123")).stored());
  const std::string longest(600, 's');
  CHECK(append(events, event("c", longest, "")).stored());
  CHECK(events.version(longest) == must::version(1));
  CHECK(error_of<must::bad_input>([&] { static_cast<void>(append(events, event("b", "s", "1234"))); }).field == "data");
  CHECK_THROWS_AS(must::log_store<plain_log>(plain_log(), {}, {.source = ""}), must::bad_input);
}

TEST_CASE("log_store: stores on one log have its history, and cells, and wake each other", "[storage][log]") {
  const log_in_memory log;
  in_memory one(log), two(log), other{log_in_memory()};
  CHECK(one.history() == two.history());
  CHECK(one.history() != other.history());
  CHECK(one.put("key", "bytes", 0));
  CHECK(two.get("key") == must::cell{"bytes", 1});
  CHECK_FALSE(two.wait_for(1, must::duration(1'000)));
  append(one, event("a")).value();
  CHECK(two.wait_for(1, must::duration(60'000'000)));
}

TEST_CASE("log_store: opening tells how far the log is read, and ends when it is told to", "[storage][log]") {
  const log_in_memory log;
  std::vector<must::position> told;
  const auto tell = [&](must::position at) { told.push_back(at); };
  in_memory events(log, {}, {}, tell);
  CHECK(told == std::vector<must::position>{0});
  for (int n = 0; n < 14; ++n) {
    std::vector<must::cloud_event> many;
    for (int i = 0; i < 10'000; ++i) many.push_back(event(std::to_string(10'000 * n + i)));
    events.append(std::span(many), {}).value();
  }
  told.clear();
  in_memory again(log, {}, {}, tell);
  CHECK(told == std::vector<must::position>{70'000, 140'000});
  CHECK(again.version("s") == 140'000);
  CHECK_THROWS_AS(in_memory(log, {}, {}, [](must::position) { throw std::runtime_error("enough"); }),
                  std::runtime_error);
}

TEST_CASE("log_store: reads back by place, in runs, what the cache has not", "[storage][log]") {
  placed_log log;
  must::log_store<placed_log> events(log, {.cache_bytes = 0});
  for (int i = 0; i < 1'000; ++i) append(events, event(std::to_string(i), "s" + std::to_string(i % 2))).value();
  const auto reads = log.now().reads;
  CHECK(ids_in(events).size() == 1'000);
  CHECK(log.now().fetches <= 6);  // 16, 64, 256 and then up to 1,024 commits at once.
  CHECK(log.now().reads == reads + 1);
  std::vector<must::position> backwards;
  static_cast<void>(events.read(must::query{{.stream = "s1"}}, {.order = must::direction::backwards},
                                [&](const auto& one) { backwards.push_back(one.position); }));
  REQUIRE(backwards.size() == 500);
  for (std::size_t i = 0; i < backwards.size(); ++i) CHECK(backwards[i] == 1'000 - 2 * i);
  CHECK(events.find("/test", "500")->position == 501);
}

TEST_CASE("log_store: what was appended or read last is not read back", "[storage][log]") {
  placed_log log;
  must::log_store<placed_log> events(log);
  for (int i = 0; i < 100; ++i) append(events, event(std::to_string(i))).value();
  CHECK(ids_in(events).size() == 100);
  CHECK(log.now().fetches == 0);
  must::log_store<placed_log> opened(log);
  CHECK(ids_in(opened).size() == 100);
  const auto fetches = log.now().fetches;
  CHECK(fetches > 0);
  CHECK(ids_in(opened).size() == 100);
  CHECK(log.now().fetches == fetches);
}

TEST_CASE("log_store: a read takes no more at once than its bytes", "[storage][log]") {
  placed_log log;
  must::log_store<placed_log> events(log, {.cache_bytes = 0, .page_bytes = 10'000});
  for (int i = 0; i < 64; ++i) append(events, event(std::to_string(i), "s", std::string(5'000, 'x'))).value();
  CHECK(ids_in(events).size() == 64);
  CHECK(log.now().fetches == 32);  // Two commits of 5,000 bytes and their names are 10,000 bytes.
}

TEST_CASE("log_store: damage is told with its position, and nothing damaged is handed out", "[storage][log]") {
  scripted_log log;
  {
    store events(log);
    for (int i = 1; i <= 20; ++i) append(events, event(std::to_string(i))).value();
  }
  const auto damage_7 = [](const auto& how) {
    return [how](must::commit& one) {
      if (one.first == 7) how(one);
    };
  };
  const auto flip = [](must::commit& one) { one.events[0].data = must::payload("text/plain", "m"); };
  const auto other = [](must::commit& one) {
    one.writer = "somebody else";
    one.crc = must::crc_of(one);
  };
  SECTION("when the log is opened") {
    log.now().on_read = damage_7(flip);
    CHECK(error_of<must::storage_error>([&] { store events(log); }).position == 7);
  }
  SECTION("when the log has a gap") {
    log.now().on_read = damage_7([](must::commit& one) {
      ++one.first;
      one.crc = must::crc_of(one);
    });
    CHECK(error_of<must::storage_error>([&] { store events(log); }).position == 8);
  }
  SECTION("when a version does not follow") {
    log.now().on_read = damage_7([](must::commit& one) {
      one.events[0].version = must::version(6);
      one.crc = must::crc_of(one);
    });
    CHECK(error_of<must::storage_error>([&] { store events(log); }).position == 7);
  }
  SECTION("when it is read back") {
    store events(log, {.cache_bytes = 0});
    for (const auto& how : {damage_7(flip), damage_7(flip)}) {
      log.now().on_read = how;
      std::vector<must::position> seen;
      CHECK(error_of<must::storage_error>([&] {
              static_cast<void>(events.read(must::query::all(), {.order = must::direction::backwards, .limit = 16},
                                            [&](const auto& one) { seen.push_back(one.position); }));
            }).position == 7);
      CHECK(error_of<must::storage_error>([&] { static_cast<void>(events.find("/test", "7")); }).position == 7);
      CHECK(events.find("/test", "6"));
    }
    log.now().on_read = damage_7(other);
    CHECK(error_of<must::storage_error>([&] { static_cast<void>(events.find("/test", "7")); }).position == 7);
  }
}

TEST_CASE("log_store: a commit that is gone is told with its position", "[storage][log]") {
  scripted_log log;
  store events(log, {.cache_bytes = 0});
  append(events, event("a")).value();
  append(events, event("b")).value();
  log.now().on_read = [](must::commit& one) { one = of_another(2, must::version(2)); };
  CHECK(error_of<must::storage_error>([&] { static_cast<void>(events.find("/test", "b")); }).position == 2);
  CHECK(error_of<must::storage_error>([&] { static_cast<void>(events.find("/test", "a")); }).position == 1);
}
