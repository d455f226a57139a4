// SPDX-License-Identifier: MIT
// Tests which events a view follows, and what can be done with one that it has parked.
#include "must/codec/json.hpp"
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace {

struct PersonNamed {
  static constexpr auto type = "PersonNamed";
  static constexpr const char* former_types[] = {"NameGiven"};
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(PersonNamed, name)
};

void name(must::memory_store<>& store, const std::vector<std::string>& names) {
  for (const auto& one : names) {
    must::cloud_event event{.id = one,
                            .source = "/test",
                            .type = "NameGiven",
                            .subject = one.substr(0, 1),
                            .data = must::payload("application/json", "{\"name\":\"" + one + "\"}")};
    store.append(std::span(&event, 1), {}).value();
  }
}

}  // namespace

TEST_CASE("view: a typed handler gets the events of former names without a query", "[model]") {
  must::memory_store<> store;
  name(store, {"ada"});
  must::append(store, PersonNamed{"bob"});
  std::vector<std::string> seen;
  const auto handler = must::handler_of<PersonNamed>([&](const PersonNamed& event) { seen.push_back(event.name); });
  must::view names(store, {"names", 1}, handler);
  names.rebuild();
  CHECK(seen == std::vector<std::string>{"ada", "bob"});

  const auto why =
      must_test::error_of([&] { must::view(store, {"names", 2}, must::query::of_types({"PersonNamed"}), handler); });
  CHECK(why.code == must::error_code::bad_input);
  CHECK(why.message.find("\"NameGiven\"") != std::string::npos);
  must::view(store, {"names", 2}, must::query::of<PersonNamed>(), handler).rebuild();
  CHECK(seen.size() == 4);
}

TEST_CASE("view: each parked event is handled again, skipped or dropped by itself", "[model]") {
  must::memory_store<> store;
  name(store, {"a1", "a2", "b1", "b2", "c1", "c2"});
  std::vector<std::string> seen;
  bool fails = true;
  must::subscription_options parking;
  parking.on_failure.then = must::failure_action::park;
  must::view names(store, {"names", 1}, must::handler_of<PersonNamed>([&](const PersonNamed& event) {
                     if (fails && event.name.back() == '1') throw std::runtime_error("bad " + event.name);
                     seen.push_back(event.name);
                   }),
                   parking);
  names.rebuild();
  const auto parked = names.parked();
  REQUIRE(parked.size() == 3);
  CHECK(seen.empty());
  fails = false;
  names.replay(parked[0]);
  names.skip(parked[1].position);
  names.drop(parked[2]);
  CHECK(must_test::error_of([&] { names.drop(2); }).code == must::error_code::bad_input);
  std::stop_source ends;
  must::append(store, PersonNamed{"d2"});
  must::view runs(store, {"names", 1}, must::handler_of<PersonNamed>([&](const PersonNamed& event) {
                    seen.push_back(event.name);
                    if (event.name == "d2") ends.request_stop();
                  }),
                  parking);
  runs.run(ends.get_token());
  CHECK(seen == std::vector<std::string>{"a1", "a2", "b2", "d2"});
  CHECK(names.parked().empty());
}
