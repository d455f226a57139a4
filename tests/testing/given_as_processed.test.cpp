// SPDX-License-Identifier: MIT
// given: that what process_command refuses with a store is refused without one, by the same error.
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/given.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace given_as_processed_test {

struct Opened {
  std::string stream{};
  std::vector<std::string> tags{};
};
struct Moved {
  std::string stream{};
  std::vector<std::string> tags{};
};
struct Noted {
  std::string stream{};
  std::vector<std::string> tags{};
};
struct Account {
  using events = must::events<Opened, Moved>;
  int applied = 0;
  void apply(const Opened&) { ++applied; }
  void apply(const Moved&) { ++applied; }
};
struct Rules {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
};

// A command about one stream that comes to any events.
struct Move : Rules {
  std::string on{};
  std::vector<Moved> moved{};
  Move(std::string stream, std::vector<Moved> events) : on(std::move(stream)), moved(std::move(events)) {}
  auto depends_on() const { return must::stream<Account>(on); }
  std::vector<Moved> be_translated_to_events() const { return moved; }
};
struct MoveTagged : Rules {
  std::string on{};
  std::vector<Moved> moved{};
  MoveTagged(std::string tag, std::vector<Moved> events) : on(std::move(tag)), moved(std::move(events)) {}
  auto depends_on() const { return must::tagged<Account>(on); }
  std::vector<Moved> be_translated_to_events() const { return moved; }
};
struct MoveTaggedAtVersion : Rules {
  auto depends_on() const { return must::tagged<Account>("t").at_version(1); }
  Moved be_translated_to_events() const { return {"", {"t"}}; }
};
struct MoveOfTwo : Rules {
  auto depends_on() const { return must::all_of(must::stream<Account>("a"), must::stream<Account>("b")); }
  Moved be_translated_to_events() const { return {"a"}; }
};
struct Note : Rules {
  std::vector<Noted> noted{};
  explicit Note(std::vector<Noted> events) : noted(std::move(events)) {}
  std::vector<Noted> be_translated_to_events() const { return noted; }
};
struct NoteById : Note {
  static constexpr auto type = "NoteById";
  std::string id{};
  std::string command_id() const { return id; }
  std::string command_digest() const { return "same"; }
  explicit NoteById(std::string named) : Note({{"a"}}), id(std::move(named)) {}
};
struct RefusesToDepend : Rules {
  must::dependency<Account> depends_on() const {
    must::ensure(false, "depends on nothing");
    return must::stream<Account>("a");
  }
  Moved be_translated_to_events() const { return {"a"}; }
};
struct ThrowsInvalid : Rules {
  Noted be_translated_to_events() const {
    must::raise({.code = must::error_code::invalid, .message = "of a part", .field = "part"});
  }
};
struct Handled : Noted {
  static constexpr auto type = "Handled";
  void be_handled(int& count) const { ++count; }
};
struct Handle : Rules {
  Handled be_translated_to_events(int&) const { return {{"a"}}; }
};

// Returns what a command is refused with, or nothing.
template <typename Call>
std::optional<must::error> error_of(Call call) {
  try {
    call();
    return std::nullopt;
  } catch (const must::exception& why) {
    return why.error();
  }
}

// Processes a command on what has happened, with a store and without one, and compares.
template <typename C, typename... Option>
std::string compare(const C& command, const Option&... options) {
  must::memory_store<Opened, Moved, Noted> store;
  const Opened first{"a", {}}, second{"b", {"t"}};
  must::append(store, first);
  must::append(store, second);
  const auto real = must::try_process_command(command, store, options...);
  const auto tested = must::testing::given(first, second);
  if (real) {
    CHECK(tested.when(command, options...).events().size() == real->events.size());
    return "(processed)";
  }
  const auto& why = real.error();
  if (why.code == must::error_code::invalid)
    tested.when(command, options...).template then_refused<must::invalid>(why.message);
  else if (why.code == must::error_code::version_conflict)
    tested.when(command, options...).template then_refused<must::version_conflict>(why.message);
  else {
    const auto thrown = error_of([&] { static_cast<void>(tested.when(command, options...)); });
    REQUIRE(thrown);
    CHECK(thrown->code == why.code);
    CHECK(thrown->message == why.message);
    CHECK(thrown->field.str() == why.field.str());
  }
  return std::string(must::name_of(why.code)) + " " + why.field.str();
}

}  // namespace given_as_processed_test

namespace {

using namespace given_as_processed_test;
const std::string not_utf8 = "a\xff", long_name(513, 'x');

}  // namespace

TEST_CASE("given: an event outside of every boundary is refused as by process_command", "[testing]") {
  CHECK(compare(Move{"a", {{"a"}}}) == "(processed)");
  CHECK(compare(Move{"a", {{""}}}) == "(processed)");
  CHECK(compare(Move{"a", {{"a"}, {"b"}}}) == "bad_input be_translated_to_events");
  CHECK(compare(MoveTagged{"t", {{"a", {"t"}}}}) == "(processed)");
  CHECK(compare(MoveTagged{"t", {{"a", {"u"}}}}) == "bad_input be_translated_to_events");
}

TEST_CASE("given: expected_version is judged as by process_command", "[testing]") {
  using at = must::expected_version;
  CHECK(compare(Move{"a", {{"a"}}}, at{1}) == "(processed)");
  CHECK(compare(Move{"c", {{"c"}}}, at{0}) == "(processed)");
  CHECK(compare(Move{"a", {{"a"}}}, at{0}) == "version_conflict ");
  CHECK(compare(Move{"a", {{"a"}}}, at{7}) == "version_conflict ");
  CHECK(compare(Note{{{"b"}, {"b"}}}, at{1}) == "(processed)");
  CHECK(compare(Note{{{"b"}, {"b"}}}, at{2}) == "version_conflict ");
  CHECK(compare(Note{{{"a"}, {"b"}}}, at{1}) == "bad_input expected_version");
  CHECK(compare(MoveOfTwo{}, at{1}) == "bad_input expected_version");
}

TEST_CASE("given: a query or an event that no store takes is refused as by process_command", "[testing]") {
  for (const auto& name : {std::string(), not_utf8, long_name}) {
    CHECK(compare(Move{name, {{name}}}) == "bad_input stream");
    CHECK(compare(MoveTagged{name, {{"a", {name}}}}) == "bad_input tag");
    CHECK(compare(Note{{{"a", {name}}}}) == "bad_input tag");
    CHECK(compare(Note{{{"a"}, {name}}}) == (name.empty() ? "(processed)" : "bad_input stream"));
  }
  CHECK(compare(MoveTaggedAtVersion{}) == "bad_input at_version");
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= must::limits{}.tags_per_event; ++i) many.push_back(std::to_string(i));
  CHECK(compare(Note{{{"a", many}}}) == "bad_input tags");
  CHECK(compare(Note{std::vector<Noted>(must::limits{}.events_per_append + 1)}) == "bad_input events");
}

TEST_CASE("given: metadata and ids of commands are checked as by process_command", "[testing]") {
  CHECK(compare(Note{{{"a"}}}, must::metadata{{"user", "ann"}}) == "(processed)");
  CHECK(compare(Note{{{"a"}}}, must::metadata{{"mustbe", "ann"}}) == "bad_input metadata");
  CHECK(compare(Note{{{"a"}}}, must::metadata{{"sequence", "1"}}) == "bad_input metadata");
  CHECK(compare(NoteById{"one"}) == "(processed)");
  for (const auto& id : {std::string(), not_utf8, long_name}) {
    CHECK(compare(NoteById{id}) == "bad_input command_id");
    CHECK(compare(NoteById{"one"}, must::identified_by{id}) == "bad_input identified_by");
  }
}

TEST_CASE("given: a refusal in depends_on, and an error that a rule throws, refuse the command", "[testing]") {
  CHECK(compare(RefusesToDepend{}) == "invalid ");
  CHECK(compare(ThrowsInvalid{}) == "invalid part");
}

TEST_CASE("given: an event that no store takes cannot have happened", "[testing]") {
  const Note command{{{"a"}}};
  for (const auto& event : {Opened{not_utf8}, Opened{long_name}, Opened{"a", {""}}, Opened{"a", {not_utf8}}}) {
    const auto before = must::testing::given(event);
    CHECK_THROWS_AS(static_cast<void>(before.when(command)), must::bad_input);
  }
}

TEST_CASE("given: no event is handled, whatever the options are", "[testing]") {
  int count = 0;
  CHECK(must::testing::given().when(Handle{}, std::ref(count)).events().size() == 1);
  CHECK(count == 0);
  must::memory_store<Handled> store;
  must::process_command(Handle{}, store, std::ref(count));
  CHECK(count == 1);
  must::testing::given(Opened{"a"}).when(Move{"a", {{"a"}}}, must::return_state).then(Moved{"a"});
}
