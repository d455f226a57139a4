// SPDX-License-Identifier: MIT
#include "must/detail/members.hpp"

#include "support/catch.hpp"

#include <any>
#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace {

using must::detail::content_equal;
using must::detail::for_members;
using must::detail::has_members;
using must::detail::is_content_comparable;
using must::detail::member_count;

template <typename T, std::size_t Count>
constexpr bool counts = has_members<T> && member_count<T> == Count;

class Amount {  // no default constructor, and none that is implicit
 public:
  explicit Amount(int value) : value_(value) {}
  friend bool operator==(const Amount&, const Amount&) = default;

 private:
  int value_;
};
struct Implicit {
  Implicit(int given) : value(given) {}
  int value;
};
struct Opaque {
  explicit Opaque(int) {}
};

struct Empty {};
struct Point {
  int x, y;
};
struct Nested {
  Point one;
  Point two[2];
  Empty empty;
  int z;
};
struct Texts {
  char name[64];
  std::string text;
  int table[2][3];
  std::string texts[2];
  std::optional<int> numbers[3];
};
struct Whole {
  int only[5];
};
struct NoDefaults {
  Amount amount;
  int number;
  Amount amounts[2];
  Implicit implicit;
  std::string text;
};
struct Library {
  std::optional<int> optional;
  std::string text;
  std::vector<Point> points;
  std::variant<int, std::string> variant;
  std::variant<int> single;
  std::any any;
  std::function<void()> function;
  std::tuple<int> tuple;
  std::pair<int, Point> pair;
  std::unique_ptr<int> pointer;
};
struct OneOptional {
  std::optional<std::string> only;
};
struct OneAny {
  std::any only;
};
struct OneText {
  std::string only;
};
struct OneEmpty {
  Empty only;
};
struct Defaults {
  int number = 1;
  std::string text = "x";
  std::array<int, 3> numbers{};
};
struct Bits {
  int a : 3, b : 5;
  unsigned c : 1;
};
struct Sixteen {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
};
struct Seventeen {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q;
};
struct Derived : Point {
  int z;
};
struct DerivedFromEmpty : Empty {
  int z;
};
union Either {
  int number;
  float fraction;
};
struct WithUnion {
  int number;
  Either either;
};
struct WithAnonymousUnion {
  int number;
  union {
    int one;
    float other;
  };
};
struct WithReference {
  int number;
  int& other;
};
struct Huge {
  char bytes[5000];
};
struct Tree {
  int value;
  std::vector<Tree> children;
};

TEST_CASE("members: the members of an aggregate are counted", "[core]") {
  CHECK(counts<Empty, 0>);
  CHECK(counts<OneText, 1>);
  CHECK(counts<OneOptional, 1>);
  CHECK(counts<OneAny, 1>);
  CHECK(counts<OneEmpty, 1>);
  CHECK(counts<Point, 2>);
  CHECK(counts<Bits, 3>);
  CHECK(counts<Defaults, 3>);
  CHECK(counts<Library, 10>);
  CHECK(counts<Tree, 2>);
  CHECK(counts<Sixteen, 16>);
  CHECK(counts<const Point, 2>);
}

TEST_CASE("members: an array is one member", "[core]") {
  CHECK(counts<Whole, 1>);
  CHECK(counts<Nested, 4>);
  CHECK(counts<Texts, 5>);
}

TEST_CASE("members: members without a default constructor are counted", "[core]") { CHECK(counts<NoDefaults, 5>); }

TEST_CASE("members: what cannot be taken apart has no members", "[core]") {
  CHECK_FALSE(has_members<int>);
  CHECK_FALSE(has_members<int[3]>);
  CHECK_FALSE(has_members<std::string>);
  CHECK_FALSE(has_members<std::array<int, 2>>);
  CHECK_FALSE(has_members<Amount>);
  CHECK_FALSE(has_members<Seventeen>);
  CHECK_FALSE(has_members<Derived>);
  CHECK_FALSE(has_members<DerivedFromEmpty>);
  CHECK_FALSE(has_members<Either>);
  CHECK_FALSE(has_members<WithUnion>);
  CHECK_FALSE(has_members<WithAnonymousUnion>);
  CHECK_FALSE(has_members<WithReference>);
  CHECK_FALSE(has_members<Huge>);
  CHECK(member_count<Amount> == 0);
}

TEST_CASE("for_members: the members are given in their order", "[core]") {
  const auto as_tuple = [](const auto&... member) { return std::tuple(member...); };
  CHECK(for_members(Defaults{}, as_tuple) == std::tuple(1, std::string("x"), std::array<int, 3>{}));
  CHECK(for_members(Bits{1, 2, 1}, as_tuple) == std::tuple(1, 2, 1U));
  CHECK(for_members(Empty{}, as_tuple) == std::tuple());
  int last = 0;
  for_members(Sixteen{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
              [&](const auto&... member) { ((last = last * 2 + member), ...); });
  CHECK(last == 131'054);
}

TEST_CASE("members: types inside a function are taken apart", "[core]") {
  struct Local {
    int a;
    std::string b[2];
  };
  CHECK(counts<Local, 2>);
  CHECK(content_equal(Local{1, {"a", "b"}}, Local{1, {"a", "b"}}));
  CHECK_FALSE(content_equal(Local{1, {"a", "b"}}, Local{1, {"a", "c"}}));
}

TEST_CASE("content_equal: without an == members are compared, at any depth", "[core]") {
  constexpr Nested one{{1, 2}, {{3, 4}, {5, 6}}, {}, 7};
  auto other = one;
  CHECK(content_equal(one, other));
  other.two[1].y = 0;
  CHECK_FALSE(content_equal(one, other));
  CHECK(content_equal(Tree{1, {{2, {}}}}, Tree{1, {{2, {}}}}));
  CHECK_FALSE(content_equal(Tree{1, {{2, {}}}}, Tree{1, {{3, {}}}}));
  CHECK_FALSE(content_equal(Tree{1, {{2, {}}}}, Tree{1, {{2, {}}, {2, {}}}}));
  CHECK(content_equal(Empty{}, Empty{}));
}

TEST_CASE("content_equal: an == of the type's own decides", "[core]") {
  struct Nearly {
    int counted, ignored;
    bool operator==(const Nearly& other) const { return counted == other.counted; }
  };
  CHECK(content_equal(Nearly{1, 2}, Nearly{1, 3}));
  CHECK_FALSE(content_equal(Nearly{1, 2}, Nearly{2, 2}));
  CHECK(content_equal(std::vector<Nearly>{{1, 2}}, std::vector<Nearly>{{1, 3}}));
  CHECK(content_equal(Amount(1), Amount(1)));
}

TEST_CASE("content_equal: a conversion to a number is no ==", "[core]") {
  struct Flagged {
    int a, b;
    operator bool() const { return true; }
  };
  CHECK_FALSE(content_equal(Flagged{1, 2}, Flagged{1, 3}));
}

TEST_CASE("content_equal: what holds elements without an == is compared by them", "[core]") {
  const Point a{1, 2}, b{1, 3};
  CHECK(content_equal(std::vector{a, b}, std::vector{a, b}));
  CHECK_FALSE(content_equal(std::vector{a, b}, std::vector{b, a}));
  CHECK_FALSE(content_equal(std::vector{a}, std::vector{a, b}));
  CHECK_FALSE(content_equal(std::list<Point>{a, b}, std::list<Point>{a}));
  CHECK(content_equal(std::array{a}, std::array{a}));
  CHECK(content_equal(std::vector<bool>{true}, std::vector<bool>{true}));
  CHECK(content_equal(std::optional(a), std::optional(a)));
  CHECK_FALSE(content_equal(std::optional(a), std::optional(b)));
  CHECK_FALSE(content_equal(std::optional(a), std::optional<Point>()));
  CHECK(content_equal(std::optional<Point>(), std::optional<Point>()));
  CHECK(content_equal(std::pair(1, a), std::pair(1, a)));
  CHECK_FALSE(content_equal(std::tuple(1, a), std::tuple(1, b)));
  using alternatives = std::variant<Point, Empty, Point>;
  CHECK(content_equal(alternatives(std::in_place_index<0>, a), alternatives(std::in_place_index<0>, a)));
  CHECK_FALSE(content_equal(alternatives(std::in_place_index<0>, a), alternatives(std::in_place_index<2>, a)));
  CHECK_FALSE(content_equal(alternatives(std::in_place_index<2>, a), alternatives(std::in_place_index<2>, b)));
  CHECK(content_equal(std::map<int, Point>{{1, a}}, std::map<int, Point>{{1, a}}));
  CHECK_FALSE(content_equal(std::map<int, Point>{{1, a}}, std::map<int, Point>{{1, b}}));
}

TEST_CASE("content_equal: the order of a hash table does not count", "[core]") {
  std::unordered_map<int, Point> one, other;
  other.reserve(1000);
  for (int i = 0; i < 50; ++i) one[i] = {i, i};
  for (int i = 50; i-- > 0;) other[i] = {i, i};
  CHECK(content_equal(one, other));
  other[7] = {};
  CHECK_FALSE(content_equal(one, other));
  using many = std::unordered_multimap<int, Point>;
  CHECK(content_equal(many{{1, {1, 1}}, {1, {2, 2}}}, many{{1, {2, 2}}, {1, {1, 1}}}));
  CHECK_FALSE(content_equal(many{{1, {1, 1}}, {1, {2, 2}}}, many{{1, {2, 2}}, {1, {2, 2}}}));
  CHECK(content_equal(std::unordered_set<int>{1, 2}, std::unordered_set<int>{2, 1}));
}

TEST_CASE("content_equal: types without visible content are refused", "[core]") {
  CHECK(is_content_comparable<Nested>);
  CHECK(is_content_comparable<Tree>);
  CHECK(is_content_comparable<std::vector<Point>>);
  CHECK(is_content_comparable<std::unordered_map<int, Point>>);
  CHECK_FALSE(is_content_comparable<Opaque>);
  CHECK_FALSE(is_content_comparable<Derived>);
  CHECK_FALSE(is_content_comparable<Library>);
  CHECK_FALSE(is_content_comparable<std::vector<Opaque>>);
  CHECK_FALSE(is_content_comparable<std::variant<int, Opaque>>);
  CHECK_FALSE(content_equal(Opaque(1), Opaque(1)));
}

}  // namespace
