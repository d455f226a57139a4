// SPDX-License-Identifier: MIT
#include "must/testing/print.hpp"

#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using must::testing::diff;
using must::testing::print;

namespace app {

struct UserActivated {
  std::int64_t id;
  std::string name;
};
struct Closed {};
struct Outer {
  struct Inner {
    bool on;
  };
};
template <typename T>
struct Box {
  T content;
};
enum class Color : std::uint8_t { red, green, blue };
enum Plain { off, on };
enum class Flag : bool { no, yes };

struct Tree {
  int value;
  std::vector<Tree> children;
};
struct Opaque {
  explicit Opaque(int) {}
};
struct Money {
  long cents;
  [[nodiscard]] std::string to_string() const { return std::to_string(cents / 100) + " EUR"; }
};

}  // namespace app

// A print of the user's own, which is not taken for ours.
namespace other {
struct Inner {};
struct Guarded {
  Inner inner;
};
inline int print(const Inner&) { return 0; }
}  // namespace other

TEST_CASE("print: an aggregate is shown by its name and members", "[core]") {
  CHECK(print(app::UserActivated{123, "a"}) == R"(UserActivated{123, "a"})");
  CHECK(print(app::Closed{}) == "Closed{}");
  CHECK(other::print(other::Inner{}) == 0);
  CHECK(print(other::Guarded{}) == "Guarded{Inner{}}");
  CHECK(print(app::Outer::Inner{true}) == "Inner{true}");
  CHECK(print(app::Box<std::pair<int, app::Closed>>{{1, {}}}) == "Box{(1, Closed{})}");
  CHECK(print(app::Tree{1, {{2, {}}, {3, {}}}}) == "Tree{1, [Tree{2, []}, Tree{3, []}]}");
}

TEST_CASE("print: a type inside a function has its plain name", "[core]") {
  struct Local {
    int a;
    std::string b;
  };
  CHECK(print(Local{1, "x"}) == R"(Local{1, "x"})");
  CHECK([] {
    struct Deeper {
      int a;
    };
    return print(Deeper{2});
  }() == "Deeper{2}");
}

TEST_CASE("print: texts are quoted and stay on one line", "[core]") {
  CHECK(print(std::string("a \"b\" \\ \n\t\r\x01\x7F")) == R"("a \"b\" \\ \n\t\r\x01\x7f")");
  CHECK(print(std::string("nr t")) == R"("nr t")");
  CHECK(print(std::string("zażółć")) == "\"zażółć\"");
  CHECK(print("literal") == R"("literal")");
  const char* none = nullptr;
  CHECK(print(none) == "nullptr");
  CHECK(print('x') == "'x'");
  CHECK(print('\'') == R"('\'')");
}

TEST_CASE("print: numbers are shown as numbers", "[core]") {
  CHECK(print(-5) == "-5");
  CHECK(print(std::int8_t{65}) == "65");
  CHECK(print(std::uint8_t{65}) == "65");
  CHECK(print(UINT64_MAX) == "18446744073709551615");
  CHECK(print(INT64_MIN) == "-9223372036854775808");
  CHECK(print(0.1) == "0.1");
  CHECK(print(1e300) == "1e+300");
  CHECK(print(true) == "true");
  CHECK(print(app::Color::blue) == "Color(2)");
  CHECK(print(app::on) == "Plain(1)");
  CHECK(print(app::Flag::yes) == "Flag(1)");
}

TEST_CASE("print: what holds other values is shown by them", "[core]") {
  CHECK(print(std::optional<int>()) == "none");
  CHECK(print(std::optional<int>(4)) == "4");
  CHECK(print(std::vector<bool>{true, false}) == "[true, false]");
  CHECK(print(std::array<int, 2>{1, 2}) == "[1, 2]");
  CHECK(print(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == R"([("a", 1), ("b", 2)])");
  CHECK(print(std::variant<int, app::Closed>(app::Closed{})) == "Closed{}");
  CHECK(print(std::variant<std::monostate>()) == "monostate{}");
  CHECK(print(std::tuple<>()) == "()");
  const int row[] = {1, 2, 3};
  CHECK(print(row) == "[1, 2, 3]");
}

TEST_CASE("print: spans of time have their unit", "[core]") {
  CHECK(print(std::chrono::milliseconds(1500)) == "1500ms");
  CHECK(print(std::chrono::hours(2)) == "2h");
  CHECK(print(std::chrono::duration<int, std::ratio<2, 7>>(3)) == "3[2/7]s");
  CHECK(print(must::duration(7)) == "7us");
  CHECK(print(must::timestamp{.microseconds = 0, .digits = 6}) == "1970-01-01T00:00:00.000000Z");
}

TEST_CASE("print: a to_string of the type's own is used", "[core]") {
  CHECK(print(std::vector<app::Money>{{500}}) == "[5 EUR]");
}

TEST_CASE("print: a question mark stands for what cannot be shown", "[core]") {
  CHECK(print(app::Opaque(1)) == "?");
  CHECK(print(std::vector<std::unique_ptr<int>>(2)) == "[?, ?]");
  CHECK(print(app::Box<app::Opaque>{app::Opaque(1)}) == "Box{?}");
}

TEST_CASE("diff: lines are marked as common, expected or actual", "[core]") {
  CHECK(diff({}, {}).empty());
  CHECK(diff({"a", "b"}, {"a", "b"}) == "  a\n  b");
  CHECK(diff({"a"}, {}) == "- a");
  CHECK(diff({}, {"a"}) == "+ a");
  CHECK(diff({"a", "b", "c"}, {"a", "x", "c"}) == "  a\n- b\n+ x\n  c");
  CHECK(diff({"a", "b", "c", "d"}, {"b", "d", "e"}) == "- a\n  b\n- c\n  d\n+ e");
  CHECK(diff({"a", "a"}, {"a", "a", "a"}) == "  a\n  a\n+ a");
}

TEST_CASE("diff: lists too long to align are shown one after the other", "[core]") {
  const std::vector<std::string> expected(3000, "a"), actual(3000, "b");
  const auto text = diff(expected, actual);
  CHECK(text.substr(0, 8) == "- a\n- a\n");
  CHECK(text.substr(text.size() - 7) == "+ b\n+ b");
}

}  // namespace
