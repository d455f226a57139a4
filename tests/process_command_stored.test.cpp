// SPDX-License-Identifier: MIT
// What process_command does when something fails after the events are stored, and of a repeat that is stored in part.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"

#include <nlohmann/json.hpp>
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Counted {
  static constexpr auto type = "Counted";
  std::string stream{};
  int amount = 0;
  void be_handled(int& handled) const { ++handled; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, stream, amount)

struct Sum {
  using events = must::events<Counted>;
  int sum = 0;
  void apply(const Counted& event) {
    if (event.amount == 13) throw std::runtime_error("13");
    if (event.amount == 14) must::raise({.code = must::error_code::invalid, .message = "14"});
    sum += event.amount;
  }
};
struct Count {
  int amount = 0;
  static auto depends_on() { return must::stream<Sum>("s"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  [[nodiscard]] Counted be_translated_to_events() const { return {"s", amount}; }
};
// The content of this command cannot be compared.
struct Call {
  std::function<int()> amount;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  [[nodiscard]] std::vector<Counted> be_translated_to_events() const { return {{"s", amount()}, {"s", amount()}}; }
};

// Its reads fail once something is stored.
struct closing_store : must::kit::decorator<must::memory_store<>> {
  using decorator::decorator;
  must::append_result append(std::span<must::cloud_event> events, const must::append_condition& condition) {
    is_closed = true;
    return storage().append(events, condition);
  }
  template <typename Visitor>
  must::read_result read(const must::query& which, const must::read_options& options, Visitor&& visitor) {
    if (is_closed)
      must::raise(
          {.code = must::error_code::storage_error, .message = "closed", .operation = "read", .retryable = true});
    return storage().read(which, options, std::forward<Visitor>(visitor));
  }
  bool is_closed = false;
};

// Two states of one name and one layout, which come to other values.
namespace first {
struct Total {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 1;
  int amount = 0;
  void apply(const Counted& event) { amount += event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Total, amount)
}  // namespace first
namespace second {
struct Total {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 1;
  int amount = 0;
  void apply(const Counted&) { ++amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Total, amount)
}  // namespace second
template <int Factor>
struct times {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 1;
  int amount = 0;
  void apply(const Counted& event) { amount += Factor * event.amount; }
  friend void to_json(nlohmann::json& out, const times& from) { out = from.amount; }
  friend void from_json(const nlohmann::json& in, times& to) { in.get_to(to.amount); }
};

}  // namespace

TEST_CASE("return_state: an error says that the events are stored, and is not for another try", "[core]") {
  must::memory_store<> store;
  closing_store closing(store);
  int handled = 0;
  const auto told = must::try_process_command(Count{5}, closing, must::return_state, std::ref(handled));
  REQUIRE_FALSE(told);
  CHECK(told.error().code == must::error_code::storage_error);
  CHECK_FALSE(told.error().retryable);
  CHECK(told.error().message ==
        "the events of the command are stored at positions 1 to 1, and its state cannot be told: closed");
  CHECK(store.head() == 1);
  CHECK(handled == 1);
}

TEST_CASE("return_state: an apply that throws at the event of the command leaves it stored and handled", "[core]") {
  must::memory_store<> store;
  int handled = 0;
  const auto told = must::try_process_command(Count{13}, store, must::return_state, std::ref(handled));
  REQUIRE_FALSE(told);
  CHECK(told.error().message.find("are stored at positions 1 to 1") != std::string::npos);
  CHECK(store.head() == 1);
  CHECK(handled == 1);
}

TEST_CASE("return_state: an apply that throws as a rule does is no refusal of a command that is stored", "[core]") {
  must::memory_store<> store;
  int handled = 0;
  const auto told = must::try_process_command(Count{14}, store, must::return_state, std::ref(handled));
  REQUIRE_FALSE(told);
  CHECK(handled == 1);
  CHECK(told.error().code == must::error_code::storage_error);
  CHECK_FALSE(told.error().retryable);
  CHECK(store.head() == 1);
}

TEST_CASE("process_command: a repeat of a command whose events are stored in part is refused", "[core]") {
  must::memory_store<> store, copy;
  const Call call{[] { return 1; }};
  int handled = 0;
  REQUIRE(must::process_command(call, store, must::identified_by{"1"}, std::ref(handled)).events.size() == 2);
  must::cloud_event first = must::events_in(store, must::query::all()).at(0);
  REQUIRE(copy.append(std::span(&first, 1), {}).stored());
  CHECK(must_test::error_of([&] {
          must::process_command(call, copy, must::identified_by{"1"}, std::ref(handled));
        }).code == must::error_code::duplicate_command);
  CHECK(copy.head() == 1);
}

TEST_CASE("snapshot: two states of one name in two namespaces, or of two arguments, have snapshots of their own",
          "[core]") {
  must::memory_store<> store;
  must::append(store, Counted{"s", 5}, Counted{"s", 7});
  for (int i = 0; i < 2; ++i) {
    CHECK(must::load(store, must::stream<first::Total>("s")).state.amount == 12);
    CHECK(must::load(store, must::stream<second::Total>("s")).state.amount == 2);
    CHECK(must::load(store, must::stream<times<2>>("s")).state.amount == 24);
    CHECK(must::load(store, must::stream<times<3>>("s")).state.amount == 36);
  }
  CHECK(store.list("must/snapshot/").size() == 4);
}
