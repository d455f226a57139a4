// SPDX-License-Identifier: MIT
// Tests that texts of a process that are no UTF-8 are refused or kept readable, and keep no other instance from its
// events.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

struct Begun {
  static constexpr auto type = "Begun";
  std::string key;
};
struct Told {
  static constexpr auto type = "Told";
  std::string text;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Begun, key)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Told, text)

// The texts that end with a half of a character, or have one in the middle.
const std::vector<std::string> halves = {"half \xc3", "\xe2\x82 of a character", "\xf0\x9f\x98"};
std::string half;

struct Refused {
  std::string key;
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(key != "bad", "no: " + half); }
  Told be_translated_to_events() const { return {key}; }
};
struct Tell {
  std::string text;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Told be_translated_to_events() const { return {text}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Refused, key)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Tell, text)

struct told_process {
  using events = must::events<Begun>;
  using starts = must::events<Begun>;
  using commands = must::commands<Refused, Tell>;
  std::string key;
  static std::string key_of(const Begun& event) { return event.key; }
  void apply(const Begun& event) { key = event.key; }
};
struct Asks : told_process {
  auto react(const Begun&) const { return Refused{key}; }
  auto refused(const Refused&, const must::error& why) const { return Tell{"refused, " + why.message}; }
};
struct Reminds : told_process {
  auto react(const Begun&) const {
    return must::process_deadline{key == "bad" ? half : "soon", std::chrono::seconds(-1)};
  }
  Tell on_deadline(std::string_view) const { return {key}; }
};
struct Cancels : told_process {
  auto react(const Begun&) const { return std::tuple(Tell{key}, must::cancel_deadline{key == "bad" ? half : "soon"}); }
  Tell on_deadline(std::string_view) const { return {key}; }
};
struct Named : told_process {
  static std::string key_of(const Begun& event) { return event.key == "bad" ? half : event.key; }
  auto react(const Begun&) const { return Tell{key}; }
};

std::vector<std::string> told_in(must::memory_store<>& store) {
  std::vector<std::string> texts;
  for (const auto& one : must::events_in<Told>(store)) texts.push_back(one.as<Told>()->text);
  return texts;
}
must::subscription_options trying_once(must::failure_action then) {
  return {.on_failure = {.attempts = 1, .then = then}};
}

}  // namespace

TEST_CASE("process_manager: a reason that is no UTF-8 is kept readable, and refused is told of it", "[model]") {
  for (const auto& text : halves) {
    half = text;
    must::memory_store<> store;
    must::append(store, Begun{"a"}, Begun{"bad"}, Begun{"b"});
    auto manager = must::process_manager<Asks>(store, "asks");
    manager.run_once();
    const auto told = told_in(store);
    REQUIRE(told.size() == 3);
    CHECK(told[0] == "a");
    CHECK(told[1].starts_with("refused, no: "));
    CHECK(told[1].find("\\x") != std::string::npos);
    CHECK(told[2] == "b");
    CHECK(must::process_manager<Asks>(store, "asks").run_once() == store.head());
  }
}

TEST_CASE("process_manager: of a long reason the first 500 bytes are kept", "[model]") {
  half = std::string(2'000'000, 'x');
  must::memory_store<> store;
  must::append(store, Begun{"bad"});
  must::process_manager<Asks>(store, "asks").run_once();
  REQUIRE(told_in(store).size() == 1);
  CHECK(told_in(store)[0] == "refused, no: " + std::string(496, 'x'));
}

TEST_CASE("process_manager: it reacts to an event whose id no attribute may hold", "[model]") {
  half = "half \xc3";
  must::memory_store<> store;
  for (const std::string id : {"a\tb", "a\nb", "\x7f", "a\xEF\xBF\xBF", "\xC2\x85"}) {
    must::cloud_event event;
    event.id = id;
    event.source = "/elsewhere";
    event.type = "Begun";
    event.data = {"application/json", id == "\x7f" ? R"({"key":"bad"})" : R"({"key":"a"})"};
    CHECK(store.append(std::span(&event, 1), {}).stored());
  }
  must::process_manager<Asks>(store, "asks").run_once();
  CHECK(told_in(store).size() == 5);
}

TEMPLATE_TEST_CASE(
    "process_manager: a name or key that is no UTF-8 is refused before anything is stored, and holds up "
    "no other instance",
    "[model]", Reminds, Cancels, Named) {
  for (const auto& text : halves) {
    half = text;
    must::memory_store<> store;
    must::append(store, Begun{"a"}, Begun{"bad"}, Begun{"b"});
    auto stops = must::process_manager<TestType>(store, "texts", trying_once(must::failure_action::stop));
    const auto why = must_test::error_of<must::bad_input>([&] { stops.run_once(); });
    CHECK(why.field == (std::is_same_v<TestType, Named> ? "key" : "deadline"));

    auto parks = must::process_manager<TestType>(store, "texts", trying_once(must::failure_action::park));
    parks.run_once();
    CHECK(parks.parked().size() == 1);
    CHECK(told_in(store) == std::vector<std::string>{"a", "b"});
    CHECK(parks.running().size() == 2);
  }
}
