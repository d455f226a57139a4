// SPDX-License-Identifier: MIT
// Events: their names, streams and tags, their versions, and what becomes of stored ones that cannot be read.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace names {

struct Plain {};
namespace {
struct Hidden {};
}  // namespace
struct Outer {
  struct Inner {};
};
template <typename T>
struct Template {
  struct Inner {};
};
typedef struct {
} Typedef;
struct _with_1_underscore {};
struct Literal {
  static constexpr auto type = "org.example.literal";
};
struct View {
  static constexpr std::string_view type = "org.example.view";
};
struct Array {
  static constexpr char type[] = "org.example.array";
};
struct OfTemplate : Template<int> {
  static constexpr auto type = "of-template";
};
struct DataMember {
  std::string type = "not the name";
};
struct Alias {
  using type = int;
};
struct Unicode {
  static constexpr auto type = "größe";
};

}  // namespace names

TEST_CASE("event: its name is its type, else the plain name of the class", "[core]") {
  struct Local {};
  const auto name = []<typename E>(E) { return std::string(std::string_view(must::event_type<E>())); };
  CHECK(name(names::Plain{}) == "Plain");
  CHECK(name(names::Hidden{}) == "Hidden");
  CHECK(name(names::Outer::Inner{}) == "Inner");
  CHECK(name(names::Template<int>::Inner{}) == "Inner");
  CHECK(name(names::Typedef{}) == "Typedef");
  CHECK(name(names::_with_1_underscore{}) == "_with_1_underscore");
  CHECK(name(names::Literal{}) == "org.example.literal");
  CHECK(name(names::View{}) == "org.example.view");
  CHECK(name(names::Array{}) == "org.example.array");
  CHECK(name(names::OfTemplate{}) == "of-template");
  CHECK(name(names::DataMember{}) == "DataMember");
  CHECK(name(names::Alias{}) == "Alias");
  CHECK(name(names::Unicode{}) == "größe");
  CHECK(name(Local{}) == "Local");
  static_assert(must::event_type<names::Plain>() == must::type_name("Plain", 5));
}

TEST_CASE("event: a class without a plain name is none", "[core]") {
  struct NotCopyable {
    NotCopyable() = default;
    NotCopyable(NotCopyable&&) = default;
  };
  struct {
  } unnamed;
  const auto lambda = [] {};
  CHECK(must::Event<names::Plain>);
  CHECK(must::Event<names::OfTemplate>);
  CHECK_FALSE(must::Event<names::Template<int>>);
  CHECK_FALSE(must::Event<decltype(unnamed)>);
  CHECK_FALSE(must::Event<std::remove_const_t<decltype(lambda)>>);
  CHECK_FALSE(must::Event<NotCopyable>);
  CHECK_FALSE(must::Event<int>);
  CHECK_FALSE(must::Event<std::vector<names::Plain>>);
}

namespace {

struct DataForms {
  std::string stream;
  std::vector<std::string> tags;
};
struct FunctionForms {
  std::string id;
  std::string stream() const { return "s-" + id; }
  std::array<std::string, 2> tags() const { return {"b:" + id, "a:" + id}; }
};
struct ViewForms {
  std::string_view stream = "view";
  std::set<std::string> tags{"x", "y"};
};
struct PointerForms {
  const char* stream = "pointer";
  const char* tags[2] = {"x", "x"};
};
struct StaticForms {
  static constexpr auto stream = "static";
  static constexpr std::array<std::string_view, 1> tags{"static-tag"};
};
struct ReferenceForms {
  std::string text;
  std::vector<std::string> list;
  const std::string& stream() const { return text; }
  const std::vector<std::string>& tags() const { return list; }
};
struct StreamOfCharacters {
  std::vector<char> stream;
};
struct WithoutForms {};

template <typename E>
must::recorded<must::one_of<E>> stored(const E& event) {
  must::memory_store<E> store;
  must::append(store, event);
  return must::events_in(store, must::query::all()).front();
}

}  // namespace

TEST_CASE("event: stream and tags are data members or const functions of many kinds", "[core]") {
  const auto data = stored(DataForms{"s", {"b", "a", "b"}});
  CHECK(data.subject == "s");
  CHECK(data.version == 1);
  CHECK(data.tags == must::tag_set{"a", "b"});
  const auto function = stored(FunctionForms{"1"});
  CHECK(function.subject == "s-1");
  CHECK(function.tags == must::tag_set{"a:1", "b:1"});
  CHECK(stored(ViewForms{}).subject == "view");
  CHECK(stored(ViewForms{}).tags == must::tag_set{"x", "y"});
  CHECK(stored(PointerForms{}).subject == "pointer");
  CHECK(stored(PointerForms{}).tags == must::tag_set{"x"});
  CHECK(stored(StaticForms{}).subject == "static");
  CHECK(stored(StaticForms{}).tags == must::tag_set{"static-tag"});
  CHECK(stored(ReferenceForms{"r", {"t"}}).subject == "r");
  CHECK(stored(ReferenceForms{"r", {"t"}}).tags == must::tag_set{"t"});
  CHECK(stored(StreamOfCharacters{{'a', 'b'}}).subject == "ab");
  const auto without = stored(WithoutForms{});
  CHECK(without.subject.empty());
  CHECK(without.version == 0);
  CHECK(without.tags.empty());
  CHECK(stored(DataForms{}).subject.empty());
}

namespace {

template <typename T>
struct StreamIs {
  static constexpr auto type = "stream-is";
  T stream;
};
template <typename T>
struct TagsAre {
  static constexpr auto type = "tags-are";
  T tags;
};
struct StreamNotConst {
  std::string stream() { return {}; }
};
struct StreamWithParameter {
  std::string stream(int) const { return {}; }
};
class StreamPrivate {
  std::string stream;

 public:
  bool use() const { return stream.empty(); }
};
struct StreamInBase : StreamNotConst {};
struct TagsNotConst {
  std::vector<std::string> tags() { return {}; }
};
struct StreamIsType {
  struct stream {};
};

}  // namespace

TEST_CASE("event: a stream or tags of no form that is known make it no event", "[core]") {
  CHECK(must::Event<StreamIs<std::string>>);
  CHECK(must::Event<StreamIs<must::type_name>>);
  CHECK_FALSE(must::Event<StreamIs<int>>);
  CHECK_FALSE(must::Event<StreamIs<std::optional<std::string>>>);
  CHECK_FALSE(must::Event<StreamIs<std::wstring>>);
  CHECK_FALSE(must::Event<StreamNotConst>);
  CHECK_FALSE(must::Event<StreamWithParameter>);
  CHECK_FALSE(must::Event<StreamPrivate>);
  CHECK_FALSE(must::Event<StreamInBase>);
  CHECK_FALSE(must::Event<StreamIsType>);
  CHECK(must::Event<TagsAre<std::vector<std::string_view>>>);
  CHECK_FALSE(must::Event<TagsAre<std::string>>);
  CHECK_FALSE(must::Event<TagsAre<const char*>>);
  CHECK_FALSE(must::Event<TagsAre<std::vector<int>>>);
  CHECK_FALSE(must::Event<TagsAre<int>>);
  CHECK_FALSE(must::Event<TagsNotConst>);
}

TEST_CASE("event: names beyond the limits are refused, and nothing is stored", "[core]") {
  must::memory_store<DataForms> store;
  const auto refuses = [&](const DataForms& event, const char* field) {
    try {
      must::append(store, DataForms{"good", {}}, event);
      FAIL("stored");
    } catch (const must::bad_input& why) {
      CHECK(why.error().field == field);
    }
    CHECK(store.head() == 0);
  };
  refuses({std::string(513, 'x'), {}}, "stream");
  refuses({"a\xff", {}}, "stream");
  refuses({std::string("a\0b", 3), {}}, "stream");
  refuses({"", {""}}, "tag");
  refuses({"", {std::string(513, 'x')}}, "tag");
  refuses({"", {"\xc0\x80"}}, "tag");
  DataForms many;
  for (int i = 0; i <= 1000; ++i) many.tags.push_back(std::to_string(i));
  refuses(many, "tags");
  must::append(store, DataForms{std::string(512, 'x'), {std::string(512, 'y')}});
  CHECK(store.head() == 1);
}

// Three versions of one event; all hops write down where they went.
namespace {

struct NamedV1 {
  static constexpr auto type = "named";
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(NamedV1, name)
};
struct NamedV2 {
  using previous = NamedV1;
  static constexpr auto type = "named";
  std::string first, last, way;
  NamedV2() = default;
  explicit NamedV2(const NamedV1& old)
      : first(old.name.substr(0, old.name.find(' '))), last(old.name.substr(old.name.find(' ') + 1)), way("1-2 ") {}
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(NamedV2, first, last, way)
};
struct Named {
  using previous = NamedV2;
  static constexpr auto type = "person-named";
  static constexpr std::array<std::string_view, 2> former_types{"renamed", "called"};
  std::string full, way;
  Named() = default;
  explicit Named(const NamedV2& old) : full(old.last + ", " + old.first), way(old.way + "2-3") {}
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Named, full, way)
};
struct OneFormer {
  static constexpr auto type = "OneFormer";
  static constexpr auto former_types = "old-name";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(OneFormer, n)
};
struct Jumped {
  using previous = NamedV1;
  static constexpr int schema_version = 7;
  explicit Jumped(const NamedV1&) {}
};

struct OtherCalled {
  static constexpr auto type = "called";
};
struct OtherOld {
  static constexpr auto type = "old-name";
};
struct People {
  using events = must::events<Named>;
  std::vector<Named> all;
  void apply(const Named& one) { all.push_back(one); }
};

}  // namespace

TEST_CASE("event: schema versions count from the oldest, or are what they are said to be", "[core]") {
  CHECK(must::schema_version<NamedV1> == 1);
  CHECK(must::schema_version<NamedV2> == 2);
  CHECK(must::schema_version<Named> == 3);
  CHECK(must::schema_version<Jumped> == 7);
}

TEST_CASE("event: names of a list are unique, former and previous ones included", "[core]") {
  using must::detail::names_are_unique;
  CHECK(names_are_unique(must::events<>{}));
  CHECK(names_are_unique(must::events<Named, OneFormer, names::Plain>{}));
  CHECK_FALSE(names_are_unique(must::events<names::Plain, names::Plain>{}));
  CHECK_FALSE(names_are_unique(must::events<Named, names::Plain, NamedV1>{}));
  CHECK_FALSE(names_are_unique(must::events<Jumped, Named>{}));
  CHECK_FALSE(names_are_unique(must::events<OtherCalled, names::Plain, Named>{}));
  CHECK_FALSE(names_are_unique(must::events<OneFormer, OtherOld>{}));
}

TEST_CASE("event: a store may hold the versions of one event beside each other", "[core]") {
  using must::detail::names_are_told_apart;
  CHECK(names_are_told_apart(must::events<>{}));
  CHECK(names_are_told_apart(must::events<NamedV1, Named, OneFormer, NamedV2>{}));
  CHECK_FALSE(names_are_told_apart(must::events<Named, Named>{}));
  CHECK_FALSE(names_are_told_apart(must::events<Jumped, NamedV1, Named>{}));
  CHECK_FALSE(names_are_told_apart(must::events<Named, OtherCalled>{}));
}

TEST_CASE("event: a query for a state has the current, the former and the previous names", "[core]") {
  const auto types = must::tagged<People>("t").item().types;
  for (const auto* name : {"person-named", "renamed", "called", "named"})
    CHECK(std::count(types.begin(), types.end(), std::string(name)) >= 1);
}

TEST_CASE("event: older versions are converted hop by hop, in a store of structs", "[core]") {
  must::memory_store<NamedV1, NamedV2, Named> store;
  Named newest;
  newest.full = "Curie, Marie";
  must::append(store, NamedV1{"Ada Lovelace"}, NamedV2(NamedV1{"Alan Turing"}), newest);
  const auto all = must::events_in(store, must::query::all());
  REQUIRE(all.size() == 3);
  CHECK(all[0].as<Named>()->full == "Lovelace, Ada");
  CHECK(all[0].as<Named>()->way == "1-2 2-3");
  CHECK(all[1].as<Named>()->full == "Turing, Alan");
  CHECK(all[2].as<Named>()->full == "Curie, Marie");
  CHECK(all[2].as<Named>()->way.empty());
  CHECK(all[0].as<NamedV2>()->way == "1-2 ");
  CHECK(all[0].as<NamedV1>()->name == "Ada Lovelace");
  CHECK_FALSE(all[2].as<NamedV2>());
  CHECK_FALSE(all[0].as<OneFormer>());
  CHECK(all[0].extensions.empty());
}

namespace {

must::cloud_event raw(std::string id, std::string type, std::string bytes, std::optional<int> version = {}) {
  must::cloud_event made;
  made.id = std::move(id);
  made.source = "/test";
  made.type = std::move(type);
  made.subject = "people";
  if (version) made.extensions.emplace("mustschemaversion", std::int32_t{*version});
  made.data = must::payload("application/json", std::move(bytes));
  return made;
}
void put(must::memory_store<>& store, must::cloud_event event) {
  store.append(std::span<must::cloud_event>(&event, 1), {}).value();
}

}  // namespace

TEST_CASE("event: older versions are converted hop by hop, from payloads, by name and schema version", "[core]") {
  must::memory_store<> store;
  put(store, raw("1", "named", R"({"name": "Ada Lovelace"})"));
  put(store, raw("2", "named", R"({"name": "Ada Byron"})", 1));
  put(store, raw("3", "named", R"({"first": "Alan", "last": "Turing", "way": ""})", 2));
  put(store, raw("4", "person-named", R"({"full": "Curie, Marie", "way": ""})", 3));
  put(store, raw("5", "renamed", R"({"full": "Hopper, Grace", "way": ""})", 3));
  put(store, raw("6", "called", R"({"full": "Noether, Emmy", "way": ""})", 3));
  put(store, raw("7", "unrelated", "{"));
  const auto people = must::load(store, must::stream<People>("people"));
  REQUIRE(people.state.all.size() == 6);
  CHECK(people.state.all[0].full == "Lovelace, Ada");
  CHECK(people.state.all[0].way == "1-2 2-3");
  CHECK(people.state.all[1].way == "1-2 2-3");
  CHECK(people.state.all[2].full == "Turing, Alan");
  CHECK(people.state.all[2].way == "2-3");
  CHECK(people.state.all[3].full == "Curie, Marie");
  CHECK(people.state.all[3].way.empty());
  CHECK(people.state.all[4].full == "Hopper, Grace");
  CHECK(people.state.all[5].full == "Noether, Emmy");
  CHECK(people.version == 7);
}

TEST_CASE("event: the schema version is stored, unless it is 1, and read back", "[core]") {
  must::memory_store<> store;
  Named newest;
  newest.full = "Curie, Marie";
  must::append(store, newest, NamedV1{"Ada Lovelace"}, OneFormer{5});
  const auto all = must::events_in(store, must::query::all());
  CHECK(all[0].type == "person-named");
  CHECK(std::get<std::int32_t>(all[0].extensions.at("mustschemaversion")) == 3);
  CHECK(all[1].extensions.empty());
  CHECK(all[0].as<Named>()->full == "Curie, Marie");
  CHECK(all[1].as<Named>()->full == "Lovelace, Ada");
  CHECK_FALSE(all[0].as<NamedV1>());
  CHECK(all[2].as<OneFormer>()->n == 5);
  CHECK(all[0].data.content_type() == "application/json");
}

TEST_CASE("event: a stored event that cannot be read is an error that names it", "[core]") {
  must::memory_store<> store;
  put(store, raw("good", "named", R"({"name": "Ada Lovelace"})"));
  const auto loads_with = [&](must::cloud_event bad, must::error_code code, const char* part) {
    const auto id = bad.id, type = bad.type;
    put(store, std::move(bad));
    const auto at = store.head();
    try {
      static_cast<void>(must::events_in(store, must::query::all()).back().as<Named>());
      FAIL("was read");
    } catch (const must::exception& why) {
      CHECK(why.error().code == code);
      CHECK(why.error().event_id == id);
      CHECK(why.error().type == type);
      CHECK(why.error().position == at);
      INFO(why.what());
      CHECK(std::string_view(why.what()).find(part) != std::string_view::npos);
      CHECK(std::string_view(why.what()).find(id) != std::string_view::npos);
    }
  };
  using must::error_code;
  loads_with(raw("newer", "person-named", "{}", 4), error_code::codec_error, "schema version 4 is not known");
  loads_with(raw("zero", "named", "{}", 0), error_code::codec_error, "schema version 0");
  loads_with(raw("mixed", "person-named", "{}", 1), error_code::codec_error, "schema version 1");
  loads_with(raw("absent-version", "renamed", "{}"), error_code::codec_error, "schema version 1");
  loads_with(raw("broken", "named", "{"), error_code::codec_error, "position 6");
  loads_with(raw("misfit", "named", R"({"name": 5})"), error_code::codec_error, "name");
  auto gone = raw("gone", "named", "");
  gone.data = must::payload::erased({"gdpr", {.microseconds = 0}});
  loads_with(gone, error_code::erased, "gdpr");
  auto absent = raw("absent", "named", "");
  absent.data = must::payload::absent();
  loads_with(absent, error_code::codec_error, "no data");

  // What is not asked for is not decoded.
  CHECK_FALSE(must::events_in(store, must::query::all()).back().as<OneFormer>());
  CHECK_THROWS_AS(must::load(store, must::stream<People>("people")), must::codec_error);
  CHECK(must::events_in(store, must::query::all()).front().as<Named>()->full == "Lovelace, Ada");
}

TEST_CASE("event: an erased payload stops a fold, and is an error of its own", "[core]") {
  must::memory_store<> store;
  auto gone = raw("gone", "named", "");
  gone.data = must::payload::erased({"gdpr", {.microseconds = 0}});
  put(store, gone);
  CHECK_THROWS_AS(must::load(store, must::stream<People>("people")), must::erased);
}

TEST_CASE("event: an event that cannot be encoded is a codec_error, and nothing is stored", "[core]") {
  must::memory_store<> store;
  CHECK_THROWS_AS(must::append(store, OneFormer{1}, NamedV1{"\xff"}), must::codec_error);
  CHECK(store.head() == 0);
}

namespace {

struct Seen {
  static constexpr auto type = "seen";
  int n = 0;
};

}  // namespace

// A codec of the user's own.
template <>
struct must::codec<Seen> {
  static payload encode(const Seen& event) { return {"text/plain", std::to_string(event.n)}; }
  static Seen decode(const payload& data) {
    if (data.bytes().empty()) raise({.code = error_code::codec_error, .message = "no number"});
    return {std::stoi(std::string(data.bytes()))};
  }
};

TEST_CASE("event: a codec may be the user's own", "[core]") {
  must::memory_store<> store;
  must::append(store, Seen{12});
  const auto all = must::events_in(store, must::query::all());
  CHECK(all[0].data.content_type() == "text/plain");
  CHECK(all[0].as<Seen>()->n == 12);
  auto empty = raw("e", "seen", "");
  put(store, empty);
  CHECK_THROWS_AS(must::events_in(store, must::query::all()).back().as<Seen>(), must::codec_error);
}
