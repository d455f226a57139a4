// SPDX-License-Identifier: MIT
// Versions of streams: what a command came to, and what its caller expects.
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <string>
#include <type_traits>
#include <vector>

namespace {

struct Edited {
  static constexpr auto type = "Edited";
  std::string stream{};
  std::vector<std::string> tags{};
};
struct Page {
  using events = must::events<Edited>;
  int edits = 0;
  void apply(const Edited&) { ++edits; }
};
struct Edit {
  std::vector<Edited> edits{};
  std::string id{};
  auto depends_on() const { return must::stream<Page>("page"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  std::vector<Edited> be_translated_to_events() const { return edits; }
};
struct Label {
  static constexpr bool appends_outside = true;
  auto depends_on() const { return must::tagged<Page>("t"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Edited be_translated_to_events() const { return {"page"}; }
};
struct Apart : Edit {
  static constexpr bool appends_outside = true;
};
using store_type = must::memory_store<Edited>;

template <typename At>
concept taken_as_version = requires(must::dependency<Page> on, At at) { std::move(on).at_version(at); };

}  // namespace

TEST_CASE("version: a position is not taken for one", "[core]") {
  STATIC_REQUIRE_FALSE(taken_as_version<must::position>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<must::position, must::version>);
  STATIC_REQUIRE(taken_as_version<must::version>);
  STATIC_REQUIRE(taken_as_version<int>);
  STATIC_REQUIRE(std::is_convertible_v<must::version, std::uint64_t>);
}

TEST_CASE("processed: has the version of its last event in the stream of the command", "[core]") {
  store_type store;
  must::append(store, Edited{"other"});
  CHECK(must::process_command(Edit{{{}, {}}}, store).version == 2);
  const auto done = must::process_command(Edit{{{}}}, store);
  CHECK(done.version == 3);
  CHECK(done.version == store.version("page"));
  CHECK(done.last == 4);
}

TEST_CASE("processed: has no version when it has no events, or not all are in one stream", "[core]") {
  store_type store;
  CHECK(must::process_command(Edit{}, store).version == 0);
  CHECK(must::process_command(Label{}, store).version == 0);
  Apart apart;
  apart.edits = {{}, {"other"}};
  CHECK(must::process_command(apart, store).version == 0);
}

TEST_CASE("processed: a repeat has the version of the first time", "[core]") {
  store_type store;
  const auto first = must::process_command(Edit{{{}, {}}}, store, must::identified_by{"1"});
  must::process_command(Edit{{{}}}, store);
  const auto again = must::process_command(Edit{{{}, {}}}, store, must::identified_by{"1"});
  CHECK(again.replayed);
  CHECK(again.version == first.version);
}

TEST_CASE("expected_version: a command goes through at that version of its stream alone", "[core]") {
  store_type store;
  auto version = must::process_command(Edit{{{}}}, store, must::expected_version{0}).version;
  version = must::process_command(Edit{{{}, {}}}, store, must::expected_version{version}).version;
  CHECK(version == 3);
  const auto late = must::try_process_command(Edit{{{}}}, store, must::expected_version{1});
  REQUIRE(!late);
  CHECK(late.error().code == must::error_code::version_conflict);
  CHECK(late.error().stream == "page");
  CHECK(late.error().expected == 1);
  CHECK(late.error().actual == 3);
  CHECK(store.version("page") == 3);
}

TEST_CASE("expected_version: a command that depends on no stream has none", "[core]") {
  store_type store;
  const auto refused = must::try_process_command(Label{}, store, must::expected_version{0});
  REQUIRE(!refused);
  CHECK(refused.error().code == must::error_code::bad_input);
  CHECK(refused.error().field == "expected_version");
}
