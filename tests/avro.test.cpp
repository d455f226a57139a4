// SPDX-License-Identifier: MIT
// Avro's binary encoding: each value comes back, and nothing is read that is not there.
#include "must/avro/decode.hpp"
#include "must/avro/encode.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using must::detail::avro::decoder;
using must::detail::avro::items;
using must::detail::avro::malformed;
using namespace std::string_literals;

namespace {

std::string number(std::int64_t value) {
  std::string out;
  must::detail::avro::append_long(out, value);
  return out;
}

// Returns "what at offset" of the refusal, or "(read)".
template <typename Read>
std::string refusal(std::string_view bytes, Read read, std::size_t offset = 0) {
  decoder from(bytes, offset);
  try {
    read(from);
  } catch (const malformed& flaw) {
    return std::string(flaw.what()) + " at " + std::to_string(flaw.offset());
  }
  return "(read)";
}
const auto read_long = [](decoder& from) { static_cast<void>(from.take_long()); };
const auto read_int = [](decoder& from) { static_cast<void>(from.take_int()); };
const auto read_boolean = [](decoder& from) { static_cast<void>(from.take_boolean()); };
const auto read_double = [](decoder& from) { static_cast<void>(from.take_double()); };
const auto read_bytes = [](decoder& from) { static_cast<void>(from.take_bytes()); };
const auto read_string = [](decoder& from) { static_cast<void>(from.take_string()); };
const auto read_branch = [](decoder& from) { static_cast<void>(from.take_branch(3)); };
const auto read_array = [](decoder& from) {
  for (items array(from, 1); array.next();) static_cast<void>(from.take_int());
};

std::vector<int> array_of(std::string_view bytes) {
  decoder from(bytes);
  std::vector<int> read;
  for (items array(from, 1); array.next();) read.push_back(from.take_int());
  CHECK(from.left() == 0);
  return read;
}

}  // namespace

TEST_CASE("avro: numbers are written as the specification's examples, and come back", "[avro][core]") {
  CHECK(number(0) == "\x00"s);
  CHECK(number(-1) == "\x01");
  CHECK(number(1) == "\x02");
  CHECK(number(-2) == "\x03");
  CHECK(number(2) == "\x04");
  CHECK(number(-64) == "\x7f");
  CHECK(number(64) == "\x80\x01");
  CHECK(number(std::numeric_limits<std::int64_t>::min()) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  for (int shift = 0; shift < 64; ++shift)
    for (const std::uint64_t near : {0U, 1U, 2U}) {
      const auto bits = (std::uint64_t{1} << static_cast<unsigned>(shift)) - 1 + near;
      const auto value = static_cast<std::int64_t>(bits);
      for (const auto each : {value, static_cast<std::int64_t>(0 - bits)}) {
        const auto bytes = number(each);
        decoder from(bytes);
        CHECK(from.take_long() == each);
        CHECK(from.offset() == bytes.size());
      }
    }
}

TEST_CASE("avro: booleans, doubles, bytes and strings come back", "[avro][core]") {
  std::string out;
  must::detail::avro::append_boolean(out, true);
  must::detail::avro::append_boolean(out, false);
  must::detail::avro::append_bytes(out, "\xff\0"s);
  must::detail::avro::append_bytes(out, "w\xC3\xA9");
  out += "\x00\x00\x00\x00\x00\x00\xf8\xbf"s;
  decoder from(out);
  CHECK(from.take_boolean());
  CHECK_FALSE(from.take_boolean());
  CHECK(from.take_bytes() == "\xff\0"s);
  CHECK(from.take_string() == "w\xC3\xA9");
  CHECK(from.take_double() == -1.5);
  CHECK(from.left() == 0);
}

TEST_CASE("avro: a number may have more bytes than it needs, but no more than 64 bits", "[avro][core]") {
  const auto value_of = [](std::string_view bytes) { return decoder(bytes).take_long(); };
  CHECK(value_of("\x82\x00"s) == 1);
  CHECK(value_of("\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"s) == 1);
  CHECK(refusal("\x82\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"s, read_long) ==
        "has a number of more than 64 bits at 0");
  CHECK(refusal("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", read_long) == "has a number of more than 64 bits at 0");
  CHECK(refusal(std::string(1000, '\xff'), read_long, 5) == "has a number of more than 64 bits at 5");
  CHECK(refusal("\x80\x80", read_long) == "ends too early at 2");
  CHECK(refusal("", read_long, 7) == "ends too early at 7");
  CHECK(decoder(number(INT32_MIN)).take_int() == INT32_MIN);
  CHECK(decoder(number(INT32_MAX)).take_int() == INT32_MAX);
  CHECK(refusal(number(std::int64_t{INT32_MAX} + 1), read_int) ==
        "is 2147483648, which is not an integer of 32 bits, at 0");
  CHECK(refusal(number(std::int64_t{INT32_MIN} - 1), read_int) ==
        "is -2147483649, which is not an integer of 32 bits, at 0");
}

TEST_CASE("avro: a size beyond the bytes that are there is refused, as is a value that is none", "[avro][core]") {
  CHECK(refusal(number(4) + "abc", read_bytes) == "has 4 bytes, and 3 are left, at 0");
  CHECK(refusal(number(std::numeric_limits<std::int64_t>::max()), read_bytes) ==
        "has 9223372036854775807 bytes, and 0 are left, at 0");
  CHECK(refusal(number(-1) + "abc", read_bytes) == "has -1 bytes, and 3 are left, at 0");
  CHECK(refusal(number(std::numeric_limits<std::int64_t>::min()), read_string) ==
        "has -9223372036854775808 bytes, and 0 are left, at 0");
  CHECK(refusal(number(1) + "\xff", read_string) == "has a string that is not valid UTF-8 at 0");
  CHECK(refusal("\x02", read_boolean) == "is a boolean that is neither 0 nor 1 at 0");
  CHECK(refusal("1234567", read_double) == "ends too early at 7");
  CHECK(refusal(number(3), read_branch) == "has the branch 3 of a union of 3 at 0");
  CHECK(refusal(number(-1), read_branch) == "has the branch -1 of a union of 3 at 0");
}

TEST_CASE("avro: the items of an array come from any number of blocks, with their sizes or without", "[avro][core]") {
  CHECK(array_of("\x00"s).empty());
  CHECK(array_of(number(2) + number(1) + number(2) + number(0)) == std::vector{1, 2});
  CHECK(array_of(number(1) + number(1) + number(1) + number(2) + number(0)) == std::vector{1, 2});
  CHECK(array_of(number(-2) + number(3) + number(1) + number(64) + number(0)) == std::vector{1, 64});
  CHECK(array_of(number(-1) + number(1) + number(1) + number(1) + number(2) + number(-1) + number(1) + number(3) +
                 number(0)) == std::vector{1, 2, 3});
  std::string out;
  must::detail::avro::append_items(out, 2, number(5) + number(6));
  CHECK(array_of(out) == std::vector{5, 6});
  out.clear();
  must::detail::avro::append_items(out, 0, "");
  CHECK(out == "\0"s);
}

TEST_CASE("avro: a block that claims more than there is, or another size than it has, is refused", "[avro][core]") {
  CHECK(refusal(number(std::int64_t{1} << 40) + number(1), read_array) ==
        "has a block of 1099511627776 in 1 bytes at 0");
  CHECK(refusal(number(-3) + number(2) + number(1) + number(2) + number(3), read_array) ==
        "has a block of 3 in 2 bytes at 0");
  CHECK(refusal(number(std::numeric_limits<std::int64_t>::min()) + number(1) + number(1), read_array) ==
        "has a block of 9223372036854775808 in 1 bytes at 0");
  CHECK(refusal(number(-1) + number(100) + number(1), read_array) == "has 100 bytes, and 1 are left, at 1");
  CHECK(refusal(number(-1) + number(-1) + number(1), read_array) == "has -1 bytes, and 1 are left, at 1");
  CHECK(refusal(number(-1) + number(2) + number(1) + number(2) + number(0), read_array) ==
        "has a block that does not end where its size says at 3");
  CHECK(refusal(number(-1) + number(1) + number(64) + number(0), read_array) ==
        "has a block that does not end where its size says at 4");
  CHECK(refusal(number(1) + number(1), read_array) == "ends too early at 2");
  CHECK(refusal(number(std::numeric_limits<std::int64_t>::max()), [](decoder& from) {
          static_cast<void>(items(from, 2).next());
        }) == "has a block of 9223372036854775807 in 0 bytes at 0");
}
