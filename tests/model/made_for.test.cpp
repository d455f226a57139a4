// SPDX-License-Identifier: MIT
// made_for: a state that knows the key it was made for, wherever it is made.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/given.hpp"

#include "support/catch.hpp"
#include "support/moved.hpp"
#include "support/notes.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using must_test::Moved;
using must_test::Note;
using must_test::Noted;

struct Account {
  using events = must::events<Moved>;
  std::string key{};
  int balance = 0;
  std::string key_at_first{"none"};
  void made_for(const std::string& name) { key = name; }
  void apply(const Moved& event) {
    if (balance == 0) key_at_first = key;
    balance += event.amount;
  }
};
// Its snapshot leaves the key out.
struct Saved {
  using events = must::events<Moved>;
  static constexpr int snapshot_every = 1;
  std::string key{};
  int balance = 0, folded = 0;
  void made_for(std::string_view name) { key = name; }
  void apply(const Moved& event) {
    balance += event.amount;
    ++folded;
  }
  friend void to_json(nlohmann::json& out, const Saved& from) { out = from.balance; }
  friend void from_json(const nlohmann::json& in, Saved& to) { to.balance = in.get<int>(); }
};

template <typename S, typename Depends>
struct Move {
  Depends on;
  int amount = 1;
  auto depends_on() const { return on; }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const auto&... states) const { ((keys += text_of(states) + ";"), ...); }
  Moved be_translated_to_events() const { return {"a", amount, {"account:a"}}; }
  static constexpr bool appends_outside = true;

  static std::string text_of(const S& state) { return state.key + " " + std::to_string(state.balance); }
  static std::string text_of(const std::optional<S>& state) { return state ? text_of(*state) : "nothing"; }
  static std::string text_of(const std::vector<S>& states) {
    std::string all;
    for (const auto& one : states) all += text_of(one) + ",";
    return all;
  }
  static inline std::string keys;
};

template <typename S, typename Store, typename Depends>
std::string keys_of(Store& store, Depends on) {
  using command = Move<S, Depends>;
  command::keys.clear();
  must::process_command(command{on}, store);
  return command::keys;
}

struct by_number {
  using events = must::events<Moved>;
  int key = -1, sum = 0;
  static std::vector<int> key_of(const Moved& event) { return {event.amount, 100 + event.amount}; }
  void made_for(int number) { key = number; }
  void apply(const Moved& event) {
    if (event.stream == "bad") throw std::runtime_error("bad");
    sum += event.amount;
  }
};
struct refuses_keys : by_number {
  void made_for(const int& number) {
    if (number > 100) throw std::runtime_error("too high");
    key = number;
  }
};

struct Watch {
  using events = must::events<Moved>;
  using starts = events;
  using commands = must::commands<Note>;
  std::string key{};
  static std::string key_of(const Moved& event) { return event.stream; }
  void made_for(const std::string& name) { key = name; }
  void apply(const Moved&) {}
  auto react(const Moved&) const { return Note{"", key}; }
};

}  // namespace

TEST_CASE("made_for: load tells a state its stream, or else its tag, before the first event", "[model]") {
  must::memory_store<> store;
  must::append(store, Moved{"a", 5, {"account:a"}});
  const auto by_stream = must::load(store, must::stream<Account>("a")).state;
  CHECK(by_stream.key == "a");
  CHECK(by_stream.key_at_first == "a");
  CHECK(must::load(store, must::tagged<Account>("account:a")).state.key_at_first == "account:a");
  CHECK(must::load(store, must::dependency<Account>({.tags = {"account:a"}, .stream = "a"})).state.key == "a");
  CHECK(must::load(store, must::stream<Account>("nobody")).state.key == "nobody");
  must::cached kept(store);
  for (int i = 0; i < 2; ++i) CHECK(must::load(kept, must::stream<Account>("a")).state.key == "a");
}

TEST_CASE("made_for: a boundary without one key is refused", "[model]") {
  CHECK_THROWS_AS(must::dependency<Account>({.types = {"moved"}}), must::bad_input);
  CHECK_THROWS_AS(must::dependency<Account>({.tags = {"a", "b"}}), must::bad_input);
}

TEST_CASE("made_for: the states of a command know their keys, in each shape", "[model]") {
  must::memory_store<> store;
  must::append(store, Moved{"a", 5}, Moved{"b", 7});
  using must::stream;
  CHECK(keys_of<Account>(store, stream<Account>("a")) == "a 5;");
  CHECK(keys_of<Account>(store, must::all_of(stream<Account>("b"), stream<Account>("a"))) == "b 7;a 6;");
  CHECK(keys_of<Account>(store, std::optional(stream<Account>("c"))) == "c 0;");
  CHECK(keys_of<Account>(store, std::optional<must::dependency<Account>>()) == "nothing;");
  CHECK(keys_of<Account>(store, must::each<Account>(std::vector<std::string>{"a", "d"})) == "a 9,d 0,;");
}

TEST_CASE("made_for: a state from a snapshot knows its key", "[model]") {
  must::memory_store<> store;
  CHECK(keys_of<Saved>(store, must::stream<Saved>("a")) == "a 0;");
  CHECK(keys_of<Saved>(store, must::stream<Saved>("a")) == "a 1;");
  const auto loaded = must::load(store, must::stream<Saved>("a")).state;
  CHECK(loaded.folded < 2);
  CHECK(loaded.key == "a");
  CHECK(loaded.balance == 2);
}

TEST_CASE("made_for: given tells the states of a command their keys", "[model]") {
  using command = Move<Account, must::dependency<Account>>;
  command::keys.clear();
  must::testing::given(Moved{"a", 5}).when(command{must::stream<Account>("a")}).then(Moved{"a", 1, {"account:a"}});
  CHECK(command::keys == "a 5;");
}

TEST_CASE("made_for: each state of a keyed one knows its key", "[model]") {
  must::memory_store<> store;
  must::append(store, Moved{"a", 5}, Moved{"b", 7});
  auto view = must::projection<must::keyed<by_number>>(store, "numbers");
  view.run_once();
  const auto state = view.state();
  CHECK(state.size() == 4);
  for (const auto& [key, one] : state) CHECK(one.key == key);
  CHECK(must::load(store, must::every<must::keyed<by_number>>()).state.find(107)->key == 107);
}

TEST_CASE("made_for: a key that is refused leaves no state", "[model]") {
  must::keyed<refuses_keys> state;
  CHECK_THROWS_WITH(state.apply(Moved{"a", 5}), "too high");
  CHECK(state.find(105) == nullptr);
}

TEST_CASE("made_for: an instance of a process manager knows its key", "[model]") {
  must::memory_store<> store;
  must::append(store, Moved{"a", 5}, Moved{"b", 7});
  auto manager = must::process_manager<Watch>(store, "watch");
  while (manager.run_once() < store.head()) {}
  std::vector<std::string> notes;
  for (const auto& one : must::events_in<Noted>(store)) notes.push_back(one.as<Noted>()->text);
  CHECK(notes == std::vector<std::string>{"a", "b"});
}
