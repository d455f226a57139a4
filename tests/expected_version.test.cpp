// SPDX-License-Identifier: MIT
// The version of the stream of a command: the one that a caller expects, and the one that it is told.
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "stores/scripted_store.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Edited {
  static constexpr auto type = "Edited";
  std::string stream, text;
  std::vector<std::string> tags{};
  friend bool operator==(const Edited&, const Edited&) = default;
};
struct Page {
  using events = must::events<Edited>;
  std::string text;
  void apply(const Edited& edit) { text = edit.text; }
};
struct Author {
  using events = must::events<Edited>;
  int edits = 0;
  void apply(const Edited&) { ++edits; }
};
using store_type = must::memory_store<Edited>;

// Depends on what a test gives it, and comes to the events that it is given.
template <typename Boundary>
struct Edit {
  static constexpr auto type = "Edit";
  Boundary boundary;
  std::vector<Edited> edits{};
  int* calls = nullptr;

  auto depends_on() const { return boundary; }
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const {
    if (calls != nullptr) ++*calls;
  }
  auto be_translated_to_events() const { return edits; }
};
template <typename Boundary>
Edit(Boundary, std::vector<Edited>, int* = nullptr) -> Edit<Boundary>;

// Depends on nothing.
struct Write {
  std::vector<Edited> edits;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events() const { return edits; }
};

auto page(const std::string& name) { return must::stream<Page>(name); }

void check_refused(const must::result<must::processed<Edited>>& done, const std::string& message) {
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::bad_input);
  CHECK(done.error().field == "expected_version");
  CHECK(done.error().message == message);
}

}  // namespace

TEST_CASE("processed: it has the version of the stream that the command depends on", "[core]") {
  store_type store;
  CHECK(must::process_command(Edit{page("a"), {{"a", "1"}}}, store).version == must::version(1));
  CHECK(must::process_command(Edit{page("b"), {{"b", "1"}, {"b", "2"}}}, store).version == must::version(2));
  CHECK(must::process_command(Edit{page("a"), {{"a", "2"}, {"a", "3"}}}, store).version == must::version(3));
  CHECK(must::process_command(Edit{page("a"), {}}, store).version == must::version(3));
  const auto both = must::all_of(page("a"), must::tagged<Author>("author:ann"));
  CHECK(must::process_command(Edit{both, {{"a", "4"}, {"z", "1", {"author:ann"}}}}, store).version == must::version(4));
  CHECK(store.version("a") == 4);
}

TEST_CASE("processed: it has no version when the command depends on no stream, on several, or on a part of one",
          "[core]") {
  store_type store;
  CHECK_FALSE(must::process_command(Write{{{"a", "1"}}}, store).version);
  CHECK_FALSE(must::process_command(Edit{must::tagged<Author>("t"), {{"a", "1", {"t"}}}}, store).version);
  CHECK_FALSE(must::process_command(Edit{must::all_of(page("a"), page("b")), {{"a", "2"}}}, store).version);
  const auto part = must::dependency<Page>({.types = {"Edited"}, .tags = {"t"}, .stream = "a"});
  CHECK_FALSE(must::process_command(Edit{part, {{"a", "3", {"t"}}}}, store).version);
}

TEST_CASE("expected_version: a command is refused before its rules unless its stream is at that version", "[core]") {
  store_type store;
  int calls = 0;
  const Edit edit{page("a"), {{"a", "text"}}, &calls};
  CHECK(must::process_command(edit, store, must::expected_version{0}).version == must::version(1));
  CHECK(must::process_command(edit, store, must::expected_version{1}).version == must::version(2));
  CHECK(calls == 2);
  for (const auto at : {must::version(0), must::version(1), must::version(3)}) {
    const auto late = must::try_process_command(edit, store, must::expected_version{at});
    REQUIRE_FALSE(late);
    CHECK(late.error().code == must::error_code::version_conflict);
    CHECK(late.error().stream == "a");
    CHECK(late.error().expected == at.value);
    CHECK(late.error().actual == 2U);
  }
  CHECK(calls == 2);
  CHECK(store.head() == 2);
  const Edit nothing{page("a"), {}};
  CHECK(must::process_command(nothing, store, must::expected_version{2}).version == must::version(2));
  CHECK_THROWS_AS(must::process_command(nothing, store, must::expected_version{1}), must::version_conflict);
  const Edit both{page("a").at_version(2), {{"a", "text"}}};
  CHECK_THROWS_AS(must::process_command(both, store, must::expected_version{1}), must::version_conflict);
  CHECK(must::process_command(both, store, must::expected_version{2}).version == must::version(3));
}

TEST_CASE("expected_version: a part of a stream is held to the version of the whole stream", "[core]") {
  store_type store;
  must::append(store, Edited{"a", "1"}, Edited{"a", "2"});
  const auto part = must::dependency<Page>({.types = {"Edited"}, .tags = {"t"}, .stream = "a"});
  const Edit edit{part, {{"a", "3", {"t"}}}};
  CHECK_THROWS_AS(must::process_command(edit, store, must::expected_version{0}), must::version_conflict);
  CHECK(must::process_command(edit, store, must::expected_version{2}).version == must::version(3));
  CHECK_THROWS_AS(must::process_command(Edit{part, {}}, store, must::expected_version{2}), must::version_conflict);
}

TEST_CASE("expected_version: without depends_on the stream is that of the events", "[core]") {
  store_type store;
  const Write two{{{"a", "1"}, {"a", "2"}}};
  CHECK(must::process_command(two, store, must::expected_version{0}).version == must::version(2));
  const auto again = must::try_process_command(two, store, must::expected_version{0});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == must::error_code::version_conflict);
  CHECK(again.error().message == "stream \"a\" is at version 2; the append expected no such stream");
  CHECK(store.head() == 2);
  CHECK(must::process_command(two, store, must::expected_version{2}).version == must::version(4));
}

TEST_CASE("expected_version: an append in between is not tried again in the stream, and is beside it", "[core]") {
  store_type store;
  must::append(store, Edited{"a", "1"});
  must_test::scripted_store scripted(store);
  const auto both = must::all_of(page("a"), must::tagged<Author>("author:ann"));
  const Edit edit{both, {{"a", "2"}}};
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) must::append(store, Edited{"elsewhere", "1", {"author:ann"}});
    return {};
  };
  const auto beside = must::process_command(edit, scripted, must::expected_version{1});
  CHECK(beside.attempts == 2);
  CHECK(beside.version == must::version(2));

  scripted.before = [&](std::size_t) -> std::optional<must::append_result> {
    must::append(store, Edited{"a", "from another"});
    return {};
  };
  scripted.appends.clear();
  const auto late = must::try_process_command(edit, scripted, must::expected_version{2});
  REQUIRE_FALSE(late);
  CHECK(late.error().code == must::error_code::version_conflict);
  CHECK(late.error().expected == 2U);
  CHECK(late.error().actual == 3U);
  CHECK(scripted.appends.size() == 1);
  CHECK(store.version("a") == 3);
}

TEST_CASE("expected_version: a command about several streams, or none, is refused", "[core]") {
  store_type store;
  int calls = 0;
  const Edit two{must::all_of(page("a"), page("b")), {{"a", "1"}}, &calls};
  check_refused(must::try_process_command(two, store, must::expected_version{0}),
                "expected_version needs a command about one stream: depends_on names \"a\" and \"b\"");
  CHECK(calls == 0);
  const std::string none =
      "expected_version needs a command about one stream: its events are in several streams, or in none";
  check_refused(must::try_process_command(Write{{{"a", "1"}, {"b", "1"}}}, store, must::expected_version{0}), none);
  check_refused(must::try_process_command(Write{{{"", "1"}}}, store, must::expected_version{0}), none);
  CHECK(store.head() == 0);
}

TEST_CASE("expected_version: a command that is sent again under its id gets its first result", "[core]") {
  store_type store;
  const Edit edit{page("a"), {{"a", "1"}, {"a", "2"}}};
  const auto first = must::process_command(edit, store, must::identified_by{"request 1"}, must::expected_version{0});
  CHECK(first.version == must::version(2));
  must::append(store, Edited{"a", "from another"});
  for (const auto at : {must::version(0), must::version(2), must::version(7)}) {
    const auto again = must::process_command(edit, store, must::identified_by{"request 1"}, must::expected_version{at});
    CHECK(again.replayed);
    CHECK(again.events == first.events);
    CHECK(again.first == first.first);
    CHECK(again.last == first.last);
    CHECK(again.version == first.version);
  }
  // The same, where the first one is stored after the second one has looked for it.
  must_test::scripted_store scripted(store);
  const Edit other{page("b"), {{"b", "1"}}};
  scripted.before_read = [&](std::size_t number) {
    if (number == 1) must::process_command(other, store, must::identified_by{"request 2"}, must::expected_version{0});
  };
  const auto late = must::process_command(other, scripted, must::identified_by{"request 2"}, must::expected_version{0});
  CHECK(late.replayed);
  CHECK(late.version == must::version(1));
  CHECK(store.version("b") == 1);
}

TEST_CASE("expected_version: of many threads that expect one version, one gets it", "[core][race]") {
  store_type store;
  std::atomic<int> won{0}, lost{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int at = 0; at < 100; ++at) {
          const auto done =
              must::try_process_command(Edit{page("a"), {{"a", "text"}}}, store, must::expected_version{at});
          if (done && done->version == must::version(at + 1))
            ++won;
          else if (!done && done.error().code == must::error_code::version_conflict)
            ++lost;
        }
      });
  }
  CHECK(won + lost == 400);
  CHECK(store.version("a").value == static_cast<std::uint64_t>(won.load()));
  CHECK(won > 0);
}
