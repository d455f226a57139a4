// SPDX-License-Identifier: MIT
// given: that what a command comes to is judged rightly, and told as a diff where it is not what was expected.
#include "must/testing/given.hpp"
#include "must/must.hpp"

#include "support/catch.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

using must::testing::given;

struct Opened {
  std::string stream;
};
struct Moved {
  std::string stream;
  int amount = 0;
  std::vector<std::string> tags{};
};
// Equal when it says so, whatever the members are.
struct Loose {
  int n = 0;
  friend bool operator==(const Loose&, const Loose&) { return true; }
};
struct Account {
  using events = must::events<Opened, Moved>;
  int balance = 0;
  int applied = 0;
  void apply(const Opened&) { ++applied; }
  void apply(const Moved& moved) { ++applied, balance += moved.amount; }
};
struct Tagged : Account {};

struct Withdraw {
  std::string account;
  int amount = 0;
  auto depends_on() const { return must::stream<Account>(account); }
  void be_authorized(const std::string& by) const { must::ensure(by == account, "not yours"); }
  void be_valid(const Account& state) const { must::ensure(state.balance >= amount, "the balance is too low"); }
  std::vector<Moved> be_translated_to_events() const {
    if (amount == 0) return {};
    return {{account, -amount}};
  }
};
const std::string ann = "ann";

template <typename Check>
std::string failure_of(Check check) {
  try {
    check();
  } catch (const must::testing::assertion_failed& why) {
    return why.what();
  }
  return "";
}

}  // namespace

TEST_CASE("given: what holds passes", "[testing]") {
  const auto rich = given(Opened{"ann"}, Moved{"ann", 50}, Moved{"bob", 500});
  rich.when(Withdraw{"ann", 50}, ann).then(Moved{"ann", -50});
  rich.when(Withdraw{"ann", 0}, ann).then_nothing();
  rich.when(Withdraw{"ann", 51}, ann).then_refused<must::invalid>();
  rich.when(Withdraw{"ann", 51}, ann).then_refused<must::invalid>("the balance is too low");
  rich.when(Withdraw{"ann", 1}, std::string("bob")).then_refused<must::unauthorized>("not yours");
  given().when(Withdraw{"ann", 1}, ann).then_refused<must::invalid>();
  CHECK(rich.when(Withdraw{"ann", 7}, ann).events().at(0).amount == -7);
}

TEST_CASE("given: what does not hold fails, and shows what was expected and what came", "[testing]") {
  const auto rich = given(Opened{"ann"}, Moved{"ann", 50});
  const auto good = rich.when(Withdraw{"ann", 5}, ann);
  const auto none = rich.when(Withdraw{"ann", 0}, ann);
  const auto refused = rich.when(Withdraw{"ann", 51}, ann);
  CHECK(failure_of([&] { good.then(Moved{"ann", -6}); }) ==
        "the command came to other events (- expected, + actual)\n"
        "- Moved{\"ann\", -6, []}\n+ Moved{\"ann\", -5, []}");
  CHECK_FALSE(failure_of([&] { good.then(); }).empty());
  CHECK_FALSE(failure_of([&] { good.then(Moved{"ann", -5}, Moved{"ann", -5}); }).empty());
  CHECK_FALSE(failure_of([&] { good.then(Opened{"ann"}); }).empty());
  CHECK_FALSE(failure_of([&] { none.then(Moved{"ann", 0}); }).empty());
  CHECK_FALSE(failure_of([&] { good.then_nothing(); }).empty());
  CHECK(failure_of([&] { refused.then(Moved{"ann", -51}); }) ==
        "the command came to other events (- expected, + actual)\n"
        "- Moved{\"ann\", -51, []}\n+ refused: invalid \"the balance is too low\" (be_valid)");
  CHECK_FALSE(failure_of([&] { refused.then(); }).empty());
  CHECK_FALSE(failure_of([&] { refused.then_nothing(); }).empty());
  CHECK_FALSE(failure_of([&] { static_cast<void>(refused.events()); }).empty());
  CHECK_FALSE(failure_of([&] { refused.then_refused<must::unauthorized>(); }).empty());
  CHECK_FALSE(failure_of([&] { refused.then_refused<must::version_conflict>(); }).empty());
  CHECK_FALSE(failure_of([&] { good.then_refused<must::invalid>(); }).empty());
  CHECK(failure_of([&] { refused.then_refused<must::invalid>("the balance"); }) ==
        "the command was expected to be refused (- expected, + actual)\n"
        "- refused: invalid \"the balance\"\n+ refused: invalid \"the balance is too low\" (be_valid)");
}

TEST_CASE("given: events are equal by their == if there is one, else by their members", "[testing]") {
  struct Make {
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    std::vector<std::variant<Loose, Moved>> be_translated_to_events() const {
      return {Loose{1}, Moved{"s", 2, {"a", "b"}}};
    }
  };
  const auto outcome = given().when(Make{});
  outcome.then(Loose{9}, Moved{"s", 2, {"a", "b"}});
  CHECK_FALSE(failure_of([&] { outcome.then(Loose{1}, Moved{"s", 2, {"a", "c"}}); }).empty());
  CHECK_FALSE(failure_of([&] { outcome.then(Moved{"s", 2, {"a", "b"}}, Loose{1}); }).empty());
}

TEST_CASE("given: each event reaches the states whose boundary it lies in, as from a store", "[testing]") {
  struct Counted {
    int account = 0, tagged = 0, other = 0;
  };
  struct Count {
    auto depends_on() const {
      return must::all_of(must::stream<Account>("a"), must::tagged<Tagged>("t"),
                          std::optional<must::dependency<Account>>());
    }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Counted be_translated_to_events(const Account& account, const Tagged& tagged,
                                    const std::optional<Account>& none) const {
      return {account.applied, tagged.applied, none ? 1 : 0};
    }
  };
  // The second joins the one stream that the command depends on.
  given(Opened{"a"}, Moved{"", 1, {"t"}}, Moved{"b", 1, {"t", "u"}}, Opened{"b"}, Loose{})
      .when(Count{})
      .then(Counted{2, 2, 0});
}

TEST_CASE("given: at_version is judged by the events that have happened", "[testing]") {
  struct Close {
    must::version expected = 0;
    auto depends_on() const { return must::stream<Account>("a").at_version(expected); }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Loose be_translated_to_events() const { return {}; }
  };
  const auto two = given(Opened{"a"}, Opened{"b"}, Moved{"a", 1});
  two.when(Close{2}).then(Loose{});
  two.when(Close{1}).then_refused<must::version_conflict>();
  two.when(Close{3}).then_refused<must::version_conflict>();
  given().when(Close{0}).then(Loose{});
}

TEST_CASE("given: options are those of process_command; what is not must's passes through", "[testing]") {
  struct Call {
    void be_authorized(int& calls) const { ++calls; }
    must::always_t be_valid() const { return {}; }
    Loose be_translated_to_events(int& calls) const {
      if (calls > 1) throw std::runtime_error("its own");
      return {};
    }
  };
  int calls = 0;
  given().when(Call{}, must::attempts{2}, std::ref(calls), must::metadata{{"a", "b"}}).then(Loose{});
  CHECK(calls == 1);
  CHECK_THROWS_AS(static_cast<void>(given().when(Call{}, std::ref(calls))), std::runtime_error);
}

TEST_CASE("given: commands, events and states may be classes in a function", "[testing]") {
  struct Ticked {
    int n;
    std::vector<std::string> tags{"t"};
  };
  struct Clock {
    using events = must::events<Ticked>;
    int last = 0;
    void apply(const Ticked& ticked) { last = ticked.n; }
  };
  struct Tick {
    auto depends_on() const { return must::tagged<Clock>("t"); }
    must::anyone_t be_authorized() const { return {}; }
    bool be_valid(const Clock& clock) const { return clock.last < 3; }
    Ticked be_translated_to_events(const Clock& clock) const { return {clock.last + 1}; }
  };
  given().when(Tick{}).then(Ticked{1});
  CHECK_FALSE(failure_of([] { given().when(Tick{}).then(Ticked{2}); }).empty());
}
