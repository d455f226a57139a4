// SPDX-License-Identifier: MIT
#include "must/detail/digest.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace {

using must::detail::content_digest;
using must::detail::is_digestible;
using must::detail::uuid8;

std::string hex_of(must::detail::sha256 hash) {
  std::string text;
  for (const unsigned byte : hash.finish()) (text += "0123456789abcdef"[byte >> 4U]) += "0123456789abcdef"[byte & 15U];
  return text;
}
std::string sha256_of(std::string_view bytes) {
  must::detail::sha256 hash;
  hash.update(bytes);
  return hex_of(hash);
}

struct Point {
  int x, y;
};
struct Transfer {
  std::string id, from, to;
  std::int64_t cents;
  std::optional<std::string> note;
  std::vector<Point> path;
};
struct Names {
  std::string first, second;
};
struct Tree {
  int value;
  std::vector<Tree> children;
};
struct Hidden {
  explicit Hidden(int value) : value_(value) {}
  int value_;
};
struct Holder {
  int a;
  Hidden hidden;
};
enum class Color : std::uint8_t { red, green };

TEST_CASE("sha256: the examples of FIPS 180-4 come out", "[core]") {
  CHECK(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnop"
                  "qrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(sha256_of(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces give the digest of the whole", "[core]") {
  const std::string whole(200, 'x');
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    must::detail::sha256 hash;
    hash.update(std::string_view(whole).substr(0, cut));
    hash.update(std::string_view(whole).substr(cut));
    REQUIRE(hex_of(hash) == sha256_of(whole));
  }
}

TEST_CASE("sha256: every length around a block is padded right", "[core]") {
  CHECK(sha256_of(std::string(55, 'a')) == "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(sha256_of(std::string(56, 'a')) == "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(sha256_of(std::string(57, 'a')) == "f13b2d724659eb3bf47f2dd6af1accc87b81f09f59f2b75e5c0bed6589dfe8c6");
  CHECK(sha256_of(std::string(63, 'a')) == "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  CHECK(sha256_of(std::string(64, 'a')) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  CHECK(sha256_of(std::string(65, 'a')) == "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
  CHECK(sha256_of(std::string(119, 'a')) == "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
  CHECK(sha256_of(std::string(120, 'a')) == "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c");
  CHECK(sha256_of(std::string(128, 'a')) == "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e");
}

TEST_CASE("content_digest: the digests of a release are those of the next", "[core]") {
  CHECK(content_digest(Transfer{"t1", "a", "b", -5, "rent", {{1, 2}}}) ==
        "157de360d3f851c9049ad7afc8e02e7e34d89756e0be919516f90bec629567fc");
  CHECK(content_digest(true) == "e632b7095b0bf32c260fa4c539e9fd7b852d0de454e9be26f24d0d6f91d069d3");
  CHECK(content_digest(1.5) == "a96d01ba75a32a1a4602ce3c8727baa494f148bf0522a36be00de6d672eb35f6");
  CHECK(content_digest(std::optional<int>()) == "3973e022e93220f9212c18d0d0c543ae7c309e46640da93a4a0314de999f5112");
  CHECK(content_digest(std::pair<int, std::string>(1, "a")) ==
        "1f3593018d33515e63c8d6725d3096e9cfffcf56a98b05e239a59ddc001a95c5");
  CHECK(content_digest(std::variant<int, Color>(Color::green)) ==
        "b6448d41a06540af3a367f2fef079bad3d9325299f67c00e2b31b4528462e98e");
  CHECK(content_digest(std::unordered_set<int>{7}) ==
        "2f5f517eb79dbbf863e902b2d3fe24f11e11007f9023f2104084ce2ab7e296fb");
  CHECK(content_digest(std::chrono::minutes(3)) == "8ee7177a5ee2eeab6acf1ea4e6f1a153c5bd399b59463cb39a93d02df41831ff");
}

TEST_CASE("content_digest: equal content has one digest, other content another", "[core]") {
  const Transfer one{"t1", "a", "b", 5, "rent", {{1, 2}}};
  auto other = one;
  CHECK(content_digest(one) == content_digest(other));
  other.note.reset();
  CHECK(content_digest(one) != content_digest(other));
  other = one;
  other.path.push_back({1, 2});
  CHECK(content_digest(one) != content_digest(other));
  other = one;
  std::swap(other.from, other.to);
  CHECK(content_digest(one) != content_digest(other));
  CHECK(content_digest(Tree{1, {{2, {}}, {3, {}}}}) != content_digest(Tree{1, {{2, {{3, {}}}}}}));
}

TEST_CASE("content_digest: the boundaries of texts count", "[core]") {
  CHECK(content_digest(Names{"ab", "c"}) != content_digest(Names{"a", "bc"}));
  CHECK(content_digest(Names{"", "abc"}) != content_digest(Names{"abc", ""}));
  using nested = std::vector<std::vector<int>>;
  CHECK(content_digest(nested{{1, 2}, {}}) != content_digest(nested{{1}, {2}}));
  CHECK(content_digest(std::string("a")) == content_digest(std::string_view("a")));
  CHECK(content_digest(std::string("]")) != content_digest(std::vector<char>{']'}));
  const char* null = nullptr;
  const char* empty = "";
  CHECK(content_digest(null) != content_digest(empty));
}

TEST_CASE("content_digest: an integer counts by its value, not by its width", "[core]") {
  CHECK(content_digest(std::int32_t{-5}) == content_digest(std::int64_t{-5}));
  CHECK(content_digest(std::uint8_t{5}) == content_digest(5));
  CHECK(content_digest(std::int64_t{-1}) != content_digest(std::numeric_limits<std::uint64_t>::max()));
  CHECK(content_digest(1) != content_digest(true));
  CHECK(content_digest(1) != content_digest(1.0));
  CHECK(content_digest(Color::red) != content_digest(Color::green));
}

TEST_CASE("content_digest: both zeros are one, and all that is not a number", "[core]") {
  CHECK(content_digest(-0.0) == content_digest(0.0));
  CHECK(content_digest(std::numeric_limits<double>::quiet_NaN()) ==
        content_digest(-std::numeric_limits<double>::quiet_NaN()));
  CHECK(content_digest(0.5F) == content_digest(0.5));
  CHECK(content_digest(1.0) != content_digest(-1.0));
}

TEST_CASE("content_digest: optionals and variants say what they hold", "[core]") {
  using twice = std::variant<int, int>;
  CHECK(content_digest(twice(std::in_place_index<0>, 1)) != content_digest(twice(std::in_place_index<1>, 1)));
  CHECK(content_digest(std::optional<int>()) != content_digest(std::optional<int>(0)));
  using deep = std::optional<std::optional<int>>;
  CHECK(content_digest(deep()) != content_digest(deep(std::optional<int>())));
}

TEST_CASE("content_digest: the order of a hash table does not count", "[core]") {
  std::unordered_map<std::string, int> one, other;
  other.reserve(1000);
  for (int i = 0; i < 50; ++i) one[std::to_string(i)] = i;
  for (int i = 50; i-- > 0;) other[std::to_string(i)] = i;
  CHECK(content_digest(one) == content_digest(other));
  other["7"] = 8;
  CHECK(content_digest(one) != content_digest(other));
  CHECK(content_digest(std::unordered_multiset<int>{1, 1, 2}) != content_digest(std::unordered_multiset<int>{1, 2, 2}));
  CHECK(content_digest(std::map<int, int>{{1, 2}, {3, 4}}) != content_digest(std::map<int, int>{{1, 4}, {3, 2}}));
}

TEST_CASE("content_digest: spans of time count with their unit", "[core]") {
  CHECK(content_digest(std::chrono::seconds(1)) != content_digest(std::chrono::minutes(1)));
  CHECK(content_digest(std::chrono::system_clock::time_point()) ==
        content_digest(std::chrono::system_clock::duration()));
  CHECK(content_digest(must::duration(1)) != content_digest(must::duration(2)));
}

TEST_CASE("content_digest: a type inside a function has a digest", "[core]") {
  struct Local {
    int a;
    std::string b;
  };
  CHECK(is_digestible<Local>);
  CHECK(content_digest(Local{1, "a"}) != content_digest(Local{1, "b"}));
}

TEST_CASE("content_digest: types without visible content are refused", "[core]") {
  CHECK(is_digestible<Transfer>);
  CHECK(is_digestible<Tree>);
  CHECK(is_digestible<std::monostate>);
  CHECK_FALSE(is_digestible<Hidden>);
  CHECK_FALSE(is_digestible<Holder>);
  CHECK_FALSE(is_digestible<std::vector<Holder>>);
  CHECK_FALSE(is_digestible<int*>);
  CHECK_FALSE(is_digestible<std::unique_ptr<int>>);
  CHECK_FALSE(is_digestible<long double>);
}

TEST_CASE("uuid8: the ids of a release are those of the next", "[core]") {
  CHECK(uuid8("/app", "Transfer", "t1", 0) == "93301cf2-4daf-8e11-ae7d-7c8e00cbcd76");
  CHECK(uuid8("/app", "Transfer", "t1", 1) == "da509d16-dc72-8c56-bc64-1129719aacce");
  CHECK(uuid8("", "", "", 0) == "66687aad-f862-8d77-ac8f-c18b8e9f8e20");
}

TEST_CASE("uuid8: each part makes another id", "[core]") {
  const auto id = uuid8("/app", "Transfer", "t1", 0);
  CHECK(id.size() == 36);
  CHECK(id[14] == '8');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(id == uuid8("/app", "Transfer", "t1", 0));
  CHECK(id != uuid8("/ap", "pTransfer", "t1", 0));
  CHECK(id != uuid8("/app", "Transfert", "1", 0));
  CHECK(id != uuid8("/app", "Transfer", "t1", 1));
}

}  // namespace
