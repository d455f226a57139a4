// SPDX-License-Identifier: MIT
// Tests that a command that is sent again after a release gets its first result, and another one does not.
#include "must/process_command/command_digest.hpp"

#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

struct Paid {
  static constexpr auto type = "paid";
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, amount)

// One command, as releases have it one after the other. Each has the name Pay.
namespace before {
struct Item {
  std::string name;
  int count;
};
struct Pay {
  int amount;
  std::string to;
  std::vector<Item> items{};
  std::optional<Item> extra{};
  std::variant<int, Item> way{};
  const char* command_id() const { return "p"; }
  must::anyone_t be_authorized() const { return {}; }
  must::always_t be_valid() const { return {}; }
  Paid be_translated_to_events() const { return {amount}; }
};
}  // namespace before
namespace after {
struct Item {
  bool is_gift = false;
  std::string name;
  int count;
};
struct Pay {
  int amount;
  int tip = 0;
  std::string to;
  std::vector<Item> items{};
  std::optional<Item> extra{};
  std::variant<int, Item> way{};
  std::string note{};
  const char* command_id() const { return "p"; }
  must::anyone_t be_authorized() const { return {}; }
  must::always_t be_valid() const { return {}; }
  Paid be_translated_to_events() const { return {amount}; }
};
}  // namespace after

const before::Pay old{1, "a", {{"x", 1}, {"y", 2}}, before::Item{"z", 3}, before::Item{"w", 4}};
after::Pay now(int amount = 1, const std::string& first = "x") {
  return {amount, 0, "a", {{false, first, 1}, {false, "y", 2}}, after::Item{false, "z", 3}, after::Item{false, "w", 4},
          {}};
}

}  // namespace

TEST_CASE("process_command: a command that is sent again after a release added members gets its first result",
          "[core]") {
  must::memory_store<> store;
  SECTION("a newer release") {
    const auto first = must::process_command(old, store);
    const auto again = must::process_command(now(), store);
    CHECK(again.replayed);
    CHECK(again.last == first.last);
    CHECK(must::try_process_command(now(2), store).error().code == must::error_code::duplicate_command);
    CHECK(must::try_process_command(now(1, "X"), store).error().code == must::error_code::duplicate_command);
  }
  SECTION("an older one again") {
    must::process_command(now(), store);
    CHECK(must::process_command(old, store).replayed);
    auto other = old;
    other.extra.reset();
    CHECK(must::try_process_command(other, store).error().code == must::error_code::duplicate_command);
  }
  CHECK(store.head() == 1);
}

TEST_CASE("process_command: a command whose digest an earlier release stored gets its first result", "[core]") {
  must::memory_store<> earlier, store;
  must::process_command(old, earlier);
  std::vector<must::cloud_event> events;
  static_cast<void>(earlier.read(must::query::all(), {}, [&](const auto& record) { events.push_back(record); }));
  events[0].extensions["mustcommanddigest"] = must::detail::content_digest(old);
  store.append(events, {}).value();
  CHECK(must::process_command(old, store).replayed);
  auto other = old;
  other.to = "b";
  CHECK(must::try_process_command(other, store).error().code == must::error_code::duplicate_command);
}

TEST_CASE("command_digest: no two contents of one command are taken for one", "[core]") {
  using must::detail::pipeline::are_of_one_command;
  using must::detail::pipeline::digests_of_parts;
  std::vector<before::Pay> all{old};
  const auto with = [&](auto change) {
    all.push_back(old);
    change(all.back());
  };
  with([](auto& one) { one.amount = 2; });
  with([](auto& one) { one.to = "b"; });
  with([](auto& one) { one.items.pop_back(); });
  with([](auto& one) { std::swap(one.items[0], one.items[1]); });
  with([](auto& one) { std::swap(one.items[0].count, one.items[1].count); });
  with([](auto& one) { one.extra.reset(); });
  with([](auto& one) { one.extra->count = 4; });
  with([](auto& one) { one.way = 4; });
  with([](auto& one) { one.way = before::Item{"w", 5}; });
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j)
      CHECK(are_of_one_command(digests_of_parts(all[i]), digests_of_parts(all[j]), {}) == (i == j));
}
