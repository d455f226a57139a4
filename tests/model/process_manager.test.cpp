// SPDX-License-Identifier: MIT
#include "must/model/process_manager.hpp"

#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

namespace {

struct Requested {
  static constexpr auto type = "requested";
  std::string transfer, from, to;
  int amount;
};
struct Withdrawn {
  static constexpr auto type = "withdrawn";
  std::string transfer, account;
  int amount;
  [[nodiscard]] std::string stream() const { return account; }
};
struct Deposited {
  static constexpr auto type = "deposited";
  std::string transfer, account;
  int amount;
  [[nodiscard]] std::string stream() const { return account; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Requested, transfer, from, to, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Withdrawn, transfer, account, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, transfer, account, amount)

struct Account {
  using events = must::events<Withdrawn, Deposited>;
  int balance = 0;
  void apply(const Withdrawn& event) { balance -= event.amount; }
  void apply(const Deposited& event) { balance += event.amount; }
};

struct Withdraw {
  std::string transfer, account;
  int amount;
  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const { must::ensure(state.balance >= amount, "too little money"); }
  Withdrawn be_translated_to_events() const { return {transfer, account, amount}; }
};
struct Deposit {
  std::string transfer, account;
  int amount;
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(account != "closed", "the account is closed"); }
  Deposited be_translated_to_events() const { return {transfer, account, amount}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Withdraw, transfer, account, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposit, transfer, account, amount)

// Gives the money back when it cannot be deposited, or when the deposit takes longer than an hour.
struct Transfer {
  using events = must::events<Requested, Withdrawn, Deposited>;
  using starts = must::events<Requested>;
  using ends = must::events<Deposited>;
  using commands = must::commands<Withdraw, Deposit>;
  Requested wanted{};

  static std::string key_of(const auto& event) { return event.transfer; }
  void apply(const Requested& event) { wanted = event; }
  void apply(const Withdrawn&) {}
  void apply(const Deposited&) {}

  auto react(const Requested& event) const {
    return std::tuple(Withdraw{event.transfer, event.from, event.amount},
                      must::process_deadline{"slow", std::chrono::hours(1)});
  }
  auto react(const Withdrawn& event) const { return Deposit{event.transfer, wanted.to, event.amount}; }
  auto react(const Deposited&) const { return std::tuple(); }
  auto refused(const Withdraw&, const must::error&) const { return must::end_process{}; }
  auto refused(const Deposit&, const must::error&) const {
    return Deposit{wanted.transfer, wanted.from, wanted.amount};
  }
};

const must::subscription_options quick{.save_interval = must::duration(1'000), .lease = must::duration(2'000)};

template <typename Store>
int balance(Store& store, const char* account) {
  return must::load(store, must::stream<Account>(account)).state.balance;
}
template <typename Manager, typename Store>
void settle(Manager& manager, Store& store) {
  while (manager.run_once() < store.head()) {}
}
template <typename Store>
std::map<std::string, int> count_types(Store& store) {
  std::map<std::string, int> counts;
  for (const auto& event : must::events_in(store, must::query::all())) ++counts[event.type];
  return counts;
}

}  // namespace

TEST_CASE("process_manager: commands follow from events until the process ends", "[model]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "b", 30});
  auto transfers = must::process_manager<Transfer>(store, "transfers", quick);
  settle(transfers, store);
  CHECK(balance(store, "a") == 70);
  CHECK(balance(store, "b") == 30);

  must::append(store, Withdrawn{"t1", "b", 1});  // the process is over: nothing follows
  const auto before = count_types(store);
  settle(transfers, store);
  CHECK(count_types(store) == before);
}

TEST_CASE("process_manager: a refused command goes to the process, with rule and reason", "[model]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "closed", 30}, Requested{"t2", "a", "b", 500});
  auto transfers = must::process_manager<Transfer>(store, "transfers", quick);
  settle(transfers, store);
  CHECK(balance(store, "a") == 100);
  CHECK(balance(store, "b") == 0);
  std::map<std::string, std::string> why;
  for (const auto& event : must::events_in(store, must::query::of_types({must::process_outcome::type})))
    event.visit<must::process_outcome>([&](const auto& what) {
      if (!what.refused.empty()) why[what.key] = what.rule + ": " + what.refused;
    });
  CHECK(why == std::map<std::string, std::string>{{"t1", "be_valid: the account is closed"},
                                                  {"t2", "be_valid: too little money"}});
}

TEST_CASE("process_manager: an event that starts nothing, or of no key, does not concern it", "[model]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 100}, Withdrawn{"unknown", "a", 1});
  auto transfers = must::process_manager<Transfer>(store, "transfers", quick);
  settle(transfers, store);
  CHECK(store.head() == 2);
}

TEST_CASE("process_manager: causation and correlation are recorded", "[model]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "b", 30});
  auto transfers = must::process_manager<Transfer>(store, "transfers", quick);
  settle(transfers, store);
  const auto all = must::events_in(store, must::query::all());
  const auto text = [](const auto& event, std::string_view name) {
    const auto found = event.extensions.find(name);
    return found == event.extensions.end() ? std::string() : std::get<std::string>(found->second);
  };
  const auto& request = all[1];
  std::string last = request.id;
  for (const auto& event : all) {
    if (event.position < 3) continue;
    CHECK(text(event, "correlationid") == request.id);
    if (event.type == Withdrawn::type) {
      CHECK(text(event, "causationid") == request.id);
      last = event.id;
    }
    if (event.type == Deposited::type) CHECK(text(event, "causationid") == last);
  }
}

TEST_CASE("process_manager: two managers, instances, and commands of one event share no id", "[model]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "b", 10}, Requested{"t2", "a", "b", 10});
  auto one = must::process_manager<Transfer>(store, "one", quick);
  auto two = must::process_manager<Transfer>(store, "two", quick);
  for (int i = 0; i < 4; ++i) {
    one.run_once();
    two.run_once();
  }
  CHECK(count_types(store)[Withdrawn::type] == 4);
  std::set<std::string> ids;
  const auto all = must::events_in(store, must::query::all());
  for (const auto& event : all) ids.insert(event.id);
  CHECK(ids.size() == all.size());
}

namespace {

// Sells until the deadline, which can be moved and cancelled.
struct Bid {
  static constexpr auto type = "bid";
  std::string lot;
  int amount;
};
struct Sold {
  static constexpr auto type = "sold";
  std::string lot;
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Bid, lot, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sold, lot, amount)
struct Sell {
  std::string lot;
  int amount;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Sold be_translated_to_events() const { return {lot, amount}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sell, lot, amount)
struct Auction {
  using events = must::events<Bid, Sold>;
  using starts = must::events<Bid>;
  using ends = must::events<Sold>;
  using commands = must::commands<Sell>;
  std::string lot;
  int highest = 0;

  static std::string key_of(const auto& event) { return event.lot; }
  void apply(const Bid& event) { lot = event.lot, highest = event.amount; }
  void apply(const Sold&) {}
  std::variant<must::process_deadline, must::cancel_deadline> react(const Bid& event) const {
    if (event.amount == 0) return must::cancel_deadline{"hammer"};
    if (event.amount < 0) return must::process_deadline{"hammer", std::chrono::hours::max()};
    return must::process_deadline{"hammer", std::chrono::minutes(10)};
  }
  auto react(const Sold&) const { return std::tuple(); }
  auto on_deadline(std::string_view) const { return Sell{lot, highest}; }
};

}  // namespace

TEST_CASE("process_manager: a deadline fires once, unless it is set anew or cancelled", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  auto auctions = must::process_manager<Auction>(store, "auctions", quick);
  must::append(store, Bid{"vase", 5}, Bid{"withdrawn", 7});
  settle(auctions, store);
  clock.advance(std::chrono::minutes(9));
  must::append(store, Bid{"vase", 6}, Bid{"withdrawn", 0});
  settle(auctions, store);
  clock.advance(std::chrono::minutes(9));
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 0);
  clock.advance(std::chrono::minutes(2));

  SECTION("by the same manager") { settle(auctions, store); }
  SECTION("by one that starts after it has passed") {
    auto other = must::process_manager<Auction>(store, "auctions", quick);
    settle(other, store);
  }
  const auto sold = must::events_in(store, must::query::of_types({Sold::type}));
  REQUIRE(sold.size() == 1);
  CHECK(sold[0].as<Sold>()->lot == "vase");
  CHECK(sold[0].as<Sold>()->amount == 6);
  clock.advance(std::chrono::hours(10));
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 1);
}

TEST_CASE("process_manager: a deadline is kept to the microsecond", "[model]") {
  must::testing::fixed_clock clock("2026-01-01T00:00:00.9Z");
  must::memory_store<> store({.clock = &clock});
  auto auctions = must::process_manager<Auction>(store, "auctions", quick);
  must::append(store, Bid{"vase", 5});
  settle(auctions, store);
  clock.advance(must::duration{600'000'000 - 1});
  auto other = must::process_manager<Auction>(store, "auctions", quick);  // knows what is stored
  settle(other, store);
  CHECK(count_types(store)["sold"] == 0);
  clock.advance(must::duration{1});
  settle(other, store);
  CHECK(count_types(store)["sold"] == 1);
}

TEST_CASE("process_manager: a deadline beyond every clock is one in a century", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  auto auctions = must::process_manager<Auction>(store, "auctions", quick);
  must::append(store, Bid{"vase", -1});
  settle(auctions, store);
  clock.advance(std::chrono::hours(24 * 365 * 100 - 1));
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 0);
  clock.advance(std::chrono::hours(1));
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 1);
}

namespace {

// Counts the events that its reads visit.
struct counting_store : must::kit::decorator<must::memory_store<>> {
  using decorator::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return storage().append(events, condition);
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    return storage().read(which, options, [&](const auto& record) {
      ++visited;
      return visitor(record);
    });
  }
  int visited = 0;
};

}  // namespace

TEST_CASE("process_manager: what a start costs does not grow with the processes that have ended", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  auto auctions = must::process_manager<Auction>(store, "auctions", quick);
  for (int i = 0; i < 600; ++i) must::append(store, Bid{"lot" + std::to_string(i), 1});
  settle(auctions, store);
  clock.advance(std::chrono::minutes(11));
  must::append(store, Bid{"late", 5});
  settle(auctions, store);  // 601 decisions to wait, 600 to sell, 600 to end
  CHECK(count_types(store)["sold"] == 600);

  for (const bool known : {true, false}) {
    if (!known)
      REQUIRE(store.put("must/process/auctions/deadlines", "nonsense",
                        store.get("must/process/auctions/deadlines")->revision));
    counting_store counting(store);
    auto again = must::process_manager<Auction>(counting, "auctions", quick);
    again.run_once();
    CHECK((counting.visited < 600) == known);
  }
  clock.advance(std::chrono::minutes(11));
  auto last = must::process_manager<Auction>(store, "auctions", quick);
  settle(last, store);
  CHECK(count_types(store)["sold"] == 601);
}

TEST_CASE("process_manager: a crash while deadlines fire runs each of their commands once", "[model]") {
  bool crashed = true;
  for (int at = 1; crashed; ++at) {
    crashed = false;
    for (const bool stored : {false, true}) {
      INFO("write " << at << (stored ? ", stored" : ", not stored"));
      must::testing::fixed_clock clock;
      must::memory_store<> store({.clock = &clock});
      must::append(store, Bid{"vase", 5}, Bid{"cup", 6});
      auto first = must::process_manager<Auction>(store, "auctions", quick);
      settle(first, store);
      clock.advance(std::chrono::minutes(11));
      must::testing::crashing_store failing(store);
      failing.crash_at(at, stored);
      try {
        auto auctions = must::process_manager<Auction>(failing, "auctions", quick);
        settle(auctions, failing);
      } catch (const must::testing::crashed&) {
        crashed = true;
      } catch (const must::exception&) {
        crashed = true;  // a lease that the crash let run out
      }
      auto again = must::process_manager<Auction>(store, "auctions", quick);
      settle(again, store);
      CHECK(count_types(store)["sold"] == 2);
      CHECK(count_types(store)[must::process_outcome::type] == 2);
    }
    REQUIRE(at < 100);
  }
}

TEST_CASE("process_manager: live, events and deadlines are followed as they come", "[model][race]") {
  must::memory_store<> store;
  must::append(store, Deposited{"", "a", 1'000});
  auto transfers = must::process_manager<Transfer>(store, "transfers", quick);
  std::jthread follows([&](const std::stop_token& stop) { transfers.run(stop); });
  std::jthread other([&] {
    for (int i = 0; i < 50; ++i) must::append(store, Requested{"x" + std::to_string(i), "a", "b", 1});
  });
  for (int i = 0; i < 50; ++i) must::append(store, Requested{"y" + std::to_string(i), "a", "b", 1});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (balance(store, "b") < 100 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(balance(store, "b") == 100);
  CHECK(balance(store, "a") == 900);
}

TEST_CASE("process_manager: a crash at any write runs no command twice and no compensation beside it", "[model]") {
  bool crashed = true;
  for (int at = 1; crashed; ++at) {
    crashed = false;
    for (const bool stored : {false, true}) {
      must::memory_store<> store;
      must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "b", 30}, Requested{"t2", "a", "closed", 20},
                   Requested{"t3", "a", "b", 500});
      must::testing::crashing_store failing(store);
      failing.crash_at(at, stored);
      try {
        auto transfers = must::process_manager<Transfer>(failing, "transfers", quick);
        settle(transfers, failing);
      } catch (const must::testing::crashed&) {
        crashed = true;
      } catch (const must::exception&) {
        crashed = true;  // a lease that the crash let run out
      }
      auto again = must::process_manager<Transfer>(store, "transfers", quick);
      settle(again, store);
      INFO("write " << at << (stored ? ", stored" : ", not stored"));
      CHECK(balance(store, "a") == 70);
      CHECK(balance(store, "b") == 30);
      auto counts = count_types(store);
      CHECK(counts[Withdrawn::type] == 2);
      CHECK(counts[Deposited::type] == 3);  // the first, that of t1, and the money of t2 on its way back
      CHECK(counts[must::process_outcome::type] == 6);
    }
    REQUIRE(at < 200);
  }
}

namespace {

// Transfer, in a version that has forgotten how to withdraw.
struct OnlyDeposits {
  using events = must::events<Requested, Withdrawn, Deposited>;
  using starts = must::events<Requested>;
  using commands = must::commands<Deposit>;
  static std::string key_of(const auto& event) { return event.transfer; }
  void apply(const auto&) {}
  auto react(const auto&) const { return std::tuple(); }
};

}  // namespace

TEST_CASE("process_manager: a command that was decided on, and that it has no more, ends the run", "[model]") {
  for (int at = 1;; ++at) {
    REQUIRE(at < 100);
    must::memory_store<> store;
    must::append(store, Deposited{"", "a", 100}, Requested{"t1", "a", "b", 30});
    must::testing::crashing_store failing(store);
    failing.crash_at(at, true);
    try {
      auto transfers = must::process_manager<Transfer>(failing, "transfers", quick);
      settle(transfers, failing);
    } catch (const must::testing::crashed&) {}
    auto counts = count_types(store);
    if (counts[must::process_decided::type] == 0 || counts[Withdrawn::type] != 0) continue;

    auto later = must::process_manager<OnlyDeposits>(store, "transfers", quick);
    try {
      settle(later, store);
      FAIL("the command was passed over");
    } catch (const must::codec_error& why) {
      CHECK(why.error().type == "Withdraw");
      CHECK(why.error().message.find("\"transfers\"") != std::string::npos);
    }
    CHECK(balance(store, "a") == 100);
    auto again = must::process_manager<Transfer>(store, "transfers", quick);
    settle(again, store);
    CHECK(balance(store, "b") == 30);
    break;
  }
}

TEST_CASE("process_manager: deadlines that were kept of another history are forgotten", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  REQUIRE(store.put("must/process/auctions/deadlines",
                    R"({"position":"1000","id":"elsewhere","deadlines":["ghost","decided/1","close","1",""]})", 0));
  must::append(store, Bid{"vase", 5});
  auto auctions = must::process_manager<Auction>(store, "auctions", quick);
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 0);
  clock.advance(std::chrono::minutes(11));
  settle(auctions, store);
  CHECK(count_types(store)["sold"] == 1);
}

TEST_CASE("process_manager: names and options out of range are refused", "[model]") {
  must::memory_store<> store;
  const auto field_of = [](auto&& make) {
    try {
      make();
    } catch (const must::bad_input& why) {
      return why.error().field.str();
    }
    return std::string("none");
  };
  CHECK(field_of([&] { static_cast<void>(must::process_manager<Transfer>(store, "")); }) == "name");
  CHECK(field_of([&] { static_cast<void>(must::process_manager<Transfer>(store, std::string(201, 'x'))); }) == "name");
  CHECK(field_of([&] {
          static_cast<void>(must::process_manager<Transfer>(store, "x", must::subscription_options{.lanes = 2}));
        }) == "lanes");
}

TEST_CASE("process_events: a decision and an outcome come back as they were encoded", "[model]") {
  must::process_decided decided{.manager = "m\"1", .key = "k\n", .trigger = "t", .position = 7};
  decided.commands = {{"A", must::payload("application/json", "{\"a\":\"\\u0000\"}")},
                      {"B", must::payload("application/octet-stream", std::string("\xFF\x00z", 3))},
                      {"C", must::payload::null("application/json")}};
  decided.deadlines = {{"late", must::timestamp{1'000'000}}};
  decided.cancelled = {"x", "y"};
  decided.ended = true;
  using codec = must::codec<must::process_decided>;
  CHECK(codec::decode(codec::encode(decided)) == decided);

  const must::process_outcome outcome{"m", "k", "d", 3, "no, \"never\"", "be_valid"};
  CHECK(must::codec<must::process_outcome>::decode(must::codec<must::process_outcome>::encode(outcome)) == outcome);

  for (const auto* bad :
       {"", "[]", "{", "{\"manager\":1}", "{\"commands\":[1]}", "nonsense",
        R"({"commands":["A","application/json","text"]})", R"({"commands":["A","application/json","base64","?"]})",
        R"({"commands":["A","application/json","zip",""]})", R"({"deadlines":["a"]})", R"({"deadlines":["a","soon"]})",
        R"({"position":"-1"})", R"({"position":"1x"})"})
    CHECK_THROWS_AS(codec::decode(must::payload("application/json", bad)), must::codec_error);
}
