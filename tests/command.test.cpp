// SPDX-License-Identifier: MIT
// The rules of a command: where they are found, with what they are called, what they may return.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// Where a rule was found, told by the reason of its refusal.
namespace {

struct Done {
  int n = 0;
};
using store_of_done = must::memory_store<Done>;

template <typename C, typename... Option>
must::error refusal_of(const C& command, const Option&... options) {
  store_of_done store;
  const auto done = must::try_process_command(command, store, options...);
  CHECK(store.head() == (done ? 1U : 0U));
  return done ? must::error{.message = "accepted"} : done.error();
}

// The rules that a test does not look at.
struct Open {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};

}  // namespace

// Fallbacks are for all commands: this one is told apart by what it says.
template <>
struct must::command_traits<must::any> {
  static void be_authorized(const auto&, const auto&...) { throw must::refusal("fallback"); }
};

namespace {

struct EverySource : Open {
  must::refusal be_authorized() const { return "member"; }
  [[maybe_unused]] friend must::refusal be_authorized(const EverySource&) { return "friend"; }
};
struct InheritedMember : Open {
  [[maybe_unused]] friend must::refusal be_authorized(const InheritedMember&) { return "friend"; }
};
struct WithoutAuthorized {
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
struct FromFriend : WithoutAuthorized {
  friend must::refusal be_authorized(const FromFriend&) { return "friend"; }
};
struct FromTraitsAndFriend : WithoutAuthorized {
  [[maybe_unused]] friend must::refusal be_authorized(const FromTraitsAndFriend&) { return "friend"; }
};
struct FromFallback : WithoutAuthorized {};
struct MemberBeforeTraits : Open {
  must::refusal be_authorized() const { return "member"; }
};

}  // namespace

template <>
struct must::command_traits<EverySource> {
  static must::refusal be_authorized(const EverySource&) { return "traits"; }
};
template <>
struct must::command_traits<FromTraitsAndFriend> {
  static must::refusal be_authorized(const FromTraitsAndFriend&) { return "traits"; }
};
template <>
struct must::command_traits<MemberBeforeTraits> {
  static must::refusal be_authorized(const MemberBeforeTraits&) { return "traits"; }
};

TEST_CASE("command: a rule is looked up as member, traits, hidden friend, fallback", "[core]") {
  CHECK(refusal_of(EverySource{}).message == "member");
  CHECK(refusal_of(MemberBeforeTraits{}).message == "member");
  CHECK(refusal_of(FromTraitsAndFriend{}).message == "traits");
  CHECK(refusal_of(FromFriend{}).message == "friend");
  CHECK(refusal_of(FromFallback{}).message == "fallback");
}

TEST_CASE("command: a member that is inherited decides before a friend of the class itself", "[core]") {
  CHECK(refusal_of(InheritedMember{}).message == "accepted");
}

namespace {

// Each of these has the name and does not fit: the fallback, which fits everything, must not be asked.
struct NotConst : WithoutAuthorized {
  void be_authorized() {}
};
struct WrongParameter : WithoutAuthorized {
  void be_authorized(const std::string&) const {}
};
struct NotConstWithOption : WithoutAuthorized {
  void be_authorized(int) {}
};
class Private : public WithoutAuthorized {
  void be_authorized() const {}

 public:
  void use() const { be_authorized(); }
};
struct Overloaded : WithoutAuthorized {
  void be_authorized(const std::string&) const {}
  void be_authorized(const std::vector<int>&) const {}
};
struct OverloadedNotConst : WithoutAuthorized {
  void be_authorized() {}
  void be_authorized(const std::vector<int>&) const {}
};
struct ATemplate : WithoutAuthorized {
  template <typename T>
  void be_authorized(const std::vector<T>&) const {}
};
struct AType : WithoutAuthorized {
  struct be_authorized {};
};
struct AnEnumerator : WithoutAuthorized {
  enum { be_authorized };
};
struct ANumber : WithoutAuthorized {
  int be_authorized = 0;
};
struct APointer : WithoutAuthorized {
  void (*be_authorized)(const std::string&) = nullptr;
};
struct ForRvalues : WithoutAuthorized {
  void be_authorized() && {}
};
struct Deleted : WithoutAuthorized {
  void be_authorized() const = delete;
};
struct InBase : NotConst {};
class InPrivateBase : EverySource {};
struct InTwoBases : NotConst, WrongParameter {};
struct FinalNotConst final {
  void be_authorized() {}
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
struct FinalOverloaded final {
  void be_authorized(const std::string&) const {}
  void be_authorized(const std::vector<int>&) const {}
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
class FinalPrivate final {
  void be_authorized() const {}

 public:
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
  void use() const { be_authorized(); }
};
union Union {
  int n;
  void be_authorized() {}
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {n}; }
};
union PrivateUnion {
  int n;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {n}; }

 private:
  void be_authorized() const {}
};
struct MisfitTraits : WithoutAuthorized {
  [[maybe_unused]] friend void be_authorized(const MisfitTraits&) {}
};
struct FinalMisfitTraits : WithoutAuthorized {};

}  // namespace

template <>
struct must::command_traits<MisfitTraits> {
  static void be_authorized(const MisfitTraits&, const std::string&) {}
};
template <>
struct must::command_traits<FinalMisfitTraits> final {
  static void be_authorized(const FinalMisfitTraits&, const std::string&) {}
  static void be_authorized(const FinalMisfitTraits&, const std::vector<int>&) {}
};

TEMPLATE_TEST_CASE("command: a member that does not fit decides alone", "[core]", NotConst, WrongParameter,
                   NotConstWithOption, Private, Overloaded, OverloadedNotConst, ATemplate, AType, AnEnumerator, ANumber,
                   APointer, ForRvalues, Deleted, InBase, InPrivateBase, FinalNotConst, FinalOverloaded, FinalPrivate,
                   Union, PrivateUnion, MisfitTraits, FinalMisfitTraits) {
  CHECK_FALSE(must::Command<TestType>);
  CHECK_FALSE(must::Command<TestType, int>);
  CHECK_FALSE(std::is_invocable_v<decltype(must::be_authorized), const TestType&>);
}

TEST_CASE("command: a name that is ambiguous between bases is a member", "[core]") {
  struct Ambiguous : NotConst, Overloaded {};
  CHECK_FALSE(std::is_invocable_v<decltype(must::be_authorized), const Ambiguous&>);
}

namespace {

struct InheritedFits : EverySource {};
struct FinalFits final {
  must::refusal be_authorized(int n) const { return std::to_string(n); }
  must::refusal be_authorized() const { return "nothing"; }
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
union UnionFits {
  int n;
  must::refusal be_authorized() const { return "union"; }
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {n}; }
};
struct StaticFits : WithoutAuthorized {
  static must::refusal be_authorized(int) { return "static"; }
};
struct Virtual {
  virtual ~Virtual() = default;
  virtual must::refusal be_authorized() const = 0;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
struct Concrete : Virtual {
  must::refusal be_authorized() const override { return "concrete"; }
};

}  // namespace

TEST_CASE("command: members that fit are found in bases, final classes and unions, static and virtual", "[core]") {
  CHECK(refusal_of(InheritedFits{}).message == "member");
  CHECK(refusal_of(FinalFits{}).message == "nothing");
  CHECK(refusal_of(FinalFits{}, 7).message == "7");
  CHECK(refusal_of(UnionFits{1}).message == "union");
  CHECK(refusal_of(StaticFits{}, 1).message == "static");
  const Concrete command;
  const Virtual& seen = command;
  CHECK(refusal_of(seen).message == "concrete");
}

// The ladder of arguments.
namespace {

struct Opened {
  std::string stream;
};
struct Account {
  using events = must::events<Opened>;
  int count = 7;
  void apply(const Opened&) { ++count; }
};
struct Actor {
  std::string name;
};
using account_store = must::memory_store<Opened, Done>;

// What a rule was called with, by the numbers of states and options.
std::string with(int states, int options) {
  return std::to_string(states) + " states, " + std::to_string(options) + " options";
}

template <typename Rules>
struct Laddered : Rules {
  auto depends_on() const { return must::stream<Account>("a"); }
};

struct AllFour {
  must::refusal be_authorized(const Account&, const Actor&, int) const { return with(1, 2); }
  must::refusal be_authorized(const Actor&, int) const { return with(0, 2); }
  must::refusal be_authorized(const Account&) const { return with(1, 0); }
  must::refusal be_authorized() const { return with(0, 0); }
};
struct LastThree {
  must::refusal be_authorized(const Actor&, int) const { return with(0, 2); }
  must::refusal be_authorized(const Account&) const { return with(1, 0); }
  must::refusal be_authorized() const { return with(0, 0); }
};
struct LastTwo {
  must::refusal be_authorized(const Account&) const { return with(1, 0); }
  must::refusal be_authorized() const { return with(0, 0); }
};
struct LastOne {
  must::refusal be_authorized() const { return with(0, 0); }
};
struct Variadic {
  must::refusal be_authorized(const auto&... all) const { return with(0, sizeof...(all)); }
};
struct OneOption {
  void be_authorized(const Actor&) const {}
};
struct OtherOrder {
  void be_authorized(int, const Actor&) const {}
};

template <typename Rules>
struct LadderedCommand : Laddered<Rules> {
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

template <typename Rules>
std::string ladder() {
  account_store store;
  return must::try_process_command(LadderedCommand<Rules>{}, store, Actor{"ann"}, 5).error().message;
}

}  // namespace

TEST_CASE("command: a rule gets states and options, options, states or nothing: the longest that fits", "[core]") {
  CHECK(ladder<AllFour>() == with(1, 2));
  CHECK(ladder<LastThree>() == with(0, 2));
  CHECK(ladder<LastTwo>() == with(1, 0));
  CHECK(ladder<LastOne>() == with(0, 0));
  CHECK(ladder<Variadic>() == with(0, 3));
}

TEST_CASE("command: a rule that takes some of the options, or another order, does not fit", "[core]") {
  CHECK_FALSE(must::Command<LadderedCommand<OneOption>, Actor, int>);
  CHECK_FALSE(must::Command<LadderedCommand<OtherOrder>, Actor, int>);
  CHECK(must::Command<LadderedCommand<OneOption>, Actor>);
  CHECK(must::Command<LadderedCommand<OtherOrder>, int, Actor>);
}

namespace {

// The same ladder, for every rule and from every source; the events tell what the rules got.
struct EachRule {
  auto depends_on(const Actor&) const { return must::stream<Account>("a"); }
  bool be_authorized(const Account& account) const { return account.count == 7; }
  void be_valid(const Actor& by) const { must::ensure(by.name == "ann", "only ann"); }
  Done be_translated_to_events(const Account& account, const Actor& by) const {
    return {account.count + static_cast<int>(by.name.size())};
  }
};
struct EachFriend {
  friend auto depends_on(const EachFriend&) { return must::stream<Account>("a"); }
  friend bool be_authorized(const EachFriend&, const Account& account) { return account.count == 7; }
  friend void be_valid(const EachFriend&, const Account&, const Actor& by) {
    must::ensure(by.name == "ann", "only ann");
  }
  friend Done be_translated_to_events(const EachFriend&, const Actor& by) { return {static_cast<int>(by.name.size())}; }
};
struct EachTrait {};

}  // namespace

template <>
struct must::command_traits<EachTrait> {
  static auto depends_on(const EachTrait&) { return must::stream<Account>("a"); }
  static bool be_authorized(const EachTrait&) { return true; }
  static constexpr auto be_valid = must::always;
  static Done be_translated_to_events(const EachTrait&, const Account& account) { return {account.count}; }
};

TEST_CASE("command: each rule has its own arguments, from every source", "[core]") {
  account_store store;
  CHECK(must::process_command(EachRule{}, store, Actor{"ann"}).events.front().n == 10);
  CHECK(must::process_command(EachFriend{}, store, Actor{"ann"}).events.front().n == 3);
  CHECK(must::process_command(EachTrait{}, store, Actor{"ann"}).events.front().n == 7);
  CHECK(must::try_process_command(EachRule{}, store, Actor{"bob"}).error().rule == "be_valid");
  CHECK(must::Command<EachRule, Actor>);
  CHECK_FALSE(must::Command<EachRule>);
  CHECK(must::Command<EachFriend, Actor>);
  CHECK_FALSE(must::Command<EachFriend>);
  CHECK(must::Command<EachTrait>);
  CHECK(must::Command<EachTrait, Actor, int, double>);
}

TEST_CASE("command: rules may be data members: anyone, always, lambdas, function objects", "[core]") {
  struct WithLambdas {
    int n = 3;
    decltype([](const Actor& by) { return by.name == "ann"; }) be_authorized;
    std::function<must::refusal(const Actor&)> be_valid;
    Done be_translated_to_events() const { return {n}; }
  };
  store_of_done store;
  const WithLambdas command{
      3, {}, [](const Actor& by) -> must::refusal { return by.name.empty() ? "no name" : must::refusal(); }};
  CHECK(must::process_command(command, store, Actor{"ann"}).events.front().n == 3);
  CHECK(must::try_process_command(command, store, Actor{"bob"}).error().rule == "be_authorized");

  struct AnyoneAndAlways {
    must::anyone_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return must::always; }
    Done be_translated_to_events() const { return {4}; }
  };
  CHECK(must::process_command(AnyoneAndAlways{}, store).events.front().n == 4);
  CHECK(must::process_command(AnyoneAndAlways{}, store, Actor{}, 5, "text").events.front().n == 4);
  CHECK(must::process_command(Open{}, store, Actor{}, 5, "text").events.front().n == 1);
}

TEST_CASE("command: anyone and always are not each other", "[core]") {
  struct Swapped {
    must::always_t be_authorized() const { return {}; }
    must::always_t be_valid() const { return {}; }
    Done be_translated_to_events() const { return {}; }
  };
  struct SwappedToo {
    must::anyone_t be_authorized() const { return {}; }
    must::anyone_t be_valid() const { return {}; }
    Done be_translated_to_events() const { return {}; }
  };
  CHECK_FALSE(must::Command<Swapped>);
  CHECK_FALSE(must::Command<SwappedToo>);
}

// What the deciding rules may return.
namespace {

template <typename Returned>
struct Says {
  Returned (*say)();
  Returned be_authorized() const { return say(); }
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {1}; }
};
template <typename Returned>
Says(Returned (*)()) -> Says<Returned>;

template <typename Returned>
struct SaysValid {
  Returned (*say)();
  static constexpr auto be_authorized = must::anyone;
  Returned be_valid() const { return say(); }
  Done be_translated_to_events() const { return {1}; }
};
template <typename Returned>
SaysValid(Returned (*)()) -> SaysValid<Returned>;

template <typename Say>
void check_says(Say say, const char* authorized, const char* valid) {
  const auto first = refusal_of(Says{+say});
  CHECK(first.message == authorized);
  CHECK(first.rule == (first.message == "accepted" ? "" : "be_authorized"));
  if (!first.rule.empty()) CHECK(first.code == must::error_code::unauthorized);
  const auto second = refusal_of(SaysValid{+say});
  CHECK(second.message == valid);
  CHECK(second.rule == (second.message == "accepted" ? "" : "be_valid"));
  CHECK(second.code == must::error_code::invalid);
}

}  // namespace

TEST_CASE("command: a deciding rule returns void, bool, refusal or result<void>", "[core]") {
  check_says([] {}, "accepted", "accepted");
  check_says([] { must::ensure(true, "why"); }, "accepted", "accepted");
  check_says([] { must::ensure(false, "why"); }, "why", "why");
  check_says([] { throw must::refusal(); }, "be_authorized refused the command", "be_valid refused the command");
  check_says([] { return true; }, "accepted", "accepted");
  check_says([] { return false; }, "be_authorized returned false", "be_valid returned false");
  check_says([]() -> bool { throw must::refusal("why"); }, "why", "why");
  check_says([] { return must::refusal(); }, "accepted", "accepted");
  check_says([] { return must::refusal("why"); }, "why", "why");
  check_says([] { return must::refusal(""); }, "be_authorized refused the command", "be_valid refused the command");
  check_says([] { return must::result<void>(); }, "accepted", "accepted");
  check_says([]() -> must::result<void> { return must::refuse("why"); }, "why", "why");
}

TEST_CASE("command: a result keeps what its error knows, but its code and rule are the pipeline's", "[core]") {
  const auto why = refusal_of(SaysValid{+[]() -> must::result<void> {
    return must::unexpected<must::error>(
        {.code = must::error_code::storage_error, .message = "m", .rule = "r", .field = "age"});
  }});
  CHECK(why.code == must::error_code::invalid);
  CHECK(why.message == "m");
  CHECK(why.rule == "be_valid");
  CHECK(why.field == "age");
}

TEST_CASE("command: nothing else is taken for a verdict", "[core]") {
  CHECK_FALSE(must::Command<Says<int>>);
  CHECK_FALSE(must::Command<Says<const char*>>);
  CHECK_FALSE(must::Command<Says<const bool&>>);
  CHECK_FALSE(must::Command<Says<void*>>);
  CHECK_FALSE(must::Command<Says<must::error>>);
  CHECK_FALSE(must::Command<Says<must::unexpected<must::error>>>);
  CHECK_FALSE(must::Command<Says<must::result<bool>>>);
  CHECK_FALSE(must::Command<Says<must::result<void, int>>>);
  CHECK_FALSE(must::Command<Says<must::error_code>>);
  CHECK_FALSE(must::Command<Says<const Done&>>);
  CHECK_FALSE(must::Command<SaysValid<std::string>>);
  CHECK_FALSE(must::Command<SaysValid<std::true_type>>);
  CHECK_FALSE(must::Command<SaysValid<Done>>);
}

// Refined types: each rule gets what the one before it returned.
namespace {

struct Third {
  int n;
  Done be_translated_to_events(const Actor&) const { return {n + 100}; }
};
struct Second {
  int n;
  must::result<Third> be_valid() const {
    if (n < 0) return must::refuse("n is negative");
    return Third{n + 10};
  }
  Done be_translated_to_events() const { return {-1}; }
};
struct First {
  int n;
  Second be_authorized(const Actor& by) const {
    must::ensure(!by.name.empty(), "who?");
    return {n + 1};
  }
  void be_valid() const { throw must::refusal("the first is not asked"); }
  Done be_translated_to_events() const { return {-2}; }
};
struct Itself {
  int n;
  Itself be_authorized() const { return {n + 1}; }
  must::result<Itself> be_valid() const { return Itself{n + 1}; }
  Done be_translated_to_events() const { return {n}; }
};
struct MoveOnlyRefined {
  std::unique_ptr<int> n;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {*n}; }
};
struct ToMoveOnly {
  must::result<MoveOnlyRefined> be_authorized() const { return MoveOnlyRefined{std::make_unique<int>(9)}; }
};
struct ToUntranslatable {
  struct Dead {};
  static constexpr auto be_authorized = must::anyone;
  Dead be_valid() const { return {}; }
  Done be_translated_to_events() const { return {}; }
};

}  // namespace

TEST_CASE("command: a refined command is what the next rule gets", "[core]") {
  store_of_done store;
  CHECK(must::process_command(First{1}, store, Actor{"ann"}).events.front().n == 112);
  CHECK(must::try_process_command(First{1}, store, Actor{}).error().rule == "be_authorized");
  const auto no = must::try_process_command(First{-9}, store, Actor{"ann"});
  REQUIRE_FALSE(no);
  CHECK(no.error().rule == "be_valid");
  CHECK(no.error().message == "n is negative");
  CHECK(must::process_command(Itself{1}, store).events.front().n == 3);
  CHECK(must::process_command(ToMoveOnly{}, store).events.front().n == 9);
  CHECK(must::Command<First, Actor>);
  CHECK_FALSE(must::Command<First>);
}

TEST_CASE("command: the rules of the original do not stand in for those of a refined command", "[core]") {
  CHECK_FALSE(must::Command<ToUntranslatable>);
}

TEST_CASE("command: Command says whether all three rules are there", "[core]") {
  struct NoRules {};
  struct OnlyAuthorized {
    must::anyone_t be_authorized() const { return {}; }
  };
  CHECK(must::Command<Open>);
  CHECK(must::Command<Open, int>);
  CHECK(must::Command<First, Actor>);
  CHECK_FALSE(must::Command<NoRules>);
  CHECK_FALSE(must::Command<OnlyAuthorized>);
  CHECK_FALSE(must::Command<int>);
  CHECK_FALSE(must::Command<Done>);
}

TEST_CASE("command: a rule can be asked by itself", "[core]") {
  CHECK(must::be_authorized(EachTrait{}));
  CHECK(must::be_translated_to_events(Itself{4}).n == 4);
  CHECK(must::be_authorized(Itself{4}).n == 5);
  static_assert(!std::is_invocable_v<decltype(must::be_valid), const Done&>);
  static_assert(std::is_same_v<decltype(must::be_authorized(Open{})), must::anyone_t>);
}

TEST_CASE("command: a class in a function can be a command, an event and an option", "[core]") {
  struct Local {
    int n;
  };
  struct By {
    bool good;
  };
  struct Make {
    int n;
    bool be_authorized(const By& by) const { return by.good; }
    void be_valid() const { must::ensure(n > 0, "n must be positive"); }
    Local be_translated_to_events() const { return {n}; }
  };
  must::memory_store<Local> store;
  CHECK(must::process_command(Make{3}, store, By{true}).events.front().n == 3);
  CHECK_FALSE(must::try_process_command(Make{3}, store, By{false}));
  CHECK(must::events_in(store, must::query::all()).front().type == "Local");
}

// Types that nobody can edit.
template <>
struct must::command_traits<std::map<std::string, std::string>> {
  using map = std::map<std::string, std::string>;
  static bool be_authorized(const map& command) { return command.contains("user"); }
  static void be_valid(const map& command) { must::ensure(command.contains("n"), "n is missing"); }
  static Done be_translated_to_events(const map& command) { return {std::stoi(command.at("n"))}; }
};
template <>
struct must::command_traits<nlohmann::json> {
  static bool be_authorized(const nlohmann::json& command, const Actor& by) {
    return command.value("user", "") == by.name;
  }
  static must::result<Itself> be_valid(const nlohmann::json& command) {
    if (!command.contains("n")) return must::refuse("n is missing");
    return Itself{command.at("n").get<int>()};
  }
};

TEST_CASE("command: std::map and nlohmann::json are commands by command_traits", "[core]") {
  store_of_done store;
  using map = std::map<std::string, std::string>;
  CHECK(must::process_command(map{{"user", "ann"}, {"n", "5"}}, store).events.front().n == 5);
  CHECK(must::try_process_command(map{{"n", "5"}}, store).error().rule == "be_authorized");
  CHECK(must::try_process_command(map{{"user", "ann"}}, store).error().message == "n is missing");

  const auto document = nlohmann::json::parse(R"({"user": "ann", "n": 6})");
  CHECK(must::process_command(document, store, Actor{"ann"}).events.front().n == 6);
  CHECK(must::try_process_command(document, store, Actor{"bob"}).error().rule == "be_authorized");
  CHECK(must::try_process_command(nlohmann::json{{"user", "ann"}}, store, Actor{"ann"}).error().message ==
        "n is missing");
  CHECK(store.head() == 2);

  // What the conversions of such types throw is not must's.
  CHECK_THROWS_AS(must::try_process_command(map{{"user", "ann"}, {"n", "five"}}, store), std::invalid_argument);
  for (const auto* wrong :
       {R"({"user": 5, "n": 6})", R"({"user": "ann", "n": "six"})", R"({"user": "ann", "n": null})"})
    CHECK_THROWS_AS(must::try_process_command(nlohmann::json::parse(wrong), store, Actor{"ann"}),
                    nlohmann::json::type_error);
  CHECK(must::try_process_command(map(), store).error().rule == "be_authorized");
  CHECK(store.head() == 2);
  CHECK(must::process_command(document, store, Actor{"ann"}).last == 3);
}

TEST_CASE("command: a mutable service travels as std::ref", "[core]") {
  struct Counter {
    int calls = 0;
    Counter() = default;
    Counter(const Counter&) = delete;
  };
  struct Counted {
    void be_authorized(Counter& counter) const { ++counter.calls; }
    must::always_t be_valid() const { return {}; }
    Done be_translated_to_events(Counter& counter) const { return {++counter.calls}; }
  };
  store_of_done store;
  Counter counter;
  CHECK(must::process_command(Counted{}, store, std::ref(counter)).events.front().n == 2);
  CHECK(counter.calls == 2);
  CHECK_FALSE(must::Command<Counted, Counter>);
}

TEST_CASE("command: options are taken as they are: texts, pointers, what cannot be copied, must's own in between",
          "[core]") {
  struct Typed {
    void be_authorized(std::string_view text, const std::unique_ptr<int>& number) const {
      must::ensure(text == "text" && *number == 5, "other options");
    }
    void be_valid(const char* text, const std::unique_ptr<int>&) const {
      must::ensure(text[0] == 't', "other options");
    }
    Done be_translated_to_events(const std::string& text, const std::unique_ptr<int>& number) const {
      return {*number + static_cast<int>(text.size())};
    }
  };
  store_of_done store;
  const auto number = std::make_unique<int>(5);
  CHECK(must::process_command(Typed{}, store, "text", number).events.front().n == 9);
  CHECK(must::process_command(Typed{}, store, must::attempts{3}, "text", must::metadata{{"a", "b"}}, number,
                              must::deadline{})
            .events.front()
            .n == 9);
  const auto record = must::events_in(store, must::query::all()).back();
  CHECK(std::get<std::string>(record.extensions.at("a")) == "b");
}
