// SPDX-License-Identifier: MIT
// process_command: the order of things, refusals, what events come to, conflicts, unknown outcomes, repeats, races.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "stores/scripted_store.hpp"
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace {

struct A {
  int n = 0;
  friend bool operator==(const A&, const A&) = default;
};
struct B {
  int n = 0;
  friend bool operator==(const B&, const B&) = default;
};
struct C {
  std::string text;
  friend bool operator==(const C&, const C&) = default;
};
// An event that is a range, but named by the store.
struct Ranged : std::vector<int> {
  using std::vector<int>::vector;
};
using letters = must::memory_store<A, B, C, Ranged>;

// A command whose events are the test's.
template <typename Translate>
struct Make {
  Translate translate;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  decltype(auto) be_translated_to_events() const { return translate(); }
};
template <typename Translate>
Make(Translate) -> Make<Translate>;

// The numbers of the events stored, in order, each with the letter of its type.
template <typename Store>
std::string numbers_in(Store& store) {
  std::string text;
  for (const auto& record : must::events_in(store, must::query::all())) {
    text += text.empty() ? "" : " ";
    text += record.type;
    record.visit([&](const auto& event) {
      if constexpr (requires { event.n; }) text += std::to_string(event.n);
    });
  }
  return text;
}

template <typename Translate>
std::string made(Translate translate) {
  letters store;
  const auto done = must::process_command(Make{translate}, store);
  CHECK(done.events.size() == store.head());
  CHECK(done.last == store.head());
  CHECK(done.first == (done.events.empty() ? 0U : 1U));
  CHECK(done.attempts == 1);
  CHECK_FALSE(done.replayed);
  return numbers_in(store);
}

}  // namespace

TEST_CASE("process_command: authorizes, validates, translates, stores, then handles, in that order", "[core]") {
  static std::vector<std::string> order;
  order.clear();
  struct Logged {
    int good = 3;
    auto depends_on() const {
      order.push_back("depend");
      return must::all_of();
    }
    bool be_authorized() const {
      order.push_back("authorize");
      return good > 0;
    }
    bool be_valid() const {
      order.push_back("validate");
      return good > 1;
    }
    std::optional<A> be_translated_to_events() const {
      order.push_back("translate");
      must::ensure(good > 2, "not good enough");
      return good > 3 ? std::nullopt : std::optional(A{good});
    }
  };
  letters store;
  using log = std::vector<std::string>;
  CHECK(must::try_process_command(Logged{0}, store).error().rule == "be_authorized");
  CHECK(order == log{"depend", "authorize"});
  order.clear();
  CHECK(must::try_process_command(Logged{1}, store).error().rule == "be_valid");
  CHECK(order == log{"depend", "authorize", "validate"});
  order.clear();
  CHECK(must::try_process_command(Logged{2}, store).error().rule == "be_translated_to_events");
  CHECK(store.head() == 0);
  order.clear();
  CHECK(must::process_command(Logged{4}, store).events.empty());
  CHECK(store.head() == 0);
  order.clear();
  CHECK(must::process_command(Logged{3}, store).last == 1);
  CHECK(order == log{"depend", "authorize", "validate", "translate"});
}

TEST_CASE("process_command: a refused command stores nothing, and says which rule refused and why", "[core]") {
  struct Choosy {
    int n;
    void be_authorized(const std::string& by) const { must::ensure(by == "ann", "only ann may"); }
    must::result<void> be_valid() const {
      if (n < 1) return must::refuse("n must be positive");
      return {};
    }
    A be_translated_to_events() const {
      if (n > 9) throw must::refusal("n is too much");
      return {n};
    }
  };
  letters store;
  const std::string ann = "ann", bob = "bob";
  const auto check = [&](const auto& command, const std::string& by, must::error_code code, const char* rule,
                         const char* why) {
    const auto done = must::try_process_command(command, store, by);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK(done.error().rule == rule);
    CHECK(done.error().message == why);
    CHECK(store.head() == 0);
  };
  using must::error_code;
  check(Choosy{5}, bob, error_code::unauthorized, "be_authorized", "only ann may");
  check(Choosy{0}, ann, error_code::invalid, "be_valid", "n must be positive");
  check(Choosy{10}, ann, error_code::invalid, "be_translated_to_events", "n is too much");
  CHECK_THROWS_AS(must::process_command(Choosy{5}, store, bob), must::unauthorized);
  CHECK_THROWS_AS(must::process_command(Choosy{0}, store, ann), must::invalid);
  try {
    must::process_command(Choosy{10}, store, ann);
    FAIL("was not refused");
  } catch (const must::exception& why) {
    CHECK(std::string(why.what()) == "n is too much");
    CHECK(why.error().rule == "be_translated_to_events");
  }
  CHECK(store.head() == 0);
  CHECK(must::process_command(Choosy{5}, store, ann).last == 1);
}

TEST_CASE("process_command: a refusal in the middle of a range stores nothing of it", "[core]") {
  struct Lazy {
    struct iterator {
      int n = 0;
      A operator*() const {
        must::ensure(n < 2, "the third one is refused");
        return {n};
      }
      iterator& operator++() { return ++n, *this; }
      bool operator!=(const iterator& other) const { return n != other.n; }
    };
    iterator begin() const { return {0}; }
    iterator end() const { return {5}; }
  };
  letters store;
  const auto done = must::try_process_command(Make{[] { return Lazy{}; }}, store);
  REQUIRE_FALSE(done);
  CHECK(done.error().rule == "be_translated_to_events");
  CHECK(store.head() == 0);
}

TEST_CASE("process_command: an event, or optional, variant, tuple, pair, range, or nestings of those", "[core]") {
  using variant = std::variant<std::monostate, A, B>;
  CHECK(made([] { return A{1}; }) == "A1");
  CHECK(made([] { return std::optional(A{1}); }) == "A1");
  CHECK(made([] { return std::optional<A>(); }).empty());
  CHECK(made([] { return variant(B{2}); }) == "B2");
  CHECK(made([] { return variant(); }).empty());
  CHECK(made([] { return std::monostate(); }).empty());
  CHECK(made([] { return std::tuple(A{1}, B{2}, A{3}); }) == "A1 B2 A3");
  CHECK(made([] { return std::tuple<>(); }).empty());
  CHECK(made([] { return std::pair(B{1}, A{2}); }) == "B1 A2");
  CHECK(made([] { return std::vector{A{1}, A{2}}; }) == "A1 A2");
  CHECK(made([] { return std::vector<A>(); }).empty());
  CHECK(made([] { return std::array{A{1}, A{2}}; }) == "A1 A2");
  CHECK(made([] { return std::list{A{1}, A{2}}; }) == "A1 A2");
  CHECK(made([] { return std::vector<variant>{A{1}, {}, B{2}}; }) == "A1 B2");
  CHECK(made([] { return std::vector<std::optional<A>>{A{1}, std::nullopt, A{3}}; }) == "A1 A3");
  CHECK(made([] { return std::vector<std::vector<A>>{{A{1}}, {}, {A{2}, A{3}}}; }) == "A1 A2 A3");
  CHECK(made([] { return std::optional(std::pair(A{1}, std::vector{variant(B{2}), variant(A{3})})); }) == "A1 B2 A3");
  CHECK(made([] {
          return std::tuple(std::optional<A>(), std::variant<std::vector<A>, std::pair<A, B>>(std::pair(A{1}, B{2})),
                            std::tuple(B{3}));
        }) == "A1 B2 B3");
  CHECK(made([]() -> const std::vector<A>& {
          static const std::vector<A> kept{{1}, {2}};
          return kept;
        }) == "A1 A2");
  CHECK(made([]() -> const std::vector<A> { return {{1}, {2}}; }) == "A1 A2");
}

TEST_CASE("process_command: processed has events of the one type, or variants of the types, each once", "[core]") {
  letters store;
  const auto one = must::process_command(Make{[] { return std::pair(A{1}, std::vector{A{2}}); }}, store);
  static_assert(std::is_same_v<decltype(one.events), std::vector<A>>);
  CHECK(one.events == std::vector{A{1}, A{2}});
  const auto two = must::process_command(Make{[] { return std::tuple(B{1}, std::optional(A{2}), B{3}); }}, store);
  static_assert(std::is_same_v<decltype(two.events), std::vector<std::variant<B, A>>>);
  CHECK(two.events == std::vector<std::variant<B, A>>{B{1}, A{2}, B{3}});
  CHECK(two.first == 3);
  CHECK(two.last == 5);
}

// Leaf first, and only the very templates are unwrapped.
namespace {

struct Typed : std::optional<A> {
  static constexpr auto type = "typed";
};
struct LookAlike {
  bool has_value() const { return true; }
  explicit operator bool() const { return true; }
  A operator*() const { return {1}; }
};
struct TupleLike : std::tuple<A, B> {};

}  // namespace

TEST_CASE("process_command: a type that the store names, or that has a type, is one event whatever else it is",
          "[core]") {
  CHECK(made([] { return Ranged{1, 2, 3}; }) == "Ranged");
  CHECK(made([] { return std::vector{Ranged{1}, Ranged{}}; }) == "Ranged Ranged");
  CHECK(made([] { return std::optional(std::variant<A, Ranged>(Ranged{1})); }) == "Ranged");

  must::memory_store<LookAlike, TupleLike, Typed> store;
  const auto done =
      must::process_command(Make{[] { return std::tuple(LookAlike{}, TupleLike{}, Typed{A{1}}); }}, store);
  CHECK(done.events.size() == 3);
  CHECK(must::events_in(store, must::query::all()).back().type == "typed");
}

// Ranges that live no longer than the command, or can be read once.
namespace {

struct Numbers {
  std::vector<int> numbers;
  struct range {
    const Numbers* command;
    int* read;
    struct iterator {
      const range* from;
      std::size_t at;
      A operator*() const {
        ++*from->read;
        return {from->command->numbers[at]};
      }
      void operator++() { ++at; }
      bool operator!=(std::nullptr_t) const { return at != from->command->numbers.size(); }
    };
    iterator begin() { return {this, 0}; }  // not const: an input range
    std::nullptr_t end() { return nullptr; }
  };
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  range be_translated_to_events(const std::reference_wrapper<int>& read) const { return {this, &read.get()}; }
};
struct MoveOnly {
  std::vector<std::unique_ptr<A>> owned;
  struct iterator {
    std::vector<std::unique_ptr<A>>::iterator at;
    A&& operator*() const { return std::move(**at); }
    iterator& operator++() { return ++at, *this; }
    bool operator!=(const iterator& other) const { return at != other.at; }
  };
  iterator begin() { return {owned.begin()}; }
  iterator end() { return {owned.end()}; }
};

}  // namespace

TEST_CASE("process_command: a lazy range may refer to the command, and is read once", "[core]") {
  letters store;
  int read = 0;
  const auto done = must::process_command(Numbers{{4, 5, 6}}, store, std::ref(read));
  CHECK(done.events == std::vector{A{4}, A{5}, A{6}});
  CHECK(read == 3);
  CHECK(numbers_in(store) == "A4 A5 A6");
}

TEST_CASE("process_command: a range may be move-only, and its elements moved from", "[core]") {
  CHECK(made([] {
          MoveOnly range;
          range.owned.push_back(std::make_unique<A>(A{7}));
          range.owned.push_back(std::make_unique<A>(A{8}));
          return range;
        }) == "A7 A8");
}

TEST_CASE("process_command: metadata is recorded with every event", "[core]") {
  letters store;
  const must::metadata metadata{{"correlationid", "r-17"}, {"n", 5}, {"good", true}};
  must::process_command(Make{[] { return std::pair(A{1}, B{2}); }}, store, metadata);
  for (const auto& record : must::events_in(store, must::query::all())) CHECK(record.extensions == metadata.entries);
}

TEST_CASE("process_command: reserved and misspelled names of metadata are refused, before any rule", "[core]") {
  letters store;
  const std::string longest(513, 'x');
  int calls = 0;
  const Make command{[&] { return A{++calls}; }};
  for (const auto* name :
       {"id", "source", "specversion", "type", "subject", "time", "data", "datacontenttype", "dataschema", "sequence",
        "streamversion", "mustanything", "must", "", "Upper", "with-dash", "ümlaut", "a b", longest.c_str()}) {
    INFO(name);
    const auto done = must::try_process_command(command, store, must::metadata{{name, "x"}});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == must::error_code::bad_input);
    CHECK(done.error().field == "metadata");
  }
  CHECK_THROWS_AS(must::process_command(command, store, must::metadata{{"id", "x"}}), must::bad_input);
  CHECK(calls == 0);
  CHECK(store.head() == 0);
}

TEST_CASE("process_command: values of metadata that CloudEvents forbids are refused, before any rule", "[core]") {
  letters store;
  int calls = 0;
  const Make command{[&] { return A{++calls}; }};
  for (const auto& text : {std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"), std::string("\xff"),
                           std::string("\xed\xa0\x80"), std::string("\xef\xbf\xbf")}) {
    const auto done = must::try_process_command(command, store, must::metadata{{"name", text}});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == must::error_code::bad_input);
    CHECK(done.error().field == "metadata");
  }
  CHECK_FALSE(must::try_process_command(command, store, must::metadata{{"name", must::uri{"relative"}}}));
  CHECK_FALSE(must::try_process_command(command, store, must::metadata{{"name", must::uri_reference{"a b"}}}));
  CHECK(calls == 0);
  CHECK(store.head() == 0);
  CHECK(
      must::process_command(
          command, store, must::metadata{{"text", ""}, {"ref", must::uri_reference{"../x"}}, {"uri", must::uri{"a:b"}}})
          .last == 1);
}

// Conflicts and unknown outcomes.
namespace {

struct Counted {
  using events = must::events<A>;
  int sum = 0;
  void apply(const A& a) { sum += a.n; }
};
template <typename Translate>
struct Guarded {
  Translate translate;
  auto depends_on() const { return must::stream<Counted>("s"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events(const Counted& counted) const { return translate(counted); }
};
template <typename Translate>
Guarded(Translate) -> Guarded<Translate>;

const auto next = Guarded{[](const Counted& counted) { return A{counted.sum + 1}; }};
const auto no_conflicts = [](std::size_t) { return std::optional<must::append_result>(); };
std::optional<must::append_result> always_conflict(std::size_t) { return must::conflict{.actual = 5, .after = 4}; }

std::string ids_of(const std::vector<must::basic_event<letters::data_type>>& events) {
  std::string ids;
  for (const auto& event : events) ids += event.id + " ";
  return ids;
}

}  // namespace

TEST_CASE("process_command: a conflict is tried again with what was stored in between", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 2) return must::conflict{.actual = 1};  // a false one
    if (number < 5) must::process_command(next, store);
    return {};
  };
  const auto done = must::process_command(next, scripted);
  CHECK(done.attempts == 5);
  CHECK(done.events == std::vector{A{8}});
  CHECK(numbers_in(store) == "A1 A2 A4 A8");
}

TEST_CASE("process_command: gives up after the retries that it may make", "[core]") {
  letters store;
  for (const unsigned count : {0U, 1U, 2U, 5U}) {
    must_test::scripted_store scripted(store);
    scripted.before = always_conflict;
    const auto done = must::try_process_command(next, scripted, must::attempts{count});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == must::error_code::version_conflict);
    CHECK(done.error().position == 5U);
    CHECK(scripted.appends.size() == (count == 0 ? 1 : count));
    CHECK((done.error().message.find(" attempts)") != std::string::npos) == (count > 1));
  }
  must_test::scripted_store scripted(store);
  scripted.before = always_conflict;
  CHECK_THROWS_AS(must::process_command(next, scripted), must::version_conflict);
  CHECK(scripted.appends.size() == 16);
  CHECK(store.head() == 0);
}

TEST_CASE("process_command: gives up at the deadline", "[core]") {
  letters store;
  using std::chrono::steady_clock;
  const auto run = [&](must::deadline limit) {
    must_test::scripted_store scripted(store);
    scripted.before = always_conflict;
    const auto start = steady_clock::now();
    CHECK_FALSE(must::try_process_command(next, scripted, limit, must::attempts{1'000'000}));
    return std::pair(steady_clock::now() - start, scripted.appends.size());
  };
  CHECK(run(must::deadline{must::duration(0)}).second == 1);
  CHECK(run(must::deadline{must::duration(-5)}).second == 1);
  CHECK(run(must::deadline{must::duration(INT64_MIN)}).second == 1);
  const auto [took, tries] = run(must::deadline{std::chrono::milliseconds(500)});
  CHECK(took >= std::chrono::milliseconds(40));
  CHECK(took < std::chrono::seconds(10));
  CHECK(tries > 1);
  // The longest there is does not overflow.
  must_test::scripted_store scripted(store);
  scripted.before = always_conflict;
  CHECK_FALSE(must::try_process_command(next, scripted, must::deadline{must::duration(INT64_MAX)}, must::attempts{3}));
  CHECK(scripted.appends.size() == 3);
}

TEST_CASE("process_command: an unknown outcome is resolved by the very same append", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  const auto unknown = [](std::size_t number) {
    if (number < 4) must::raise({.code = must::error_code::outcome_unknown, .message = "no answer"});
  };
  SECTION("when it was stored") { scripted.after = unknown; }
  SECTION("when it was not stored") {
    scripted.before = [&](std::size_t number) { return unknown(number), no_conflicts(number); };
  }
  SECTION("when it was stored, and others went on") {
    scripted.after = [&](std::size_t number) {
      if (number < 4) must::append(store, A{100});
      unknown(number);
    };
  }
  const auto done = must::process_command(next, scripted);
  CHECK(done.first == 1);
  CHECK(done.attempts == 1);
  CHECK(done.events == std::vector{A{1}});
  REQUIRE(scripted.appends.size() == 4);
  const auto& first = scripted.appends.front();
  for (const auto& call : scripted.appends) {
    CHECK(call.events == first.events);
    CHECK(call.condition.query == first.condition.query);
    CHECK(call.condition.after == first.condition.after);
    CHECK(call.condition.streams == first.condition.streams);
  }
}

TEST_CASE("process_command: an unknown outcome that turns out a conflict is decided anew, under other ids", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) -> std::optional<must::append_result> {
    if (number == 1) {
      must::process_command(next, store);
      must::raise({.code = must::error_code::outcome_unknown, .message = "no answer"});
    }
    return {};
  };
  const auto done = must::process_command(next, scripted);
  CHECK(done.attempts == 2);
  CHECK(done.events == std::vector{A{2}});
  REQUIRE(scripted.appends.size() == 3);
  CHECK(ids_of(scripted.appends[0].events) == ids_of(scripted.appends[1].events));
  CHECK(ids_of(scripted.appends[1].events) != ids_of(scripted.appends[2].events));
}

TEST_CASE("process_command: an outcome that stays unknown is an error past the deadline", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  scripted.before = [](std::size_t) -> std::optional<must::append_result> {
    must::raise({.code = must::error_code::outcome_unknown, .message = "no answer"});
  };
  const auto done =
      must::try_process_command(next, scripted, must::deadline{std::chrono::seconds(1)}, must::attempts{1});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::outcome_unknown);
  CHECK(scripted.appends.size() > 1);
  CHECK_THROWS_AS(must::process_command(next, scripted, must::deadline{must::duration(0)}), must::outcome_unknown);
  scripted.before = {};
  CHECK(must::process_command(next, scripted).last == 1);
}

TEST_CASE("process_command: what the store throws passes, at once", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  const auto raise_in = [&](must::error_code code) {
    scripted.before = [code](std::size_t) -> std::optional<must::append_result> {
      must::raise({.code = code,
                   .message = "the disk is full",
                   .operation = "append",
                   .backend_code = "28",
                   .retryable = true});
    };
  };
  for (const auto code : {must::error_code::storage_error, must::error_code::position_ahead,
                          must::error_code::bad_input, must::error_code::duplicate_id}) {
    raise_in(code);
    const auto done = must::try_process_command(next, scripted);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK(done.error().message == "the disk is full");
    CHECK(done.error().backend_code == "28");
    CHECK(done.error().retryable);
  }
  CHECK(scripted.appends.size() == 4);
  raise_in(must::error_code::storage_error);
  CHECK_THROWS_AS(must::process_command(next, scripted), must::storage_error);

  scripted.before_read = [](std::size_t) { must::raise({.code = must::error_code::storage_error, .message = "gone"}); };
  CHECK(must::try_process_command(next, scripted).error().message == "gone");
  scripted.before = {};
  scripted.before_read = {};
  CHECK(must::process_command(next, scripted).last == 1);
}

namespace {

struct Stingy : letters {
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    auto done = letters::read(which, options, visitor);
    done.complete = false;
    return done;
  }
};

}  // namespace

TEST_CASE("process_command: a read that ends early is no past to decide on", "[core]") {
  Stingy store;
  CHECK(must::try_process_command(next, store).error().code == must::error_code::storage_error);
  CHECK(store.head() == 0);
}

namespace {

enum class where { nowhere, depend, authorize, validate, translate, range, id };
struct Foreign {
  where at = where::nowhere;
  void throw_at(where here) const {
    if (at == here) throw std::out_of_range("foreign");
  }
  auto depends_on() const { return throw_at(where::depend), must::stream<Counted>("s"); }
  std::string command_id() const { return throw_at(where::id), "id"; }
  bool be_authorized() const { return throw_at(where::authorize), true; }
  void be_valid() const { throw_at(where::validate); }
  struct range {
    const Foreign* command;
    const A* begin() const { return &made; }
    const A* end() const { return command->throw_at(where::range), &made + 1; }
    A made{1};
  };
  range be_translated_to_events() const { return throw_at(where::translate), range{this}; }
};

// An event that throws when it is asked for its stream or tags, or copied.
struct Awkward {
  where at = where::nowhere;
  void throw_at(where here) const {
    if (at == here) throw std::out_of_range("awkward");
  }
  explicit Awkward(where here) : at(here) {}
  Awkward(const Awkward& other) : at(other.at) { throw_at(where::range); }
  Awkward& operator=(const Awkward&) = default;
  std::string stream() const { return throw_at(where::depend), "s"; }
  std::vector<std::string> tags() const { return throw_at(where::id), std::vector<std::string>{"t"}; }
};

}  // namespace

TEST_CASE("process_command: what an event throws passes through, and nothing of the command is stored", "[core]") {
  must::memory_store<Awkward> store;
  for (const auto at : {where::depend, where::id, where::range}) {
    const auto make = [at] { return std::tuple<Awkward, Awkward>(where::nowhere, at); };
    CHECK_THROWS_AS(must::try_process_command(Make{make}, store), std::out_of_range);
    CHECK(store.head() == 0);
    CHECK(store.version("s") == 0);
  }
  CHECK(must::process_command(Make{[] { return Awkward(where::nowhere); }}, store).last == 1);
}

TEST_CASE("process_command: an id that stands with other content is a duplicate_id, and nothing is stored", "[core]") {
  struct : must::id_source {
    std::vector<const char*> left{"good", "other", "twice", "twice", "other", "fresh"};
    std::string next(must::timestamp) override {
      const std::string id = left.back();
      return left.pop_back(), id;
    }
  } ids;
  letters store({.ids = &ids});
  const auto code = [&](auto translate) {
    const auto done = must::try_process_command(Make{translate}, store);
    return done ? std::optional<must::error_code>() : done.error().code;
  };
  CHECK(code([] { return std::pair(A{1}, A{2}); }) == std::nullopt);  // fresh, other
  CHECK(code([] { return std::pair(A{3}, A{4}); }) == must::error_code::duplicate_id);
  CHECK(code([] { return B{2}; }) == must::error_code::duplicate_id);
  CHECK(store.head() == 2);
  CHECK(must::process_command(Make{[] { return A{5}; }}, store).last == 3);
}

TEST_CASE("process_command: what is not must's passes through, and leaves the store usable", "[core]") {
  letters store;
  for (const auto at : {where::depend, where::authorize, where::validate, where::translate, where::range, where::id}) {
    CHECK_THROWS_AS(must::process_command(Foreign{at}, store), std::out_of_range);
    CHECK_THROWS_AS(must::try_process_command(Foreign{at}, store), std::out_of_range);
    CHECK(store.head() == 0);
  }
  struct Odd {
    bool be_authorized() const { throw 5; }
    must::always_t be_valid() const { return {}; }
    A be_translated_to_events() const { return {}; }
  };
  CHECK_THROWS_AS(must::try_process_command(Odd{}, store), int);
  CHECK(must::process_command(Foreign{}, store).last == 1);
}

TEST_CASE("process_command: an error of must's that rises in a rule is that error", "[core]") {
  struct Nested {
    letters* other;
    must::anyone_t be_authorized() const { return {}; }
    void be_valid() const { static_cast<void>(must::load(*other, must::stream<Counted>("").at_version(3))); }
    A be_translated_to_events() const { return {}; }
  };
  letters store, other;
  const auto done = must::try_process_command(Nested{&other}, store);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::bad_input);
}

TEST_CASE("process_command: an event that the limits forbid is an error, and nothing is stored", "[core]") {
  struct Named {
    std::string stream;
    std::vector<std::string> tags;
  };
  must::memory_store<Named> store;
  const auto field = [&](const Named& event) {
    return must::try_process_command(Make{[&] { return std::pair(Named{"good", {}}, event); }}, store).error().field;
  };
  CHECK(field({std::string(513, 'x'), {}}) == "stream");
  CHECK(field({"s", {""}}) == "tag");
  CHECK(store.head() == 0);
  CHECK(must::try_process_command(Make{[] { return std::vector<Named>(10'001); }}, store).error().code ==
        must::error_code::bad_input);
  CHECK(store.head() == 0);
}

// Events of a store that keeps payloads.
namespace {

struct Text {
  static constexpr auto type = "Text";
  std::string text;
  friend bool operator==(const Text&, const Text&) = default;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Text, text)
};
struct Number {
  static constexpr auto type = "Number";
  int n = 0;
  friend bool operator==(const Number&, const Number&) = default;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Number, n)
};
struct Sum {
  using events = must::events<Number>;
  int sum = 0;
  void apply(const Number& number) { sum += number.n; }
};

}  // namespace

TEST_CASE("process_command: an event that cannot be encoded is a codec_error, and nothing is stored", "[core]") {
  must::memory_store<> store;
  const auto done = must::try_process_command(Make{[] { return std::pair(Number{1}, Text{"\xff"}); }}, store);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::codec_error);
  CHECK(store.head() == 0);
  CHECK(must::process_command(Make{[] { return Text{"ok"}; }}, store).last == 1);
}

TEST_CASE("process_command: events that cannot be read are an error, and nothing is stored", "[core]") {
  struct Add {
    auto depends_on() const { return must::stream<Sum>("s"); }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Number be_translated_to_events(const Sum& numbers) const { return {numbers.sum + 1}; }
  };
  must::memory_store<> store;
  const auto put = [&](must::payload data) {
    must::cloud_event event;
    event.id = "e" + std::to_string(store.head());
    event.source = "/test";
    event.type = "Number";
    event.subject = "s";
    event.data = std::move(data);
    store.append(std::span(&event, 1), {}).value();
  };
  put({"application/json", R"({"n": 4})"});
  CHECK(must::process_command(Add{}, store).events.front().n == 5);
  put(must::payload::erased({"gdpr", {}}));
  CHECK(must::try_process_command(Add{}, store).error().code == must::error_code::erased);
  CHECK_THROWS_AS(must::process_command(Add{}, store), must::erased);
  put({"application/json", "{"});
  CHECK(must::try_process_command(Add{}, store).error().position == 3U);
  CHECK(store.head() == 4);
}

// Handlers.
namespace {

struct Handled {
  int n = 0;
  void be_handled(const std::reference_wrapper<std::vector<int>>& log) const {
    if (n < 0) throw std::runtime_error("negative");
    log.get().push_back(n);
  }
};
struct HandledByNothing {
  void be_handled() const { ++calls; }
  static inline int calls = 0;
};
struct HandledByFriend {
  friend void be_handled(const HandledByFriend&, const std::reference_wrapper<std::vector<int>>& log) {
    log.get().push_back(99);
  }
};
using handled_store = must::memory_store<Handled, HandledByNothing, HandledByFriend, A>;

}  // namespace

TEST_CASE("process_command: stored events are handled, each by its own be_handled, in order", "[core]") {
  handled_store store;
  std::vector<int> log;
  HandledByNothing::calls = 0;
  const auto done = must::process_command(
      Make{[] { return std::tuple(Handled{1}, A{5}, HandledByFriend{}, Handled{2}, HandledByNothing{}); }}, store,
      std::ref(log));
  CHECK(log == std::vector{1, 99, 2});
  CHECK(HandledByNothing::calls == 1);
  CHECK(done.handler_errors.empty());
}

TEST_CASE("process_command: what be_handled throws is collected, and undoes nothing", "[core]") {
  handled_store store;
  std::vector<int> log;
  const auto done = must::try_process_command(
      Make{[] { return std::vector{Handled{1}, Handled{-1}, Handled{-2}, Handled{2}}; }}, store, std::ref(log));
  REQUIRE(done);
  CHECK(log == std::vector{1, 2});
  REQUIRE(done->handler_errors.size() == 2);
  CHECK_THROWS_AS(std::rethrow_exception(done->handler_errors.front()), std::runtime_error);
  CHECK(store.head() == 4);
}

TEST_CASE("process_command: nothing is handled that was not stored", "[core]") {
  handled_store store;
  std::vector<int> log;
  must_test::scripted_store scripted(store);
  scripted.before = always_conflict;
  struct Refused {
    must::anyone_t be_authorized() const { return {}; }
    bool be_valid() const { return false; }
    Handled be_translated_to_events() const { return {1}; }
  };
  CHECK_FALSE(must::try_process_command(Refused{}, store, std::ref(log)));
  CHECK_FALSE(must::try_process_command(Make{[] { return Handled{1}; }}, scripted, std::ref(log), must::attempts{2}));
  scripted.before = [](std::size_t) -> std::optional<must::append_result> {
    must::raise({.code = must::error_code::storage_error, .message = "gone"});
  };
  CHECK_FALSE(must::try_process_command(Make{[] { return Handled{1}; }}, scripted, std::ref(log)));
  CHECK(log.empty());
  scripted.before = [&](std::size_t number) {
    CHECK(log.empty());
    return no_conflicts(number);
  };
  must::process_command(Make{[] { return Handled{1}; }}, scripted, std::ref(log));
  CHECK(log == std::vector{1});
}

// Commands with an id.
namespace {

struct Pay {
  std::string id;
  int amount = 0;
  auto command_id() const { return id; }
  auto depends_on() const { return must::stream<Counted>("s"); }
  void be_authorized() const { ++ran; }
  void be_valid(const Counted& counted) const { must::ensure(counted.sum + amount <= 10, "too much"); }
  std::vector<A> be_translated_to_events() const {
    if (amount == 0) return {};
    return {A{amount}, A{0}};
  }
  static inline std::atomic<int> ran = 0;
};

}  // namespace

TEST_CASE("process_command: a command with an id is processed once, and a repeat runs no rule", "[core]") {
  letters store;
  Pay::ran = 0;
  const auto first = must::process_command(Pay{"p-1", 7}, store);
  CHECK_FALSE(first.replayed);
  CHECK(first.last == 2);
  const auto again = must::process_command(Pay{"p-1", 7}, store);
  CHECK(Pay::ran == 1);
  CHECK(again.replayed);
  CHECK(again.first == 1);
  CHECK(again.last == 2);
  CHECK(again.events == first.events);
  CHECK(again.handler_errors.empty());
  CHECK(store.head() == 2);
  CHECK(must::try_process_command(Pay{"p-2", 7}, store).error().message == "too much");
  CHECK(must::process_command(Pay{"p-3", 3}, store).last == 4);
  CHECK(must::process_command(Pay{"p-1", 7}, store).last == 2);
}

TEST_CASE("process_command: a command id with other content is a duplicate_command", "[core]") {
  letters store;
  must::process_command(Pay{"p-1", 1}, store);
  const auto other = must::try_process_command(Pay{"p-1", 2}, store);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == must::error_code::duplicate_command);
  CHECK_THROWS_AS(must::process_command(Pay{"p-1", 2}, store), must::duplicate_command);
  CHECK(store.head() == 2);
  CHECK(must::process_command(Pay{"p-1", 1}, store).replayed);
}

TEST_CASE("process_command: a refused or empty decision is not remembered", "[core]") {
  letters store;
  CHECK_FALSE(must::try_process_command(Pay{"p-1", 11}, store));
  CHECK(must::process_command(Pay{"p-2", 0}, store).events.empty());
  CHECK(must::process_command(Pay{"p-1", 3}, store).last == 2);
  CHECK(must::process_command(Pay{"p-2", 4}, store).last == 4);
}

TEST_CASE("process_command: a command id is a name", "[core]") {
  letters store;
  for (const auto& id : {std::string(), std::string(513, 'x'), std::string("a\0b", 3), std::string("\xff")}) {
    const auto done = must::try_process_command(Pay{id, 1}, store);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == must::error_code::bad_input);
    CHECK(done.error().field == "command_id");
    const auto named = must::try_process_command(Pay{"good", 1}, store, must::identified_by{id});
    REQUIRE_FALSE(named);
    CHECK(named.error().code == must::error_code::bad_input);
    CHECK(named.error().field == "identified_by");
  }
  CHECK(store.head() == 0);
}

TEST_CASE("process_command: ids of events derive from source, command type, command id and index", "[core]") {
  const auto ids = [](const auto& command, const char* source) {
    letters store({.source = source});
    must::process_command(command, store);
    std::vector<std::string> found;
    for (const auto& record : must::events_in(store, must::query::all())) found.push_back(record.id);
    return found;
  };
  struct Other {
    const char* command_id() const { return "p"; }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    A be_translated_to_events() const { return {1}; }
  };
  const auto base = ids(Pay{"p", 1}, "/a");
  REQUIRE(base.size() == 2);
  CHECK(base[0] != base[1]);
  CHECK(base[0].size() == 36);
  CHECK(base[0][14] == '8');
  CHECK(ids(Pay{"p", 2}, "/a") == base);
  CHECK(ids(Pay{"q", 1}, "/a")[0] != base[0]);
  CHECK(ids(Pay{"p", 1}, "/b")[0] != base[0]);
  CHECK(ids(Other{}, "/a")[0] != base[0]);
}

TEST_CASE("process_command: each record of a command with an id tells id, digest, index and count", "[core]") {
  letters store;
  must::process_command(Pay{"p", 1}, store, must::metadata{{"correlationid", "c"}});
  const auto all = must::events_in(store, must::query::all());
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& extensions = all[i].extensions;
    CHECK(std::get<std::string>(extensions.at("mustcommandid")) == "p");
    CHECK(std::get<std::string>(extensions.at("mustcommanddigest")).size() == 33);
    CHECK(std::get<std::int32_t>(extensions.at("mustcommandindex")) == static_cast<int>(i));
    CHECK(std::get<std::int32_t>(extensions.at("mustcommandcount")) == 2);
    CHECK(std::get<std::string>(extensions.at("correlationid")) == "c");
  }
}

TEST_CASE("process_command: a repeat that is stored while the rules run is found, not refused or stored twice",
          "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  SECTION("before the states are read: they hold what the repeat has stored") {
    scripted.before_read = [&](std::size_t number) {
      if (number == 1) must::process_command(Pay{"p", 6}, store);
    };
  }
  SECTION("before the append") {
    scripted.before = [&](std::size_t number) {
      if (number == 1) must::process_command(Pay{"p", 6}, store);
      return no_conflicts(number);
    };
  }
  const auto done = must::try_process_command(Pay{"p", 6}, scripted);
  REQUIRE(done);
  CHECK(done->first == 1);
  CHECK(done->last == 2);
  CHECK(done->events == std::vector{A{6}, A{0}});
  CHECK(store.head() == 2);
}

TEST_CASE("process_command: the same id with other content, stored while the rules run, is a duplicate_command",
          "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  scripted.before = [&](std::size_t number) {
    if (number == 1) must::process_command(Pay{"p", 1}, store);
    return no_conflicts(number);
  };
  const auto done = must::try_process_command(Pay{"p", 6}, scripted);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == must::error_code::duplicate_command);
  CHECK(store.head() == 2);
}

TEST_CASE("process_command: an unknown outcome of a command with an id is resolved too", "[core]") {
  letters store;
  must_test::scripted_store scripted(store);
  scripted.after = [](std::size_t number) {
    if (number == 1) must::raise({.code = must::error_code::outcome_unknown, .message = "no answer"});
  };
  CHECK(must::process_command(Pay{"p", 6}, scripted).last == 2);
  CHECK(scripted.appends.size() == 2);
  CHECK(must::process_command(Pay{"p", 6}, scripted).replayed);
}

TEST_CASE("process_command: a command may say by itself what its content is", "[core]") {
  struct Opaque {
    std::string id;
    std::unique_ptr<int> hidden = std::make_unique<int>(1);
    int seen = 0;
    const std::string& command_id() const { return id; }
    std::string command_digest() const { return std::to_string(seen); }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    A be_translated_to_events() const { return {seen}; }
  };
  letters store;
  must::process_command(Opaque{"o", nullptr, 1}, store);
  CHECK(must::process_command(Opaque{"o", nullptr, 1}, store).replayed);
  CHECK(must::try_process_command(Opaque{"o", nullptr, 2}, store).error().code == must::error_code::duplicate_command);
}

TEST_CASE("process_command: the events of a repeat are read from payloads too", "[core]") {
  struct Mixed {
    const char* command_id() const { return "m"; }
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    std::tuple<Text, Number, Text> be_translated_to_events() const { return {Text{"a"}, Number{2}, Text{"b"}}; }
  };
  must::memory_store<> store;
  const auto first = must::process_command(Mixed{}, store);
  const auto again = must::process_command(Mixed{}, store);
  CHECK(again.replayed);
  CHECK(again.events == first.events);
  CHECK(again.events.size() == 3);
  CHECK(again.first == 1);
  CHECK(again.last == 3);
}

// Streams of events without one.
namespace {

struct Joining {
  static constexpr bool appends_outside = true;
  std::vector<std::string> streams;
  std::string tag;
  auto depends_on() const { return must::all_of(must::each<Counted>(streams), tagged()); }
  std::optional<must::dependency<Counted>> tagged() const {
    return tag.empty() ? std::nullopt : std::optional(must::tagged<Counted>(tag));
  }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  A be_translated_to_events() const { return {1}; }
};
struct WithStream {
  std::string stream;
};

}  // namespace

TEST_CASE("process_command: an event without a stream joins the one stream of its command", "[core]") {
  letters store;
  const auto joined = [&](const Joining& command) {
    must::process_command(command, store);
    return must::events_in(store, must::query::all()).back().subject;
  };
  CHECK(joined({{"a"}, ""}) == "a");
  CHECK(joined({{"a", "a"}, ""}) == "a");
  CHECK(joined({{"a"}, "t"}) == "a");
  CHECK(joined({{"a", "b"}, ""}).empty());
  CHECK(joined({{}, "t"}).empty());
  CHECK(joined({{}, ""}).empty());
  CHECK(store.version("a") == 3);

  must::memory_store<WithStream, A> other;
  must::process_command(Guarded{[](const Counted&) { return std::tuple(WithStream{"own"}, WithStream{}, A{1}); }},
                        other);
  const auto all = must::events_in(other, must::query::all());
  CHECK(all[0].subject == "own");
  CHECK(all[1].subject == "s");
  CHECK(all[2].subject == "s");
  CHECK(all[2].version == 2);
}

// Races.
namespace {

template <typename Work>
void on_threads(int count, Work work) {
  std::vector<std::thread> threads;
  std::atomic<int> waiting = count;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      --waiting;
      while (waiting.load() > 0) std::this_thread::yield();
      work(i);
    });
  for (auto& thread : threads) thread.join();
}

struct Seated {
  std::string student, course;
  std::vector<std::string> tags() const { return {"course:" + course, "student:" + student}; }
};
struct Course {
  using events = must::events<Seated>;
  int taken = 0;
  void apply(const Seated&) { ++taken; }
};
struct Student {
  using events = must::events<Seated>;
  int courses = 0;
  void apply(const Seated&) { ++courses; }
};
struct TakeSeat {
  std::string student, course;
  auto depends_on() const {
    return must::all_of(must::tagged<Course>("course:" + course), must::tagged<Student>("student:" + student));
  }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Course& c, const Student& s) const {
    must::ensure(c.taken < 100, "full");
    must::ensure(s.courses < 1, "has one");
  }
  Seated be_translated_to_events() const { return {student, course}; }
};
struct OnceOnly {
  int n = 0;
  const char* command_id() const { return "once"; }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  std::vector<A> be_translated_to_events() const { return {A{n}, A{n}}; }
};

}  // namespace

TEST_CASE("process_command: 8 threads racing for 100 seats fill exactly 100", "[core][race]") {
  must::memory_store<Seated> store;
  std::atomic<int> seated = 0, full = 0, other = 0;
  on_threads(8, [&](int thread) {
    for (int i = 0; i < 20; ++i) {
      const auto done =
          must::try_process_command(TakeSeat{std::to_string(thread) + "-" + std::to_string(i), "c"}, store,
                                    must::deadline{std::chrono::minutes(2)}, must::attempts{1'000'000});
      ++(done ? seated : done.error().message == "full" ? full : other);
    }
  });
  CHECK(seated == 100);
  CHECK(full == 60);
  CHECK(other == 0);
  CHECK(store.head() == 100);
}

TEST_CASE("process_command: 8 threads with one command id store it once", "[core][race]") {
  for (int round = 0; round < 20; ++round) {
    letters store;
    std::atomic<int> good = 0;
    on_threads(8, [&](int) {
      const auto done = must::try_process_command(OnceOnly{5}, store);
      good += done && done->first == 1 && done->last == 2 && done->events == std::vector{A{5}, A{5}} ? 1 : 0;
    });
    CHECK(good == 8);
    CHECK(store.head() == 2);
  }
}

TEST_CASE("process_command: 8 threads with one command id that depends on its own events store it once",
          "[core][race]") {
  for (int round = 0; round < 20; ++round) {
    letters store;
    std::atomic<int> good = 0;
    on_threads(8, [&](int) {
      const auto done = must::try_process_command(Pay{"p", 9}, store);
      good += done && done->first == 1 && done->last == 2 ? 1 : 0;
    });
    CHECK(good == 8);
    CHECK(store.head() == 2);
  }
}

namespace {

struct Steps {
  using events = must::events<A>;
  int last = 0;
  void apply(const A& a) { last = a.n; }
};
struct Step {
  auto depends_on() const { return must::stream<Steps>("s"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events(const Steps& steps) const { return A{steps.last + 1}; }
};

}  // namespace

TEST_CASE("process_command: threads that increment one counter lose no step", "[core][race]") {
  letters store;
  std::atomic<int> failed = 0;
  on_threads(8, [&](int) {
    for (int i = 0; i < 25; ++i)
      failed +=
          must::try_process_command(Step{}, store, must::deadline{std::chrono::minutes(2)}, must::attempts{1'000'000})
              ? 0
              : 1;
  });
  CHECK(failed == 0);
  int steps = 0;
  for (const auto& step : must::events_in(store, must::query::all())) CHECK(step.data.get<A>().n == ++steps);
  CHECK(steps == 200);
}
