// SPDX-License-Identifier: MIT
// Boundaries and queries by types, whatever name an event was stored under; keys that order goes by.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace query_cases {

struct NamedBefore {
  static constexpr auto type = "PersonNamed";
  std::string name{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamedBefore, name)

struct NamedV1 {
  static constexpr auto type = "PersonNamed";
  std::string name{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamedV1, name)

struct Renamed {
  static constexpr auto type = "PersonRenamed";
  static constexpr auto former_types = "NameGiven";
  using previous = NamedV1;
  Renamed() = default;
  explicit Renamed(const NamedV1& before) : name(before.name) {}
  std::string name{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Renamed, name)

struct Moved {
  static constexpr auto type = "Moved";
  std::string to{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Moved, to)

struct Names {
  using events = must::events<Renamed, Moved>;
  std::vector<std::string> seen{};
  void apply(const Renamed& event) { seen.push_back(event.name); }
  void apply(const Moved&) {}
};

const std::vector<std::string> names_of_renamed{"PersonRenamed", "NameGiven", "PersonNamed"};

struct Rename {
  std::string name;
  auto depends_on() const { return must::every<Names>(); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Names& names) const {
    for (const auto& taken : names.seen) must::ensure(taken != name, "the name is taken");
  }
  Renamed be_translated_to_events() const {
    Renamed made;
    made.name = name;
    return made;
  }
};

}  // namespace query_cases

using namespace query_cases;

TEST_CASE("query::of: has the current, the former and the previous names of its types", "[core]") {
  CHECK(must::query::of<Renamed>() == must::query::of_types(names_of_renamed));
  CHECK(must::query::of<Moved, Renamed>() ==
        must::query::of_types({"Moved", "PersonRenamed", "NameGiven", "PersonNamed"}));
}

TEST_CASE("dependency: a type that is written by one of its names is meant by all of them", "[core]") {
  for (const auto& name : names_of_renamed) {
    auto types = must::dependency<Names>({.types = {name}}).item().types;
    std::sort(types.begin(), types.end());
    CHECK(types == std::vector<std::string>{"NameGiven", "PersonNamed", "PersonRenamed"});
  }
  CHECK(must::dependency<Names>({.types = {"Moved"}}).item().types == std::vector<std::string>{"Moved"});
  CHECK(must::dependency<Names>({.types = {"Another"}}).item().types == std::vector<std::string>{"Another"});
  CHECK(must::dependency<Names>({.tags = {"t"}}).item().types.empty());
}

TEST_CASE("dependency: what was stored under a former name counts in a boundary by one name", "[core]") {
  must::memory_store<> store;
  must::append(store, NamedBefore{"Ada"});
  const auto loaded = must::load(store, must::dependency<Names>({.types = {"PersonRenamed"}}));
  CHECK(loaded.state.seen == std::vector<std::string>{"Ada"});
}

TEST_CASE("every: a rule about the whole store sees events of former names, and each new one", "[core]") {
  must::memory_store<> store;
  must::append(store, NamedBefore{"Ada"});
  CHECK_THROWS_AS(must::process_command(Rename{"Ada"}, store), must::invalid);
  must::process_command(Rename{"Bo"}, store);
  CHECK_THROWS_AS(must::process_command(Rename{"Bo"}, store), must::invalid);
  CHECK(must::every<Names>().item().types ==
        std::vector<std::string>{"PersonRenamed", "NameGiven", "PersonNamed", "Moved"});
}

TEST_CASE("events_in: named types are found under each of their names", "[core]") {
  must::memory_store<> store;
  must::append(store, NamedBefore{"Ada"}, Moved{"Rome"});
  must::process_command(Rename{"Bo"}, store);
  const auto renamed = must::events_in<Renamed>(store);
  REQUIRE(renamed.size() == 2);
  CHECK(renamed[0].as<Renamed>()->name == "Ada");
  CHECK(renamed[1].as<Renamed>()->name == "Bo");
  CHECK(must::events_in<Moved, Renamed>(store).size() == 3);
  CHECK(must::events_in<Moved, Renamed>(store, {.limit = 1}).size() == 1);
}

TEST_CASE("missed_type: tells a name that a query by hand leaves out", "[core]") {
  const auto each = must::detail::names_of_each(must::events<Renamed, Moved>{});
  const auto missed = [&](const must::query& which) { return must::detail::missed_type(which, each); };
  CHECK(missed(must::query::all()).empty());
  CHECK(missed(must::query::of_stream("s")).empty());
  CHECK(missed(must::query::of<Renamed, Moved>()).empty());
  CHECK(missed(must::query::of<Renamed>() | must::query::of<Moved>()).empty());
  CHECK(missed(must::query::of_types({"PersonRenamed", "Moved"})) == "NameGiven");
  CHECK(missed(must::query::of<Renamed>()) == "Moved");
  CHECK(missed(must::query()) == "PersonRenamed");
}

namespace query_cases {

struct Paid {
  static constexpr auto type = "Paid";
  std::string order{};
  int amount = 0;
  std::string partition_key() const { return order.empty() ? "" : "order:" + order; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, order, amount)

struct Keyed {
  static constexpr auto type = "Keyed";
  std::string partition_key{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Keyed, partition_key)

}  // namespace query_cases

TEST_CASE("partition_key: is recorded as CloudEvents' extension, and an empty one is none", "[core]") {
  must::memory_store<> store;
  must::append(store, Paid{"o1", 5}, Paid{}, Keyed{"k"});
  const auto stored = must::events_in(store, must::query::all());
  REQUIRE(stored.size() == 3);
  CHECK(stored[0].extensions.at("partitionkey") == must::attribute_value(std::string("order:o1")));
  CHECK(stored[1].extensions.count("partitionkey") == 0);
  CHECK(stored[2].extensions.at("partitionkey") == must::attribute_value(std::string("k")));
  must::memory_store<Paid> structs;
  must::append(structs, Paid{"o1", 5});
  CHECK(must::events_in(structs, must::query::all())[0].extensions.size() == 1);
}

TEST_CASE("partition_key: a key that CloudEvents forbids is refused", "[core]") {
  must::memory_store<> store;
  CHECK_THROWS_AS(must::append(store, Keyed{"a\nb"}), must::bad_input);
  CHECK(store.head() == 0);
}
