// SPDX-License-Identifier: MIT
// What commands depend on: boundaries, the states folded from them, and the conditions that follow.
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "stores/scripted_store.hpp"
#include "support/catch.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

struct Opened {
  std::string stream;
  friend bool operator==(const Opened&, const Opened&) = default;
};
struct Deposited {
  std::string stream;
  int amount = 0;
  std::vector<std::string> tags{};
  friend bool operator==(const Deposited&, const Deposited&) = default;
};
struct Noted {
  std::string text;
  std::vector<std::string> tags{};
  friend bool operator==(const Noted&, const Noted&) = default;
};
struct Result {
  std::vector<int> seen;
  friend bool operator==(const Result&, const Result&) = default;
};
using bank = must::memory_store<Opened, Deposited, Noted, Result>;

struct Account {
  using events = must::events<Opened, Deposited>;
  bool open = false;
  int balance = 0;
  int applied = 0;
  void apply(const Opened&) {
    open = true;
    ++applied;
  }
  void apply(const Deposited& deposited) {
    balance += deposited.amount;
    ++applied;
  }
};
struct From : Account {};
struct To : Account {};
struct Deposits {
  using events = must::events<Deposited>;
  int count = 0;
  void apply(Deposited) { ++count; }  // by value
};
struct Everything {
  using events = must::events<Opened, Deposited, Noted>;
  std::vector<std::string> names{};
  template <typename E>
  void apply(const E&) {
    names.emplace_back(std::string_view(must::event_type<E>()));
  }
};

// A command that depends on what the test says, and whose rules are the test's.
template <typename Depend, typename Decide>
struct Ask {
  Depend depend;
  Decide decide;
  auto depends_on() const { return depend(); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events(const auto&... states) const { return decide(states...); }
};
template <typename Depend, typename Decide>
Ask(Depend, Decide) -> Ask<Depend, Decide>;

// What the states look like, as the event that tells it.
template <typename Store, typename Depend, typename Look>
std::vector<int> ask(Store& store, Depend depend, Look look) {
  const Ask command{depend, [&](const auto&... states) { return Result{look(states...)}; }};
  return must::process_command(command, store).events.front().seen;
}

}  // namespace

TEST_CASE("decision: stream is the state of one stream, and guards all of its events", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Deposited{"a", 5}, Deposited{"b", 7}, Noted{"x"}, Deposited{"a", 6});
  const auto seen = ask(
      store, [] { return must::stream<Account>("a"); },
      [](const Account& a) { return std::vector{a.balance, a.applied, int{a.open}}; });
  CHECK(seen == std::vector{11, 3, 1});
  CHECK(ask(
            store, [] { return must::stream<Account>("c"); },
            [](const Account& c) { return std::vector{c.applied}; }) == std::vector{0});

  // An event of the stream that Deposits does not name is a conflict all the same.
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) must::append(store, Opened{"a"});
    return {};
  };
  const auto done = must::process_command(
      Ask{[] { return must::stream<Deposits>("a"); }, [](const Deposits& d) { return Noted{std::to_string(d.count)}; }},
      scripted);
  CHECK(done.attempts == 2);
  CHECK(done.events.front().text == "2");
}

TEST_CASE("decision: tagged is the state of the events of its types that have all of the tags", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 1, {"x"}}, Deposited{"b", 2, {"x", "y"}}, Noted{"n", {"x", "y"}},
               Deposited{"c", 4, {"y"}});
  const auto balance = [](const Account& a) { return std::vector{a.balance}; };
  CHECK(ask(store, [] { return must::tagged<Account>("x"); }, balance) == std::vector{3});
  CHECK(ask(store, [] { return must::tagged<Account>("y", std::string("x")); }, balance) == std::vector{2});
  CHECK(ask(store, [] { return must::tagged<Account>(std::string_view("z")); }, balance) == std::vector{0});

  // An event with the tags, but of a type that the state does not name, is no conflict.
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) must::append(store, Noted{"other", {"x"}});
    if (number == 2) FAIL("tried again");
    return {};
  };
  const Ask command{[] { return must::tagged<Account>("x"); }, [](const Account&) { return Noted{"done"}; }};
  CHECK(must::process_command(command, scripted).attempts == 1);
}

TEST_CASE("decision: an event that lies in several boundaries reaches each of their states, once", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Deposited{"a", 5, {"t"}}, Deposited{"b", 7, {"t"}}, Noted{"n", {"t"}});
  const auto seen = ask(
      store,
      [] {
        return must::all_of(must::stream<Account>("a"), must::tagged<Deposits>("t"), must::tagged<Everything>("t"),
                            must::stream<Account>("a"), must::stream<Account>("b"));
      },
      [](const Account& a, const Deposits& t, const Everything& all, const Account& again, const Account& b) {
        CHECK(all.names == std::vector<std::string>{"Deposited", "Deposited", "Noted"});
        return std::vector{a.balance, t.count, again.balance, b.balance, a.applied};
      });
  CHECK(seen == std::vector{5, 2, 5, 7, 2});
}

TEST_CASE("decision: two states of one type are told apart by place, or by a name of their own", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 1}, Deposited{"b", 2});
  CHECK(ask(
            store, [] { return must::all_of(must::stream<From>("a"), must::stream<To>("b")); },
            [](const From& from, const To& to) { return std::vector{from.balance, to.balance}; }) == std::vector{1, 2});
  CHECK(ask(
            store, [] { return must::all_of(must::stream<Account>("b"), must::stream<Account>("a")); },
            [](const Account& first, const Account& second) { return std::vector{first.balance, second.balance}; }) ==
        std::vector{2, 1});
}

TEST_CASE("decision: all_of nests, and the states come in order", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 1}, Deposited{"b", 2}, Deposited{"c", 3}, Deposited{"d", 4});
  const auto seen = ask(
      store,
      [] {
        return must::all_of(must::stream<Account>("d"),
                            must::all_of(must::stream<From>("a"), must::all_of(must::stream<To>("b")), must::all_of()),
                            must::stream<Deposits>("c"));
      },
      [](const Account& d, const From& a, const To& b, const Deposits& c) {
        return std::vector{d.balance, a.balance, b.balance, c.count};
      });
  CHECK(seen == std::vector{4, 1, 2, 1});
}

TEST_CASE("decision: each gives a vector of states, one for each name or dependency", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 1, {"x"}}, Deposited{"b", 2, {"x"}}, Deposited{"a", 3, {"y"}});
  const auto balances = [](const std::vector<Account>& all) {
    std::vector<int> found;
    for (const auto& one : all) found.push_back(one.balance);
    return found;
  };
  const std::vector<std::string> names{"b", "nobody", "a", "b"};
  CHECK(ask(store, [&] { return must::each<Account>(names); }, balances) == std::vector{2, 0, 4, 2});
  const std::vector<must::dependency<Account>> boundaries{must::tagged<Account>("x"), must::stream<Account>("a")};
  CHECK(ask(store, [&] { return must::each<Account>(boundaries); }, balances) == std::vector{3, 4});
  CHECK(ask(store, [] { return must::each<Account>(std::vector<std::string_view>{}); }, balances).empty());
  const char* literals[] = {"a"};
  CHECK(ask(store, [&] { return must::each<Account>(literals); }, balances) == std::vector{4});
  CHECK(ask(
            store, [&] { return must::all_of(must::each<Account>(names), must::stream<Deposits>("a")); },
            [](const std::vector<Account>& all, const Deposits& a) {
              return std::vector{static_cast<int>(all.size()), a.count};
            }) == std::vector{4, 2});
}

TEST_CASE("decision: each guards all of its streams", "[core]") {
  bank store;
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) must::append(store, Deposited{"b", 1});
    return {};
  };
  const Ask command{[] { return must::each<Account>(std::vector{"a", "b"}); },
                    [](const std::vector<Account>& all) { return Noted{std::to_string(all[1].balance)}; }};
  const auto done = must::process_command(command, scripted);
  CHECK(done.attempts == 2);
  CHECK(done.events.front().text == "1");
}

TEST_CASE("decision: a dependency may be optional; the rules then get an optional state", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 3});
  const auto balance = [](const std::optional<Account>& a) { return std::vector{a ? a->balance : -1}; };
  const auto depends = [](bool on) {
    return [on] { return on ? std::optional(must::stream<Account>("a")) : std::nullopt; };
  };
  CHECK(ask(store, depends(true), balance) == std::vector{3});
  CHECK(ask(store, depends(false), balance) == std::vector{-1});
  CHECK(ask(
            store, [&] { return must::all_of(depends(false)(), must::stream<Deposits>("a"), depends(true)()); },
            [](const std::optional<Account>& no, const Deposits& d, const std::optional<Account>& yes) {
              return std::vector{int{no.has_value()}, d.count, yes->balance};
            }) == std::vector{0, 1, 3});
}

TEST_CASE("decision: nothing is read for a command that depends on nothing, and nothing is guarded", "[core]") {
  bank store;
  must_test::scripted_store scripted(store);
  struct Free {
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Noted be_translated_to_events() const { return {"n"}; }
  };
  must::process_command(Free{}, scripted);
  must::process_command(Ask{[] { return must::all_of(); }, [] { return Noted{"n"}; }}, scripted);
  CHECK(scripted.reads.empty());
  for (const auto& call : scripted.appends) {
    CHECK(call.condition.query.is_none());
    CHECK(call.condition.streams.empty());
  }
}

TEST_CASE("decision: all states of a command come from one read", "[core]") {
  bank store;
  must_test::scripted_store scripted(store);
  const Ask command{[] {
                      return must::all_of(must::stream<Account>("a"), must::tagged<Deposits>("t"),
                                          must::each<Account>(std::vector{"b", "c"}));
                    },
                    [](const auto&...) { return Noted{"n"}; }};
  must::process_command(command, scripted);
  CHECK(scripted.reads.size() == 1);
  CHECK(scripted.appends.front().condition.query.items().size() == 4);
}

TEST_CASE("decision: states are kept between attempts, and each event is applied once", "[core]") {
  bank store;
  must::append(store, Deposited{"a", 1}, Deposited{"a", 1}, Deposited{"b", 1});
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number <= 3) must::append(store, Deposited{"a", 10}, Deposited{"b", 1});
    return {};
  };
  int calls = 0;
  const Ask command{[] { return must::stream<Account>("a"); },
                    [&](const Account& a) {
                      ++calls;
                      CHECK(a.applied == 1 + calls);
                      return Result{{a.balance, a.applied}};
                    }};
  const auto done = must::process_command(command, scripted);
  CHECK(done.attempts == 4);
  CHECK(calls == 4);
  CHECK(done.events.front().seen == std::vector{32, 5});
  REQUIRE(scripted.reads.size() == 4);
  CHECK(scripted.reads[0].after == 0);
  CHECK(scripted.reads[1].after == 3);
  CHECK(scripted.reads[3].after == 7);
}

TEST_CASE("decision: at_version is checked after the fold and at the append", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Deposited{"a", 1}, Opened{"b"});
  int calls = 0;
  const auto decide = [&calls](const Account& account) {
    ++calls;
    return Noted{std::to_string(account.applied)};
  };
  const auto at = [&](must::version version, std::string stream = "a") {
    const auto depend = [=] { return must::stream<Account>(stream).at_version(version); };
    return Ask<decltype(depend), decltype(decide)>{depend, decide};
  };
  CHECK(must::process_command(at(0, "new"), store).events.front().text == "0");
  CHECK(calls == 1);

  const auto none = must::try_process_command(at(0), store);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == must::error_code::version_conflict);
  CHECK(none.error().stream == "a");
  CHECK(none.error().expected == 0U);
  CHECK(none.error().actual == 2U);
  CHECK(must::try_process_command(at(1), store).error().actual == 2U);
  CHECK(must::try_process_command(at(3), store).error().expected == 3U);
  CHECK(must::try_process_command(at(1, "nobody"), store).error().actual == 0U);
  CHECK_THROWS_AS(must::process_command(at(1), store), must::version_conflict);
  CHECK(calls == 1);

  // Between the fold and the append: never tried again.
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t) -> std::optional<must::append_result> {
    must::append(store, Deposited{"a", 1});
    return {};
  };
  const auto head = store.head();
  const auto late = must::try_process_command(at(2), scripted);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == must::error_code::version_conflict);
  CHECK(late.error().expected == 2U);
  CHECK(late.error().actual == 3U);
  CHECK(scripted.appends.size() == 1);
  CHECK(store.head() == head + 1);
}

TEST_CASE("decision: a conflict in the query part alone is tried again, at_version or not", "[core]") {
  bank store;
  must::append(store, Opened{"a"});
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) must::append(store, Deposited{"b", 1, {"t"}});
    return {};
  };
  const Ask command{[] { return must::all_of(must::stream<Account>("a").at_version(1), must::tagged<Deposits>("t")); },
                    [](const Account&, const Deposits& t) { return Noted{std::to_string(t.count)}; }};
  const auto done = must::process_command(command, scripted);
  CHECK(done.attempts == 2);
  CHECK(done.events.front().text == "1");
  CHECK(scripted.appends.front().condition.streams == std::vector{must::stream_expectation::exactly("a", 1)});
}

TEST_CASE("decision: at_version works in each part of a decision, and on streams only", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Opened{"b"});
  const auto decide = [](const auto&...) { return Noted{"n"}; };
  const auto code = [&](const auto& command) {
    const auto done = must::try_process_command(command, store);
    return done ? std::optional<must::error_code>() : done.error().code;
  };
  using must::error_code;
  CHECK(code(Ask{[] {
                   return must::each<Account>(
                       std::vector{must::stream<Account>("a").at_version(1), must::stream<Account>("b").at_version(2)});
                 },
                 decide}) == error_code::version_conflict);
  CHECK(code(Ask{[] { return std::optional(must::stream<Account>("a").at_version(2)); }, decide}) ==
        error_code::version_conflict);
  CHECK(code(Ask{[] {
                   return must::all_of(must::stream<Account>("a").at_version(1),
                                       must::all_of(must::stream<Account>("b").at_version(1)));
                 },
                 decide}) == std::nullopt);
  CHECK(code(Ask{[] { return must::tagged<Account>("t").at_version(1); }, decide}) == error_code::bad_input);
  CHECK(must::try_process_command(Ask{[] { return must::tagged<Account>("t").at_version(1); }, decide}, store)
            .error()
            .field == "at_version");
  CHECK(store.head() == 3);
}

TEST_CASE("decision: names beyond the limits are refused", "[core]") {
  bank store;
  const auto decide = [](const auto&...) { return Noted{"n"}; };
  const auto field = [&](const auto& command) { return must::try_process_command(command, store).error().field; };
  CHECK(field(Ask{[] { return must::stream<Account>(""); }, decide}) == "stream");
  CHECK(field(Ask{[] { return must::stream<Account>(std::string(513, 'x')); }, decide}) == "stream");
  CHECK(field(Ask{[] { return must::tagged<Account>("a", ""); }, decide}) == "tag");
  CHECK(field(Ask{[] { return must::tagged<Account>("\xff"); }, decide}) == "tag");
  CHECK(store.head() == 0);
}

TEST_CASE("decision: depends_on may refuse, and gets the options", "[core]") {
  struct Choosy {
    std::string name;
    auto depends_on(const std::string& by) const {
      must::ensure(name == by, "not yours");
      return must::stream<Account>(name);
    }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Result be_translated_to_events(const Account& account) const { return {{account.applied}}; }
  };
  bank store;
  must::append(store, Opened{"ann"});
  CHECK(must::process_command(Choosy{"ann"}, store, std::string("ann")).events.front().seen == std::vector{1});
  const auto no = must::try_process_command(Choosy{"ann"}, store, std::string("bob"));
  REQUIRE_FALSE(no);
  CHECK(no.error().code == must::error_code::invalid);
  CHECK(no.error().rule == "depends_on");
  CHECK(no.error().message == "not yours");
}

TEST_CASE("decision: depends_on may return a reference", "[core]") {
  struct Kept {
    must::dependency<Account> on = must::stream<Account>("a");
    const must::dependency<Account>& depends_on() const { return on; }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Result be_translated_to_events(const Account& account) const { return {{account.applied}}; }
  };
  bank store;
  must::append(store, Opened{"a"});
  CHECK(must::process_command(Kept{}, store).events.front().seen == std::vector{1});
}

// What a state is.
namespace {

struct Base {
  int n = 0;
};
struct Derived : Base {};
struct MadeOfDerived {
  MadeOfDerived(const Derived&) {}
};
struct TakesBase {
  using events = must::events<Derived>;
  void apply(const Base&) {}
};
struct TakesTemplate {
  using events = must::events<Derived>;
  void apply(const auto&) {}
};
struct TakesValue {
  using events = must::events<Derived>;
  void apply(Derived) {}
};
struct TakesWhatIsMade {
  using events = must::events<Derived>;
  void apply(const MadeOfDerived&) {}
};
struct TakesReference {
  using events = must::events<Derived>;
  void apply(Derived&) {}
};
struct LacksOne {
  using events = must::events<Derived, Opened>;
  void apply(const Derived&) {}
};
struct LacksEvents {
  void apply(const Derived&) {}
};
class PrivateApply {
 public:
  using events = must::events<Derived>;
  void use() { apply(Derived{}); }

 private:
  void apply(const Derived&) {}
};
struct NeedsArgument {
  using events = must::events<>;
  explicit NeedsArgument(int) {}
};
struct Inherits : TakesBase {};

}  // namespace

TEST_CASE("decision: a state has an apply for each of its events, and no made-up one", "[core]") {
  CHECK(must::State<TakesBase>);
  CHECK(must::State<TakesTemplate>);
  CHECK(must::State<TakesValue>);
  CHECK(must::State<Inherits>);
  CHECK(must::State<Account>);
  CHECK_FALSE(must::State<TakesWhatIsMade>);
  CHECK_FALSE(must::State<TakesReference>);
  CHECK_FALSE(must::State<LacksOne>);
  CHECK_FALSE(must::State<LacksEvents>);
  CHECK_FALSE(must::State<PrivateApply>);
  CHECK_FALSE(must::State<NeedsArgument>);
  CHECK_FALSE(must::State<int>);
  CHECK_FALSE(must::State<Opened>);
}

TEST_CASE("decision: what apply throws passes through, and the store goes on", "[core]") {
  struct Touchy {
    using events = must::events<Deposited>;
    void apply(const Deposited& deposited) {
      if (deposited.amount < 0) throw std::domain_error("negative");
    }
  };
  bank store;
  must::append(store, Deposited{"a", 1}, Deposited{"a", -1}, Deposited{"b", 1});
  const auto decide = [](const auto&...) { return Noted{"n"}; };
  CHECK_THROWS_AS(must::try_process_command(Ask{[] { return must::stream<Touchy>("a"); }, decide}, store),
                  std::domain_error);
  CHECK_THROWS_AS(must::load(store, must::stream<Touchy>("a")), std::domain_error);
  CHECK(store.head() == 3);
  CHECK(must::process_command(Ask{[] { return must::stream<Touchy>("b"); }, decide}, store).last == 4);
}

TEST_CASE("decision: load gives a state, how far it was seen, and its version", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Deposited{"a", 5, {"t"}}, Deposited{"b", 7, {"t"}}, Noted{"n"});
  const auto a = must::load(store, must::stream<Account>("a"));
  CHECK(a.state.balance == 5);
  CHECK(a.seen == 4);
  CHECK(a.version == 2);
  const auto tagged = must::load(store, must::tagged<Deposits>("t"));
  CHECK(tagged.state.count == 2);
  CHECK(tagged.version == 1);
  const auto nobody = must::load(store, must::stream<Account>("nobody"));
  CHECK(nobody.state.applied == 0);
  CHECK(nobody.seen == 4);
  CHECK(nobody.version == 0);
  CHECK(must::load(store, must::stream<Account>("a").at_version(2)).version == 2);
  CHECK_THROWS_AS(must::load(store, must::stream<Account>("a").at_version(1)), must::version_conflict);
  CHECK_THROWS_AS(must::load(store, must::stream<Account>("")), must::bad_input);
  bank empty;
  CHECK(must::load(empty, must::stream<Account>("a")).seen == 0);
}

TEST_CASE("decision: events_in gives the records, as events or to a visitor", "[core]") {
  bank store;
  must::append(store, Opened{"a"}, Deposited{"a", 5, {"t"}}, Noted{"n"}, Deposited{"b", 7});
  const auto all = must::events_in(store, must::query::all());
  REQUIRE(all.size() == 4);
  CHECK(all[0].as<Opened>()->stream == "a");
  CHECK_FALSE(all[0].as<Deposited>());
  CHECK(all[1].as<Deposited>()->amount == 5);
  CHECK(all[1].version == 2);
  CHECK(all[1].position == 2);
  CHECK(all[1].type == "Deposited");

  int sum = 0;
  for (const auto& record : all)
    CHECK(record.visit<Deposited>([&](const Deposited& deposited) { sum += deposited.amount; }) ==
          (record.type == "Deposited"));
  CHECK(sum == 12);
  for (const auto& record : all) CHECK(record.visit([&](const Deposited&) { ++sum; }) == (record.type == "Deposited"));
  CHECK(sum == 14);
  CHECK(all[2].visit<Opened, Noted>([&](const auto&) { ++sum; }));
  CHECK_FALSE(all[3].visit<Opened, Noted>([&](const auto&) { ++sum; }));
  CHECK(sum == 15);

  CHECK(must::events_in(store, must::query::of_stream("a")).size() == 2);
  CHECK(must::events_in(store, must::query::of_tags({"t"})).size() == 1);
  CHECK(must::events_in(store, must::query::of_types({"Noted", "Opened"})).size() == 2);
  CHECK(must::events_in(store, must::query::all(), {.after = 2}).size() == 2);
  CHECK(must::events_in(store, must::query::all(), {.limit = 3}).size() == 3);
  CHECK(must::events_in(store, must::query()).empty());
  CHECK_THROWS_AS(must::events_in(store, must::query::all(), {.limit = -1}), must::bad_input);
  CHECK_THROWS_AS(must::events_in(store, must::query{must::query_item{}}), must::bad_input);
}

TEST_CASE("decision: append stores events in one piece, under no condition", "[core]") {
  bank store;
  const auto stored = must::append(store, Opened{"a"}, Deposited{"a", 1}, Noted{"n"});
  CHECK(stored.first == 1);
  CHECK(stored.last == 3);
  const auto all = must::events_in(store, must::query::all());
  CHECK(all[0].id != all[1].id);
  CHECK(all[0].source == "/must");
  CHECK(all[0].time == all[2].time);
  CHECK(all[2].version == 0);
  CHECK_THROWS_AS(must::append(store, Opened{"b"}, Opened{std::string(513, 'x')}), must::bad_input);
  CHECK(store.head() == 3);
}
