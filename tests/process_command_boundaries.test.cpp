// SPDX-License-Identifier: MIT
// Events of a command that lie outside of what the command depends on.
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

struct Taken {
  static constexpr auto type = "Taken";
  std::string name{};
  std::string stream{};
  std::vector<std::string> tags{};
};
struct Noted {
  static constexpr auto type = "Noted";
  std::string stream{};
};
struct Name {
  using events = must::events<Taken>;
  bool taken = false;
  void apply(const Taken&) { taken = true; }
};
using store_type = must::memory_store<Taken, Noted>;

// What the rule looks at, and where the event goes, are free.
struct TakeName {
  std::optional<must::dependency<Name>> boundary{};
  Taken event{};

  auto depends_on() const { return boundary; }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const std::optional<Name>& name) const { must::ensure(!name || !name->taken, "the name is taken"); }
  Taken be_translated_to_events() const { return event; }
};

struct TakeOutside : TakeName {
  static constexpr bool appends_outside = true;
};

struct NoteBeside {
  auto depends_on() const { return must::all_of(must::tagged<Name>("name:x"), must::stream<Name>("a")); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events() const {
    return std::make_tuple(Noted{"elsewhere"}, Taken{"x", "b", {"name:x"}}, Taken{"x"});
  }
};

must::error refused(store_type& store, const TakeName& command) {
  const auto done = must::try_process_command(command, store);
  REQUIRE(!done);
  CHECK(store.head() == 0);
  return done.error();
}

}  // namespace

TEST_CASE("process_command: an event without the tag of its command's boundary is refused", "[core]") {
  store_type store;
  const auto why = refused(store, {must::tagged<Name>("name:x"), {"x"}});
  CHECK(why.code == must::error_code::bad_input);
  CHECK(why.type == "Taken");
  CHECK(why.field == "be_translated_to_events");
  CHECK(why.message.find("appends_outside") != std::string::npos);
}

TEST_CASE("process_command: an event of another stream than its command's boundary is refused", "[core]") {
  store_type store;
  const auto why = refused(store, {must::stream<Name>("a"), {"x", "z"}});
  CHECK(why.code == must::error_code::bad_input);
  CHECK(why.stream == "z");
}

TEST_CASE("process_command: an event inside of a boundary is stored, by stream, tag or type", "[core]") {
  store_type store;
  CHECK(must::process_command(TakeName{must::tagged<Name>("name:x"), {"x", "", {"name:x", "more"}}}, store).last == 1);
  CHECK(must::process_command(TakeName{must::stream<Name>("a"), {"x"}}, store).last == 2);
  store_type another;
  CHECK(must::process_command(TakeName{must::every<Name>(), {"x", "z"}}, another).last == 1);
}

TEST_CASE("process_command: each event needs one boundary of several; one that no state is folded from needs none",
          "[core]") {
  store_type store;
  CHECK(must::process_command(NoteBeside{}, store).events.size() == 3);
}

TEST_CASE("process_command: without a boundary nothing lies outside of one", "[core]") {
  store_type store;
  CHECK(must::process_command(TakeName{std::nullopt, {"x", "z"}}, store).last == 1);
}

TEST_CASE("process_command: a command that says so appends outside of its boundaries", "[core]") {
  store_type store;
  TakeOutside command;
  command.boundary = must::stream<Name>("a");
  command.event.stream = "z";
  CHECK(must::process_command(command, store).last == 1);
}
