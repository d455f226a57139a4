// SPDX-License-Identifier: MIT
// A store that loses its newest commits and grows again, on every store: nothing is decided from what is lost.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/kit/decorator.hpp"

#include "stores/all.hpp"

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Moved {
  static constexpr auto type = "moved";
  std::string stream;
  int amount = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Moved, stream, amount)
struct Noted {
  static constexpr auto type = "noted";
};
inline void to_json(nlohmann::json& out, const Noted&) { out = nlohmann::json::object(); }
[[maybe_unused]] inline void from_json(const nlohmann::json&, Noted&) {}

struct Account {
  using events = must::events<Moved>;
  int balance = 0;
  void apply(const Moved& event) { balance += event.amount; }
};
struct Saved : Account {
  static constexpr int snapshot_every = 1;
};
inline void to_json(nlohmann::json& out, const Saved& from) { out = from.balance; }
inline void from_json(const nlohmann::json& in, Saved& to) { to.balance = in.get<int>(); }

template <typename S = Account>
struct Withdraw {
  std::string account;
  int amount;
  std::optional<must::version> at_version{};
  auto depends_on() const {
    auto on = must::stream<S>(account);
    return at_version ? std::move(on).at_version(*at_version) : on;
  }
  static constexpr auto be_authorized = must::anyone;
  // The rule runs while the store is restored.
  void be_valid(const S& state, const std::function<void()>& meanwhile) const {
    meanwhile();
    must::ensure(state.balance >= amount, "the balance is " + std::to_string(state.balance));
  }
  Moved be_translated_to_events() const { return {account, -amount}; }
};

// Two stores of one kind. The second has the first events of the first, and others after them, as a copy has that was
// restored. What `shown` is asked goes to the first, until restore() is called.
template <typename Store>
struct restored {
  using store_type = must::testing::suite::store_of<Store>;
  class shown_store : public must::kit::decorator<store_type> {
    using base = must::kit::decorator<store_type>;

   public:
    using base::base;
    using typename base::event;
    must::append_result append(std::span<event> events, const must::append_condition& condition) {
      return this->storage().append(events, condition);
    }
    void show(store_type& other) { static_cast<base&>(*this) = base(other); }
  };

  Store first{}, second{};
  shown_store shown{first.store()};
  std::vector<must::cloud_event> copied{};

  // Copies the events of the first store up to a position, and its cells.
  void copy(must::position until) {
    static_cast<void>(first.store().read(must::query::all(), {.until = until}, [&](const auto& record) {
      must::cloud_event one = record;
      static_cast<void>(second.store().append(std::span(&one, 1), {}).value());
    }));
    for (const auto& key : first.store().list("")) second.store().put(key, first.store().get(key)->bytes, 0);
  }
  void restore() { shown.show(second.store()); }
  std::function<void()> restoring() {
    return [this] { restore(); };
  }
};

template <typename S, typename With>
std::string outcome_of(With& with, const Withdraw<S>& command) {
  const auto done = must::try_process_command(command, with.shown, with.restoring());
  return done ? "stored after " + std::to_string(done->attempts) : done.error().message;
}

}  // namespace

EACH_STORE_TEST_CASE(with_cells, "process_command: nothing is decided from a deposit that was lost, on each store",
                     "[storage]") {
  restored<Store> with;
  must::append(with.first.store(), Noted{}, Moved{"a", 100});
  with.copy(1);
  must::append(with.second.store(), Noted{}, Noted{}, Noted{});
  const auto head = with.second.store().head();
  CHECK(outcome_of(with, Withdraw<>{"a", 100}) == "the balance is 0");
  CHECK(with.second.store().head() == head);
}

EACH_STORE_TEST_CASE(with_cells, "process_command: what a store has grown again below the head is seen, on each store",
                     "[storage]") {
  restored<Store> with;  // The last event that was folded is still there; the withdrawal took the place of a note.
  must::append(with.first.store(), Moved{"a", 100}, Noted{}, Noted{});
  with.copy(1);
  must::append(with.second.store(), Moved{"a", -100}, Noted{}, Noted{});
  CHECK(outcome_of(with, Withdraw<>{"a", 100}) == "the balance is 0");
  CHECK(must::load(with.shown, must::stream<Account>("a")).state.balance == 0);
}

EACH_STORE_TEST_CASE(with_cells, "process_command: a store that is shorter than it was is folded anew, on each store",
                     "[storage]") {
  restored<Store> with;
  must::append(with.first.store(), Moved{"a", 100}, Noted{}, Moved{"a", 100});
  with.copy(1);
  CHECK(outcome_of(with, Withdraw<>{"a", 100}) == "stored after 2");
  CHECK(must::load(with.shown, must::stream<Account>("a")).state.balance == 0);
  CHECK(with.second.store().version("a") == 2);
}

EACH_STORE_TEST_CASE(with_cells, "process_command: a version that is reached again is another one, on each store",
                     "[storage]") {
  restored<Store> with;
  must::append(with.first.store(), Moved{"a", 1}, Moved{"a", 100});
  with.copy(1);
  must::append(with.second.store(), Moved{"a", 2}, Noted{});
  CHECK(outcome_of(with, Withdraw<>{"a", 100, must::version(2)}) == "the balance is 3");
  CHECK(outcome_of(with, Withdraw<>{"a", 3, must::version(2)}) == "stored after 1");
}

EACH_STORE_TEST_CASE(with_cells,
                     "process_command: a lost history is told when it is lost at every attempt, on each store",
                     "[storage]") {
  restored<Store> with;
  must::append(with.first.store(), Moved{"a", 100});
  must::append(with.second.store(), Moved{"a", 200});
  bool is_second = false;
  const std::function<void()> swapping = [&] {
    is_second = !is_second;
    with.shown.show(is_second ? with.second.store() : with.first.store());
  };
  const auto done = must::try_process_command(Withdraw<>{"a", 100}, with.shown, swapping, must::attempts{3});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::version_conflict);
  CHECK(done.error().position == 1);
  CHECK(done.error().message.find("restored or replaced") != std::string::npos);
  CHECK(with.first.store().head() == 1);
  CHECK(with.second.store().version("a") == 1);
}

EACH_STORE_TEST_CASE(with_cells, "cached: a state that was folded from lost events is thrown away, on each store",
                     "[storage]") {
  restored<Store> with;
  must::cached kept(with.shown);
  must::append(with.first.store(), Moved{"a", 100}, Noted{}, Moved{"b", 5}, Noted{});
  with.copy(0);
  must::append(with.second.store(), Noted{}, Moved{"a", 7}, Moved{"b", 6}, Noted{}, Noted{});
  const auto balance = [&](const char* of) { return must::load(kept, must::stream<Account>(of)).state.balance; };
  CHECK(balance("a") == 100);
  CHECK(balance("b") == 5);
  CHECK(balance("c") == 0);
  with.restore();
  CHECK(balance("a") == 7);
  CHECK(balance("b") == 6);
  CHECK(balance("c") == 0);
}

EACH_STORE_TEST_CASE(with_cells, "cached: a command that goes on from a kept state knows a lost history, on each store",
                     "[storage]") {
  restored<Store> with;
  must::cached kept(with.shown);
  must::append(with.first.store(), Moved{"a", 100}, Noted{}, Noted{});
  with.copy(1);
  must::append(with.second.store(), Moved{"a", -100}, Noted{}, Noted{});
  CHECK(must::load(kept, must::stream<Account>("a")).state.balance == 100);
  const auto done = must::try_process_command(Withdraw<>{"a", 100}, kept, with.restoring());
  REQUIRE_FALSE(done);
  CHECK(done.error().message == "the balance is 0");
}

EACH_STORE_TEST_CASE(with_cells, "snapshot: one of lost events is thrown away, on each store", "[storage]") {
  restored<Store> with;
  must::append(with.first.store(), Moved{"a", 50}, Moved{"a", 50});
  CHECK(must::load(with.shown, must::stream<Saved>("a")).state.balance == 100);
  with.copy(1);
  must::append(with.second.store(), Moved{"a", -20}, Noted{});
  with.restore();
  CHECK(must::load(with.shown, must::stream<Saved>("a")).state.balance == 30);
  CHECK(outcome_of(with, Withdraw<Saved>{"a", 100}) == "the balance is 30");
  CHECK(outcome_of(with, Withdraw<Saved>{"a", 30}) == "stored after 1");
}
